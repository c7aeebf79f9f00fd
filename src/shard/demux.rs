//! Where a datagram belongs: by its first byte, then by its source address.

use super::Shard;
use super::counters::Drop;
use super::link::Handshake;
use super::mesh::Through;
use crate::base::{Outbox, Path, Push, Time, TrainId};
use crate::control::Event;
use crate::control::types::{MAX_UFRAG, Reason, TransportState};
use crate::transport::dtls::MAX_DATAGRAM;
use crate::transport::ice::{Checked, MAX_PATHS, PATH_SILENT};
use crate::wire::demux::{Kind, classify};
use crate::wire::stun::StunView;
use arrayvec::{ArrayString, ArrayVec};

/// Room for any answer to a check.
const MAX_STUN_ANSWER: usize = 256;

/// A datagram that came.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// Where from, and through which socket.
    pub path: Path,
    /// When the host took it from the wire, by the worker's clock; never later than now.
    pub arrived: Time,
    /// Its payload.
    pub bytes: &'a [u8],
}

/// What a datagram was by its looks, for whoever judges how long it waited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Came {
    /// A packet of a call, or a report on one: these must not wait.
    Media,
    /// Anything else.
    Other,
}

impl Shard {
    /// A datagram came. Whatever it holds, it disturbs nobody else's call: what is not
    /// understood or not authentic is counted by cause and dropped.
    pub fn on_datagram(&mut self, now: Time, datagram: Datagram<'_>, out: &mut impl Outbox) -> Came {
        self.counters.datagrams += 1;
        self.gathering.now = now;
        self.waits = now.since(datagram.arrived);
        let kind = classify(datagram.bytes);
        if kind == Kind::Stun {
            self.on_stun(now, datagram, None, out);
            return Came::Other;
        }
        match self.by_path.get(&datagram.path).copied() {
            _ if kind == Kind::Unknown => self.counters.drop(Drop::UnknownProtocol),
            Some(link) => return self.on_known(now, (kind, link), datagram, out),
            None => self.hand_on(kind, datagram),
        }
        Came::Other
    }

    /// A datagram came from an address of the transport with the key `link`.
    pub(super) fn on_known(
        &mut self,
        now: Time,
        (kind, link): (Kind, u32),
        datagram: Datagram<'_>,
        out: &mut impl Outbox,
    ) -> Came {
        match kind {
            Kind::Rtp => {
                self.on_rtp(now, link, datagram, out);
                self.aside.note_packet();
                Came::Media
            }
            Kind::Rtcp => {
                self.on_rtcp(now, link, datagram, out);
                Came::Media
            }
            _ => {
                self.put_aside(now, self.party_to_dtls(link, &datagram.path), datagram);
                Came::Other
            }
        }
    }

    /// An ICE check: found by our user fragment, authenticated by the transport, then answered. One that
    /// came to us `through` another worker and is for nobody here ends here.
    pub(super) fn on_stun(
        &mut self,
        now: Time,
        datagram: Datagram<'_>,
        through: Option<Through>,
        out: &mut impl Outbox,
    ) {
        let Datagram { path, bytes, .. } = datagram;
        let Ok(check) = StunView::parse(bytes) else {
            return self.counters.drop(Drop::BadStun);
        };
        let fragment = check.local_ufrag();
        let Some(link) = fragment.and_then(|ufrag| self.link_by_ufrag(ufrag)) else {
            return match through {
                None => self.hand_check(now, datagram, fragment),
                Some(_) => self.counters.drop(Drop::UnknownUfrag),
            };
        };
        let mut answer = [0; MAX_STUN_ANSWER];
        let checked = match self.links[link].transport.on_stun(now, &path, &check, &mut answer) {
            Ok(checked) => checked,
            Err(cause) => {
                // A connection that begins with it is nobody's.
                if !self.by_path.contains_key(&path) {
                    out.close(&path);
                }
                return self.counters.drop(cause.into());
            }
        };
        self.note_paths(now, (link, path), through, &checked);
        if let Some(evicted) = checked.evicted.filter(|evicted| !self.by_path.contains_key(evicted)) {
            out.close(&evicted);
        }
        let answer = &answer[..checked.answer];
        let pushed = out.push(TrainId::STRAY, &path, answer.len(), |room| {
            room.copy_from_slice(answer);
            Some(answer.len())
        });
        if pushed != Push::Committed {
            self.counters.drop(Drop::NoBuffer);
        }
        self.drive(link, out);
    }

    fn link_by_ufrag(&self, ufrag: &[u8]) -> Option<u32> {
        let ours = ArrayString::<MAX_UFRAG>::from(str::from_utf8(ufrag).ok()?).ok()?;
        self.by_ufrag.get(&ours).copied()
    }

