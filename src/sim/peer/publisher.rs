//! One published track: media at its pace, key frames and retransmissions on request.

mod lies;

use super::format::{Shape, descriptor, layered_descriptor};
use super::rtcp::Message;
use super::rtp::Header;
use crate::base::id::{PayloadType, Ssrc};
use crate::base::random::Random;
use crate::base::{RoomId, Time, TrackId, WallClock};
use crate::control::types::{Codec, Correction, ExtensionIds, Kind, Mid};
use crate::sim::payload::{self, Place, TAG_LEN, Tag};
use crate::sim::svc::{self, Encoder, Frame, LAYERS, Svc};
use crate::wire::ulpfec::{MOST_PROTECTED, protect};
use std::collections::VecDeque;
use std::time::Duration;

/// Opus packets come every 20 ms (RFC 7587 §4.2).
const AUDIO_INTERVAL: Duration = Duration::from_millis(20);
/// While nobody speaks, Opus sends one packet in 400 ms (RFC 6716 §2.1.9, as libopus does it).
const DTX_INTERVAL: Duration = Duration::from_millis(400);
/// Fewer frames than a camera gives, so that a second of a call is cheap.
const VIDEO_INTERVAL: Duration = Duration::from_micros(66_667);
/// The body of a packet that does not end its picture.
const FULL: usize = 1_000;
/// A key frame has so many times the bytes of another picture.
const KEY_FRAME: usize = 4;
/// The same in percent where an encoding has several spatial layers …
const LAYERED_KEY_FRAME: usize = 800;
/// … and what its pictures of each temporal layer have.
const TEMPORAL_SHARES: [usize; 3] = [200, 80, 60];
/// How much is kept for retransmission: some seconds of either kind.
const KEPT: usize = 400;

/// What a track is published with.
#[derive(Clone, Debug)]
pub struct PublisherOptions {
    /// The room it is for.
    pub room: RoomId,
    /// Its id.
    pub track: TrackId,
    /// Its m-line.
    pub mid: Mid,
    /// Its codec.
    pub codec: Codec,
    /// Its SSRC.
    pub ssrc: Ssrc,
    /// The SSRC of its retransmissions; without, packets are sent again as they were.
    pub rtx_ssrc: Option<Ssrc>,
    /// Its payload type.
    pub payload_type: PayloadType,
    /// The payload type of its retransmissions.
    pub rtx_payload_type: Option<PayloadType>,
    /// The payload type of packets that carry the one before once more (RFC 2198).
    pub red_payload_type: Option<PayloadType>,
    /// What its pictures come with that restores lost packets (RFC 5109).
    pub correction: Option<Correction>,
    /// Ids of its header extensions.
    pub extensions: ExtensionIds,
    /// How much it sends; otherwise little, so that a second of a call is cheap.
    pub rate: Option<Rate>,
    /// Which of the track's encodings it is.
    pub layer: u8,
    /// Whether the track has several.
    pub is_layered: bool,
    /// The encoding's name, when it is known by that.
    pub rid: Option<Mid>,
    /// The spatial layers that it has, and how much each of them sends.
    pub svc: Option<(Svc, [Rate; LAYERS])>,
}

/// How much an encoding of a picture sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// Bits a second of payload.
    pub bits_per_second: u64,
    /// Pictures a second.
    pub pictures: u64,
}

/// A packet to be sent: everything but the extensions that are written at the last moment.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Its header.
    pub header: Header,
    /// Its payload.
    pub payload: Vec<u8>,
}

/// A track at work.
#[derive(Debug)]
pub struct Publisher {
    options: PublisherOptions,
    random: Random,
    sequence: u16,
    rtx_sequence: u16,
    timestamp_base: u32,
    began: Time,
    next_at: Time,
    talks_until: Time,
    silent_until: Time,
    index: u64,
    frame: u32,
    wants_key: bool,
    muted: bool,
    paused: (bool, bool),
    kept: VecDeque<Outgoing>,
    /// The SSRC before the present one and its next sequence number, when both are sent under.
    before: Option<(Ssrc, u16)>,
    /// Packets of the present picture, as they were sent, for what restores them.
    protected: Vec<Vec<u8>>,
    encoder: Option<Encoder>,
    packets: u32,
    bytes: u32,
}

