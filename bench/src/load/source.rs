//! One SSRC of the server as a participant receives it: numbers, reports, holes, key frames.
//!
//! Judges by RTP alone; what the packets show it is told, and keeps.

use super::layers::Layers;
use crate::signal::{Kind, Layer};
use arrayvec::ArrayVec;
use std::time::Duration;
use volley::base::Time;
use volley::base::id::Ssrc;
use volley::base::seq::Unwrapper;
use volley::media::nack::{self, Nacks};
use volley::media::reception::Reception;
use volley::wire::rtp::RtpView;

/// A key frame that does not come is asked for again as often as browsers do.
const KEY_FRAME_PAUSE: Duration = Duration::from_secs(1);
/// Most numbers in one NACK of ours; more wait for the next.
pub(super) const MAX_NACK: usize = 64;

/// One SSRC of the server.
pub(super) struct Source {
    kind: Kind,
    unwrapper: Unwrapper,
    pub(super) reception: Reception,
    /// The stream it shows.
    pub(super) stream: Option<u32>,
    /// The one it showed before that.
    before: Option<u32>,
    /// The layer it shows, and until when that has been counted.
    shown: Option<(Layer, Time)>,
    /// There since the first hole, away when all are filled: its room for holes is large.
    nacks: Option<Box<Nacks>>,
    pub(super) has_key_frame: bool,
    next_key_request: Time,
}

/// Where a packet stands among those of its SSRC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// It is the first.
    First,
    /// It is the newest, and between it and the one before so many have not come.
    Ahead { hole: u64 },
    /// It was overtaken.
    Late,
}

/// One thing to ask the server for.
pub(super) enum Request {
    Nack(Ssrc, ArrayVec<u16, MAX_NACK>),
    KeyFrame(Ssrc),
}

impl Source {
    pub(super) fn new(kind: Kind) -> Source {
        let rate = match kind {
            Kind::Audio => 48_000,
            Kind::Video => 90_000,
        };
        Source {
            kind,
            unwrapper: Unwrapper::default(),
            reception: Reception::new(rate),
            stream: None,
            before: None,
            shown: None,
            nacks: None,
            has_key_frame: kind == Kind::Audio,
            next_key_request: Time::ZERO,
        }
    }

    /// Takes note of a packet.
    pub(super) fn note(&mut self, now: Time, packet: &RtpView<'_>) -> Step {
        let before = self.unwrapper.highest();
        let index = self.unwrapper.unwrap(packet.sequence());
        self.reception.on_packet(now, index, packet.timestamp());
        if self.nacks.is_some() {
            self.fill_hole(now, index);
        } else if let Some(before) = before.filter(|&before| index > before + 1 && self.kind == Kind::Video) {
            // Browsers ask for lost pictures only; lost sound is concealed.
            let mut nacks = Box::<Nacks>::default();
            nacks.on_packet(now, before);
            nacks.on_packet(now, index);
            self.nacks = Some(nacks);
        }
        match before {
            None => Step::First,
            Some(before) if index > before => Step::Ahead { hole: index - before - 1 },
            Some(_) => Step::Late,
        }
    }

    /// From now on it shows another stream: another layer of the same picture, or something else.
    pub(super) fn change(&mut self, stream: u32, same_picture: bool) {
        self.before = self.stream.replace(stream);
        self.shown = self.shown.filter(|_| same_picture);
    }

    /// Whether a packet of `stream` that comes late, or again, can be one that was missing here.
    pub(super) fn has_shown(&self, stream: u32) -> bool {
        [self.stream, self.before].contains(&Some(stream))
    }

    /// Its newest packet is of this layer.
    pub(super) fn show(&mut self, now: Time, layer: Layer, layers: &mut Layers) {
        if let Some((before, since)) = self.shown.replace((layer, now)) {
            layers.of(before).shown += now.since(since);
        }
    }

    /// A lost packet came after all.
    pub(super) fn recover(&mut self, now: Time, sequence: u16) {
        self.reception.on_recovered();
        self.fill_hole(now, self.unwrapper.peek(sequence));
    }

    /// A packet came while some are missing.
    fn fill_hole(&mut self, now: Time, index: u64) {
        let Some(nacks) = &mut self.nacks else { return };
        if nacks.on_packet(now, index) == nack::Arrival::TooMuchLost {
            self.lose_key_frame(now);
        } else if nacks.deadline() == Time::NEVER {
            self.nacks = None;
        }
    }

    /// What comes cannot be decoded any more.
    fn lose_key_frame(&mut self, now: Time) {
        self.nacks = None;
        self.next_key_request = self.next_key_request.max(now);
        self.has_key_frame = self.kind == Kind::Audio;
    }

    /// When [`requests`](Self::requests) has something.
    pub(super) fn feedback_due(&self) -> Option<Time> {
        let nacks = self.nacks.as_ref().map(|nacks| nacks.deadline());
        let key_frame = (!self.has_key_frame).then_some(self.next_key_request);
        nacks.into_iter().chain(key_frame).min()
    }

    /// Shows `ask` what is to be asked for now.
    pub(super) fn requests(&mut self, now: Time, ssrc: Ssrc, ask: &mut impl FnMut(Request)) {
        let mut due = ArrayVec::new();
        if let Some(nacks) = &mut self.nacks {
            nacks.take_due(now, Duration::ZERO, &mut due);
            // What is left over was given up.
            if nacks.deadline() == Time::NEVER {
                self.lose_key_frame(now);
            }
        }
        if !due.is_empty() {
            ask(Request::Nack(ssrc, due));
        }
        if !self.has_key_frame && now >= self.next_key_request {
            self.next_key_request = now + KEY_FRAME_PAUSE;
            ask(Request::KeyFrame(ssrc));
        }
    }
}
