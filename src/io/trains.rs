//! Gathering datagrams into trains, and what happens to a train once the kernel has had it.
//!
//! Order within a train id is kept: trains are queued in the order in which they were begun, one
//! that its socket had no room for is dropped rather than sent after its successor, and the first
//! train on a route goes out by itself, so that a refusal cannot put it behind others.

#[cfg(test)]
mod full_socket;

use std::collections::VecDeque;
use std::io;
use std::net::UdpSocket;
use std::time::Duration;

use crate::base::{Outbox, Path, Push, SocketIndex, TrainId};

use super::Woken;
use super::address::Family;
use super::config::{IoConfig, IoError, LARGEST_PAYLOAD, MOST_SEGMENTS};
use super::counters::IoCounters;
use super::pool::{Pool, Slot};
use super::probe::longest_train;
use super::route::{Gso, Route, Routes};
use super::socket::{send_message, send_single};
use super::streams::Streams;
use super::wire::{Sent, Wire};

/// Where datagrams are pushed. They leave with the next flush.
pub struct Trains {
    // Before `pool`: the ring goes first, and with it the kernel's hold on the buffers.
    pub(super) wire: Wire,
    pool: Pool,
    routes: Routes,
    /// Trains since the last flush, in the order they were begun.
    pending: Vec<Slot>,
    sockets: Vec<Socket>,
    pub(super) streams: Streams,
    longest: u16,
    pub(super) counters: IoCounters,
}

struct Socket {
    udp: UdpSocket,
    family: Family,
    /// Trains that wait for the socket to take datagrams again, in order. While there are any,
    /// every train to this socket joins them.
    held: VecDeque<Slot>,
    most_held: usize,
}

impl Outbox for Trains {
    fn push(
        &mut self,
        train: TrainId,
        path: &Path,
        capacity: usize,
        fill: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> Push {
        if path.socket.stream().is_some() {
            return self.streams.push(path, capacity, fill, &mut self.counters);
        }
        let open = self.open(train, path);
        match open.filter(|&slot| self.pool.train(slot).takes(capacity, self.longest)) {
            Some(slot) => self.append(slot, capacity, fill),
            None => self.begin(train, path, capacity, fill),
        }
    }

    fn close(&mut self, path: &Path) {
        self.streams.close(path);
    }
}

impl Trains {
    pub(super) fn new(
        wire: Wire,
        sockets: Vec<UdpSocket>,
        streams: Streams,
        config: &IoConfig,
    ) -> Result<Trains, IoError> {
        let pool = Pool::new(config.trains).map_err(IoError::Memory)?;
        let most_held = usize::from(config.trains).div_ceil(2);
        let socket = |udp: UdpSocket| {
            let local = udp.local_addr().map_err(IoError::Socket)?;
            let family = if local.is_ipv4() { Family::V4 } else { Family::V6 };
            Ok(Socket { udp, family, held: VecDeque::with_capacity(most_held), most_held })
        };
        Ok(Trains {
            wire,
            pool,
            routes: Routes::default(),
            pending: Vec::with_capacity(usize::from(config.trains)),
            sockets: sockets.into_iter().map(socket).collect::<Result<_, _>>()?,
            streams,
            longest: longest_train().min(config.longest_train).clamp(1, MOST_SEGMENTS),
            counters: IoCounters::default(),
        })
    }

    /// The most datagrams a train may have.
    pub(super) fn longest(&self) -> u16 {
        self.longest
    }

    /// The train that is being gathered for `id` over `path`.
    fn open(&mut self, id: TrainId, path: &Path) -> Option<Slot> {
        self.routes.over(id, path).and_then(|route| route.open)
    }

    fn append(&mut self, slot: Slot, capacity: usize, fill: impl FnOnce(&mut [u8]) -> Option<usize>) -> Push {
        let Some(len) = filled(self.pool.tail(slot, capacity), fill) else { return Push::RolledBack };
        self.pool.train_mut(slot).append(len);
        Push::Committed
    }