impl Publisher {
    /// A track that begins at `now`.
    pub fn new(options: PublisherOptions, seed: u64, now: Time) -> Publisher {
        let mut random = Random::new(seed);
        Publisher {
            // Anywhere: browsers start below 32768, others wrap soon, and both must work.
            sequence: random.next_u32() as u16,
            rtx_sequence: random.next_u32() as u16,
            timestamp_base: random.next_u32(),
            began: now,
            next_at: now + Duration::from_micros(random.below(60_000)),
            talks_until: now,
            silent_until: now,
            index: 0,
            frame: 0,
            wants_key: true,
            muted: false,
            paused: (false, false),
            kept: VecDeque::new(),
            before: None,
            protected: Vec::new(),
            encoder: options.svc.map(|(svc, _)| Encoder::new(svc, 65_500)),
            packets: 0,
            bytes: 0,
            options,
            random,
        }
    }

    /// What it was made with.
    pub fn options(&self) -> &PublisherOptions {
        &self.options
    }

    /// Sound or picture.
    pub fn kind(&self) -> Kind {
        if self.options.codec == Codec::Opus { Kind::Audio } else { Kind::Video }
    }

    /// Whether its sound is speech at `now`.
    pub fn talks(&self, now: Time) -> bool {
        now < self.talks_until && !self.muted
    }

    /// How many packets it has published.
    pub fn published(&self) -> u64 {
        self.index
    }

    /// A muted track captures nothing: as a page does it, sound goes on as silence and the picture
    /// stops.
    pub fn set_muted(&mut self, muted: bool) {
        self.muted = muted;
        self.wants_key |= !muted;
    }

    /// Stops an encoding, because nobody watches it or for a reason of its own, or takes it up again
    /// with a key frame.
    pub fn set_paused(&mut self, unwatched: bool, failing: bool) {
        self.wants_key |= self.is_paused() && !unwatched && !failing;
        self.paused = (unwatched, failing);
    }

    /// Whether it is stopped because nobody watches it, and for a reason of its own.
    pub fn paused(&self) -> (bool, bool) {
        self.paused
    }

    /// So many spatial layers of one encoding are coded from now on.
    pub fn set_spatial(&mut self, layers: usize) {
        self.wants_key |= self.encoder.as_mut().is_some_and(|encoder| encoder.set_active(layers));
    }

    fn is_paused(&self) -> bool {
        self.paused.0 || self.paused.1
    }

    /// When [`produce`](Self::produce) is due.
    pub fn next_deadline(&self) -> Time {
        self.next_at
    }

    /// Everything captured until `now`.
    pub fn produce(&mut self, now: Time) -> Vec<Outgoing> {
        let mut out = Vec::new();
        while self.next_at <= now {
            let at = self.next_at;
            match self.kind() {
                Kind::Audio => self.capture_sound(at, &mut out),
                Kind::Video => self.capture_picture(at, &mut out),
            }
        }
        let again = self.under_the_ssrc_before(&out);
        out.extend(again);
        out
    }

    /// The peer asks for a key frame.
    pub fn on_key_frame_request(&mut self) {
        self.wants_key = true;
    }

    /// The peer misses packets: what is still kept is sent again.
    pub fn on_nack(&mut self, sequences: &[u16]) -> Vec<Outgoing> {
        let mut again = Vec::new();
        for sequence in sequences {
            let Some(kept) = self.kept.iter().rev().find(|kept| kept.header.sequence == *sequence) else {
                continue;
            };
            let kept = kept.clone();
            again.push(self.wrap(kept));
        }
        again
    }

    /// RFC 4588 §4: the original sequence number before the original payload, which has the header of
    /// redundancy where it came with one.
    fn wrap(&mut self, mut kept: Outgoing) -> Outgoing {
        let (Some(ssrc), Some(payload_type)) = (self.options.rtx_ssrc, self.options.rtx_payload_type) else {
            return kept;
        };
        let mut payload_type = payload_type;
        if let Some((correction, red_rtx)) = self.options.correction.and_then(|it| Some((it, it.red_rtx?))) {
            debug_assert_ne!(correction.ulpfec, kept.header.payload_type, "FEC is not kept");
            kept.payload.insert(0, kept.header.payload_type.0);
            payload_type = red_rtx;
        }
        kept.payload.splice(0..0, kept.header.sequence.to_be_bytes());
        self.rtx_sequence = self.rtx_sequence.wrapping_add(1);
        kept.header.sequence = self.rtx_sequence;
        kept.header.ssrc = ssrc;
        kept.header.payload_type = payload_type;
        kept
    }

    fn under_the_ssrc_before(&mut self, packets: &[Outgoing]) -> Vec<Outgoing> {
        let Some((before, sequence)) = &mut self.before else { return Vec::new() };
        let mut again = packets.to_vec();
        for packet in &mut again {
            (packet.header.ssrc, packet.header.sequence) = (*before, *sequence);
            *sequence = sequence.wrapping_add(1);
        }
        again
    }

