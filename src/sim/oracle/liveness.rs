//! Once the network is well again everyone gets what his seats show, and soon.

use super::Violations;
use crate::base::{ParticipantId, Time};
use crate::control::types::Kind;
use crate::sim::ledger::Ledger;
use crate::sim::peer::Peer;
use std::time::Duration;

/// The newest sound shown at the end is at most this old: one pause of Opus and a round trip.
const SOUND_AT_MOST: Duration = Duration::from_millis(900);
/// The newest picture shown at the end is at most this old.
const PICTURE_AT_MOST: Duration = Duration::from_millis(600);

/// A seat that moved shows its new track within this: a key frame that is asked for twice, on a long way.
const MOVED_WITHIN: Duration = Duration::from_millis(1_300);

/// Looks at what `peer` can show at the end of a run whose network was healed long before.
pub fn check(now: Time, viewer: ParticipantId, peer: &Peer, ledger: &Ledger, violations: &mut Violations) {
    if !peer.is_connected() {
        return violations.add(now, "liveness", || format!("{viewer:?} never connected"));
    }
    for seat in peer.seats() {
        let Some(slot) = ledger.slots.get(&seat.options().slot).filter(|slot| slot.live) else { continue };
        let Some((track, entry)) = ledger.shown(slot).filter(|(_, entry)| !entry.muted.now()) else {
            continue;
        };
        if now.since(slot.shows.since()) < MOVED_WITHIN {
            continue;
        }
        let limit = if slot.kind == Kind::Audio { SOUND_AT_MOST } else { PICTURE_AT_MOST };
        let shown = seat.decoder().shown().filter(|(tag, _)| tag.track == track);
        let age = shown.map(|(tag, _)| now.since(tag.captured));
        if age.is_none_or(|age| age > limit) {
            violations.add(now, "liveness", || {
                format!(
                    "{viewer:?} has {age:?} old media of {track:?} ({:?}) of {:?}",
                    slot.kind, entry.participant
                )
            });
        }
    }
}