    fn begin(
        &mut self,
        id: TrainId,
        path: &Path,
        capacity: usize,
        fill: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> Push {
        let Some(family) = self.sockets.get(usize::from(path.socket.0)).map(|socket| socket.family) else {
            self.counters.unroutable += 1;
            return Push::Full;
        };
        assert!(capacity <= LARGEST_PAYLOAD, "no datagram is longer than UDP allows");
        let Some(slot) = self.take_slot() else {
            self.counters.no_train += 1;
            return Push::Full;
        };
        if !self.pool.begin(slot, id, path, family) {
            self.pool.give_back(slot);
            self.counters.unroutable += 1;
            return Push::Full;
        }
        let Some(len) = filled(self.pool.tail(slot, capacity), fill) else {
            self.pool.give_back(slot);
            return Push::RolledBack;
        };
        self.join_or_follow(id, path, slot, len);
        Push::Committed
    }

    /// A datagram stands in a buffer of its own because it was announced as too long for the open
    /// train. If it is not, it joins that train all the same: a copy of it costs 30 ns, another
    /// walk through the kernel 2,000.
    fn join_or_follow(&mut self, id: TrainId, path: &Path, slot: Slot, len: usize) {
        if let Some(open) = self.open(id, path).filter(|&open| self.pool.train(open).takes(len, self.longest))
        {
            self.pool.move_single(slot, open, len);
            self.pool.give_back(slot);
            self.counters.copied += 1;
            return;
        }
        self.pool.train_mut(slot).append(len);
        self.pending.push(slot);
        if let Some(route) = self.routes.over(id, path) {
            route.open = (route.gso != Gso::Refused).then_some(slot);
        }
    }

    fn take_slot(&mut self) -> Option<Slot> {
        self.pool.take().or_else(|| {
            self.flush();
            self.submit_and_settle();
            self.pool.take()
        })
    }

    pub(super) fn flush_now(&mut self) {
        self.streams.flush();
        if self.pending.is_empty() {
            return;
        }
        self.flush();
        self.submit_and_settle();
    }

    pub(super) fn flush_and_wait(
        &mut self,
        timeout: Option<Duration>,
        together: Duration,
    ) -> io::Result<Woken> {
        self.flush();
        self.streams.flush();
        let timeout = if self.streams.is_pressing() { Some(Duration::ZERO) } else { timeout };
        if !self.wire.submits_while_waiting() {
            self.submit_and_settle();
        }
        // A ring wakes for the outcomes of the sends it was just given: they are there at once,
        // so the time already waited is nothing.
        if self.wait(timeout, together)? {
            self.wait(timeout, together)?;
        }
        let wake = std::mem::take(&mut self.wire.news().woken);
        if wake {
            self.streams.note_woken();
        }
        Ok(Woken { wake })
    }

    /// Sleeps until there are news; true when they were outcomes of sends and nothing else.
    fn wait(&mut self, timeout: Option<Duration>, together: Duration) -> io::Result<bool> {
        self.wire.wait(timeout, together)?;
        let news = self.wire.news();
        let only_sent = !news.sent.is_empty() && !news.woken && !news.datagrams && news.writable.is_empty();
        self.settle_all();
        while let Some(socket) = self.wire.news().writable.pop_front() {
            self.release(socket);
        }
        Ok(only_sent)
    }

    fn submit_and_settle(&mut self) {
        self.wire.submit();
        self.settle_all();
    }

    /// Closes all trains and queues them.
    fn flush(&mut self) {
        for index in 0..self.pending.len() {
            let slot = self.pending[index];
            let train = self.pool.train(slot);
            if let Some(route) = self.routes.get_mut(train.id).filter(|route| route.open == Some(slot)) {
                route.open = None;
            }
            self.dispatch(slot);
        }
        self.pending.clear();
    }

    fn dispatch(&mut self, slot: Slot) {
        let train = self.pool.train(slot);
        let socket = train.path.socket;
        if train.segments > 1 && self.route_of(slot).is_some_and(|route| route.gso == Gso::Untried) {
            self.submit_and_settle();
            if self.sockets[usize::from(socket.0)].held.is_empty() {
                return self.send_now(slot);
            }
        }
        if !self.sockets[usize::from(socket.0)].held.is_empty() {
            return self.hold(slot);
        }
        let message = self.pool.message(slot);
        // SAFETY: the slot stays taken, and its train and header untouched, until `settle` sees
        // the outcome; the boxes and the region they stand in never move.
        unsafe { self.wire.queue(slot, socket, message) }
    }

    fn send_now(&mut self, slot: Slot) {
        let socket = usize::from(self.pool.train(slot).path.socket.0);
        let message = self.pool.message(slot);
        // SAFETY: the message was just built and its buffers are not in the kernel's hands.
        let result = unsafe { send_message(&self.sockets[socket].udp, message) };
        self.settle(Sent { slot, result });
    }

    fn settle_all(&mut self) {
        while let Some(sent) = self.wire.news().sent.pop_front() {
            self.settle(sent);
        }
        self.wire.count(&mut self.counters);
    }

    /// Draws the consequences of one outcome.
    fn settle(&mut self, Sent { slot, result }: Sent) {
        let train = *self.pool.train(slot);
        match -result {
            libc::EAGAIN => return self.hold(slot),
            // EIO: the device cannot checksum. EMSGSIZE, EINVAL: a datagram exceeds the route's
            // MTU, or the kernel's limits are tighter than was probed.
            libc::EIO | libc::EINVAL | libc::EMSGSIZE if train.segments > 1 => {
                self.counters.refused_trains += 1;
                self.note_gso(slot, Gso::Refused);
                self.send_singles(slot);
            }
            error if error > 0 => self.counters.send_errors += u64::from(train.segments),
            _ => {
                self.counters.count_sent(train.segments, train.len);
                if train.segments > 1 {
                    self.note_gso(slot, Gso::Works);
                }
                self.drop_overtaken(slot);
            }
        }
        self.pool.give_back(slot);
    }

    fn route_of(&mut self, slot: Slot) -> Option<&mut Route> {
        let train = self.pool.train(slot);
        self.routes.get_mut(train.id).filter(|route| route.path == train.path)
    }

    fn note_gso(&mut self, slot: Slot, gso: Gso) {
        if let Some(route) = self.route_of(slot) {
            route.gso = gso;
            if gso == Gso::Refused {
                route.open = None;
            }
        }
    }

    fn send_singles(&mut self, slot: Slot) {
        let socket = usize::from(self.pool.train(slot).path.socket.0);
        let (address, datagrams) = self.pool.singles(slot);
        for bytes in datagrams {
            match send_single(&self.sockets[socket].udp, address, bytes) {
                Ok(()) => self.counters.count_sent(1, bytes.len() as u32),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.counters.socket_full += 1,
                Err(_) => self.counters.send_errors += 1,
            }
        }
    }

    /// Keeps a train until its socket takes datagrams again, unless too many are waiting: then
    /// what they carry would be stale before it left.
    fn hold(&mut self, slot: Slot) {
        let train = self.pool.train(slot);
        let (index, segments) = (train.path.socket, train.segments);
        let socket = &mut self.sockets[usize::from(index.0)];
        if socket.held.len() >= socket.most_held {
            self.counters.socket_full += u64::from(segments);
            return self.pool.give_back(slot);
        }
        if socket.held.is_empty() {
            self.wire.watch_writable(index);
        }
        socket.held.push_back(slot);
    }

    /// Queues what waited for a socket that takes datagrams again.
    fn release(&mut self, socket: SocketIndex) {
        let held = &mut self.sockets[usize::from(socket.0)].held;
        for slot in held.drain(..) {
            let message = self.pool.message(slot);
            // SAFETY: as in `dispatch`.
            unsafe { self.wire.queue(slot, socket, message) }
        }
        self.submit_and_settle();
    }

    /// The sends of one submission are tried one by one: when room appears in between, a train
    /// may find it that was behind one that did not.
    fn drop_overtaken(&mut self, slot: Slot) {
        let train = *self.pool.train(slot);
        let Trains { sockets, pool, counters, .. } = self;
        let held = &mut sockets[usize::from(train.path.socket.0)].held;
        if held.is_empty() || train.id == TrainId::STRAY {
            return;
        }
        held.retain(|&waiting| {
            let overtaken = pool.train(waiting).id == train.id;
            if overtaken {
                counters.socket_full += u64::from(pool.train(waiting).segments);
                pool.give_back(waiting);
            }
            !overtaken
        });
    }
}

/// What `fill` wrote; an empty datagram is none.
fn filled(room: &mut [u8], fill: impl FnOnce(&mut [u8]) -> Option<usize>) -> Option<usize> {
    let capacity = room.len();
    let len = fill(room).filter(|&len| len > 0)?;
    assert!(len <= capacity, "a filler never uses more than it was given");
    Some(len)
}
