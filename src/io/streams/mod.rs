//! TCP connections that carry datagrams (RFC 4571), for peers that UDP does not reach.
//!
//! They are accepted elsewhere, adopted here, and read and written with plain calls: a ring's files are
//! fixed once it is restricted, and this is the way of the few. All of them stand in one epoll, whose
//! descriptor is one more wake of the back end. A connection to which nothing is sent is of nobody: it
//! ends after some seconds. Above this module a connection is a [`Path`] like another, with an index of
//! its own in place of a socket's.

mod inbox;
mod stream;

pub(super) use inbox::StreamInbox;

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::epoll;

use crate::base::{Path, Push, SocketIndex};

use self::stream::{Stream, Written};
use super::counters::IoCounters;
use super::framing::LENGTH_BYTES;
use super::socket::set_option;

/// Connections of one worker at once. Each costs what waits on it, at most 128 KiB.
const MOST_STREAMS: usize = 4096;

const _: () = assert!(MOST_STREAMS <= SocketIndex::FIRST_STREAM as usize);

/// Connections at once on which nobody has been answered. Who is in a call is answered in the turn in
/// which they come, so these are strangers, or a moment ahead of what signaling tells.
const MOST_UNANSWERED: usize = 256;

/// Seconds after which a connection ends on which nobody was answered: checks are repeated ten times in
/// them.
const UNANSWERED_FOR: u8 = 5;

/// Seconds without anything sent after which a connection ends. Every check is answered, and a browser
/// that may use a path checks it every 2.5 s; after 30 s its consent is over (RFC 7675 §5.1).
const QUIET_FOR: u8 = 35;

/// What the kernel holds back for one peer beyond what is under way. More would be a queue in which
/// nothing can be overtaken.
const KERNEL_HOLDS: i32 = 16 << 10;

pub(super) struct Streams {
    epoll: OwnedFd,
    slots: Vec<Option<Stream>>,
    free: Vec<u16>,
    /// Adopted, and not yet asked what was read of them before.
    fresh: Vec<u16>,
    /// With something to send, or to be closed.
    due: Vec<u16>,
    unanswered: usize,
    /// The kernel may have something to tell.
    look: bool,
}

impl Streams {
    pub(super) fn new() -> io::Result<Streams> {
        Ok(Streams {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            slots: Vec::new(),
            free: Vec::new(),
            fresh: Vec::new(),
            due: Vec::new(),
            unanswered: 0,
            look: false,
        })
    }

