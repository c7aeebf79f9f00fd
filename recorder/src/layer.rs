//! One encoding of a track: its packets in order, its frames on the server's clock.

use crate::clock::MediaClock;
use crate::depacketise::{Assembler, Frame, Part};
use crate::reorder::{Ordered, Reorder};
use std::time::Duration;
use volley::base::Time;
use volley::control::tap::TappedPacket;
use volley::control::types::{Codec, Kind};
use volley::wire::rtp::RtpView;

/// The first frames wait so long for a report of their publisher, without which sound and picture are in
/// step only as they came in. Browsers report on a picture within a second; on sound that has just begun
/// after two and a half, which would be too late for what is on the disk when something breaks.
const WAIT_FOR_REPORT: Duration = Duration::from_millis(1_000);

/// A frame and its moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Timed {
    /// What.
    pub frame: Frame,
    /// Nanoseconds since 1970 on the server's clock.
    pub at: i64,
    /// In which codec.
    pub codec: Codec,
}

/// What comes of a layer, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Came {
    /// A whole frame that can be shown.
    Frame(Timed),
    /// So many packets never came.
    Lost(u64),
}

#[derive(Debug)]
struct Kept {
    codec: Codec,
    timestamp: u32,
    marker: bool,
    payload: Vec<u8>,
    received: Time,
}

/// See the module.
#[derive(Debug)]
pub struct Layer {
    kind: Kind,
    unix_nanos_at_zero: u64,
    reorder: Reorder<Kept>,
    assembler: Option<(Codec, Assembler)>,
    clock: MediaClock,
    /// When the first packet came.
    since: Option<Time>,
    /// Nothing can be shown before a key frame.
    needs_key: bool,
}

impl Layer {
    /// Of this kind. A packet is waited for as long as `patience`.
    pub fn new(kind: Kind, patience: Duration, unix_nanos_at_zero: u64) -> Layer {
        Layer {
            kind,
            unix_nanos_at_zero,
            reorder: Reorder::new(patience),
            assembler: None,
            clock: MediaClock::new(if kind == Kind::Audio { 48_000 } else { 90_000 }),
            since: None,
            needs_key: kind == Kind::Video,
        }
    }

    /// A packet came; one that is no RTP is left out, and then missing.
    pub fn on_packet(&mut self, packet: &TappedPacket, bytes: &[u8]) {
        let Ok(view) = RtpView::parse(bytes) else { return };
        self.since.get_or_insert(packet.received);
        let ticks = self.clock.unwrap(view.timestamp());
        let unix_nanos = self.unix_nanos_at_zero.saturating_add(packet.received.as_nanos());
        self.clock.on_arrival(ticks, unix_nanos as i64);
        let kept = Kept {
            codec: packet.codec,
            timestamp: view.timestamp(),
            marker: view.marker(),
            payload: view.payload().to_vec(),
            received: packet.received,
        };
        self.reorder.push(packet.received, packet.index, kept);
        if !self.reorder.has_begun() && (self.kind == Kind::Audio || packet.starts_key_frame) {
            self.reorder.begin_at(packet.index);
        }
    }

    /// Its publisher reported.
    pub fn on_report(&mut self, timestamp: u32, unix_nanos: u64) {
        self.clock.on_report(timestamp, unix_nanos as i64);
    }

    /// A new sequence of packets begins, with time stamps of its own.
    pub fn restart(&mut self) {
        let patience = self.reorder.patience();
        *self = Layer::new(self.kind, patience, self.unix_nanos_at_zero);
    }

    /// Nothing came on purpose: what is missing is not waited for, and a picture begins anew.
    pub fn on_pause(&mut self) {
        self.reorder.restart();
        self.assembler = None;
        self.needs_key = self.kind == Kind::Video;
        self.since = None;
    }

    /// The next that can be told at `now`.
    pub fn pull(&mut self, now: Time) -> Option<Came> {
        let since = self.since?;
        if !self.clock.is_sure() && now.since(since) < WAIT_FOR_REPORT {
            return None;
        }
        self.reorder.forget_stale(now);
        loop {
            match self.reorder.pop(now)? {
                Ordered::Packet(kept) => {
                    if let Some(timed) = self.assemble(&kept) {
                        return Some(Came::Frame(timed));
                    }
                }
                Ordered::Lost(packets) => {
                    self.assembler.iter_mut().for_each(|(_, assembler)| assembler.on_loss());
                    self.needs_key |= self.kind == Kind::Video;
                    return Some(Came::Lost(packets));
                }
            }
        }
    }

    /// Nothing more can be shown before a key frame.
    pub fn need_key(&mut self) {
        self.needs_key = self.kind == Kind::Video;
    }

    /// Whether a key frame is needed before anything can be shown.
    pub fn needs_key(&self) -> bool {
        self.needs_key && self.since.is_some()
    }

    /// How many packets wait.
    pub fn waiting(&self) -> usize {
        self.reorder.len()
    }

    /// Whether something has come that cannot be told yet.
    pub fn is_waiting(&self) -> bool {
        !self.reorder.is_empty()
    }

    fn assemble(&mut self, kept: &Kept) -> Option<Timed> {
        let is_same = self.assembler.as_ref().is_some_and(|(codec, _)| *codec == kept.codec);
        if !is_same {
            self.needs_key |= self.kind == Kind::Video;
            self.assembler = Some((kept.codec, Assembler::new(kept.codec)));
        }
        let (codec, assembler) = self.assembler.as_mut()?;
        let Kept { timestamp, marker, received, .. } = *kept;
        let part = Part { payload: &kept.payload, timestamp, marker, received };
        let frame = match assembler.push(&part) {
            Ok(frame) => frame?,
            Err(_) => {
                self.needs_key |= self.kind == Kind::Video;
                return None;
            }
        };
        if self.needs_key && !frame.is_key {
            return None;
        }
        self.needs_key = false;
        let codec = *codec;
        let ticks = self.clock.near(frame.timestamp);
        let at = self.clock.moment(ticks)?;
        Some(Timed { frame, at, codec })
    }
}
