//! What signaling was told of seats and of who speaks, and when: for calls in which seats move.

use super::world::World;
use crate::base::{ParticipantId, SlotId, Time, TrackId};
use crate::control::types::{Kind, ShownLayer};
use std::collections::{BTreeMap, BTreeSet};

/// A seat shows somebody else, or nobody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Move {
    /// When signaling was told.
    pub at: Time,
    /// Whose seat it is, of the scenario's people.
    pub viewer: usize,
    /// Which of theirs.
    pub slot: SlotId,
    /// Sound or picture.
    pub kind: Kind,
    /// Whom it shows from then on.
    pub shows: Option<usize>,
}

/// Another part of a picture is sent into a seat, or nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LayerTold {
    /// When signaling was told.
    pub at: Time,
    /// Whose seat it is, of the scenario's people.
    pub viewer: usize,
    /// Which of theirs.
    pub slot: SlotId,
    /// What is sent from then on.
    pub layer: Option<ShownLayer>,
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub struct Seating {
    /// Who began to speak when, in order.
    pub turns: Vec<(Time, usize)>,
    /// In order.
    pub moves: Vec<Move>,
    /// In order.
    pub layers: Vec<LayerTold>,
}

/// Whom somebody is shown.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Shown {
    /// Whose sound.
    pub heard: BTreeSet<usize>,
    /// Whose picture.
    pub seen: BTreeSet<usize>,
}

impl Seating {
    /// Whom each of the scenario's people was shown at a moment.
    pub fn at(&self, at: Time) -> BTreeMap<usize, Shown> {
        let until = self.moves.iter().take_while(|one| one.at <= at);
        let seats: BTreeMap<SlotId, &Move> = until.map(|one| (one.slot, one)).collect();
        let mut all = BTreeMap::<usize, Shown>::new();
        for Move { viewer, kind, shows, .. } in seats.into_values() {
            let shown = all.entry(*viewer).or_default();
            match kind {
                Kind::Audio => shown.heard.extend(shows),
                Kind::Video => shown.seen.extend(shows),
            }
        }
        all
    }
}

impl World {
    /// What the ledger has of it.
    pub(super) fn seating(&self) -> Seating {
        let who: BTreeMap<ParticipantId, usize> =
            self.people.iter().map(|person| (person.participant, person.who)).collect();
        let owner = |track: TrackId| who.get(&self.ledger.tracks.get(&track)?.participant).copied();
        let mut moves = Vec::new();
        for (slot, entry) in &self.ledger.slots {
            let Some(&viewer) = who.get(&entry.participant) else { continue };
            moves.extend(entry.shows.all().iter().map(|&(at, shows)| {
                let shows = shows.and_then(owner);
                Move { at, viewer, slot: *slot, kind: entry.kind, shows }
            }));
        }
        moves.sort_by_key(|one: &Move| one.at);
        let layers = self.ledger.layers.iter().filter_map(|&(at, slot, layer)| {
            let viewer = *who.get(&self.ledger.slots.get(&slot)?.participant)?;
            Some(LayerTold { at, viewer, slot, layer })
        });
        let turns = self.ledger.turns.iter().filter_map(|(at, speaker)| Some((*at, *who.get(speaker)?)));
        Seating { turns: turns.collect(), moves, layers: layers.collect() }
    }
}
