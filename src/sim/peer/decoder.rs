//! What a seat could show of what came.

use crate::base::{Time, TrackId};
use crate::control::types::Kind;
use crate::sim::payload::Tag;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A picture that stands still this long while packets come needs a key frame.
const FROZEN_AFTER: Duration = Duration::from_millis(400);

/// Which packets could be shown: an unbroken run from the start of a key frame on.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    source: Option<(TrackId, u8)>,
    /// In the seat's sequence: what comes before belongs to what was shown before.
    began_at: u64,
    next: Option<u64>,
    ahead: BTreeMap<u64, Tag>,
    begun: bool,
    shown: Option<(Tag, Time)>,
    counted: BTreeSet<u64>,
}

/// Packets kept while an earlier one is missing.
const MAX_AHEAD: usize = 2_000;

impl Decoder {
    /// The last packet that could be shown, and when.
    pub fn shown(&self) -> Option<(Tag, Time)> {
        self.shown
    }

    /// How many packets of the present track came, each counted once.
    pub fn received(&self) -> usize {
        self.counted.len()
    }

    /// A packet came at this place of the seat's sequence.
    pub(super) fn on_packet(&mut self, now: Time, tag: &Tag, index: u64) {
        if self.source != Some(tag.source()) {
            if index < self.began_at {
                return;
            }
            let source = Some(tag.source());
            *self = Decoder { source, began_at: index, begun: self.begun, ..Decoder::default() };
        }
        self.counted.insert(tag.index);
        if tag.kind == Kind::Audio {
            self.show(now, *tag);
            return;
        }
        self.ahead.insert(tag.index, *tag);
        let starts_later = self.next.is_none_or(|next| tag.index >= next);
        if tag.key && tag.first && starts_later {
            self.next = Some(tag.index);
            self.ahead = self.ahead.split_off(&tag.index);
            self.begun = true;
        }
        while let Some(tag) = self.next.and_then(|next| self.ahead.remove(&next)) {
            self.next = Some(tag.index + 1);
            self.show(now, tag);
        }
        while self.ahead.len() > MAX_AHEAD {
            self.ahead.pop_first();
        }
    }

    fn show(&mut self, now: Time, tag: Tag) {
        if self.shown.is_none_or(|(last, _)| tag.index > last.index) {
            self.shown = Some((tag, now));
        }
    }

    /// Whether what comes is much newer than what could be shown.
    pub(super) fn is_frozen(&self) -> bool {
        let newest = self.ahead.last_key_value().map(|(_, tag)| tag.captured);
        let shown = self.shown.map_or(Time::ZERO, |(tag, _)| tag.captured);
        newest.is_some_and(|newest| newest.since(shown) > FROZEN_AFTER)
    }

    /// Whether it began with a key frame since last asked.
    pub(super) fn take_began(&mut self) -> bool {
        std::mem::take(&mut self.begun)
    }
}
