//! What comes over connections, shown like any other datagram.

use std::io::{ErrorKind, Read as _};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

use super::super::framing::deframe;
use super::super::incoming::Received;
use super::super::trains::Trains;
use super::path_of;

/// Bytes read of one connection in one turn, so that none keeps the others waiting.
const READ_BYTES: usize = 16 << 10;

/// Connections looked at in one turn.
const LOOKED_AT: usize = 64;

const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// What it takes to read.
pub(in super::super) struct StreamInbox {
    events: Vec<epoll::Event>,
    chunk: Box<[u8]>,
}

impl StreamInbox {
    pub(in super::super) fn new() -> StreamInbox {
        StreamInbox { events: Vec::with_capacity(LOOKED_AT), chunk: vec![0; READ_BYTES].into() }
    }

    /// Shows what the connections hold, up to some `most` datagrams: one connection's read may be in hand
    /// when the limit is reached.
    pub(in super::super) fn receive(
        &mut self,
        trains: &mut Trains,
        most: usize,
        mut visit: impl FnMut(Received<'_>, &mut Trains),
    ) {
        let limit = trains.counters.datagrams_in + most as u64;
        while trains.counters.datagrams_in < limit
            && let Some(slot) = trains.streams.fresh.pop()
        {
            let first = trains.streams.get_mut(slot).map(|stream| std::mem::take(&mut stream.partial));
            show(slot, &first.unwrap_or_default(), trains, &mut visit);
        }
        if !trains.streams.look {
            return;
        }
        self.events.clear();
        let looked = epoll::wait(&trains.streams.epoll, spare_capacity(&mut self.events), Some(&AT_ONCE));
        // What still has something is told again by the next look, and no wait is woken for it.
        trains.streams.look = looked.is_ok() && !self.events.is_empty();
        for index in 0..self.events.len() {
            let event = self.events[index];
            let (slot, flags) = (event.data.u64() as u16, event.flags);
            if flags.contains(epoll::EventFlags::OUT) {
                trains.streams.note_due(slot);
            }
            // The kernel tells again, and after the others, of one that is not read now.
            if flags != epoll::EventFlags::OUT && trains.counters.datagrams_in < limit {
                self.read(slot, trains, &mut visit);
            }
        }
    }

    fn read(&mut self, slot: u16, trains: &mut Trains, visit: &mut impl FnMut(Received<'_>, &mut Trains)) {
        let Some(stream) = trains.streams.get_mut(slot).filter(|stream| !stream.closing) else { return };
        match (&stream.tcp).read(&mut self.chunk) {
            Ok(len) if len > 0 => show(slot, &self.chunk[..len], trains, visit),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Ok(_) | Err(_) => trains.streams.give_up(slot),
        }
    }
}

/// Takes bytes apart; a connection on which that cannot be done ends.
fn show(slot: u16, chunk: &[u8], trains: &mut Trains, visit: &mut impl FnMut(Received<'_>, &mut Trains)) {
    let Some(stream) = trains.streams.get_mut(slot) else { return };
    let path = path_of(slot, stream.remote);
    let mut partial = std::mem::take(&mut stream.partial);
    let outcome = deframe(&mut partial, chunk, |bytes| {
        trains.counters.datagrams_in += 1;
        trains.counters.bytes_in += bytes.len() as u64;
        visit(Received { path, bytes, at: None }, trains);
    });
    if outcome.is_err() {
        trains.counters.receive_errors += 1;
        trains.streams.give_up(slot);
    }
    if let Some(stream) = trains.streams.get_mut(slot) {
        stream.partial = partial;
    }
}
