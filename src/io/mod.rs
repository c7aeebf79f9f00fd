//! Sockets, rings, buffers and trains: the only code that touches the kernel's network stack, and
//! the only `unsafe` beside the shared-memory ring.
//!
//! [`Io`] is what a worker holds: datagrams in, trains out, one wait for everything. Behind it
//! stand io_uring and, where that is forbidden, epoll; both send the same trains. Nothing here
//! knows what a datagram contains, who a train is for, or what time it is.

mod address;
mod config;
mod counters;
mod epoll;
mod framing;
mod incoming;
mod memory;
mod pool;
mod probe;
mod ring;
mod route;
mod socket;
mod steering;
mod streams;
#[cfg(test)]
mod tests;
mod trains;
mod wire;

pub use config::{IoChoice, IoConfig, IoError, UnknownIoChoice};
pub use counters::{IoCounters, TRAIN_LENGTH_BUCKETS};
pub use incoming::Received;
pub use socket::{bind_listener, bind_media_group, bind_media_port, bind_media_socket};
pub use steering::{Sources, SteeringRefused, steer};
pub use trains::Trains;

use std::io;
use std::net::{TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use crate::base::SocketIndex;

use self::epoll::{Epoll, Inbox};
use self::ring::{BufferRing, Ring};
use self::streams::{StreamInbox, Streams};
use self::wire::Wire;

/// A worker's sockets, with what it takes to receive from them, send on them and wait for them.
///
/// An `Io` belongs to the thread that made it: the ring takes submissions from no other.
pub struct Io {
    trains: Trains,
    receiver: Receiver,
    stream_inbox: StreamInbox,
    datagrams_per_turn: usize,
}

enum Receiver {
    Ring(BufferRing),
    Epoll(Inbox),
}

/// Why [`Io::flush_and_wait`] returned, beyond datagrams and timeouts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Woken {
    /// One of the wake descriptors was signalled.
    pub wake: bool,
}

impl Io {
    /// Takes over bound UDP sockets, the first being `SocketIndex(0)`, and starts to receive.
    ///
    /// `wakes` are eventfds whose signal ends a wait. They are never read, so that whoever owns
    /// them may: each signal counts, not the value.
    pub fn new(
        choice: IoChoice,
        sockets: Vec<UdpSocket>,
        wakes: &[impl AsFd],
        config: &IoConfig,
    ) -> Result<Io, IoError> {
        if sockets.is_empty() || sockets.len() > usize::from(SocketIndex::FIRST_STREAM) {
            return Err(IoError::SocketCount(sockets.len()));
        }
        for socket in &sockets {
            socket.set_nonblocking(true).map_err(IoError::Socket)?;
        }
        let streams = Streams::new().map_err(IoError::Epoll)?;
        let mut wakes: Vec<BorrowedFd<'_>> = wakes.iter().map(AsFd::as_fd).collect();
        wakes.push(streams.wake_fd());
        let (wire, receiver) = match choice {
            IoChoice::Uring => Self::uring(&sockets, &wakes, config)?,
            IoChoice::Epoll => Self::epoll(&sockets, &wakes, config)?,
            IoChoice::Auto => Self::uring(&sockets, &wakes, config).or_else(|refusal| {
                tracing::warn!(%refusal, "io_uring is not available here: using epoll");
                Self::epoll(&sockets, &wakes, config)
            })?,
        };
        let trains = Trains::new(wire, sockets, streams, config)?;
        let stream_inbox = StreamInbox::new();
        let io = Io { trains, receiver, stream_inbox, datagrams_per_turn: config.datagrams_per_turn };
        tracing::info!(io = io.name(), longest_train = io.trains.longest(), "the sockets are open");
        Ok(io)
    }

    fn uring(
        sockets: &[UdpSocket],
        wakes: &[impl AsFd],
        config: &IoConfig,
    ) -> Result<(Wire, Receiver), IoError> {
        let (ring, buffers) = Ring::new(sockets, wakes, config)?;
        Ok((Wire::Ring(ring), Receiver::Ring(buffers)))
    }

    fn epoll(
        sockets: &[UdpSocket],
        wakes: &[impl AsFd],
        config: &IoConfig,
    ) -> Result<(Wire, Receiver), IoError> {
        let epoll = Epoll::new(sockets, wakes, config).map_err(IoError::Epoll)?;
        let inbox = Inbox::new(config).map_err(IoError::Memory)?;
        Ok((Wire::Epoll(epoll), Receiver::Epoll(inbox)))
    }

    /// `"io_uring"` or `"epoll"`.
    pub fn name(&self) -> &'static str {
        self.trains.wire.name()
    }

    /// Shows `visit` every datagram that is there now, up to the limit of a turn. What it pushes
    /// leaves with the next flush.
    pub fn receive(&mut self, mut visit: impl FnMut(Received<'_>, &mut Trains)) {
        let most = self.datagrams_per_turn;
        match &mut self.receiver {
            Receiver::Ring(buffers) => buffers.receive(&mut self.trains, most, &mut visit),
            Receiver::Epoll(inbox) => inbox.receive(&mut self.trains, most, &mut visit),
        }
        self.stream_inbox.receive(&mut self.trains, most, visit);
    }

    /// Takes over a TCP connection that carries datagrams (RFC 4571), and what was already read of it.
    /// From now on it is a path like another.
    pub fn adopt(&mut self, connection: TcpStream, first: &[u8]) {
        self.trains.streams.adopt(connection, first, &mut self.trains.counters);
    }

    /// A second has passed: connections to which nothing was sent for long end.
    pub fn note_second(&mut self) {
        self.trains.streams.note_second();
    }

    /// Where to push what no datagram caused: the outcome of commands and timers.
    pub fn trains(&mut self) -> &mut Trains {
        &mut self.trains
    }

    /// Sends all trains at once; what is pushed afterwards leaves with the next flush.
    pub fn flush(&mut self) {
        self.trains.flush_now();
    }

    /// Sends all trains, then sleeps until there is a datagram, a wake or `timeout` has passed
    /// (`None`: no limit). Does not sleep while a datagram is waiting; may return for nothing.
    ///
    /// An error means that the back end is unusable, not that a datagram was lost.
    pub fn flush_and_wait(&mut self, timeout: Option<Duration>) -> io::Result<Woken> {
        self.trains.flush_and_wait(timeout, Duration::ZERO)
    }

    /// The same, but what comes may wait up to `together` for more to come, so that a busy worker
    /// is not woken for each datagram. Where the kernel cannot do that (before Linux 6.12, and
    /// epoll), it returns with the first.
    pub fn flush_and_wait_for_more(&mut self, timeout: Duration, together: Duration) -> io::Result<Woken> {
        self.trains.flush_and_wait(Some(timeout), together)
    }

    /// What has happened since the start.
    pub fn counters(&self) -> &IoCounters {
        &self.trains.counters
    }
}
