//! A modelled receiver: what it reports, and what it sees.

use crate::base::Time;
use crate::base::id::Ssrc;
use crate::media::twcc::{Arrivals, WINDOW};
use crate::wire::rtcp::write_transport_feedback;
use arrayvec::ArrayVec;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How often it tells of arrivals: libwebrtc's shortest interval, which it takes where a picture comes.
const TELLS: Duration = Duration::from_millis(50);

/// A picture that does not come for this long makes the receiver ask for a key frame.
const IMPATIENT: Duration = Duration::from_millis(300);

/// A part of a picture.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Part {
    pub(super) picture: u64,
    pub(super) part: u16,
    pub(super) parts: u16,
    pub(super) key: bool,
}

/// One receiver.
#[derive(Debug)]
pub(super) struct Viewer {
    arrivals: Arrivals,
    parts: BTreeMap<u64, BTreeSet<u16>>,
    complete: BTreeMap<u64, bool>,
    next: u64,
    shown_at: Option<Time>,
    longest_gap: Duration,
    asked: Option<Time>,
}

impl Default for Viewer {
    fn default() -> Viewer {
        Viewer {
            arrivals: Arrivals::every(TELLS),
            parts: BTreeMap::new(),
            complete: BTreeMap::new(),
            next: 0,
            shown_at: None,
            longest_gap: Duration::ZERO,
            asked: None,
        }
    }
}

impl Viewer {
    /// A packet came; true when feedback is due at once.
    pub(super) fn on_packet(&mut self, now: Time, sequence: u16, part: Option<Part>) -> bool {
        let taken = self.arrivals.on_packet(now, sequence);
        if let Some(part) = part {
            self.on_part(now, part);
        }
        !taken
    }

    fn on_part(&mut self, now: Time, part: Part) {
        if part.picture < self.next {
            return;
        }
        let parts = self.parts.entry(part.picture).or_default();
        parts.insert(part.part);
        if parts.len() == usize::from(part.parts) {
            self.parts.remove(&part.picture);
            self.complete.insert(part.picture, part.key);
            self.show(now);
        }
    }

    fn show(&mut self, now: Time) {
        let key = self.complete.iter().rev().find(|(_, key)| **key).map(|(picture, _)| *picture);
        self.next = self.next.max(key.unwrap_or(0));
        while self.complete.remove(&self.next).is_some() {
            self.next += 1;
            if let Some(before) = self.shown_at.replace(now) {
                self.longest_gap = self.longest_gap.max(now.since(before));
            }
            self.asked = None;
        }
        self.complete = self.complete.split_off(&self.next);
        self.parts = self.parts.split_off(&self.next);
    }

    /// Whether it asks for a key frame now.
    pub(super) fn asks(&mut self, now: Time) -> bool {
        let Some(shown) = self.shown_at else { return false };
        let since = self.asked.unwrap_or(shown);
        let asks = now.since(since) > IMPATIENT && !(self.complete.is_empty() && self.parts.is_empty());
        if asks {
            self.asked = Some(now);
        }
        asks
    }

    /// The longest time the picture stood still.
    pub(super) fn longest_gap(&self) -> Duration {
        self.longest_gap
    }

    /// Its feedback, as it goes over the wire.
    pub(super) fn feedback(&mut self) -> Option<Vec<u8>> {
        let mut packets = ArrayVec::<(u16, Option<Time>), WINDOW>::new();
        let mut count = 0;
        self.arrivals.take(|feedback| {
            let sequences = (0..).map(|n| feedback.base.wrapping_add(n));
            packets.extend(sequences.zip(feedback.arrived.iter().copied()));
            count = feedback.count;
        });
        let mut bytes = vec![0; 1_500];
        let written = write_transport_feedback(Ssrc(1), Ssrc(2), count, &packets, &mut bytes)?;
        bytes.truncate(written.len);
        Some(bytes)
    }

    /// When feedback is due.
    pub(super) fn deadline(&self) -> Time {
        self.arrivals.deadline()
    }
}
