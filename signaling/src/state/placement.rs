//! Which worker a newcomer goes to, and what the workers of a room must know of one another.
//!
//! A room begins on the quietest worker and stays there while that has time to spare and not too
//! many people of the room are on it. Whoever comes then goes to another worker, and the room's
//! packets cross over.

use crate::state::State;
use crate::state::ids::Raw;
use crate::state::model::{Room, RoomMedia};
use volley::base::{ParticipantId, RoomId, WorkerId};
use volley::control::Command;
use volley::control::message::ALL_PICTURES;

/// A worker that uses more of its core, in percent, is spared newcomers where another has time:
/// from there on it lets packets wait for one another.
const BUSY: u8 = 70;

/// A worker that forwards less of its pictures lets nobody new in. One that has shed an eighth for a
/// moment is most likely in the middle of a storm of joins, and whoever is refused comes again.
const FULL_BELOW: u8 = ALL_PICTURES / 4 * 3 + 1;

/// What a worker has to do, as it said last.
#[derive(Clone, Copy, Debug)]
pub(super) struct WorkerLoad {
    pictures: u8,
    busy: u8,
    people: usize,
}

impl Default for WorkerLoad {
    fn default() -> WorkerLoad {
        WorkerLoad { pictures: ALL_PICTURES, busy: 0, people: 0 }
    }
}

impl WorkerLoad {
    /// It has more to forward than its core can carry.
    fn is_overloaded(&self) -> bool {
        self.pictures < FULL_BELOW
    }
}

impl State {
    /// Where a newcomer to a room goes, or the first one to a room that is not there yet. `None`: no
    /// worker takes anybody now.
    pub(super) fn place(&self, room: Option<&Room>) -> Option<usize> {
        let most = self.config.spread_rooms_over;
        let has_room = |&worker: &usize| {
            let load = self.loads[worker];
            let here = || room.map_or(0, |room| self.people_on(room, worker));
            !load.is_overloaded() && load.busy < BUSY && here() < most
        };
        let stays = room.and_then(|room| room.media.as_ref()?.workers().find(has_room));
        let quiet = |worker: &usize| self.loads[*worker].people;
        let moves = || (0..self.loads.len()).filter(has_room).min_by_key(quiet);
        stays.or_else(moves).or_else(|| {
            let takes = (0..self.loads.len()).filter(|&worker| !self.loads[worker].is_overloaded());
            takes.min_by_key(|worker| (self.loads[*worker].busy >= BUSY, quiet(worker)))
        })
    }

    /// How many people of a room are on a worker.
    fn people_on(&self, room: &Room, worker: usize) -> usize {
        room.members.iter().filter(|id| self.worker_of(**id) == Some(worker)).count()
    }

    /// A worker said what it has to do.
    pub(super) fn note_load(&mut self, worker: usize, pictures: u8, busy: u8) {
        if let Some(load) = self.loads.get_mut(worker) {
            (load.pictures, load.busy) = (pictures, busy);
        }
    }

    /// Counts the people on all workers anew.
    pub(super) fn count_people(&mut self) {
        self.loads.iter_mut().for_each(|load| load.people = 0);
        let workers: Vec<usize> = self.participants.keys().filter_map(|id| self.worker_of(*id)).collect();
        workers.into_iter().for_each(|worker| self.person_came(worker));
    }

    fn person_came(&mut self, worker: usize) {
        if let Some(load) = self.loads.get_mut(worker) {
            load.people += 1;
        }
    }

    pub(super) fn person_went(&mut self, worker: usize) {
        if let Some(load) = self.loads.get_mut(worker) {
            load.people -= 1;
        }
    }

    /// Opens a room on the worker of somebody who comes, unless it is open there, and puts them in.
    pub(super) fn open_on(&mut self, key: &str, id: ParticipantId, worker: usize) {
        let (room, is_new) = match &self.rooms[key].media {
            None => {
                let id = RoomId(self.ids.take());
                self.room_mut(key).media = Some(RoomMedia { id: Raw(id), worker, others: vec![] });
                (id, true)
            }
            Some(media) => (media.id.0, !media.workers().any(|other| other == worker)),
        };
        if is_new {
            self.out.command(worker, Command::OpenRoom { room });
            self.tell_audience(key, worker);
            self.span_to(key, worker);
            self.dirty.rooms.insert(key.to_owned());
        }
        self.person_came(worker);
        self.out.command(worker, Command::Join { room, participant: id });
    }

    /// Makes a worker one of those a room is on, if it is not the one where it begins.
    fn span_to(&mut self, key: &str, worker: usize) {
        let Some(media) = self.room_mut(key).media.as_mut().filter(|media| media.worker != worker) else {
            return;
        };
        let (room, others) = (media.id.0, media.workers().collect::<Vec<_>>());
        media.others.push(worker);
        others.into_iter().for_each(|other| self.span(room, worker, other));
    }

    /// Tells two workers that they share a room.
    pub(super) fn span(&mut self, room: RoomId, one: usize, other: usize) {
        for (worker, shares_with) in [(one, other), (other, one)] {
            self.out.command(worker, Command::SpanRoom { room, worker: WorkerId(shares_with as u16) });
        }
    }

    /// The worker that somebody is on.
    pub(super) fn worker_of(&self, id: ParticipantId) -> Option<usize> {
        let participant = self.participants.get(&id)?;
        let media = self.rooms.get(&participant.room)?.media.as_ref()?;
        Some(participant.worker.unwrap_or(media.worker))
    }

    /// All workers that the room of somebody is on.
    pub(super) fn workers_around(&self, id: ParticipantId) -> Vec<usize> {
        let room = self.participants.get(&id).and_then(|participant| self.rooms.get(&participant.room));
        room.and_then(|room| room.media.as_ref()).map_or(vec![], |media| media.workers().collect())
    }
}
