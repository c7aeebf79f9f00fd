//! One receive seat: what arrives, what is missing, and what is said about it.

use super::decoder::Decoder;
use super::format::{descriptor_len, picture_number};
use super::rtcp::{Block, Message};
use super::rtp::Packet;
use crate::base::id::{PayloadType, Ssrc};
use crate::base::{SlotId, StreamId, Time};
use crate::control::types::{CodecParameters, ExtensionIds, Kind, Mid};
use crate::sim::payload::{self, Foreign, Tag};
use crate::sim::svc;
use std::collections::BTreeMap;
use std::time::Duration;

/// A packet is missed for good when it did not come for this long.
const GIVE_UP_AFTER: Duration = Duration::from_millis(600);
/// A hole may be mere reordering; libwebrtc too waits before its first NACK when the path reorders.
const PATIENCE: Duration = Duration::from_millis(10);
/// Between two requests for the same packet, longer than most simulated round trips.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(120);
/// Between two requests for a key frame.
const PICTURE_LOSS_INTERVAL: Duration = Duration::from_millis(300);
/// A jump wider than this is not asked for packet by packet.
const MAX_HOLE: u64 = 500;

/// What a seat was opened with.
#[derive(Clone, Debug)]
pub struct SeatOptions {
    /// Its id.
    pub slot: SlotId,
    /// The pair it belongs to.
    pub stream: StreamId,
    /// Sound or picture.
    pub kind: Kind,
    /// Its m-line.
    pub mid: Mid,
    /// Its SSRC.
    pub ssrc: Ssrc,
    /// The SSRC of its retransmissions.
    pub rtx_ssrc: Option<Ssrc>,
    /// What it can decode.
    pub codecs: Vec<CodecParameters>,
    /// The header extensions it takes.
    pub extensions: ExtensionIds,
}

/// One packet of media as it came out of a seat.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Heard {
    /// The seat.
    pub slot: SlotId,
    /// Its index in the seat's sequence.
    pub index: u64,
    /// On the seat's clock.
    pub timestamp: u32,
    /// What it says about itself.
    pub tag: Tag,
    /// Its picture's number, where its codec has one.
    pub picture: Option<u16>,
    /// Whether it came as a retransmission.
    pub resent: bool,
}

/// What is wrong with a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wrong {
    /// Nobody published it.
    Payload(Foreign),
    /// Its payload type was not agreed on for this seat.
    PayloadType(PayloadType),
    /// It carries another m-line's MID.
    Mid,
    /// The seat's first packets came without MID.
    NoMid,
    /// A retransmission without an original.
    EmptyRetransmission,
    /// Redundant sound whose blocks are not what they say, or not neighbours.
    Redundancy,
}

/// A seat at work.
#[derive(Debug)]
pub struct Seat {
    options: SeatOptions,
    first: Option<u64>,
    highest: Option<u64>,
    received: u64,
    reported: (u64, u64),
    missing: BTreeMap<u64, Missing>,
    decoder: Decoder,
    wants_key: bool,
    key_asked: Time,
    has_reported: bool,
    last_sender_report: Option<(u32, Time)>,
    key_requests: u64,
}

#[derive(Clone, Copy, Debug)]
struct Missing {
    since: Time,
    asked: Option<Time>,
}

impl Seat {
    /// A seat nothing has come to yet.
    pub fn new(options: SeatOptions) -> Seat {
        Seat {
            options,
            first: None,
            highest: None,
            received: 0,
            reported: (0, 0),
            missing: BTreeMap::new(),
            decoder: Decoder::default(),
            wants_key: false,
            key_asked: Time::ZERO,
            has_reported: false,
            last_sender_report: None,
            key_requests: 0,
        }
    }

    /// What it was opened with.
    pub fn options(&self) -> &SeatOptions {
        &self.options
    }

    /// What it has made of the packets.
    pub fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    /// How often it asked for a key frame.
    pub fn key_requests(&self) -> u64 {
        self.key_requests
    }

    /// Whether packets of this SSRC come to this seat.
    pub fn takes(&self, ssrc: Ssrc) -> bool {
        ssrc == self.options.ssrc || Some(ssrc) == self.options.rtx_ssrc
    }

