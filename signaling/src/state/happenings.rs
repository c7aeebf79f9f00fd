//! What others are told of a room by webhooks: noted while it happens, and written to the records before
//! the change itself, so that a kill in between tells it twice rather than not at all.

use crate::protocol::TrackView;
use crate::state::State;
use crate::state::model::Participant;
use crate::state::output::Save;
use crate::state::records::{WEBHOOK, put};
use crate::webhooks::{Happening, Letter, Person, What};
use volley::base::{ParticipantId, Time};

impl State {
    /// Something happened to a room as a whole.
    pub(super) fn room_happened(&mut self, what: What, key: &str) {
        let Some(room) = self.rooms.get(key).filter(|room| !room.is_check) else { return };
        match what {
            What::RoomStarted => tracing::info!(room = key, "the room begins"),
            _ => tracing::info!(room = key, "the room ends"),
        }
        if self.config.webhooks.is_some() {
            self.dirty.happenings.push(Happening::now(what, key, &room.name));
        }
    }

    /// Something happened to somebody in a room.
    pub(super) fn person_happened(&mut self, what: What, id: ParticipantId, track: Option<TrackView>) {
        let Some(participant) = self.participants.get(&id) else { return };
        if self.config.webhooks.is_none() {
            return;
        }
        let Some(room) = self.rooms.get(&participant.room).filter(|room| !room.is_check) else { return };
        let mut happening = Happening::now(what, &room.key, &room.name);
        happening.participant = Some(person(participant));
        happening.track = track;
        self.dirty.happenings.push(happening);
    }

    /// Numbers what happened and puts it into the outbox. The numbers must be reserved before the letters
    /// are in the records.
    pub(super) fn number_happenings(&mut self) -> Vec<Letter> {
        let mut letters = std::mem::take(&mut self.dirty.taken_up);
        for happening in std::mem::take(&mut self.dirty.happenings) {
            if !self.outbox.has_room(&happening.room.id) {
                tracing::error!(room = happening.room.id, "too many webhooks wait; this one is never sent");
                continue;
            }
            let number = self.ids.take();
            let id = format!("{}-{number}", self.born);
            let body = happening.to_json(&id);
            letters.push(Letter { number, id, room: happening.room.id, body });
        }
        letters
    }

    /// What did not arrive before Volley was stopped the last time: it goes on waiting here, under the id
    /// that its receiver may know.
    pub(crate) fn take_up(&mut self, letters: Vec<Letter>) {
        let mut taken = Vec::new();
        for letter in letters {
            if self.outbox.has_room(&letter.room) {
                taken.push(Letter { number: self.ids.take(), ..letter });
            }
        }
        self.dirty.taken_up.extend(taken);
    }

    /// All that has not arrived.
    pub(crate) fn letters_left(&self) -> Vec<Letter> {
        self.outbox.letters()
    }

    pub(super) fn keep_letters(&mut self, letters: Vec<Letter>) {
        for letter in letters {
            self.out.saves.push(put(WEBHOOK, letter.number, &letter));
            self.outbox.put(letter);
        }
    }

    /// Sends what may go.
    pub(super) fn post_letters(&mut self) {
        let Some(to) = &self.config.settings.webhooks else { return };
        while let Some(delivery) = self.outbox.next(to) {
            self.out.deliveries.push(delivery);
        }
    }

    /// What became of a webhook that was sent.
    pub fn webhook_answered(&mut self, (room, number): (&str, u64), arrived: bool, now: Time) {
        if let Some(number) = self.outbox.answered((room, number), arrived, now) {
            self.out.saves.push(Save::Remove { kind: WEBHOOK, key: number });
        }
    }

    /// Without anybody to tell, what waits is forgotten.
    pub(super) fn settle_outbox(&mut self) {
        if self.config.webhooks.is_none() {
            let forgotten = self.outbox.clear().into_iter();
            self.out.saves.extend(forgotten.map(|key| Save::Remove { kind: WEBHOOK, key }));
        }
    }
}

fn person(participant: &Participant) -> Person {
    Person {
        participant_id: participant.id.0.0.to_string(),
        participant_name: participant.name.clone(),
        identity: participant.pass.identity.clone(),
    }
}
