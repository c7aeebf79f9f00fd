//! The epoll back end: `recvmmsg`, `sendmmsg` and `mio`, for hosts that forbid io_uring.
//!
//! Its timeouts are whole milliseconds, rounded up.

use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::ptr;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use crate::base::SocketIndex;

use super::config::IoConfig;
use super::incoming::{CONTROL_BYTES, Incoming, NAME_BYTES, Received};
use super::memory::Region;
use super::pool::Slot;
use super::socket::last_error;
use super::trains::Trains;
use super::wire::{News, Sent, Wire};

/// Tokens from here on are wakes; those below are sockets.
const FIRST_WAKE: usize = 1 << 16;

/// Messages per system call, each with a buffer of 64 KiB. Larger batches gain nothing: the call
/// itself is a tenth of a datagram's cost.
const BATCH: u16 = 32;

/// Sockets, the trains queued on them, and the wait.
pub(super) struct Epoll {
    poll: Poll,
    events: Events,
    sockets: Vec<Socket>,
    pub(super) news: News,
    /// Kept open: a closed descriptor leaves the poll silently.
    _wakes: Vec<OwnedFd>,
}

struct Socket {
    fd: OwnedFd,
    /// There may be something to receive: edges are reported once, so this holds until EAGAIN.
    readable: bool,
    messages: Vec<libc::mmsghdr>,
    slots: Vec<Slot>,
}

impl Epoll {
    pub(super) fn new(sockets: &[UdpSocket], wakes: &[impl AsFd], config: &IoConfig) -> io::Result<Epoll> {
        let poll = Poll::new()?;
        let trains = usize::from(config.trains);
        let sockets: Vec<Socket> = sockets
            .iter()
            .map(|socket| {
                Ok(Socket {
                    fd: socket.as_fd().try_clone_to_owned()?,
                    readable: true,
                    messages: Vec::with_capacity(trains),
                    slots: Vec::with_capacity(trains),
                })
            })
            .collect::<io::Result<_>>()?;
        let wakes: Vec<OwnedFd> =
            wakes.iter().map(|wake| wake.as_fd().try_clone_to_owned()).collect::<io::Result<_>>()?;
        let registry = poll.registry();
        for (index, socket) in sockets.iter().enumerate() {
            registry.register(&mut SourceFd(&socket.fd.as_raw_fd()), Token(index), Interest::READABLE)?;
        }
        for (index, wake) in wakes.iter().enumerate() {
            let token = Token(FIRST_WAKE + index);
            registry.register(&mut SourceFd(&wake.as_raw_fd()), token, Interest::READABLE)?;
        }
        let events = Events::with_capacity(sockets.len() + wakes.len());
        let news = News::with_room_for(config.trains, sockets.len());
        Ok(Epoll { poll, events, sockets, news, _wakes: wakes })
    }

    /// See [`Wire::queue`].
    ///
    /// # Safety
    /// `message` and all it points to stay in place and unchanged until the outcome is in `news`.
    pub(super) unsafe fn queue(&mut self, slot: Slot, socket: SocketIndex, message: *const libc::msghdr) {
        let socket = &mut self.sockets[usize::from(socket.0)];
        // SAFETY: the caller vouches for the message.
        let msg_hdr = unsafe { *message };
        socket.messages.push(libc::mmsghdr { msg_hdr, msg_len: 0 });
        socket.slots.push(slot);
    }

    pub(super) fn submit(&mut self) {
        for socket in &mut self.sockets {
            socket.send_queued(&mut self.news);
        }
    }

    pub(super) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let ready = self.news.woken || self.sockets.iter().any(|socket| socket.readable);
        let timeout = if ready { Some(Duration::ZERO) } else { timeout };
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => self.events.clear(),
            result => result?,
        }
        for event in &self.events {
            let Some(socket) = self.sockets.get_mut(event.token().0) else {
                self.news.woken = true;
                continue;
            };
            socket.readable |= event.is_readable() || event.is_error();
            if event.is_writable() {
                let index = SocketIndex(event.token().0 as u16);
                self.news.writable.push_back(index);
                let _ = self.poll.registry().reregister(
                    &mut SourceFd(&socket.fd.as_raw_fd()),
                    event.token(),
                    Interest::READABLE,
                );
            }
        }
        self.news.datagrams = self.sockets.iter().any(|socket| socket.readable);
        Ok(())
    }

    /// Only while a socket is full: each datagram that leaves is an edge otherwise.
    pub(super) fn watch_writable(&mut self, index: SocketIndex) {
        let socket = &self.sockets[usize::from(index.0)];
        let both = Interest::READABLE | Interest::WRITABLE;
        let token = Token(usize::from(index.0));
        if self.poll.registry().reregister(&mut SourceFd(&socket.fd.as_raw_fd()), token, both).is_err() {
            // Without the kernel's word, trying again is the way to find out.
            self.news.writable.push_back(index);
        }
    }
}