    /// Takes a packet with its SRTP index.
    pub fn on_packet(&mut self, now: Time, packet: &Packet, index: u64) -> Result<Option<Heard>, Wrong> {
        self.check_mid(packet)?;
        let resent = packet.header.ssrc != self.options.ssrc;
        if !resent {
            self.received += 1;
        }
        if packet.payload.is_empty() {
            // Padding under the retransmission SSRC only probes the link.
            if !resent {
                self.note(now, index);
            }
            return Ok(None);
        }
        let heard = interpret(&self.options, packet, index, self.highest)?;
        self.note(now, heard.index);
        let descriptor = packet.header.extension(self.options.extensions.dependency_descriptor);
        let read = heard.tag.svc.and_then(|place| svc::read(place.svc, descriptor?));
        match read {
            None => self.decoder.on_packet(now, &heard.tag, heard.index),
            Some(read) => {
                if self.decoder.on_layered(now, &heard, read, packet.header.marker) {
                    // libwebrtc asks for nothing before what it can go on from.
                    self.missing = self.missing.split_off(&heard.index);
                }
            }
        }
        Ok(Some(heard))
    }

    /// A sender report of this seat's stream.
    pub fn on_sender_report(&mut self, now: Time, middle: u32) {
        self.last_sender_report = Some((middle, now));
    }

    /// Whether it wants to say something before the next report.
    pub fn is_impatient(&self) -> bool {
        !self.missing.is_empty() || self.wants_key || self.decoder.is_frozen()
    }

    /// What it asks for now.
    pub fn requests(&mut self, now: Time) -> Vec<Message> {
        let mut messages = Vec::new();
        // Of several layers what is given up may be of one that nobody needs.
        let lost = self.give_up(now) && !self.decoder.is_layered() || self.decoder.is_frozen();
        self.wants_key |= lost && self.options.kind == Kind::Video;
        let sequences = self.ask(now);
        if !sequences.is_empty() {
            messages.push(Message::Nack { media: self.options.ssrc, sequences });
        }
        if self.wants_key && now.since(self.key_asked) >= PICTURE_LOSS_INTERVAL {
            self.key_asked = now;
            self.key_requests += 1;
            messages.push(Message::PictureLoss { media: self.options.ssrc });
        }
        messages
    }

    /// Asks for the newest packets, whether they came or not.
    pub fn nack_newest(&self, count: u64) -> Option<Message> {
        let highest = self.highest?;
        let sequences = (highest.saturating_sub(count - 1)..=highest).map(|index| index as u16).collect();
        Some(Message::Nack { media: self.options.ssrc, sequences })
    }

    /// Its block in a receiver report (RFC 3550 §6.4.1), once something came.
    pub fn report(&mut self, now: Time) -> Option<Block> {
        let (first, highest) = (self.first?, self.highest?);
        let expected = highest + 1 - first;
        let lost = expected.saturating_sub(self.received);
        let (expected_before, received_before) = self.reported;
        let (expected_now, received_now) = (expected - expected_before, self.received - received_before);
        self.reported = (expected, self.received);
        self.has_reported = true;
        let lost_now = expected_now.saturating_sub(received_now);
        let since = |at: Time| (now.since(at).as_nanos() * 65_536 / 1_000_000_000) as u32;
        let (last_report, since_report) =
            self.last_sender_report.map_or((0, 0), |(middle, at)| (middle, since(at)));
        Some(Block {
            ssrc: self.options.ssrc,
            fraction_lost: (lost_now * 256).checked_div(expected_now).unwrap_or(0).min(255) as u8,
            lost: lost as u32,
            highest: highest as u32,
            jitter: 0,
            last_report,
            since_report,
        })
    }

    /// RFC 8843 §9.2: the MID, where it stands, is this m-line's; it stands until the first report.
    fn check_mid(&mut self, packet: &Packet) -> Result<(), Wrong> {
        let id = self.options.extensions.mid;
        match packet.header.extension(id) {
            Some(mid) if mid != self.options.mid.as_bytes() => Err(Wrong::Mid),
            None if id.is_some() && !self.has_reported => Err(Wrong::NoMid),
            _ => Ok(()),
        }
    }

    fn note(&mut self, now: Time, index: u64) {
        self.missing.remove(&index);
        self.first.get_or_insert(index);
        let highest = *self.highest.get_or_insert(index);
        if index <= highest {
            return;
        }
        self.highest = Some(index);
        if index - highest > MAX_HOLE {
            self.missing.clear();
            self.wants_key = self.options.kind == Kind::Video;
            return;
        }
        let fresh = Missing { since: now, asked: None };
        self.missing.extend((highest + 1..index).map(|missing| (missing, fresh)));
    }

