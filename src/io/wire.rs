//! The sending side both back ends share: messages in, their outcomes out.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use crate::base::SocketIndex;

use super::counters::IoCounters;
use super::epoll::Epoll;
use super::pool::Slot;
use super::ring::Ring;

/// What became of a message: bytes sent, or a negative error number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) slot: Slot,
    pub(super) result: i32,
}

/// What a back end has learnt and its owner has not yet asked for.
pub(super) struct News {
    pub(super) sent: VecDeque<Sent>,
    pub(super) writable: VecDeque<SocketIndex>,
    pub(super) woken: bool,
    /// There is something to receive.
    pub(super) datagrams: bool,
    pub(super) counts: Counts,
}

/// What only the back end sees happen.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) no_buffer: u64,
    pub(super) receive_errors: u64,
    pub(super) ring_overflows: u64,
}

impl News {
    pub(super) fn with_room_for(trains: u16, sockets: usize) -> News {
        News {
            sent: VecDeque::with_capacity(usize::from(trains)),
            writable: VecDeque::with_capacity(2 * sockets),
            woken: false,
            datagrams: false,
            counts: Counts::default(),
        }
    }
}

/// A back end's sending and waiting.
#[expect(clippy::large_enum_variant, reason = "there is one per worker, and it never moves")]
pub(super) enum Wire {
    Ring(Ring),
    Epoll(Epoll),
}

impl Wire {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Wire::Ring(_) => "io_uring",
            Wire::Epoll(_) => "epoll",
        }
    }

    /// Takes a message on; it leaves at the next `submit` at the latest.
    ///
    /// # Safety
    /// `message` and all it points to stay in place and unchanged until the outcome is in `news`.
    pub(super) unsafe fn queue(&mut self, slot: Slot, socket: SocketIndex, message: *const libc::msghdr) {
        match self {
            // SAFETY: the caller's promise, passed on.
            Wire::Ring(ring) => unsafe { ring.queue(slot, socket, message) },
            // SAFETY: the caller's promise, passed on.
            Wire::Epoll(epoll) => unsafe { epoll.queue(slot, socket, message) },
        }
    }

    /// Whether one system call does both, so that submitting before waiting would be one too many.
    pub(super) fn submits_while_waiting(&self) -> bool {
        matches!(self, Wire::Ring(_))
    }

    /// Sends what is queued; the outcomes are in `news`.
    pub(super) fn submit(&mut self) {
        match self {
            Wire::Ring(ring) => ring.submit(),
            Wire::Epoll(epoll) => epoll.submit(),
        }
    }

    /// Sends what is queued and sleeps until there are news; they may wait `together` for more of
    /// them where the back end can do that.
    pub(super) fn wait(&mut self, timeout: Option<Duration>, together: Duration) -> io::Result<()> {
        match self {
            Wire::Ring(ring) => ring.wait(timeout, together),
            Wire::Epoll(epoll) => epoll.wait(timeout),
        }
    }

    /// Asks to be told once `socket` takes datagrams again.
    pub(super) fn watch_writable(&mut self, socket: SocketIndex) {
        match self {
            Wire::Ring(ring) => ring.watch_writable(socket),
            Wire::Epoll(epoll) => epoll.watch_writable(socket),
        }
    }

    /// Adds what the back end has counted since the last time.
    pub(super) fn count(&mut self, counters: &mut IoCounters) {
        let counts = std::mem::take(&mut self.news().counts);
        counters.no_buffer += counts.no_buffer;
        counters.receive_errors += counts.receive_errors;
        counters.ring_overflows += counts.ring_overflows;
    }

    pub(super) fn news(&mut self) -> &mut News {
        match self {
            Wire::Ring(ring) => &mut ring.news,
            Wire::Epoll(epoll) => &mut epoll.news,
        }
    }
}