    /// Puts a packet whose header is complete into one of redundancy, when that was agreed on; the packet of
    /// FEC that ends a picture is made here, over what was sent before it.
    pub fn correct(&mut self, packet: &mut Outgoing) {
        let is_again = Some(packet.header.ssrc) == self.options.rtx_ssrc;
        let Some(correction) = self.options.correction.filter(|_| !is_again) else { return };
        let plain = packet.header.payload_type;
        if plain == correction.ulpfec {
            let protected = std::mem::take(&mut self.protected);
            let first = protected.len().saturating_sub(MOST_PROTECTED as usize);
            let packets: Vec<&[u8]> = protected[first..].iter().map(Vec::as_slice).collect();
            packet.payload = protect(&packets);
        } else {
            let mut bytes = packet.header.to_bytes();
            bytes.extend(&packet.payload);
            self.protected.push(bytes);
        }
        packet.payload.insert(0, plain.0);
        packet.header.payload_type = correction.red;
    }

    /// A sender report (RFC 3550 §6.4.1), once something was sent.
    pub fn sender_report(&self, now: Time, wall: &WallClock) -> Option<Message> {
        (self.packets > 0).then(|| Message::SenderReport {
            ssrc: self.options.ssrc,
            ntp: wall.ntp(now),
            rtp: self.timestamp(now),
            packets: self.packets,
            bytes: self.bytes,
            blocks: Vec::new(),
        })
    }

    fn clock_rate(&self) -> u64 {
        if self.kind() == Kind::Audio { 48_000 } else { 90_000 }
    }

    fn timestamp(&self, at: Time) -> u32 {
        let nanos = at.since(self.began).as_nanos() as u64;
        self.timestamp_base.wrapping_add((nanos / 1_000 * self.clock_rate() / 1_000_000) as u32)
    }

    fn capture_sound(&mut self, at: Time, out: &mut Vec<Outgoing>) {
        let begins = at >= self.silent_until && at >= self.talks_until && !self.muted;
        if begins {
            self.talks_until = at + Duration::from_millis(500 + self.random.below(2_500));
            self.silent_until = self.talks_until + Duration::from_millis(self.random.below(1_500));
        }
        let talks = at < self.talks_until && !self.muted;
        self.next_at = at + if talks { AUDIO_INTERVAL } else { DTX_INTERVAL };
        let body = if talks { 20 + self.random.below(100) as usize } else { 0 };
        let shape = Shape { frame: self.frame, key: true, first: true, last: true };
        self.emit(at, &shape, begins, body, out);
        self.frame += 1;
    }

    fn capture_picture(&mut self, at: Time, out: &mut Vec<Outgoing>) {
        let interval = self.options.rate.map(|rate| Duration::from_secs(1) / rate.pictures as u32);
        self.next_at = at + interval.unwrap_or(VIDEO_INTERVAL);
        if self.muted || self.is_paused() {
            return;
        }
        let key = std::mem::take(&mut self.wants_key);
        if self.encoder.is_some() {
            return self.capture_layers(at, key, out);
        }
        let bytes = self.picture_bytes(key);
        let packets = bytes / FULL + 1;
        for n in 0..packets {
            let (first, last) = (n == 0, n + 1 == packets);
            let shape = Shape { frame: self.frame, key, first, last };
            let body = if last { bytes - n * FULL } else { FULL };
            self.emit(at, &shape, last, body, out);
        }
        self.frame += 1;
        if let Some(correction) = self.options.correction {
            // What is in it is known when the headers of the others are.
            let header = Header { payload_type: correction.ulpfec, ..self.header(at) };
            out.push(Outgoing { header, payload: Vec::new() });
        }
    }

    /// A picture in several spatial layers, each a frame of its own.
    fn capture_layers(&mut self, at: Time, key: bool, out: &mut Vec<Outgoing>) {
        let (Some(encoder), Some((svc, rates))) = (&mut self.encoder, self.options.svc) else { return };
        let frames = encoder.picture(key);
        for (place, frame) in frames.iter().enumerate() {
            let rate = rates[frame.spatial];
            let mean = (rate.bits_per_second / 8 / rate.pictures) as usize;
            let luck = 850 + self.random.below(300) as usize;
            let percent = if key { LAYERED_KEY_FRAME } else { TEMPORAL_SHARES[usize::from(frame.temporal)] };
            let bytes = mean * luck / 1_000 * percent / 100;
            let packets = bytes / FULL + 1;
            for n in 0..packets {
                let (first, last) = (n == 0, n + 1 == packets);
                let shape = Shape { frame: self.frame, key, first, last };
                let body = if last { bytes - n * FULL } else { FULL };
                let ends = last && place + 1 == frames.len();
                let from = out.len();
                self.emit_of(Some((svc, frame)), at, &shape, ends, body, out);
                let id = self.options.extensions.dependency_descriptor;
                let told = id.map(|id| (id, svc::descriptor(svc, frame, first, last)));
                out[from..].iter_mut().for_each(|packet| packet.header.extensions.extend(told.clone()));
                let kept = self.kept.back_mut();
                kept.into_iter().for_each(|packet| packet.header.extensions.extend(told.clone()));
            }
        }
        self.frame += 1;
    }

