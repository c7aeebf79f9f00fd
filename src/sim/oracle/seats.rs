//! Seats are used well: one person's stream per pair, nobody twice, and no seat empty while a
//! stream has none.

use super::Violations;
use crate::base::{ParticipantId, StreamId, Time};
use crate::sim::ledger::Ledger;
use std::collections::{BTreeMap, BTreeSet};

type Stream = (ParticipantId, StreamId);

/// Looks at the seats of `viewer` while nothing is in motion.
pub fn check(at: Time, viewer: ParticipantId, ledger: &Ledger, violations: &mut Violations) {
    let mut pairs = BTreeMap::<StreamId, BTreeSet<Stream>>::new();
    for slot in ledger.slots.values().filter(|slot| slot.live && slot.participant == viewer) {
        let shown = pairs.entry(slot.stream).or_default();
        shown.extend(ledger.shown(slot).map(|(_, track)| (track.participant, track.stream)));
    }
    for (pair, streams) in &pairs {
        if streams.len() > 1 {
            violations.add(at, "seats", || format!("pair {pair:?} of {viewer:?} shows {streams:?}"));
        }
    }
    let shown: Vec<Stream> = pairs.values().flatten().copied().collect();
    let distinct: BTreeSet<Stream> = shown.iter().copied().collect();
    if distinct.len() < shown.len() {
        violations.add(at, "seats", || format!("{viewer:?} sees somebody twice: {shown:?}"));
    }
    let streams = ledger.streams_for(viewer);
    if distinct.len() < streams.len().min(pairs.len()) {
        violations.add(at, "seats", || {
            format!("{viewer:?} has {} pairs and sees {distinct:?} of {streams:?}", pairs.len())
        });
    }
}
