//! The io_uring back end: one system call a turn submits all sends and waits for everything.
//!
//! Receives are multishot into provided buffers, sends are `sendmsg` that never wait, wakes are
//! multishot polls. Owns the ring; does not own what the kernel reads and writes through it.

mod buffers;
mod setup;

pub(super) use self::buffers::BufferRing;

use std::collections::VecDeque;
use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Duration;

use io_uring::types::{CancelBuilder, Fixed, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};

use crate::base::SocketIndex;

use self::buffers::GROUP;
use super::config::{IoConfig, IoError};
use super::pool::Slot;
use super::wire::{News, Sent};

/// What a completion belongs to: the upper half of its user data; the lower half is an index.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Receive = 1,
    Send = 2,
    Wake = 3,
    Writable = 4,
}

/// No wait is longer, so that a time span from above never overflows the kernel's.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// Completions that wake a waiter at once, however long it would wait for more: what a turn does in a
/// tenth of a millisecond.
const ENOUGH: usize = 64;

/// A receive buffer the kernel has filled.
#[derive(Clone, Copy, Debug)]
struct Arrival {
    socket: SocketIndex,
    buffer: u16,
    len: usize,
}

pub(super) struct Ring {
    ring: IoUring,
    pub(super) news: News,
    arrivals: VecDeque<Arrival>,
    receive_buffers: usize,
    /// Which sockets have a multishot receive under way.
    receiving: Vec<bool>,
    /// How many have none: looking through thousands of sockets each turn would cost microseconds.
    idle: usize,
    /// Which wake descriptors have a multishot poll under way.
    watching: Vec<bool>,
    /// The kernel reads only the lengths in it, when a receive is submitted.
    receive_template: Box<libc::msghdr>,
    /// Whether the kernel can let completions wait for one another.
    waits_together: bool,
    /// An error after which the ring cannot go on.
    broken: Option<i32>,
}

impl Ring {
    /// A restricted ring that already receives. The buffers must outlive it.
    pub(super) fn new(
        sockets: &[UdpSocket],
        wakes: &[impl AsFd],
        config: &IoConfig,
    ) -> Result<(Ring, BufferRing), IoError> {
        // Before the ring, so that they are dropped after it when something fails below.
        let buffers = BufferRing::new(config).map_err(IoError::Memory)?;
        let files: Vec<RawFd> = sockets
            .iter()
            .map(|socket| socket.as_raw_fd())
            .chain(wakes.iter().map(|wake| wake.as_fd().as_raw_fd()))
            .collect();
        let opened = setup::open(&files, &buffers)?;
        let mut ring = Ring {
            waits_together: opened.params().is_feature_min_timeout(),
            ring: opened,
            news: News::with_room_for(config.trains, sockets.len()),
            arrivals: VecDeque::with_capacity(buffers.count()),
            receive_buffers: buffers.count(),
            receiving: vec![false; sockets.len()],
            idle: sockets.len(),
            watching: vec![false; wakes.len()],
            receive_template: Box::new(buffers::receive_template()),
            broken: None,
        };
        ring.arm();
        ring.submit();
        match ring.broken {
            Some(error) => Err(IoError::uring("the first receive", io::Error::from_raw_os_error(error))),
            None => Ok((ring, buffers)),
        }
    }

    /// See [`Wire::queue`](super::wire::Wire::queue).
    ///
    /// # Safety
    /// `message` and all it points to stay in place and unchanged until the outcome is in `news`.
    pub(super) unsafe fn queue(&mut self, slot: Slot, socket: SocketIndex, message: *const libc::msghdr) {
        // MSG_DONTWAIT: a full socket answers EAGAIN at once, so that the send is over, one way or
        // the other, when the submission is, and nothing sent later can pass it.
        let entry = opcode::SendMsg::new(Fixed(u32::from(socket.0)), message)
            .flags((libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) as u32)
            .build();
        // SAFETY: the caller keeps the message in place until the completion is reaped.
        unsafe { self.push(entry, Kind::Send, slot.0) }
    }

    pub(super) fn submit(&mut self) {
        self.enter(Some(Duration::ZERO), Duration::ZERO);
    }

    pub(super) fn wait(&mut self, timeout: Option<Duration>, together: Duration) -> io::Result<()> {
        self.arm();
        let ready = !self.arrivals.is_empty() || self.news.woken;
        let together = if self.waits_together { together } else { Duration::ZERO };
        self.enter(if ready { Some(Duration::ZERO) } else { timeout }, together);
        self.news.datagrams = !self.arrivals.is_empty();
        self.broken.map_or(Ok(()), |error| Err(io::Error::from_raw_os_error(error)))
    }

    pub(super) fn watch_writable(&mut self, socket: SocketIndex) {
        let entry = opcode::PollAdd::new(Fixed(u32::from(socket.0)), libc::POLLOUT as u32).build();
        // SAFETY: a poll refers to no memory.
        unsafe { self.push(entry, Kind::Writable, u32::from(socket.0)) }
    }

    fn next_arrival(&mut self) -> Option<Arrival> {
        self.arrivals.pop_front()
    }

