//! One SSRC of the server as a participant receives it: numbers, reports, holes, key frames.
//!
//! Judges by RTP alone; what the packets show is not known here.

use crate::signal::Kind;
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
    /// The stream it showed last.
    pub(super) stream: Option<u32>,
    /// There since the first hole, away when all are filled: its room for holes is large.
    nacks: Option<Box<Nacks>>,
    pub(super) has_key_frame: bool,
    next_key_request: Time,
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
            nacks: None,
            has_key_frame: kind == Kind::Audio,
            next_key_request: Time::ZERO,
        }
    }

    /// Takes note of a packet; true when its number follows the one before, so that whatever is
    /// missing was never sent here.
    pub(super) fn note(&mut self, now: Time, packet: &RtpView<'_>) -> bool {
        let before = self.unwrapper.highest();
        let index = self.unwrapper.unwrap(packet.sequence());
        self.reception.on_packet(now, index, packet.timestamp());
        if self.nacks.is_some() {
            self.fill_hole(now, index);
            return before.is_some_and(|before| index == before + 1);
        }
        // Browsers ask for lost pictures only; lost sound is concealed.
        if let Some(before) = before.filter(|&before| index > before + 1 && self.kind == Kind::Video) {
            let mut nacks = Box::<Nacks>::default();
            nacks.on_packet(now, before);
            nacks.on_packet(now, index);
            self.nacks = Some(nacks);
        }
        before.is_some_and(|before| index == before + 1)
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
            nacks.take_due(now, &mut due);
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
