//! A transport as its shard keeps it: the association itself and what goes through it.

use super::aside::Pending;
use super::former::Former;
use super::rate::Rate;
use super::waiting::Waiting;
use crate::base::id::Ssrc;
use crate::base::{ParticipantId, Path, Time};
use crate::control::message::OpenTransport;
use crate::control::types::MAX_UFRAG;
use crate::media::sender_clock::ClockOffset;
use crate::media::twcc::Arrivals;
use crate::transport::Transport;
use crate::transport::dtls::SrtpKeys;
use crate::transport::srtp::{MasterKeys, Role, SrtpReceiver, SrtpSender};
use arrayvec::{ArrayString, ArrayVec};
use std::time::Duration;

/// Receiver reports leave this often: libwebrtc's own interval for video is a second.
pub(super) const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// Incoming SSRCs one transport may have: tracks times layers times two for retransmissions, with
/// room for a browser that changes its mind.
const MAX_INGRESS: usize = 64;

/// What an incoming SSRC is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ingress {
    pub(super) ssrc: Ssrc,
    /// The shard's key of the track.
    pub(super) track: u32,
    pub(super) layer: u8,
    pub(super) rtx: bool,
    /// The publisher has gone over to another SSRC: what still comes under this one is dropped,
    /// since its sequence has nothing to do with the new one's.
    pub(super) retired: bool,
}

/// The incoming SSRCs of one transport. A handful, searched in order: no hash. Who only watches has none.
#[derive(Debug, Default)]
pub(super) struct IngressTable {
    entries: Vec<Ingress>,
}

impl IngressTable {
    pub(super) fn find(&self, ssrc: Ssrc) -> Option<Ingress> {
        self.entries.iter().copied().find(|entry| entry.ssrc == ssrc)
    }

    /// Adds or replaces what `ssrc` is; the oldest gives way when there are too many.
    pub(super) fn learn(&mut self, ingress: Ingress) {
        self.entries.retain(|entry| entry.ssrc != ingress.ssrc);
        if self.entries.len() == MAX_INGRESS {
            self.entries.remove(0);
        }
        self.entries.push(ingress);
    }

    /// Retires what `track` sent so far on `layer`, or only its retransmissions.
    pub(super) fn retire(&mut self, track: u32, layer: u8, only_rtx: bool) {
        for entry in &mut self.entries {
            entry.retired |= entry.track == track && entry.layer == layer && (entry.rtx || !only_rtx);
        }
    }

    pub(super) fn forget_track(&mut self, track: u32) {
        self.entries.retain(|entry| entry.track != track);
    }
}

/// Both directions of an association once its keys are agreed.
pub(super) struct Srtp {
    pub(super) receiver: SrtpReceiver,
    pub(super) sender: SrtpSender,
}

impl Srtp {
    pub(super) fn new(keys: &SrtpKeys) -> Option<Srtp> {
        let keys = MasterKeys::from_exporter(keys.profile(), keys.exported(), Role::Server)?;
        Some(Srtp { receiver: SrtpReceiver::new(&keys.remote), sender: SrtpSender::new(&keys.local) })
    }
}

impl std::fmt::Debug for Srtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Srtp(…)")
    }
}

/// Over which path a handshake went.
///
/// A check proves who sent it, not where from: its source may be forged. Only who is sent the flights of
/// a handshake and answers them from there is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Handshake {
    #[default]
    None,
    Over(Path),
    /// Over several: it says nothing about any of them.
    Mixed,
}

impl Handshake {
    /// A datagram of it came from, or went to, `path`.
    pub(super) fn note(&mut self, path: Path) {
        *self = match *self {
            Handshake::None => Handshake::Over(path),
            Handshake::Over(same) if same == path => Handshake::Over(path),
            _ => Handshake::Mixed,
        };
    }
}

/// What was sealed for a receiver so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sent {
    pub(super) packets: u64,
    pub(super) bytes: u64,
}