    /// Submits the requests that are to be always under way and are not: at the start, after the
    /// buffers ran out and some came back, and when the kernel ended one for a reason of its own.
    fn arm(&mut self) {
        let sockets = if self.idle == 0 { 0 } else { self.receiving.len() };
        for socket in 0..sockets {
            let buffers_are_left = self.arrivals.len() < self.receive_buffers;
            if !self.receiving[socket] && buffers_are_left {
                let entry = opcode::RecvMsgMulti::new(Fixed(socket as u32), &*self.receive_template, GROUP);
                self.receiving[socket] = true;
                self.idle -= 1;
                // SAFETY: the template lives as long as the ring; the buffers outlive the ring.
                unsafe { self.push(entry.build(), Kind::Receive, socket as u32) }
            }
        }
        for wake in 0..self.watching.len() {
            if !self.watching[wake] {
                let file = Fixed((self.receiving.len() + wake) as u32);
                let entry = opcode::PollAdd::new(file, libc::POLLIN as u32).multi(true).build();
                self.watching[wake] = true;
                // SAFETY: a poll refers to no memory.
                unsafe { self.push(entry, Kind::Wake, wake as u32) }
            }
        }
    }

    /// # Safety
    /// What `entry` points to stays valid until its last completion.
    unsafe fn push(&mut self, entry: squeue::Entry, kind: Kind, index: u32) {
        let entry = entry.user_data((kind as u64) << 32 | u64::from(index));
        if self.ring.submission().is_full() {
            self.submit();
        }
        // SAFETY: the caller's promise.
        if unsafe { self.ring.submission().push(&entry) }.is_err() {
            // The kernel took nothing of a full queue: it is out of memory or the ring is gone.
            self.broken.get_or_insert(libc::EBUSY);
        }
    }

    /// Submits everything, waits for one completion or the timeout, and reaps them all.
    /// Submits and waits for one completion; with `together`, for [`ENOUGH`] of them during that
    /// time, and for one from then on.
    fn enter(&mut self, timeout: Option<Duration>, together: Duration) {
        let submitter = self.ring.submitter();
        let result = match timeout {
            None => submitter.submit_and_wait(1),
            Some(timeout) => {
                let timespec = Timespec::from(timeout.min(LONGEST_WAIT));
                let micros = together.as_micros().min(timeout.as_micros()) as u32;
                let arguments = SubmitArgs::new().timespec(&timespec).min_wait_usec(micros);
                submitter.submit_with_args(if micros > 0 { ENOUGH } else { 1 }, &arguments)
            }
        };
        self.reap();
        if let Err(error) = result {
            match error.raw_os_error() {
                // Nothing happened in time; a signal; or the kernel wants completions reaped or
                // memory back before it goes on.
                Some(libc::ETIME | libc::EINTR | libc::EBUSY | libc::EAGAIN) => {}
                number => self.broken = Some(number.unwrap_or(libc::EIO)),
            }
        }
    }

    fn reap(&mut self) {
        if self.ring.submission().cq_overflow() {
            self.news.counts.ring_overflows += 1;
        }
        while let Some(completion) = { self.ring.completion().next() } {
            self.note(&completion);
        }
    }

    fn note(&mut self, completion: &cqueue::Entry) {
        let data = completion.user_data();
        let index = data as u32;
        let more = cqueue::more(completion.flags());
        match data >> 32 {
            kind if kind == Kind::Receive as u64 => self.note_receive(completion, index),
            kind if kind == Kind::Send as u64 => {
                self.news.sent.push_back(Sent { slot: Slot(index), result: completion.result() });
            }
            kind if kind == Kind::Wake as u64 => {
                self.watching[index as usize] = more;
                self.news.woken = true;
            }
            _ => self.news.writable.push_back(SocketIndex(index as u16)),
        }
    }

    fn note_receive(&mut self, completion: &cqueue::Entry, socket: u32) {
        if !cqueue::more(completion.flags()) {
            self.receiving[socket as usize] = false;
            self.idle += 1;
        }
        let result = completion.result();
        if let Some(buffer) = cqueue::buffer_select(completion.flags()) {
            let len = usize::try_from(result).unwrap_or(0);
            self.arrivals.push_back(Arrival { socket: SocketIndex(socket as u16), buffer, len });
        }
        match -result {
            libc::ENOBUFS => self.news.counts.no_buffer += 1,
            error @ (libc::EBADF | libc::EINVAL | libc::EOPNOTSUPP | libc::ENOTSOCK | libc::EACCES) => {
                self.broken = Some(error);
            }
            error if error > 0 => self.news.counts.receive_errors += 1,
            _ => {}
        }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // Closing a ring ends its requests in the background; the buffers go right after it.
        let cancelled =
            self.ring.submitter().register_sync_cancel(Some(Timespec::new().sec(1)), CancelBuilder::any());
        if let Err(error) = cancelled
            && error.raw_os_error() != Some(libc::ENOENT)
        {
            tracing::warn!(%error, "requests were under way when a ring was closed");
        }
    }
}
