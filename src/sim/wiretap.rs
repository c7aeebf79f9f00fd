//! What the server sends one person, in the order of sending and before the network treats it,
//! opened with his keys. Oracles read it here.

use super::ledger::Ledger;
use super::oracle::Violations;
use super::oracle::key_frame::KeyFrameOracle;
use super::oracle::lips::LipsOracle;
use super::oracle::pictures::PicturesOracle;
use super::oracle::resends::ResendsOracle;
use super::oracle::rooms;
use super::oracle::sequence::SequenceOracle;
use super::oracle::srtp_index::SrtpIndexOracle;
use super::oracle::svc::SvcOracle;
use super::peer::Peer;
use super::peer::dtls::Keys;
use super::peer::rtcp::{self, Message};
use super::peer::rtp;
use super::peer::seat::{Heard, SeatOptions, interpret};
use super::peer::srtp::Srtp;
use super::svc;
use crate::base::id::Ssrc;
use crate::base::{ParticipantId, Time, TrackId};
use std::collections::{BTreeMap, BTreeSet};

/// The oracles of one association.
#[derive(Debug, Default)]
pub struct Wiretap {
    srtp: Option<Srtp>,
    /// Sent before the peer had the keys.
    waiting: Vec<(Time, Vec<u8>)>,
    highest: BTreeMap<Ssrc, u64>,
    heard: Vec<(Time, Heard)>,
    tracks: BTreeSet<TrackId>,
    layers: BTreeMap<TrackId, u8>,
    /// No index twice.
    pub index: SrtpIndexOracle,
    /// Sane streams.
    pub sequence: SequenceOracle,
    /// Nothing sent again too often.
    pub resends: ResendsOracle,
    /// Pictures begin with a key frame.
    pub key_frame: KeyFrameOracle,
    /// Pictures are numbered on.
    pub pictures: PicturesOracle,
    /// Layers can be decoded.
    pub layered: SvcOracle,
    /// Sound and picture in step.
    pub lips: LipsOracle,
}

impl Wiretap {
    /// The keys are known from now on; what waited for them is opened at the next datagram.
    pub fn set_keys(&mut self, keys: &Keys) {
        self.srtp = Some(Srtp::new(keys));
    }

    /// Media since it was asked last.
    pub fn take_heard(&mut self) -> Vec<(Time, Heard)> {
        std::mem::take(&mut self.heard)
    }

    /// Every track anything was sent of.
    pub fn tracks(&self) -> &BTreeSet<TrackId> {
        &self.tracks
    }

    /// The last layer that was sent of each track.
    pub fn layers(&self) -> &BTreeMap<TrackId, u8> {
        &self.layers
    }

    /// A datagram of SRTP or SRTCP leaves for `viewer`.
    pub fn on_datagram(
        &mut self,
        at: Time,
        datagram: &[u8],
        (viewer, peer): (ParticipantId, &Peer),
        ledger: &Ledger,
        violations: &mut Violations,
    ) {
        self.waiting.push((at, datagram.to_vec()));
        if self.srtp.is_none() {
            return;
        }
        for (at, datagram) in std::mem::take(&mut self.waiting) {
            if rtp::is_rtcp(&datagram) {
                self.on_rtcp(at, &datagram, viewer, peer, violations);
            } else if self.index.on_rtp(at, &datagram, violations) {
                self.on_rtp(at, &datagram, (viewer, peer), ledger, violations);
            }
        }
    }

    fn on_rtp(
        &mut self,
        at: Time,
        datagram: &[u8],
        (viewer, peer): (ParticipantId, &Peer),
        ledger: &Ledger,
        violations: &mut Violations,
    ) {
        let Some((packet, index)) = self.srtp.as_mut().and_then(|srtp| srtp.open_rtp(datagram)) else {
            return violations.add(at, "wiretap", || format!("{viewer:?} cannot open what he is sent"));
        };
        let seat = peer.seats().iter().find(|seat| seat.takes(packet.header.ssrc));
        let Some(options) = seat.map(|seat| seat.options()) else {
            let ssrc = packet.header.ssrc;
            return violations.add(at, "wiretap", || format!("{viewer:?} has no seat for {ssrc:?}"));
        };
        let highest = self.highest.get(&options.ssrc).copied();
        if packet.header.ssrc == options.ssrc {
            self.highest.insert(options.ssrc, highest.unwrap_or(index).max(index));
        }
        if packet.payload.is_empty() {
            if packet.header.ssrc == options.ssrc {
                self.sequence.on_empty(options.slot, index);
                self.layered.on_empty(options.slot);
            }
            return;
        }
        match interpret(options, &packet, index, highest) {
            Ok(heard) => {
                let descriptor = packet.header.extension(options.extensions.dependency_descriptor);
                let place = heard.tag.svc.filter(|_| !heard.resent);
                if let Some(read) = place.and_then(|place| svc::read(place.svc, descriptor?)) {
                    let end = (packet.header.timestamp, packet.header.marker);
                    self.layered.on_packet(at, options.slot, &read, end, violations);
                }
                self.on_media(at, viewer, heard, ledger, violations);
            }
            Err(wrong) => violations.add(at, "wiretap", || describe(viewer, options, &wrong)),
        }
    }

    fn on_media(
        &mut self,
        at: Time,
        viewer: ParticipantId,
        heard: Heard,
        ledger: &Ledger,
        violations: &mut Violations,
    ) {
        rooms::check(at, viewer, &heard, ledger, violations);
        self.sequence.on_media(at, &heard, violations);
        self.resends.on_media(at, &heard, violations);
        self.key_frame.on_media(at, &heard, violations);
        self.pictures.on_media(at, &heard, violations);
        self.lips.on_media(&heard);
        self.tracks.insert(heard.tag.track);
        if !heard.resent {
            self.layers.insert(heard.tag.track, heard.tag.layer);
        }
        self.heard.push((at, heard));
    }

    fn on_rtcp(
        &mut self,
        at: Time,
        datagram: &[u8],
        viewer: ParticipantId,
        peer: &Peer,
        violations: &mut Violations,
    ) {
        let Some(srtp) = &mut self.srtp else { return };
        self.index.on_rtcp(at, datagram, srtp.profile(), violations);
        let messages = srtp.open_rtcp(datagram).and_then(|compound| rtcp::read(&compound));
        let Some(messages) = messages else {
            return violations.add(at, "wiretap", || format!("{viewer:?} cannot read RTCP he is sent"));
        };
        for message in messages {
            let Message::SenderReport { ssrc, ntp, rtp, .. } = message else { continue };
            let seat = peer.seats().iter().find(|seat| seat.options().ssrc == ssrc);
            match seat {
                Some(seat) => self.lips.on_sender_report(at, seat.options().slot, ntp, rtp),
                None => violations.add(at, "wiretap", || format!("a report on no seat: {ssrc:?}")),
            }
        }
    }
}

fn describe(viewer: ParticipantId, options: &SeatOptions, wrong: &super::peer::seat::Wrong) -> String {
    format!("{viewer:?} is sent {wrong:?} on {:?} ({:?})", options.slot, options.kind)
}