    /// How large the next picture is.
    fn picture_bytes(&mut self, key: bool) -> usize {
        if let Some(rate) = self.options.rate {
            let mean = (rate.bits_per_second / 8 / rate.pictures) as usize;
            let luck = 750 + self.random.below(500) as usize;
            return mean * luck / 1_000 * if key { KEY_FRAME } else { 1 };
        }
        let packets = if key { 3 + self.random.below(4) } else { 1 + self.random.below(3) };
        // The lowest of several encodings is a small one.
        let is_small = self.options.layer == 0 && self.options.is_layered;
        let packets = if is_small { packets.div_ceil(3) } else { packets };
        (packets - 1) as usize * FULL + self.random.below(900) as usize
    }

    /// The header of the next packet.
    fn header(&mut self, at: Time) -> Header {
        let header = Header {
            marker: false,
            payload_type: self.options.payload_type,
            sequence: self.sequence,
            timestamp: self.timestamp(at),
            ssrc: self.options.ssrc,
            extensions: Vec::new(),
        };
        self.sequence = self.sequence.wrapping_add(1);
        header
    }

    fn emit(&mut self, at: Time, shape: &Shape, marker: bool, body: usize, out: &mut Vec<Outgoing>) {
        self.emit_of(None, at, shape, marker, body, out);
    }

    fn emit_of(
        &mut self,
        layered: Option<(Svc, &Frame)>,
        at: Time,
        shape: &Shape,
        marker: bool,
        body: usize,
        out: &mut Vec<Outgoing>,
    ) {
        let is_key = |(_, frame): (Svc, &Frame)| frame.spatial == 0;
        let tag = Tag {
            room: self.options.room,
            track: self.options.track,
            index: self.index,
            captured: at,
            frame: shape.frame,
            key: shape.key && layered.is_none_or(is_key),
            first: shape.first,
            last: shape.last,
            kind: self.kind(),
            corrected: self.options.correction.is_some(),
            layer: self.options.layer,
            svc: layered.map(|(svc, frame)| Place { svc, spatial: frame.spatial as u8 }),
        };
        let picture = self.frame as u16 & 0x7fff;
        let mut payload = layered.map_or_else(
            || descriptor(self.options.codec, shape),
            |(_, frame)| layered_descriptor(self.options.codec, shape, picture, frame),
        );
        payload::write(&mut payload, &tag, body);
        let header = Header { marker, ..self.header(at) };
        self.index += 1;
        self.packets = self.packets.wrapping_add(1);
        self.bytes = self.bytes.wrapping_add(payload.len() as u32);
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        let packet = Outgoing { header, payload };
        self.kept.push_back(packet.clone());
        out.push(self.with_the_one_before(packet));
    }

    /// RFC 2198 §3, when it was agreed on and the one before is not too old for 14 bits.
    fn with_the_one_before(&self, mut packet: Outgoing) -> Outgoing {
        let Some(payload_type) = self.options.red_payload_type else { return packet };
        let own = packet.header.payload_type.0;
        let before = self.kept.iter().rev().nth(1).filter(|before| {
            let is_next = before.header.sequence.wrapping_add(1) == packet.header.sequence;
            is_next && packet.header.timestamp.wrapping_sub(before.header.timestamp) < 1 << 14
        });
        let mut payload = Vec::new();
        if let Some(before) = before {
            let offset = packet.header.timestamp.wrapping_sub(before.header.timestamp);
            payload.push(0x80 | own);
            payload.extend(&(offset << 10 | before.payload.len() as u32).to_be_bytes()[1..]);
        }
        payload.push(own);
        payload.extend(before.into_iter().flat_map(|before| &before.payload));
        payload.extend(&packet.payload);
        packet.payload = payload;
        packet.header.payload_type = payload_type;
        packet
    }
}

const _: () = assert!(FULL + TAG_LEN + 16 + 60 + 16 <= 1_200, "a full packet passes every path");
