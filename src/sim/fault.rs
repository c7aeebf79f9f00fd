//! Faults planted behind a shard's back, so that the oracles are seen to find them.

use super::outbox::Sent;
use super::peer::dtls::Keys;
use super::peer::rtp;
use super::peer::srtp::Tap;
use super::person::Person;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// What goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultKind {
    /// An index is sealed a second time with other content.
    ReusedIndex,
    /// A packet's payload goes to somebody in another room.
    WrongRoom,
}

/// A fault waiting for its moment; it happens once.
#[derive(Debug)]
pub struct Fault {
    kind: FaultKind,
    taps: BTreeMap<usize, Tap>,
    /// From which room, and what.
    stolen: Option<(u64, usize, Vec<u8>)>,
    happened: bool,
}

impl Fault {
    /// A fault of this kind.
    pub fn new(kind: FaultKind) -> Fault {
        Fault { kind, taps: BTreeMap::new(), stolen: None, happened: false }
    }

    /// Somebody's keys are known.
    pub(super) fn on_keys(&mut self, person: usize, keys: &Keys) {
        self.taps.insert(person, Tap::new(keys));
    }

    /// Changes what a shard sends in one turn.
    pub(super) fn tamper(
        &mut self,
        sent: &mut Vec<Sent>,
        owners: &BTreeMap<SocketAddr, usize>,
        people: &[Person],
    ) {
        let mut added = Vec::new();
        for datagram in sent.iter_mut() {
            let media = datagram.bytes.first().is_some_and(|first| (128..=191).contains(first));
            let Some(&owner) = owners.get(&datagram.path.remote) else { continue };
            if self.happened || !media || rtp::is_rtcp(&datagram.bytes) {
                continue;
            }
            match self.kind {
                FaultKind::ReusedIndex => added.extend(self.reuse_index(owner, datagram)),
                FaultKind::WrongRoom => self.cross_rooms(owner, people[owner].room.0, datagram),
            }
        }
        sent.extend(added);
    }

    fn reuse_index(&mut self, owner: usize, datagram: &Sent) -> Option<Sent> {
        let tap = self.taps.get_mut(&owner)?;
        let (index, header_len, mut plain) = tap.open(&datagram.bytes)?;
        *plain.last_mut()? ^= 1;
        self.happened = true;
        Some(Sent { bytes: tap.seal(index, &plain[..header_len], &plain[header_len..]), ..datagram.clone() })
    }

    fn cross_rooms(&mut self, owner: usize, room: u64, datagram: &mut Sent) {
        let Some(tap) = self.taps.get_mut(&owner) else { return };
        let Some((index, header_len, plain)) = tap.open(&datagram.bytes) else { return };
        let shape = (header_len, plain.len() > 400);
        match &self.stolen {
            None => {
                let size = usize::from(shape.1);
                self.stolen = Some((room, size, plain[header_len..].to_vec()));
            }
            Some((from, size, payload)) if *from != room && *size == usize::from(shape.1) => {
                datagram.bytes = tap.seal(index, &plain[..header_len], payload);
                self.happened = true;
            }
            Some(_) => {}
        }
    }
}
