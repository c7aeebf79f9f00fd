//! What survives the death of this process, and the state made from it again.

use crate::state::admission::Arrivals;
use crate::state::ids::Ids;
use crate::state::model::{Participant, Room};
use crate::state::output::Save;
use crate::state::placement::WorkerLoad;
use crate::state::refusals::RefusalLog;
use crate::state::socket::Sockets;
use crate::state::{Config, Dirty, Output, State};
use crate::webhooks::Outbox;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use volley::base::{RoomId, Time};
use volley::control::Command;
use volley_recorder::desk::StoreFigures;

/// The layout of the JSON in records. Fields that a later version adds have defaults, so it rises
/// only when something changes its meaning.
pub const RECORD_VERSION: u16 = 1;

const SERVER: u16 = 1;
const ROOM: u16 = 2;
const PARTICIPANT: u16 = 3;
pub(super) const REVOCATION: u16 = 4;
pub(super) const WEBHOOK: u16 = 5;
const OFFER: u16 = 6;
const RESERVED_IDS: u64 = 0;
const MEDIA_START: u64 = 1;
const BORN: u64 = 2;

/// A record as it was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Loaded {
    /// What it is about.
    pub kind: u16,
    /// Which one.
    pub key: u64,
    /// The layout of `bytes`.
    pub version: u16,
    /// JSON.
    pub bytes: Vec<u8>,
}

impl State {
    /// The state a process before has left, and what must be said to make it true again.
    pub fn load(config: Config, records: &[Loaded], now: Time) -> State {
        let born = number(records, BORN).unwrap_or(config.started_ms);
        let mut state = State {
            ids: Ids::after(number(records, RESERVED_IDS).unwrap_or(born)),
            born,
            rooms: HashMap::new(),
            participants: HashMap::new(),
            owners: HashMap::new(),
            sockets: Sockets::default(),
            resyncs: Vec::new(),
            revocations: all(records, REVOCATION).collect(),
            joins: Default::default(),
            refusals: RefusalLog::new(now),
            outbox: Outbox::of(all(records, WEBHOOK)),
            arrivals: Arrivals::default(),
            loads: vec![WorkerLoad::default(); config.candidates.len().max(1)],
            recording_store: StoreFigures::default(),
            closing: Default::default(),
            recordings_dropped: 0,
            memory: Default::default(),
            goodbye_at: None,
            is_over: false,
            out: Output::default(),
            dirty: Dirty::default(),
            config,
        };
        for room in all::<Room>(records, ROOM) {
            state.rooms.insert(room.key.clone(), room);
        }
        for participant in all::<Participant>(records, PARTICIPANT) {
            state.restore(participant);
        }
        for record in records.iter().filter(|record| record.kind == OFFER) {
            state.restore_offer(record);
        }
        let media_is_new = number(records, MEDIA_START) != Some(state.config.media_start);
        state.out.saves.push(put(SERVER, MEDIA_START, &state.config.media_start));
        state.out.saves.push(put(SERVER, BORN, &state.born));
        state.settle_outbox();
        state.settle(media_is_new, now);
        state.say_all_recordings();
        state
    }

    fn restore(&mut self, participant: Participant) {
        let id = participant.id.0;
        let Some(room) = self.rooms.get_mut(&participant.room).filter(|room| room.media.is_some()) else {
            // Killed between the two writes of a room's end: the room had the last word.
            self.out.saves.push(Save::Remove { kind: PARTICIPANT, key: id.0 });
            return;
        };
        room.members.insert(id);
        if let Some(transport) = &participant.transport {
            self.owners.insert(transport.id.0.0, id);
        }
        self.owners.extend(participant.tracks().map(|(_, track)| (track.id.0.0, id)));
        self.owners.extend(participant.seats().map(|(_, seat)| (seat.id.0.0, id)));
        self.participants.insert(id, participant);
    }

    /// Without theirs, an offer is of somebody who left.
    fn restore_offer(&mut self, record: &Loaded) {
        let owner = self.owners.get(&record.key).and_then(|owner| self.participants.get_mut(owner));
        let transport = owner.and_then(|owner| owner.transport.as_mut());
        match transport.filter(|transport| transport.id.0.0 == record.key).zip(read(record)) {
            Some((transport, offer)) => transport.offer = offer,
            None => self.out.saves.push(Save::Remove { kind: OFFER, key: record.key }),
        }
    }

    /// Makes both sides believe the same again.
    fn settle(&mut self, media_is_new: bool, now: Time) {
        let mut keys: Vec<String> = self.rooms.keys().cloned().collect();
        keys.sort();
        let workers = self.config.candidates.len();
        for key in keys {
            self.settle_room(&key, workers, media_is_new, now);
        }
        let ids: Vec<_> = self.participants.keys().copied().collect();
        for id in ids {
            if media_is_new && let Some(participant) = self.participants.get_mut(&id) {
                participant.ended = participant.peer_mark().or(participant.ended.take());
                self.drop_transport(id, false, now);
            }
            self.note_presence(id, now);
        }
        self.count_people();
        if !media_is_new {
            (0..workers).for_each(|worker| self.resync(worker, true));
        }
    }