    /// Readable when the kernel has something to tell of any of them.
    pub(super) fn wake_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }

    /// Takes a connection over, and the bytes already read of it. One too many is closed.
    pub(super) fn adopt(&mut self, tcp: TcpStream, first: &[u8], counters: &mut IoCounters) {
        let open = self.slots.len() - self.free.len();
        if open >= MOST_STREAMS || self.unanswered >= MOST_UNANSWERED {
            counters.streams_refused += 1;
            return;
        }
        let Ok(remote) = prepare(&tcp) else {
            counters.receive_errors += 1;
            return;
        };
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            (self.slots.len() - 1) as u16
        });
        if watch(&self.epoll, &tcp, slot, false, epoll::add).is_err() {
            self.free.push(slot);
            counters.receive_errors += 1;
            return;
        }
        self.slots[usize::from(slot)] = Some(Stream::new(tcp, remote, first));
        self.unanswered += 1;
        self.fresh.push(slot);
        self.look = true;
        counters.streams += 1;
    }

    /// Whether there is something to do that no wait would be woken for.
    pub(super) fn is_pressing(&self) -> bool {
        self.look || !self.fresh.is_empty()
    }

    /// A wait has ended because something was signalled: perhaps one of these.
    pub(super) fn note_woken(&mut self) {
        self.look = self.slots.len() > self.free.len();
    }

    /// See [`crate::base::Outbox::push`].
    pub(super) fn push(
        &mut self,
        path: &Path,
        capacity: usize,
        fill: impl FnOnce(&mut [u8]) -> Option<usize>,
        counters: &mut IoCounters,
    ) -> Push {
        let Some((slot, stream)) = self.find(path) else {
            counters.unroutable += 1;
            return Push::Full;
        };
        let (was_answered, waited) = (stream.answered, stream.waiting());
        let pushed = stream.push(capacity, fill);
        let len = stream.waiting() - waited;
        match pushed {
            Push::Committed => {
                counters.datagrams_out += 1;
                counters.bytes_out += (len - LENGTH_BYTES) as u64;
                self.unanswered -= usize::from(!was_answered);
                self.note_due(slot);
            }
            Push::Full => counters.stream_full += 1,
            Push::RolledBack => {}
        }
        pushed
    }

    /// Whose connection it was is gone: it ends once what waits has been tried.
    pub(super) fn close(&mut self, path: &Path) {
        if let Some((slot, stream)) = self.find(path) {
            stream.closing = true;
            self.note_due(slot);
        }
    }

    /// Sends what waits, and lets go of what is over.
    pub(super) fn flush(&mut self) {
        let mut due = std::mem::take(&mut self.due);
        for slot in due.drain(..) {
            let Some(stream) = self.get_mut(slot) else { continue };
            stream.due = false;
            let written = stream.write();
            if stream.closing || written == Written::Broken {
                self.remove(slot);
            } else {
                self.watch_writable(slot, written == Written::Some);
            }
        }
        // What has become due meanwhile stays so.
        if self.due.is_empty() {
            self.due = due;
        }
    }

    /// A second has passed: what was quiet for too long ends with the next flush.
    pub(super) fn note_second(&mut self) {
        for slot in 0..self.slots.len() as u16 {
            let Some(stream) = self.get_mut(slot) else { continue };
            stream.quiet = stream.quiet.saturating_add(1);
            let patience = if stream.answered { QUIET_FOR } else { UNANSWERED_FOR };
            if stream.quiet > patience {
                stream.closing = true;
                self.note_due(slot);
            }
        }
    }

    /// A connection that is of no more use, for a reason of its own.
    fn give_up(&mut self, slot: u16) {
        if let Some(stream) = self.get_mut(slot) {
            stream.closing = true;
            self.note_due(slot);
        }
    }

    fn get_mut(&mut self, slot: u16) -> Option<&mut Stream> {
        self.slots.get_mut(usize::from(slot))?.as_mut()
    }

    fn find(&mut self, path: &Path) -> Option<(u16, &mut Stream)> {
        let slot = path.socket.stream()?;
        let stream = self.get_mut(slot)?;
        (stream.remote == path.remote && !stream.closing).then_some((slot, stream))
    }

    fn note_due(&mut self, slot: u16) {
        let Some(stream) = self.get_mut(slot) else { return };
        if !std::mem::replace(&mut stream.due, true) {
            self.due.push(slot);
        }
    }

    fn watch_writable(&mut self, slot: u16, wanted: bool) {
        let Some(stream) = self.slots.get_mut(usize::from(slot)).and_then(Option::as_mut) else { return };
        if stream.watched == wanted {
            return;
        }
        stream.watched = wanted;
        if watch(&self.epoll, &stream.tcp, slot, wanted, epoll::modify).is_err() {
            self.give_up(slot);
        }
    }

    fn remove(&mut self, slot: u16) {
        let Some(stream) = self.slots.get_mut(usize::from(slot)).and_then(Option::take) else { return };
        // Whoever handed it over may still hold it, and the epoll with it.
        let _ = epoll::delete(&self.epoll, &stream.tcp);
        let _ = stream.tcp.shutdown(std::net::Shutdown::Both);
        self.unanswered -= usize::from(!stream.answered);
        self.free.push(slot);
    }
}

/// The path of what comes over a connection.
fn path_of(slot: u16, remote: SocketAddr) -> Path {
    Path { socket: SocketIndex::of_stream(slot), remote }
}

fn prepare(tcp: &TcpStream) -> io::Result<SocketAddr> {
    tcp.set_nonblocking(true)?;
    // A turn's frames leave in one write; nothing is gained by holding them back.
    tcp.set_nodelay(true)?;
    set_option(tcp, libc::IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT, KERNEL_HOLDS)?;
    let remote = tcp.peer_addr()?;
    Ok(SocketAddr::new(remote.ip().to_canonical(), remote.port()))
}

fn watch<'a>(
    epoll: &'a OwnedFd,
    tcp: &'a TcpStream,
    slot: u16,
    writable: bool,
    how: impl FnOnce(&'a OwnedFd, &'a TcpStream, epoll::EventData, epoll::EventFlags) -> rustix::io::Result<()>,
) -> rustix::io::Result<()> {
    let also = if writable { epoll::EventFlags::OUT } else { epoll::EventFlags::empty() };
    how(epoll, tcp, epoll::EventData::new_u64(slot.into()), epoll::EventFlags::IN | also)
}