    fn give_up(&mut self, now: Time) -> bool {
        let before = self.missing.len();
        self.missing.retain(|_, missing| now.since(missing.since) < GIVE_UP_AFTER);
        if self.decoder.take_began() {
            self.wants_key = false;
        }
        before != self.missing.len()
    }

    fn ask(&mut self, now: Time) -> Vec<u16> {
        if !self.options.codecs.iter().any(|codec| codec.nack) {
            return Vec::new();
        }
        let mut sequences = Vec::new();
        for (index, missing) in &mut self.missing {
            let due = match missing.asked {
                None => now.since(missing.since) >= PATIENCE,
                Some(asked) => now.since(asked) >= ASK_AGAIN_AFTER,
            };
            if due {
                missing.asked = Some(now);
                sequences.push(*index as u16);
            }
        }
        sequences
    }
}

/// Reads a packet of media that came for a seat. A retransmission's original is looked for around
/// `highest`, the highest index of the seat's own SSRC so far.
pub fn interpret(
    options: &SeatOptions,
    packet: &Packet,
    index: u64,
    highest: Option<u64>,
) -> Result<Heard, Wrong> {
    let resent = packet.header.ssrc != options.ssrc;
    let (index, payload) = if resent { unwrap(packet, highest)? } else { (index, &packet.payload[..]) };
    let wanted = packet.header.payload_type;
    if let Some(codec) = options.codecs.iter().find(|codec| codec.red == Some(wanted)) {
        let tag = newest_of(payload, codec)?;
        return Ok(Heard {
            slot: options.slot,
            index,
            timestamp: packet.header.timestamp,
            tag,
            picture: None,
            resent,
        });
    }
    let is_it = |codec: &&CodecParameters| {
        if resent { codec.rtx == Some(wanted) } else { codec.payload_type == wanted }
    };
    let codec = options.codecs.iter().find(is_it).ok_or(Wrong::PayloadType(wanted))?;
    let header = descriptor_len(codec.codec, payload).ok_or(Wrong::Payload(Foreign::NoTag))?;
    let tag = payload::read(payload, header).map_err(Wrong::Payload)?;
    let picture = picture_number(codec.codec, payload);
    Ok(Heard { slot: options.slot, index, timestamp: packet.header.timestamp, tag, picture, resent })
}

/// RFC 2198 §3: the newest block, and the one in front must be the one before it.
fn newest_of(payload: &[u8], codec: &CodecParameters) -> Result<Tag, Wrong> {
    let read = |block: &[u8]| {
        let header = descriptor_len(codec.codec, block).ok_or(Wrong::Payload(Foreign::NoTag))?;
        payload::read(block, header).map_err(Wrong::Payload)
    };
    match payload {
        [first, rest @ ..] if *first == codec.payload_type.0 => read(rest),
        [first, a, b, c, last, rest @ ..]
            if *first == 0x80 | codec.payload_type.0 && *last == codec.payload_type.0 =>
        {
            let word = u32::from_be_bytes([0, *a, *b, *c]);
            let (before, newest) = rest.split_at_checked((word & 0x3ff) as usize).ok_or(Wrong::Redundancy)?;
            let (before, newest) = (read(before)?, read(newest)?);
            let apart = newest.captured.since(before.captured).as_micros() as u64 * 48 / 1_000;
            let fits = before.track == newest.track && before.index + 1 == newest.index;
            let in_time = apart.abs_diff(u64::from(word >> 10)) <= 1;
            if fits && in_time { Ok(newest) } else { Err(Wrong::Redundancy) }
        }
        _ => Err(Wrong::Redundancy),
    }
}

/// The original's index and payload (RFC 4588 §4).
fn unwrap(packet: &Packet, highest: Option<u64>) -> Result<(u64, &[u8]), Wrong> {
    let (original, payload) = packet.payload.split_first_chunk::<2>().ok_or(Wrong::EmptyRetransmission)?;
    let original = u16::from_be_bytes(*original);
    let highest = highest.unwrap_or(u64::from(original));
    let ahead = original.wrapping_sub(highest as u16) as i16;
    Ok((highest.saturating_add_signed(i64::from(ahead)), payload))
}
