//! A picture begins with a key frame: whenever a seat moves to another track or another layer of it,
//! or goes on after a break, the first packet starts one.

use super::Violations;
use crate::base::id::SlotId;
use crate::base::{Time, TrackId};
use crate::control::types::Kind;
use crate::sim::peer::seat::Heard;
use std::collections::BTreeMap;

/// Watches the pictures of one viewer.
#[derive(Debug, Default)]
pub struct KeyFrameOracle {
    runs: BTreeMap<SlotId, Run>,
}

/// Within a run the seat's numbers keep their distance from the published ones, unless packets of FEC are
/// among those, or layers that may be left out: they have numbers, which are left out or not.
#[derive(Clone, Copy, Debug)]
struct Run {
    source: (TrackId, u8),
    distance: u64,
}

impl Run {
    fn goes_on(&self, heard: &Heard) -> bool {
        let keeps = heard.tag.corrected || heard.tag.svc.is_some() || distance_of(heard) == self.distance;
        self.source == heard.tag.source() && keeps
    }
}

fn distance_of(heard: &Heard) -> u64 {
    heard.index.wrapping_sub(heard.tag.index)
}

impl KeyFrameOracle {
    /// A packet of media leaves, in the order of sending.
    pub fn on_media(&mut self, at: Time, heard: &Heard, violations: &mut Violations) {
        if heard.tag.kind == Kind::Audio || heard.resent {
            return;
        }
        let run = Run { source: heard.tag.source(), distance: distance_of(heard) };
        let before = self.runs.insert(heard.slot, run);
        let starts = heard.tag.key && heard.tag.first;
        if !before.is_some_and(|before| before.goes_on(heard)) && !starts {
            violations
                .add(at, "key-frame", || format!("a run begins in the middle, after {before:?}: {heard:?}"));
        }
    }
}
