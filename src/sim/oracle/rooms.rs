//! Nothing crosses rooms, nobody hears himself, nothing muted is heard, and a seat carries what
//! signaling was told.

use super::Violations;
use crate::base::{ParticipantId, Time};
use crate::sim::ledger::Ledger;
use crate::sim::peer::seat::Heard;
use std::time::Duration;

/// What is muted on one shard is known on the others within this: a few batches that are late, and a
/// turn on either side.
const MESH_SLACK: Duration = Duration::from_millis(100);

/// A packet of media leaves for `viewer`.
pub fn check(at: Time, viewer: ParticipantId, heard: &Heard, ledger: &Ledger, violations: &mut Violations) {
    let mut wrong = |what: &str| {
        violations.add(at, "rooms", || format!("{viewer:?} is sent {what}: {heard:?}"));
    };
    let Some(track) = ledger.tracks.get(&heard.tag.track) else {
        return wrong("a track nobody published");
    };
    if Some(&heard.tag.room) != ledger.rooms.get(&viewer) || track.room != heard.tag.room {
        return wrong("what belongs to another room");
    }
    if track.participant == viewer {
        return wrong("what the viewer published");
    }
    let Some(slot) = ledger.slots.get(&heard.slot) else { return wrong("something on no seat") };
    if slot.participant != viewer || slot.kind != track.kind {
        return wrong("something on another's seat");
    }
    if !slot.shows.held_at(at, Some(heard.tag.track)) {
        return wrong("what signaling was not told of");
    }
    let elsewhere_since = Time::from_nanos(at.as_nanos().saturating_sub(MESH_SLACK.as_nanos() as u64));
    let was_heard =
        track.muted.held_at(at, false) || ledger.is_spread && track.muted.held_since(elsewhere_since, false);
    if !was_heard && !heard.resent {
        wrong("a muted track");
    }
}
