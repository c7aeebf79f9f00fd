//! RTCP to peers: feedback to publishers, sender reports to subscribers.

use super::Shard;
use super::counters::{Counters, Drop};
use super::fanout::published_at;
use super::link::{Link, REPORT_INTERVAL, Srtp};
use crate::base::id::Ssrc;
use crate::base::{Outbox, Push, Time, TrainId};
use crate::media::nack::MAX_MISSING;
use crate::media::twcc::WINDOW;
use crate::wire::rtcp::{
    FirEntry, ReportBlock, SenderInfo, write_fir, write_nack, write_pli, write_receiver_report, write_sdes,
    write_sender_report, write_transport_feedback,
};
use arrayvec::ArrayVec;

/// The SSRC our feedback goes under: a receiver that sends nothing, as libwebrtc's own does.
const FEEDBACK_SSRC: Ssrc = Ssrc(1);

/// Plain RTCP is kept under this, so that it fits a datagram on any path with its protection.
const MAX_RTCP: usize = 1_150;

/// Report blocks of one receiver report; the count field has five bits (RFC 3550 §6.4.1).
const MAX_BLOCKS: usize = 31;

impl Shard {
    /// Sends receiver reports on all that comes in on `link`.
    pub(super) fn send_receiver_reports(&mut self, now: Time, link: u32, out: &mut impl Outbox) {
        let mut blocks = ArrayVec::<ReportBlock, MAX_BLOCKS>::new();
        for &track in &self.links[link].tracks {
            for layer in &mut self.tracks[track].layers {
                self.counters.note_reception(&layer.reception);
                let block = layer.ssrc.and_then(|ssrc| layer.reception.report(now, ssrc));
                blocks.extend(block.filter(|_| blocks.remaining_capacity() > 0));
            }
        }
        self.links[link].next_report = now + REPORT_INTERVAL;
        if !blocks.is_empty() {
            self.send_rtcp(link, out, |room| write_receiver_report(FEEDBACK_SSRC, &blocks, room));
        }
    }

    /// Sends the arrival times gathered on `link`.
    pub(super) fn send_arrivals(&mut self, link: u32, out: &mut impl Outbox) {
        let Link { arrivals, tracks, .. } = &mut self.links[link];
        let media = tracks.iter().find_map(|&track| self.tracks[track].any_ssrc()).unwrap_or_default();
        let mut packets = ArrayVec::<(u16, Option<Time>), WINDOW>::new();
        let mut count = 0;
        arrivals.take(|feedback| {
            let sequences = (0..).map(|n| feedback.base.wrapping_add(n));
            packets.extend(sequences.zip(feedback.arrived.iter().copied()));
            count = feedback.count;
        });
        let mut rest = &packets[..];
        while !rest.is_empty() {
            let mut taken = rest.len();
            self.send_rtcp(link, out, |room| {
                let written = write_transport_feedback(FEEDBACK_SSRC, media, count, rest, room)?;
                taken = written.packets.max(1);
                Some(written.len)
            });
            rest = &rest[taken..];
            if !rest.is_empty() {
                count = self.links[link].arrivals.next_count();
            }
        }
    }

    /// Asks the publisher of `track` for what is missing and due, and for key frames.
    pub(super) fn send_requests(&mut self, now: Time, track: u32, out: &mut impl Outbox) {
        for layer in 0..self.tracks[track].layers.len() {
            self.send_nack(now, track, layer, out);
            self.send_key_frame_request(now, track, layer, out);
        }
    }

    fn send_nack(&mut self, now: Time, key: u32, layer: usize, out: &mut impl Outbox) {
        let track = &mut self.tracks[key];
        let mut due = ArrayVec::<u16, MAX_MISSING>::new();
        track.layers[layer].nacks.take_due(now, self.waits, &mut due);
        let agreed = track.codecs.iter().any(|codec| codec.nack);
        let Some(ssrc) = track.layers[layer].ssrc.filter(|_| agreed && !due.is_empty()) else { return };
        track.counters.nacks_sent += due.len() as u64;
        let link = track.transport;
        self.send_rtcp(link, out, |room| write_nack(FEEDBACK_SSRC, ssrc, &due, room));
    }

