//! Where a datagram belongs: by its first byte, then by its source address.

use super::Shard;
use super::counters::Drop;
use crate::base::{Outbox, Path, Push, Time, TrainId};
use crate::control::Event;
use crate::control::types::{MAX_UFRAG, Reason, TransportState};
use crate::transport::dtls::MAX_DATAGRAM;
use crate::transport::ice::{Checked, PATH_SILENT};
use crate::wire::demux::{Kind, classify};
use crate::wire::stun::StunView;
use arrayvec::ArrayString;

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

impl Shard {
    /// A datagram came. Whatever it holds, it disturbs nobody else's call: what is not
    /// understood or not authentic is counted by cause and dropped.
    pub fn on_datagram(&mut self, now: Time, datagram: Datagram<'_>, out: &mut impl Outbox) {
        self.counters.datagrams += 1;
        let Datagram { path, bytes, .. } = datagram;
        let kind = match classify(bytes) {
            Kind::Unknown => return self.counters.drop(Drop::UnknownProtocol),
            Kind::Stun => return self.on_stun(now, path, bytes, out),
            kind => kind,
        };
        let Some(&link) = self.by_path.get(&path) else {
            return self.counters.drop(Drop::UnknownAddress);
        };
        match kind {
            Kind::Rtp => self.on_rtp(now, link, datagram, out),
            Kind::Rtcp => self.on_rtcp(now, link, datagram, out),
            _ => self.on_dtls(now, link, path, bytes, out),
        }
    }

    /// An ICE check: found by our user fragment, authenticated by the transport, then answered.
    fn on_stun(&mut self, now: Time, path: Path, datagram: &[u8], out: &mut impl Outbox) {
        let Ok(check) = StunView::parse(datagram) else {
            return self.counters.drop(Drop::BadStun);
        };
        let Some(link) = check.local_ufrag().and_then(|ufrag| self.link_by_ufrag(ufrag)) else {
            return self.counters.drop(Drop::UnknownUfrag);
        };
        let mut answer = [0; MAX_STUN_ANSWER];
        let checked = match self.links[link].transport.on_stun(now, &path, &check, &mut answer) {
            Ok(checked) => checked,
            Err(cause) => return self.counters.drop(cause.into()),
        };
        self.note_paths(now, link, path, &checked);
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

    /// An address belongs to who proved it last: a NAT may give one peer's port to another. But not
    /// while something authentic comes from its owner there, or a forged source would be enough to
    /// take a call's packets away.
    fn note_paths(&mut self, now: Time, link: u32, path: Path, checked: &Checked) {
        if let Some(evicted) = checked.evicted
            && self.by_path.get(&evicted) == Some(&link)
        {
            self.by_path.remove(&evicted);
        }
        let owner = self.by_path.get(&path).copied().filter(|&owner| owner != link);
        let in_use = |owner: u32| {
            let owner = &self.links[owner].transport;
            owner.path() == Some(path) && now.since(owner.heard()) < PATH_SILENT
        };
        if checked.accepted && !owner.is_some_and(in_use) {
            self.by_path.insert(path, link);
        }
    }

    fn on_dtls(&mut self, now: Time, link: u32, path: Path, datagram: &[u8], out: &mut impl Outbox) {
        match self.links[link].transport.on_dtls(now, &path, datagram) {
            Ok(()) => self.drive(link, out),
            Err(cause) => self.counters.drop(cause.into()),
        }
    }

    /// Sends what DTLS has to say, and follows the transport where it went.
    pub(super) fn drive(&mut self, link: u32, out: &mut impl Outbox) {
        let mut buffer = [0; MAX_DATAGRAM];
        while let Some(len) = self.links[link].transport.poll(&mut buffer) {
            let Some(path) = self.links[link].transport.path() else { break };
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
        for slot in self.links[link].slots.clone() {
            self.begin(slot, out);
        }
        self.schedule(link);
    }
}
