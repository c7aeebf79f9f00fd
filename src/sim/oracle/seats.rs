//! Seats are used well: one person's stream per pair, nobody twice, nobody who is not wanted or may not be
//! shown, and no pair empty while a stream that fits it has none.

use super::Violations;
use crate::base::{ParticipantId, StreamId, Time};
use crate::control::types::Kind;
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
    if let Some((owner, _)) = distinct.iter().find(|(owner, _)| !ledger.may_be_shown(viewer, *owner)) {
        violations.add(at, "seats", || format!("{viewer:?} is shown {owner:?}, who is not for them"));
    }
    let is_free = |pair: &StreamId| pairs.get(pair).is_some_and(BTreeSet::is_empty);
    for stream in ledger.streams_for(viewer).iter().filter(|stream| !distinct.contains(stream)) {
        let kinds = kinds_of(*stream, ledger);
        let fits = |pair: &StreamId| kinds.iter().any(|kind| has_seat(viewer, *pair, *kind, ledger));
        if let Some(pair) = pairs.keys().find(|pair| is_free(pair) && fits(pair)) {
            violations.add(at, "seats", || format!("{viewer:?} has {pair:?} free and not {stream:?}"));
        }
    }
}

fn kinds_of(stream: Stream, ledger: &Ledger) -> Vec<Kind> {
    let tracks = ledger.tracks.values().filter(|track| track.live);
    tracks.filter(|track| (track.participant, track.stream) == stream).map(|track| track.kind).collect()
}

fn has_seat(viewer: ParticipantId, pair: StreamId, kind: Kind, ledger: &Ledger) -> bool {
    let mut seats = ledger.slots.values().filter(|slot| slot.live && slot.participant == viewer);
    seats.any(|slot| slot.stream == pair && slot.kind == kind)
}