    fn settle_room(&mut self, key: &str, workers: usize, media_is_new: bool, now: Time) {
        let room = self.room_mut(key);
        if room.members.is_empty() {
            room.media = None;
            room.empty_since = Some(now);
            if !room.declared {
                self.remove_room(key, now);
            }
            return;
        }
        self.bound_check(key, now);
        let room = self.room_mut(key);
        let members = room.members.clone();
        let Some(media) = room.media.as_mut() else { return };
        // A supervisor started with fewer cores has new records, so this is only for broken ones.
        media.worker = media.worker.min(workers.saturating_sub(1));
        let home = media.worker;
        media.others.retain(|&other| other < workers && other != home);
        let (id, on) = (media.id.0, media.workers().collect::<Vec<_>>());
        for id in &members {
            if let Some(participant) = self.participants.get_mut(id) {
                participant.worker = participant.worker.filter(|worker| on.contains(worker));
            }
        }
        self.open_again(key, id, &on, media_is_new);
        for participant in members {
            let Some(worker) = self.worker_of(participant) else { continue };
            self.out.command(worker, Command::Join { room: id, participant });
            self.say_subscriptions(worker, participant);
        }
    }

    /// Opens a room on its workers, which may have it.
    fn open_again(&mut self, key: &str, id: RoomId, on: &[usize], media_is_new: bool) {
        for &worker in on {
            self.out.command(worker, Command::OpenRoom { room: id });
            if media_is_new {
                self.tell_audience(key, worker);
            } else {
                self.say_audience(key, worker);
            }
        }
        for (place, &worker) in on.iter().enumerate() {
            on[..place].iter().for_each(|&other| self.span(id, worker, other));
        }
    }

    /// Turns what has changed into changes of the records.
    pub(super) fn save_dirty(&mut self) {
        let letters = self.number_happenings();
        if let Some(reserved) = self.ids.reserve() {
            self.out.saves.push(put(SERVER, RESERVED_IDS, &reserved));
        }
        self.keep_letters(letters);
        for key in std::mem::take(&mut self.dirty.rooms) {
            if let Some(room) = self.rooms.get(&key) {
                self.out.saves.push(put(ROOM, room.number, room));
            }
        }
        for id in std::mem::take(&mut self.dirty.participants) {
            self.out.saves.push(match self.participants.get(&id) {
                Some(participant) => put(PARTICIPANT, id.0, participant),
                None => Save::Remove { kind: PARTICIPANT, key: id.0 },
            });
        }
        // After those whose they are: m-lines without their offer begin anew with the next one; with an offer
        // that the media process was not told of, both sides would believe different things.
        for transport in std::mem::take(&mut self.dirty.offers) {
            let owner = self.owners.get(&transport.0).and_then(|owner| self.participants.get(owner));
            let known = owner.and_then(|owner| owner.transport.as_ref()).filter(|one| one.id.0 == transport);
            self.out.saves.push(match known {
                Some(known) => put(OFFER, transport.0, &known.offer),
                None => Save::Remove { kind: OFFER, key: transport.0 },
            });
        }
        for number in std::mem::take(&mut self.dirty.removed_rooms) {
            self.out.saves.push(Save::Remove { kind: ROOM, key: number });
        }
    }
}

pub(super) fn put<T: serde::Serialize>(kind: u16, key: u64, value: &T) -> Save {
    let bytes = serde_json::to_vec(value).expect("records have no map with keys that are not text");
    Save::Put { kind, key, bytes }
}

fn number(records: &[Loaded], key: u64) -> Option<u64> {
    let record = records.iter().find(|record| record.kind == SERVER && record.key == key)?;
    read(record)
}

fn all<T: DeserializeOwned>(records: &[Loaded], kind: u16) -> impl Iterator<Item = T> {
    records.iter().filter(move |record| record.kind == kind).filter_map(read)
}

fn read<T: DeserializeOwned>(record: &Loaded) -> Option<T> {
    let parsed = (record.version == RECORD_VERSION).then(|| serde_json::from_slice(&record.bytes));
    match parsed {
        Some(Ok(value)) => Some(value),
        Some(Err(error)) => {
            tracing::error!(kind = record.kind, key = record.key, %error, "a record cannot be read and is left out");
            None
        }
        None => {
            tracing::error!(
                kind = record.kind,
                version = record.version,
                "a record of another version is left out"
            );
            None
        }
    }
}
