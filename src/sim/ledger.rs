//! What signaling has asked for and been told: the truth that oracles compare packets with.

use crate::base::{ParticipantId, RoomId, SlotId, StreamId, Time, TrackId, TransportId};
use crate::control::types::{Codec, Kind, Restraint, ShownLayer, TransportState};
use std::collections::{BTreeMap, BTreeSet};

/// A value over time.
#[derive(Clone, Debug)]
pub struct History<T> {
    changes: Vec<(Time, T)>,
}

impl<T: Copy + PartialEq> History<T> {
    /// A value that holds from `at` on.
    pub fn new(at: Time, value: T) -> History<T> {
        History { changes: vec![(at, value)] }
    }

    /// It changes at `at`.
    pub fn change(&mut self, at: Time, value: T) {
        self.changes.push((at, value));
    }

    /// The value now.
    pub fn now(&self) -> T {
        self.changes.last().expect("a history has a first value").1
    }

    /// All values and since when each held, in order.
    pub fn all(&self) -> &[(Time, T)] {
        &self.changes
    }

    /// How often it changed.
    pub fn changes(&self) -> usize {
        self.changes.len() - 1
    }

    /// When it changed last.
    pub fn since(&self) -> Time {
        self.changes.last().expect("a history has a first value").0
    }

    /// Whether it held `value` at some point of the turn at `at`, its end and beginning included.
    pub fn held_at(&self, at: Time, value: T) -> bool {
        let during = self.changes.iter().filter(|(when, _)| *when == at);
        let before = self.changes.iter().rev().find(|(when, _)| *when < at);
        during.chain(before).any(|(_, held)| *held == value)
    }

    /// Whether it held `value` at some point since `from`.
    pub fn held_since(&self, from: Time, value: T) -> bool {
        let before = self.changes.iter().rev().find(|(when, _)| *when <= from);
        let since = self.changes.iter().filter(|(when, _)| *when > from);
        since.chain(before).any(|(_, held)| *held == value)
    }
}

/// A published track.
#[derive(Clone, Debug)]
pub struct TrackEntry {
    /// Whose.
    pub participant: ParticipantId,
    /// In which room.
    pub room: RoomId,
    /// What it plays in step with.
    pub stream: StreamId,
    /// Sound or picture.
    pub kind: Kind,
    /// Its codec.
    pub codec: Codec,
    /// Whether signaling has muted it.
    pub muted: History<bool>,
    /// Whether it is published.
    pub live: bool,
}

/// A receive seat.
#[derive(Clone, Debug)]
pub struct SlotEntry {
    /// Whose.
    pub participant: ParticipantId,
    /// The pair it belongs to.
    pub stream: StreamId,
    /// Sound or picture.
    pub kind: Kind,
    /// What signaling was told it shows.
    pub shows: History<Option<TrackId>>,
    /// Whether it is open.
    pub live: bool,
}

/// Everything signaling knows.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Which room everyone is or was in.
    pub rooms: BTreeMap<ParticipantId, RoomId>,
    /// All tracks there ever were.
    pub tracks: BTreeMap<TrackId, TrackEntry>,
    /// All seats there ever were.
    pub slots: BTreeMap<SlotId, SlotEntry>,
    /// Whose transport is which.
    pub owners: BTreeMap<TransportId, ParticipantId>,
    /// Whom somebody does not want to be shown: who does not, and whom.
    pub unwanted: BTreeSet<(ParticipantId, ParticipantId)>,
    /// Who ever spoke, where those who have not are shown nobody else.
    pub speakers: Option<BTreeSet<ParticipantId>>,
    /// Whether rooms span shards: then what is changed on one is known on others a moment later.
    pub is_spread: bool,
    /// What signaling was told of transports, in order.
    pub told: Vec<(Time, TransportId, TransportState)>,
    /// What it was told of rooms that are held to their limits, in order.
    pub restrained: Vec<(Time, RoomId, Restraint)>,
    /// What it was told to be sent into seats, in order.
    pub layers: Vec<(Time, SlotId, Option<ShownLayer>)>,
    /// Of whom it was told that they begin to speak, in order.
    pub turns: Vec<(Time, ParticipantId)>,
}

impl Ledger {
    /// What signaling was told of a transport last.
    pub fn state(&self, transport: TransportId) -> Option<TransportState> {
        let told = self.told.iter().rev().find(|(_, told, _)| *told == transport);
        told.map(|(_, _, state)| *state)
    }

    /// Whether a transport has come to its end.
    pub fn has_ended(&self, transport: TransportId) -> bool {
        matches!(self.state(transport), Some(TransportState::Ended { .. }))
    }

    /// Somebody's tracks and seats are no more.
    pub fn leave(&mut self, participant: ParticipantId) {
        let tracks = self.tracks.values_mut().filter(|track| track.participant == participant);
        tracks.for_each(|track| track.live = false);
        let slots = self.slots.values_mut().filter(|slot| slot.participant == participant);
        slots.for_each(|slot| slot.live = false);
    }

    /// What a viewer's seat shows, if the track is still there.
    pub fn shown(&self, slot: &SlotEntry) -> Option<(TrackId, &TrackEntry)> {
        let track = slot.shows.now()?;
        Some((track, self.tracks.get(&track)?))
    }

    /// Whether a viewer may be shown what somebody publishes, where fewer have spoken than stay speakers.
    pub fn may_be_shown(&self, viewer: ParticipantId, owner: ParticipantId) -> bool {
        let is_allowed = |speakers: &BTreeSet<_>| speakers.contains(&viewer) || speakers.contains(&owner);
        self.speakers.as_ref().is_none_or(is_allowed) && !self.unwanted.contains(&(viewer, owner))
    }

    /// The streams others publish in the room of `viewer`, who wants them and may be shown them.
    pub fn streams_for(&self, viewer: ParticipantId) -> Vec<(ParticipantId, StreamId)> {
        let room = self.rooms.get(&viewer);
        let others = self
            .tracks
            .values()
            .filter(|track| track.live && track.participant != viewer && Some(&track.room) == room);
        let others = others.filter(|track| self.may_be_shown(viewer, track.participant));
        let mut streams: Vec<_> = others.map(|track| (track.participant, track.stream)).collect();
        streams.sort_unstable();
        streams.dedup();
        streams
    }
}