    fn send_key_frame_request(&mut self, now: Time, key: u32, layer: usize, out: &mut impl Outbox) {
        let track = &mut self.tracks[key];
        if !track.layers[layer].is_shown() {
            return track.layers[layer].key_requests.served();
        }
        // Before its first packet a layer has no SSRC to ask; its first packet starts a key frame.
        let Some(ssrc) = track.layers[layer].ssrc else {
            return track.layers[layer].key_requests.postpone(now);
        };
        if !track.layers[layer].key_requests.take_due(now) {
            return;
        }
        let count = track.counters.key_frame_requests;
        track.counters.key_frame_requests += 1;
        let (pli, fir) =
            (track.codecs.iter().any(|codec| codec.pli), track.codecs.iter().any(|codec| codec.fir));
        let link = track.transport;
        self.counters.key_frame_requests += 1;
        self.send_rtcp(link, out, |room| {
            if pli || !fir {
                return write_pli(FEEDBACK_SSRC, ssrc, room);
            }
            // RFC 5104 §4.3.1.2: each new request has the next sequence number.
            write_fir(FEEDBACK_SSRC, FirEntry { media: ssrc, sequence: count as u8 }, room)
        });
    }

    /// Sends sender reports for all that the transport `publisher` publishes. Always all of them:
    /// the estimate of its clock moves, and only reports made with one estimate agree on what is
    /// in step. A browser reports on sound every five seconds and on a picture each second.
    pub(super) fn send_all_sender_reports(&mut self, now: Time, publisher: u32, out: &mut impl Outbox) {
        for place in 0..self.links[publisher].tracks.len() {
            let track = self.links[publisher].tracks[place];
            for layer in 0..self.tracks[track].layers.len() {
                self.send_sender_reports(now, track, layer, out);
            }
        }
    }

    /// Sends sender reports on the pair that `slot` belongs to: it has just begun to show something.
    pub(super) fn send_pair_reports(&mut self, now: Time, slot: u32, out: &mut impl Outbox) {
        let (link, stream) = (self.slots[slot].transport(), self.slots[slot].stream());
        for place in 0..self.links[link].slots.len() {
            let slot = self.links[link].slots[place];
            if self.slots[slot].stream() == stream {
                self.send_sender_report(now, slot, out);
            }
        }
    }

    pub(super) fn send_sender_reports(&mut self, now: Time, track: u32, layer: usize, out: &mut impl Outbox) {
        for place in 0..self.tracks[track].layers[layer].slots.len() {
            let slot = self.tracks[track].layers[layer].slots[place];
            // Who waits for this layer's key frame is on its list, and on that of what it shows.
            if self.slots[slot].layer() == Some(layer as u8) {
                self.send_sender_report(now, slot, out);
            }
        }
    }

    /// Tells the seat's receiver which of its time stamps belongs to now, on the server's clock, so
    /// that it can play sound and picture in step. Says nothing before the publisher has.
    fn send_sender_report(&mut self, now: Time, key: u32, out: &mut impl Outbox) {
        let slot = &self.slots[key];
        let Some(track) = slot.track().and_then(|track| self.tracks.get(track)) else { return };
        let Some(layer) = slot.layer() else { return };
        let published = published_at(now, track, usize::from(layer), &self.links, &self.wall);
        let Some(rtp_timestamp) = published.and_then(|published| slot.timestamp_of(published)) else {
            return;
        };
        let (ssrc, link, sent) = (slot.ssrc(), slot.transport(), slot.sent());
        let clock_rate = track.clock_rate();
        self.slots[key].on_reported(now, rtp_timestamp, clock_rate);
        let ntp = self.wall.ntp(now);
        let info = SenderInfo { ssrc, ntp, rtp_timestamp, packets: sent.packets, octets: sent.octets };
        let cname = self.links[link].opened.cname;
        self.send_rtcp(link, out, |room| {
            let report = write_sender_report(&info, &[], room)?;
            Some(report + write_sdes(ssrc, cname.as_bytes(), &mut room[report..])?)
        });
    }

    /// Writes one RTCP datagram in plain text and seals it into the train of `link`.
    fn send_rtcp(
        &mut self,
        link: u32,
        out: &mut impl Outbox,
        write: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) {
        let mut plain = [0; MAX_RTCP];
        let Some(len) = write(&mut plain) else { return };
        push_rtcp(link, &mut self.links[link], &plain[..len], &mut self.counters, out);
    }
}

fn push_rtcp(key: u32, link: &mut Link, plain: &[u8], counters: &mut Counters, out: &mut impl Outbox) {
    let Some(path) = link.transport.path() else { return counters.drop(Drop::NotConnected) };
    let Some(Srtp { sender, .. }) = &mut link.srtp else { return counters.drop(Drop::NotConnected) };
    let capacity = plain.len() + sender.rtcp_overhead();
    match out.push(TrainId(key), &path, capacity, |room| sender.seal_rtcp(plain, room).ok()) {
        Push::Committed => counters.rtcp_out += 1,
        Push::RolledBack => counters.drop(Drop::NotSealed),
        Push::Full => counters.drop(Drop::NoBuffer),
    }
}
