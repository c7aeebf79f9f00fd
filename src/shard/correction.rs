//! Pictures that come with what restores them: ULPFEC (RFC 5109) among the packets of a layer, all of
//! them in packets of redundancy (RFC 2198).
//!
//! Histories hold plain pictures, so viewers get those and nothing of this. Packets of FEC have numbers of
//! the layer's own sequence; in the history an empty packet stands in their place, which every seat leaves
//! out. What is restored goes on as if it had been sent once more, and is not asked for any longer.

use super::Shard;
use super::counters::Drop;
use super::ingress::{Aside, Way};
use super::link::Ingress;
use crate::base::id::PayloadType;
use crate::base::{Outbox, Time};
use crate::media::frame::Frame;
use crate::media::track::{Corrected, Track};
use crate::wire::rtp::{FIXED_HEADER_LEN, RtpView};
use crate::wire::ulpfec::MOST_PROTECTED;

/// In front of the only block (RFC 2198 §3): a zero bit and its payload type.
const BLOCK_HEADER_LEN: usize = 1;
const MORE_FOLLOW: u8 = 0x80;

impl Shard {
    /// A packet of redundancy with a picture, or with FEC, stands opened in `scratch`.
    pub(super) fn on_corrected(&mut self, now: Time, packet: Aside, out: &mut impl Outbox) {
        let Aside { arrived, from, index, len } = packet;
        let track = &mut self.tracks[from.track];
        let Ok(view) = RtpView::parse(&self.scratch[..len]) else {
            return self.counters.drop(Drop::BadRtp);
        };
        let Some(inside) = only_block(view.payload()) else {
            return self.counters.drop(Drop::BadRtp);
        };
        let (header_len, marker) = (view.header_len(), view.marker());
        if track.published.correction.is_some_and(|correction| correction.ulpfec == inside) {
            return self.on_fec(now, packet, out);
        }
        let codec = track.codec_of(inside).map(|codec| track.codecs[codec].codec);
        let inner = view.payload().get(BLOCK_HEADER_LEN..).unwrap_or_default();
        let frame = codec.map(|codec| Frame::read(codec, inner, marker)).unwrap_or_default();
        let first = self.needless_before(from, index, &frame);
        for missing in first..index {
            self.do_without(now, from, missing, out);
        }
        let layer = &mut self.tracks[from.track].layers[usize::from(from.layer)];
        if layer.highest < Some(index) {
            let picture = frame.picture().map(|(number, _)| number);
            layer.corrected = Some(Corrected { payload_type: inside, picture, ends: marker });
        }
        // Padding stays: it is part of what is protected.
        let room = layer.history.reserve(now);
        room[..header_len].copy_from_slice(&self.scratch[..header_len]);
        room[1] = room[1] & 0x80 | inside.0;
        let plain = len - BLOCK_HEADER_LEN;
        room[header_len..plain].copy_from_slice(&self.scratch[header_len + BLOCK_HEADER_LEN..len]);
        let waits = layer.fec.waits_for(index);
        self.store(now, Way::Itself(arrived), from, (index, plain), out);
        if waits {
            self.restore(now, from, out);
        }
    }

    /// A packet of FEC stands opened in `scratch`.
    fn on_fec(&mut self, now: Time, packet: Aside, out: &mut impl Outbox) {
        let Aside { arrived, from, index, len } = packet;
        self.counters.fec_in += 1;
        let track = &mut self.tracks[from.track];
        let first = track.codecs.first().map(|codec| codec.payload_type);
        let layer = &mut track.layers[usize::from(from.layer)];
        let Ok(view) = RtpView::parse(&self.scratch[..len]) else {
            return self.counters.drop(Drop::BadRtp);
        };
        if layer.fec.keep(index, &view.payload()[BLOCK_HEADER_LEN..]).is_err() {
            self.counters.drop(Drop::BadFec);
        }
        let known = layer.corrected.map(|newest| newest.payload_type);
        let stands_for = known.or(first).unwrap_or_default();
        put_empty(layer.history.reserve(now), stands_for, &self.scratch[..]);
        self.store(now, Way::Itself(arrived), from, (index, FIXED_HEADER_LEN), out);
        self.restore(now, from, out);
    }

    /// From which packet on all before `index` are missing and needless: between the end of a picture and
    /// the beginning of the next one by its number there is only FEC.
    fn needless_before(&self, from: Ingress, index: u64, frame: &Frame) -> u64 {
        let layer = &self.tracks[from.track].layers[usize::from(from.layer)];
        let before = layer.corrected.filter(|newest| newest.ends).and_then(|newest| newest.picture);
        let follows = before
            .zip(frame.picture())
            .is_some_and(|(before, (number, bits))| number == before.wrapping_add(1) & ((1 << bits) - 1));
        match layer.highest {
            Some(highest) if follows && frame.begins && index <= highest + MOST_PROTECTED => highest + 1,
            _ => index,
        }
    }

    /// Puts nothing where a packet is missing that nobody has to ask for, nor to miss.
    fn do_without(&mut self, now: Time, from: Ingress, missing: u64, out: &mut impl Outbox) {
        let layer = &mut self.tracks[from.track].layers[usize::from(from.layer)];
        let (Some(ssrc), Some(newest)) = (layer.ssrc, layer.corrected) else { return };
        let mut like = [0; FIXED_HEADER_LEN];
        like[2..4].copy_from_slice(&(missing as u16).to_be_bytes());
        like[4..8].copy_from_slice(&self.scratch[4..8]);
        like[8..].copy_from_slice(&ssrc.0.to_be_bytes());
        put_empty(layer.history.reserve(now), newest.payload_type, &like);
        self.store(now, Way::Needless, from, (missing, FIXED_HEADER_LEN), out);
    }

    /// Puts together what can be of the layer.
    fn restore(&mut self, now: Time, from: Ingress, out: &mut impl Outbox) {
        loop {
            let layer = &mut self.tracks[from.track].layers[usize::from(from.layer)];
            let Some(ssrc) = layer.ssrc else { return };
            let Some((index, len)) = layer.fec.restore(&layer.history, ssrc, &mut self.scratch[..]) else {
                return;
            };
            if layer.seen.knows(index) {
                // It came so long ago that it is not kept any more.
                continue;
            }
            layer.history.reserve(now)[..len].copy_from_slice(&self.scratch[..len]);
            self.counters.restored += 1;
            self.store(now, Way::Restored, from, (index, len), out);
        }
    }
}

/// Writes a packet that carries nothing, with the numbers of `like`.
fn put_empty(room: &mut [u8], payload_type: PayloadType, like: &[u8]) {
    room[..FIXED_HEADER_LEN].copy_from_slice(&like[..FIXED_HEADER_LEN]);
    (room[0], room[1]) = (0x80, payload_type.0);
}

/// The payload type and the payload of a retransmission of a packet of redundancy.
pub(super) fn unwrap_again<'a>(
    track: &Track,
    view: &RtpView<'_>,
    payload: &'a [u8],
) -> Option<(PayloadType, &'a [u8])> {
    let correction = track.published.correction?;
    let inside = only_block(payload).filter(|inside| *inside != correction.ulpfec)?;
    (correction.red_rtx == Some(view.payload_type())).then_some((inside, &payload[BLOCK_HEADER_LEN..]))
}

/// The payload type of the only block; pictures are never sent with older ones.
fn only_block(payload: &[u8]) -> Option<PayloadType> {
    payload.first().filter(|first| **first & MORE_FOLLOW == 0).map(|first| PayloadType(*first))
}