impl Socket {
    /// Sends the queue in order. A full socket refuses all that is behind.
    fn send_queued(&mut self, news: &mut News) {
        let mut done = 0;
        while done < self.messages.len() {
            let left = &mut self.messages[done..];
            // SAFETY: `queue` was promised that every message stays in place until its outcome,
            // which is written below; the kernel writes only `msg_len`. There is no other call
            // that sends several trains at once.
            let sent = unsafe {
                libc::sendmmsg(
                    self.fd.as_raw_fd(),
                    left.as_mut_ptr(),
                    left.len() as u32,
                    libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
                )
            };
            let (settled, error) = match usize::try_from(sent) {
                Ok(sent) => (sent, None),
                Err(_) => match last_error() {
                    libc::EINTR => continue,
                    libc::EAGAIN => (left.len(), Some(libc::EAGAIN)),
                    error => (1, Some(error)),
                },
            };
            for (message, &slot) in left[..settled].iter().zip(&self.slots[done..]) {
                let result = error.map_or(message.msg_len as i32, |error| -error);
                news.sent.push_back(Sent { slot, result });
            }
            done += settled;
        }
        self.messages.clear();
        self.slots.clear();
    }
}

/// Receive buffers for one system call.
pub(super) struct Inbox {
    memory: Region,
    messages: Box<[libc::mmsghdr]>,
    _payloads: Box<[libc::iovec]>,
    stride: usize,
}

/// What stands before the payload in a receive buffer: address and control messages, both
/// aligned.
const HEAD_BYTES: usize = CONTROL_START + CONTROL_BYTES;
const CONTROL_START: usize = NAME_BYTES.next_multiple_of(8);

impl Inbox {
    pub(super) fn new(config: &IoConfig) -> io::Result<Inbox> {
        let count = usize::from(config.receive_buffers.clamp(1, BATCH));
        let stride = (HEAD_BYTES + config.receive_buffer_bytes).next_multiple_of(64);
        let memory = Region::new(count * stride)?;
        let mut payloads: Box<[libc::iovec]> = (0..count)
            .map(|index| libc::iovec {
                iov_base: memory.at(index * stride + HEAD_BYTES, config.receive_buffer_bytes).cast(),
                iov_len: config.receive_buffer_bytes,
            })
            .collect();
        let messages = (0..count)
            .map(|index| {
                // SAFETY: `msghdr` is plain C data for which all-zero means "nothing"; it has
                // private padding fields on some targets and so cannot be written out.
                let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
                header.msg_name = memory.at(index * stride, NAME_BYTES).cast();
                header.msg_iov = ptr::from_mut(&mut payloads[index]);
                header.msg_iovlen = 1;
                header.msg_control = memory.at(index * stride + CONTROL_START, CONTROL_BYTES).cast();
                libc::mmsghdr { msg_hdr: header, msg_len: 0 }
            })
            .collect();
        Ok(Inbox { memory, messages, _payloads: payloads, stride })
    }

    /// Shows the datagrams the sockets hold.
    pub(super) fn receive(
        &mut self,
        trains: &mut Trains,
        limit: usize,
        mut visit: impl FnMut(Received<'_>, &mut Trains),
    ) {
        let mut seen = 0;
        let mut index = 0;
        while seen < limit {
            let Wire::Epoll(epoll) = &mut trains.wire else { return };
            let Some(socket) = epoll.sockets.get_mut(index) else { return };
            if !socket.readable {
                index += 1;
                continue;
            }
            match self.fill(&socket.fd) {
                Ok(count) => {
                    for message in 0..count {
                        seen += self.incoming(SocketIndex(index as u16), message).deliver(trains, &mut visit);
                    }
                }
                Err(libc::EINTR) => {}
                Err(libc::EAGAIN) => socket.readable = false,
                // A pending error was taken off the socket; the datagrams behind it are not lost.
                Err(_) => {
                    trains.counters.receive_errors += 1;
                    seen += 1;
                }
            }
        }
    }

    fn fill(&mut self, socket: &OwnedFd) -> Result<usize, i32> {
        for message in &mut self.messages {
            message.msg_hdr.msg_namelen = NAME_BYTES as u32;
            message.msg_hdr.msg_controllen = CONTROL_BYTES;
            message.msg_hdr.msg_flags = 0;
        }
        // SAFETY: every header names parts of our region and of our boxes with their true
        // lengths, none overlapping, and no slice of them is alive. There is no safe call that
        // receives several datagrams with their control messages.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.messages.as_mut_ptr(),
                self.messages.len() as u32,
                libc::MSG_DONTWAIT,
                ptr::null_mut(),
            )
        };
        usize::try_from(count).map_err(|_| last_error())
    }

    fn incoming(&self, socket: SocketIndex, index: usize) -> Incoming<'_> {
        let message = &self.messages[index];
        let header = &message.msg_hdr;
        let start = index * self.stride;
        let part = |offset: usize, len: usize| {
            // SAFETY: the receive is over, so the kernel writes nothing until the next `fill`,
            // which needs `&mut self`.
            unsafe { self.memory.bytes(start + offset, len) }
        };
        Incoming {
            socket,
            name: part(0, (header.msg_namelen as usize).min(NAME_BYTES)),
            control: part(CONTROL_START, header.msg_controllen.min(CONTROL_BYTES)),
            payload: part(HEAD_BYTES, (message.msg_len as usize).min(self.stride - HEAD_BYTES)),
            flags: header.msg_flags,
        }
    }
}
