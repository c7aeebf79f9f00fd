//! DTLS, put aside until packets have had their turn.
//!
//! A flight of a handshake costs as much as some twenty forwarded packets (55 µs; 112 µs for both of
//! the server's, of which one signature is 12 and one verification 35), and when many join at once
//! there are hundreds of them. So what comes of DTLS, and what its timers ask for, waits in a
//! list here and is worked off a little at each [`Shard::on_timeout`], which the worker calls
//! between its looks at the sockets. Transports take turns, so that who floods waits for themself.

use super::Shard;
use super::counters::Drop;
use super::demux::Datagram;
use super::link::Link;
use crate::base::{Outbox, Path, Time};
use std::collections::VecDeque;

/// Datagrams of one transport that wait at most. A flight is one to six; a post-quantum ClientHello
/// over links with the smallest datagrams comes in some twenty.
const MOST_PER_LINK: usize = 32;

/// The same of one whose keys are agreed: an alert, or a flight that came twice.
const MOST_AFTERWARDS: usize = 2;

/// Datagrams that wait at most, some 5 MB: those of 2,000 who begin at the same moment. What is lost
/// beyond is sent again by the peer.
const MOST: usize = 4096;

/// Packets that cost about as much as a flight, when each goes to four people: so DTLS gets at most
/// half of a core that has more to do than it can.
const PACKETS_PER_FLIGHT: usize = 16;

/// Most that is worked off between two looks at the sockets: less than 4 ms, a long gathering time.
const MOST_AT_ONCE: usize = 64;

/// A datagram that waits.
#[derive(Debug)]
struct Late {
    path: Path,
    arrived: Time,
    bytes: Box<[u8]>,
}

/// What one transport has put aside.
#[derive(Debug, Default)]
pub(super) struct Pending {
    datagrams: VecDeque<Late>,
    /// Its link stands in the list.
    listed: bool,
}

/// Whose DTLS waits.
#[derive(Debug, Default)]
pub(super) struct Aside {
    /// The links in turn, each once, with the moment it was listed.
    list: VecDeque<(Time, u32)>,
    datagrams: usize,
    /// Packets since DTLS had its last turn.
    packets: usize,
}

impl Aside {
    /// When the first that waits was listed: its turn is as soon as there is time.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.list.front().map(|&(since, _)| since)
    }

    /// How many transports wait for a turn.
    pub(super) fn waiting(&self) -> usize {
        self.list.len()
    }

    /// A packet was forwarded: it pays for some of what waits.
    pub(super) fn note_packet(&mut self) {
        self.packets += 1;
    }

    /// Forgets what a transport that is gone had put aside.
    pub(super) fn forget(&mut self, key: u32, pending: &Pending) {
        self.datagrams -= pending.datagrams.len();
        if pending.listed {
            self.list.retain(|&(_, other)| other != key);
        }
    }

    /// Gives a link a turn, if it does not wait for one already.
    fn call(&mut self, now: Time, key: u32, link: &mut Link) {
        link.transport.put_dtls_off();
        if !std::mem::replace(&mut link.pending.listed, true) {
            self.list.push_back((now, key));
        }
    }

    /// Keeps a datagram for later; false when too many wait.
    fn put(&mut self, now: Time, key: u32, link: &mut Link, datagram: Datagram<'_>) -> bool {
        let most = if link.srtp.is_some() { MOST_AFTERWARDS } else { MOST_PER_LINK };
        if self.datagrams >= MOST || link.pending.datagrams.len() >= most {
            return false;
        }
        self.datagrams += 1;
        let Datagram { path, arrived, bytes } = datagram;
        link.pending.datagrams.push_back(Late { path, arrived, bytes: bytes.into() });
        self.call(now, key, link);
        true
    }

    fn allowance(&mut self) -> usize {
        let paid = std::mem::take(&mut self.packets) / PACKETS_PER_FLIGHT;
        (1 + paid).min(MOST_AT_ONCE)
    }
}

impl Shard {
    /// Keeps a DTLS datagram for later.
    pub(super) fn put_aside(&mut self, now: Time, key: u32, datagram: Datagram<'_>) {
        let link = &mut self.links[key];
        if let Err(cause) = link.transport.takes_dtls(&datagram.path) {
            return self.counters.drop(cause.into());
        }
        if !self.aside.put(now, key, link, datagram) {
            self.counters.drop(Drop::DtlsFlood);
        }
    }

    /// Lets the DTLS timer of a link wait for its turn, when it is due.
    pub(super) fn put_timer_aside(&mut self, now: Time, key: u32) {
        let link = &mut self.links[key];
        if link.transport.dtls_is_due(now) {
            self.aside.call(now, key, link);
        }
    }

    /// Works off some of what waits: a datagram or a timer of each link in turn.
    pub(super) fn work_aside(&mut self, now: Time, out: &mut impl Outbox) {
        for _ in 0..self.aside.allowance() {
            let Some((_, key)) = self.aside.list.pop_front() else { return };
            let link = &mut self.links[key];
            link.pending.listed = false;
            if let Some(late) = link.pending.datagrams.pop_front() {
                self.aside.datagrams -= 1;
                link.handshake.note(late.path);
                // As of when it came: a timer that ran out since is not to answer for it.
                if let Err(cause) = link.transport.on_dtls(late.arrived, &late.path, &late.bytes) {
                    self.counters.drop(cause.into());
                }
            }
            if link.pending.datagrams.is_empty() {
                link.pending.datagrams = VecDeque::new();
                link.transport.resume_dtls(now);
            } else {
                self.aside.call(now, key, link);
            }
            self.drive(key, out);
        }
    }
}