    /// An address belongs to who proved it last: a NAT may give one peer's port to another, and a page
    /// may begin anew on the same one. But while something authentic comes from its owner there, a
    /// check is only a claim, or a forged source would be enough to take a call's packets away.
    fn note_paths(
        &mut self,
        now: Time,
        (link, path): (u32, Path),
        through: Option<Through>,
        checked: &Checked,
    ) {
        if let Some(evicted) = checked.evicted {
            self.leave_path(link, evicted);
        }
        // Of a call on another worker there is no more to say before that is silent.
        if !checked.accepted || through.is_some_and(|through| through.in_use) {
            return;
        }
        let owner = self.by_path.get(&path).copied().filter(|&owner| owner != link);
        if !owner.is_some_and(|owner| self.is_in_use(now, owner, &path)) {
            self.by_path.insert(path, link);
            self.own_path(path, through);
        } else if self.links[link].srtp.is_none() {
            self.claims.insert(path, link);
        }
    }

    /// Whether something authentic came to a transport from `path` not long ago.
    pub(super) fn is_in_use(&self, now: Time, link: u32, path: &Path) -> bool {
        let transport = &self.links[link].transport;
        transport.path() == Some(*path) && now.since(transport.heard()) < PATH_SILENT
    }

    /// Whose DTLS comes from `path`: an association that stands has nothing more to say, so a
    /// handshake is of whoever claims the path. What is diverted by a forged claim harms nobody.
    fn party_to_dtls(&self, owner: u32, path: &Path) -> u32 {
        let claim = self.claims.get(path).copied().filter(|_| self.links[owner].srtp.is_some());
        claim.unwrap_or(owner)
    }

    /// A path is no longer of `link`, and of who claims it, if anybody does.
    pub(super) fn leave_path(&mut self, link: u32, path: Path) {
        if self.claims.get(&path) == Some(&link) {
            self.claims.remove(&path);
        }
        if self.by_path.get(&path) != Some(&link) {
            return;
        }
        match self.claims.remove(&path) {
            Some(claim) => self.by_path.insert(path, claim),
            None => {
                self.disown_path(path);
                self.by_path.remove(&path)
            }
        };
    }

    /// Keys were agreed over a path, so nobody else is there any more: whose it was before is gone
    /// (RFC 9147 §5.11). Other claims were no more than claims.
    fn settle_claims(&mut self, link: u32, out: &mut impl Outbox) {
        let claimed: ArrayVec<Path, MAX_PATHS> = self.links[link].transport.paths().collect();
        let claimed = claimed.into_iter().filter(|path| self.claims.get(path) == Some(&link));
        let claimed: ArrayVec<Path, MAX_PATHS> = claimed.collect();
        for path in claimed {
            self.claims.remove(&path);
            if self.links[link].handshake != Handshake::Over(path) {
                continue;
            }
            let owner = self.by_path.insert(path, link).filter(|&owner| owner != link);
            if let Some(owner) = owner.filter(|&owner| self.links[owner].transport.path() == Some(path)) {
                self.end_link(owner, Reason::ClosedByPeer, out);
            }
        }
    }

    /// Sends what DTLS has to say, and follows the transport where it went.
    pub(super) fn drive(&mut self, link: u32, out: &mut impl Outbox) {
        let mut buffer = [0; MAX_DATAGRAM];
        while let Some(len) = self.links[link].transport.poll(&mut buffer) {
            let Some(path) = self.links[link].transport.path() else { break };
            self.links[link].handshake.note(path);
            let pushed = out.push(TrainId(link), &path, len, |room| {
                room.copy_from_slice(&buffer[..len]);
                Some(len)
            });
            if pushed != Push::Committed {
                self.counters.drop(Drop::NoBuffer);
            }
        }
        if let Some(state) = self.links[link].transport.take_change() {
            self.follow(link, state, out);
        } else {
            self.schedule(link);
        }
    }

    fn follow(&mut self, link: u32, state: TransportState, out: &mut impl Outbox) {
        if let TransportState::Ended { reason } = state {
            return self.end_link(link, reason, out);
        }
        let transport = self.links[link].opened.transport;
        self.tell(Event::Transport { transport, state });
        let (room, participant) = (self.links[link].room, self.links[link].participant);
        let hidden = state == TransportState::Hidden;
        if self.rooms[room].hide(participant, hidden) {
            self.tell_hidden(room, participant, hidden);
            self.reseat(room, out);
        }
        if matches!(state, TransportState::Connected { .. }) && self.links[link].srtp.is_none() {
            return self.connect(link, out);
        }
        self.schedule(link);
    }

    /// The keys are agreed: media may flow, and pictures that were waiting may begin.
    fn connect(&mut self, link: u32, out: &mut impl Outbox) {
        let keys = self.links[link].transport.keys();
        self.links[link].srtp = keys.and_then(super::link::Srtp::new);
        if self.links[link].srtp.is_none() {
            return self.end_link(link, Reason::DtlsFailed, out);
        }
        self.settle_claims(link, out);
        for slot in self.links[link].slots.clone() {
            self.begin(slot, out);
        }
        self.schedule(link);
    }
}
