//! Rooms in which those who listen are shown speakers only. Who is one the workers decide, who hear it; here
//! stands which rooms are of that kind.

use crate::state::{RoomView, State};
use volley::base::RoomId;
use volley::control::Command;

impl State {
    /// Shows those who listen in a room speakers only from now on, or everybody to everybody; the room as it
    /// is then, if there is one.
    pub fn set_speakers_only(&mut self, key: &str, only: bool) -> Option<RoomView> {
        let room = self.rooms.get_mut(key)?;
        if std::mem::replace(&mut room.speakers_only, only) != only {
            self.dirty.rooms.insert(key.to_owned());
            for (worker, room) in self.places_of(key) {
                self.out.command(worker, Command::ShowSpeakersOnly { room, only });
            }
            self.settle_path(key, None);
        }
        self.view_of_room(key)
    }

    /// A worker has just opened a room, which shows everybody to everybody unless it is told otherwise.
    pub(super) fn tell_audience(&mut self, key: &str, worker: usize) {
        if self.rooms.get(key).is_some_and(|room| room.speakers_only) {
            self.say_audience(key, worker);
        }
    }

    /// Says it of a room that a worker may have been told something else of before.
    pub(super) fn say_audience(&mut self, key: &str, worker: usize) {
        let Some(room) = self.rooms.get(key) else { return };
        if let Some(media) = &room.media {
            let command = Command::ShowSpeakersOnly { room: media.id.0, only: room.speakers_only };
            self.out.command(worker, command);
        }
    }

    fn places_of(&self, key: &str) -> Vec<(usize, RoomId)> {
        let media = self.rooms.get(key).and_then(|room| room.media.as_ref());
        media.map_or_else(Vec::new, |media| media.workers().map(|worker| (worker, media.id.0)).collect())
    }
}
