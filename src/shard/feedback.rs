//! RTCP from peers: reports of publishers, wishes of subscribers.

use super::Shard;
use super::counters::Drop;
use super::demux::Datagram;
use super::redundancy::{LOSSY, LOSSY_FOR};
use crate::base::id::Ssrc;
use crate::base::{Outbox, Time};
use crate::media::history::MAX_PACKET;
use crate::media::sender_clock::SenderReference;
use crate::transport::srtp::SrtpError;
use crate::wire::rtcp::{Compound, MOST_STATUSES, Nack, ReportBlock, RtcpPacket, SenderInfo};
use arrayvec::ArrayVec;
use std::time::Duration;

/// Most retransmissions one datagram may ask for: more in one go is no loss but an attack, or a
/// link so broken that a key frame is the way out.
const MAX_RESENDS: usize = 256;

/// Sender reports are carried over at most this often per publisher: browsers send one a second.
const CARRY_INTERVAL: Duration = Duration::from_millis(200);

/// What one datagram may still ask for, so that none costs more than its size.
struct Allowance {
    resends: usize,
    /// Packets whose arrival is reported.
    statuses: u16,
}

impl Default for Allowance {
    fn default() -> Allowance {
        Allowance { resends: MAX_RESENDS, statuses: MOST_STATUSES }
    }
}

impl Shard {
    /// An RTCP datagram came on the transport with the key `link`.
    pub(super) fn on_rtcp(&mut self, now: Time, link: u32, datagram: Datagram<'_>, out: &mut impl Outbox) {
        let Some(srtp) = self.links[link].srtp.as_mut() else {
            return self.counters.drop(Drop::NoKeys);
        };
        let mut plain = [0; MAX_PACKET];
        let len = match srtp.receiver.open_rtcp(datagram.bytes, &mut plain) {
            Ok(len) => len,
            Err(SrtpError::Replayed) => return self.counters.drop(Drop::Replayed),
            Err(SrtpError::NotAuthentic) => return self.counters.drop(Drop::NotAuthentic),
            Err(_) => return self.counters.drop(Drop::RefusedSrtp),
        };
        self.links[link].transport.on_authentic(now, &datagram.path);
        let Ok(compound) = Compound::parse(&plain[..len]) else {
            return self.counters.drop(Drop::BadRtcp);
        };
        let mut allowance = Allowance::default();
        for packet in compound {
            self.on_rtcp_packet((now, datagram.arrived), link, &packet, &mut allowance, out);
        }
        self.carry_sender_reports(now, link, out);
    }

    fn on_rtcp_packet(
        &mut self,
        (now, arrived): (Time, Time),
        link: u32,
        packet: &RtcpPacket<'_>,
        allowance: &mut Allowance,
        out: &mut impl Outbox,
    ) {
        match packet {
            RtcpPacket::SenderReport(report) => {
                self.on_sender_report(arrived, link, &report.info);
                report.blocks().for_each(|block| self.on_report_block(now, link, &block));
            }
            RtcpPacket::ReceiverReport(report) => {
                report.blocks().for_each(|block| self.on_report_block(now, link, &block))
            }
            RtcpPacket::Nack(nack) => self.on_nack(now, link, nack, &mut allowance.resends, out),
            RtcpPacket::Pli(pli) => self.on_key_frame_wish(link, pli.media),
            RtcpPacket::Fir(fir) => fir.entries().for_each(|entry| self.on_key_frame_wish(link, entry.media)),
            RtcpPacket::TransportFeedback(feedback) => {
                match allowance.statuses.checked_sub(feedback.status_count) {
                    Some(left) => allowance.statuses = left,
                    None => return self.counters.drop(Drop::BadRtcp),
                }
                self.on_transport_feedback(now, link, feedback);
            }
            RtcpPacket::Remb(remb) => self.on_remb(now, link, remb),
            // A publisher's goodbye is followed by signaling or by silence.
            RtcpPacket::Sdes(_) | RtcpPacket::Bye(_) | RtcpPacket::Other { .. } => {}
        }
    }

    fn on_sender_report(&mut self, now: Time, link: u32, info: &SenderInfo) {
        let Some(ingress) = self.links[link].ingress.find(info.ssrc) else {
            return self.counters.drop(Drop::UnknownRtcp);
        };
        if ingress.rtx || ingress.retired {
            return;
        }
        let layer = &mut self.tracks[ingress.track].layers[usize::from(ingress.layer)];
        layer.reception.on_sender_report(now, info.ntp);
        layer.reference = Some(SenderReference { ntp: info.ntp, timestamp: info.rtp_timestamp });
        self.links[link].clock.on_sender_report(now, &self.wall, info.ntp);
        self.links[link].carry = true;
        self.tap_report(ingress.track, usize::from(ingress.layer));
    }

    /// Carries a publisher's reports over to those who are shown its tracks, once for all the
    /// reports of a datagram and no more often than needed.
    fn carry_sender_reports(&mut self, now: Time, link: u32, out: &mut impl Outbox) {
        let entry = &mut self.links[link];
        if std::mem::take(&mut entry.carry) && now >= entry.next_carry {
            entry.next_carry = now + CARRY_INTERVAL;
            self.tell_reports(link);
            self.send_all_sender_reports(now, link, out);
        }
    }

    fn on_report_block(&mut self, now: Time, link: u32, block: &ReportBlock) {
        if let Some(slot) = self.slot_of(link, block.ssrc) {
            self.slots[slot].on_receiver_report();
            if block.fraction_lost >= LOSSY {
                self.links[link].lossy_until = now + LOSSY_FOR;
            }
        }
    }

    fn on_nack(&mut self, now: Time, link: u32, nack: &Nack<'_>, resends: &mut usize, out: &mut impl Outbox) {
        let Some(slot) = self.slot_of(link, nack.media) else {
            return self.counters.drop(Drop::UnknownRtcp);
        };
        let lost: ArrayVec<u16, MAX_RESENDS> = nack.lost().take(*resends).collect();
        *resends -= lost.len();
        for sequence in lost {
            if self.may_resend(now, link) {
                self.resend(now, slot, sequence, out);
            }
        }
    }

    fn on_key_frame_wish(&mut self, link: u32, ssrc: Ssrc) {
        let Some(slot) = self.slot_of(link, ssrc) else {
            return self.counters.drop(Drop::UnknownRtcp);
        };
        // It asks about what it sees; what it waits for is asked for already.
        let slot = &self.slots[slot];
        let layer = slot.layer().or(slot.aimed_at().map(|aim| aim.layer));
        if let Some((track, layer)) = slot.track().zip(layer) {
            self.want_key_frame(track, usize::from(layer));
        }
    }

    /// The seat of this transport that sends under `ssrc`: a handful, searched in order.
    fn slot_of(&self, link: u32, ssrc: Ssrc) -> Option<u32> {
        self.links[link].slots.iter().copied().find(|&slot| self.slots[slot].ssrc() == ssrc)
    }
}
