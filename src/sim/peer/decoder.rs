//! What a seat could show of what came.

use crate::base::{Time, TrackId};
use crate::control::types::Kind;
use crate::sim::payload::{Place, Tag};
use crate::sim::peer::seat::Heard;
use crate::sim::svc::{Read, Viewer};
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
    /// What comes in several spatial layers, and when the newest of it was captured.
    layered: Option<(Box<Viewer>, Time)>,
}

/// With several spatial layers libwebrtc waits for so long before it asks for a key frame.
const LAYERED_FROZEN_AFTER: Duration = Duration::from_secs(3);

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

    /// A packet came of an encoding with several spatial layers; true when a picture could be shown.
    pub(super) fn on_layered(&mut self, now: Time, heard: &Heard, read: Read, marker: bool) -> bool {
        let tag = &heard.tag;
        if self.source != Some(tag.source()) {
            if heard.index < self.began_at {
                return false;
            }
            let (source, layered) = (Some(tag.source()), Some((Box::default(), tag.captured)));
            *self = Decoder { source, began_at: heard.index, layered, ..Decoder::default() };
        }
        self.counted.insert(tag.index);
        self.begun |= read.has_structure;
        let Some((viewer, newest)) = &mut self.layered else { return false };
        *newest = tag.captured.max(*newest);
        let shown = viewer.on_packet(heard.index, read, heard.timestamp, marker);
        if let Some(spatial) = shown {
            let svc = tag.svc.map(|place| Place { spatial, ..place });
            self.shown = Some((Tag { svc, last: true, ..*tag }, now));
        }
        shown.is_some()
    }

    /// Whether what comes has several spatial layers.
    pub(super) fn is_layered(&self) -> bool {
        self.layered.is_some()
    }

    fn show(&mut self, now: Time, tag: Tag) {
        if self.shown.is_none_or(|(last, _)| tag.index > last.index) {
            self.shown = Some((tag, now));
        }
    }

    /// Whether what comes is much newer than what could be shown.
    pub(super) fn is_frozen(&self) -> bool {
        let shown = self.shown.map_or(Time::ZERO, |(tag, _)| tag.captured);
        if let Some((_, newest)) = &self.layered {
            return newest.since(shown) > LAYERED_FROZEN_AFTER;
        }
        let newest = self.ahead.last_key_value().map(|(_, tag)| tag.captured);
        newest.is_some_and(|newest| newest.since(shown) > FROZEN_AFTER)
    }

    /// Whether it began with a key frame since last asked.
    pub(super) fn take_began(&mut self) -> bool {
        std::mem::take(&mut self.begun)
    }
}