/// A transport and what goes through it.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) transport: Transport,
    /// `None` until the keys are agreed.
    pub(super) srtp: Option<Srtp>,
    pub(super) participant: ParticipantId,
    /// The shard's key of the room.
    pub(super) room: u32,
    pub(super) opened: OpenTransport,
    pub(super) ingress: IngressTable,
    /// What its tracks that ended had sent under.
    pub(super) former: Former,
    /// The shard's keys of the tracks that come in.
    pub(super) tracks: Vec<u32>,
    /// The shard's keys of the seats that go out.
    pub(super) slots: Vec<u32>,
    pub(super) arrivals: Arrivals,
    pub(super) clock: ClockOffset,
    /// Id of the transport-wide sequence number, the same on all its m-lines (RFC 8843 §9.2).
    pub(super) transport_cc: Option<u8>,
    /// SSRCs of seats that were closed: their indices are used up under these keys.
    pub(super) spent: Vec<Ssrc>,
    pub(super) next_report: Time,
    /// What its receiver's link carries, once a seat has transport-wide numbers or the receiver told.
    pub(super) rate: Option<Box<Rate>>,
    pub(super) sent: Sent,
    /// Packets that went through it, both ways, until its room was looked at last.
    pub(super) packets_looked_at: u64,
    /// Media has come over it.
    pub(super) has_heard: bool,
    /// The one path over which all of its handshake went so far, both ways.
    pub(super) handshake: Handshake,
    /// What its receiver is owed, while there is something.
    pub(super) waiting: Option<Box<Waiting>>,
    /// DTLS that waits for its turn.
    pub(super) pending: Pending,
    /// Our user fragments that lead here: the one now, and during a restart the one before.
    pub(super) ufrags: ArrayVec<ArrayString<MAX_UFRAG>, 2>,
    /// Its receiver reported loss not long ago: until then sounds go out twice.
    pub(super) lossy_until: Time,
    /// A sender report came that has not been carried over.
    pub(super) carry: bool,
    /// When its sender reports may be carried over again.
    pub(super) next_carry: Time,
    /// Bits a second its receiver may be sent; `None`: as many as there are.
    pub(super) budget: Option<u64>,
    /// Somebody knows the budget better than any estimate.
    pub(super) is_budget_assumed: bool,
    /// When the budget is to be divided anew.
    pub(super) allocate_at: Time,
    /// When it may be, at the earliest.
    pub(super) next_allocation: Time,
}

impl Link {
    /// Whether sounds go out twice, since its receiver loses some by itself.
    pub(super) fn hears_twice(&self, now: Time) -> bool {
        now < self.lossy_until && !self.rate.as_ref().is_some_and(|rate| rate.is_crowded(now))
    }

    pub(super) fn new(transport: Transport, opened: OpenTransport, room: u32, now: Time) -> Link {
        Link {
            transport,
            srtp: None,
            participant: opened.participant,
            room,
            ingress: IngressTable::default(),
            former: Former::default(),
            tracks: Vec::new(),
            slots: Vec::new(),
            arrivals: Arrivals::default(),
            clock: ClockOffset::default(),
            transport_cc: None,
            spent: Vec::new(),
            next_report: now + REPORT_INTERVAL,
            rate: None,
            sent: Sent::default(),
            packets_looked_at: 0,
            has_heard: false,
            handshake: Handshake::None,
            waiting: None,
            pending: Pending::default(),
            ufrags: ArrayVec::from_iter([opened.local.ufrag]),
            lossy_until: Time::ZERO,
            carry: false,
            next_carry: Time::ZERO,
            budget: None,
            is_budget_assumed: false,
            allocate_at: Time::NEVER,
            next_allocation: Time::ZERO,
            opened,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SocketIndex;

    #[test]
    fn a_handshake_that_went_over_two_paths_says_nothing_about_either() {
        let path = |port| Path { socket: SocketIndex(0), remote: ([192, 0, 2, 1], port).into() };
        let mut handshake = Handshake::default();
        handshake.note(path(1));
        handshake.note(path(1));
        assert_eq!(handshake, Handshake::Over(path(1)));
        handshake.note(path(2));
        handshake.note(path(1));
        assert_eq!(handshake, Handshake::Mixed);
    }

    #[test]
    fn an_ssrc_means_what_was_learnt_last() {
        let mut table = IngressTable::default();
        table.learn(Ingress { ssrc: Ssrc(1), track: 1, layer: 0, rtx: false, retired: false });
        table.learn(Ingress { ssrc: Ssrc(1), track: 2, layer: 0, rtx: false, retired: false });
        assert_eq!(table.find(Ssrc(1)).map(|entry| entry.track), Some(2));
        table.forget_track(2);
        assert_eq!(table.find(Ssrc(1)), None);
    }

    #[test]
    fn ever_new_ssrcs_push_out_the_oldest() {
        let mut table = IngressTable::default();
        for n in 0..1_000 {
            table.learn(Ingress { ssrc: Ssrc(n), track: 0, layer: 0, rtx: false, retired: false });
        }
        assert_eq!(table.entries.len(), MAX_INGRESS);
        assert!(table.find(Ssrc(999)).is_some() && table.find(Ssrc(0)).is_none());
    }
}
