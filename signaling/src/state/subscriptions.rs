//! Which of the others a page wants to be sent: everybody, unless it said otherwise. The room's choice of
//! seats is made among those who are wanted.

use crate::protocol::ServerMessage;
use crate::state::State;
use crate::state::join::Refusal;
use crate::state::model::Participant;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use volley::base::{ParticipantId, StreamId, TrackId};
use volley::control::Command;
use volley::control::message::{MAX_WISHES_AT_ONCE, Want};
use volley::control::types::Wish;

/// So many people and tracks one page may have named: half of what a worker takes (`src/room/wishes.rs`),
/// and more than anybody can look at.
const MOST_NAMED: usize = 256;

/// What a page has said. A track goes before its owner, and that before everybody; what is said later of
/// more replaces what was said of less.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Subscriptions {
    /// Whoever is not named is not wanted.
    nobody_else: bool,
    people: BTreeMap<u64, bool>,
    tracks: BTreeMap<u64, bool>,
    /// The worker was told something: after a restart it is told again.
    spoken: bool,
}

/// What a `subscribe` or `unsubscribe` says.
#[derive(Clone, Debug)]
pub(super) struct SubscriptionRequest {
    pub participant_ids: Option<Vec<String>>,
    pub track_ids: Option<Vec<String>>,
    pub wanted: bool,
}

/// What a worker is told of them, in as few commands as it takes.
fn commands(viewer: ParticipantId, words: &[Wish]) -> impl Iterator<Item = Command> {
    let parts = words.chunks(MAX_WISHES_AT_ONCE);
    parts.map(move |part| Command::Want(Box::new(Want { viewer, wishes: part.iter().copied().collect() })))
}

impl Subscriptions {
    /// Whether everybody is wanted.
    pub(crate) fn is_everybody(&self) -> bool {
        !self.nobody_else && self.named() == 0
    }

    /// How many of somebody's streams are wanted.
    pub(crate) fn streams_of(&self, other: &Participant) -> usize {
        let is_somebody = self.wants_person(other.id.0);
        if self.tracks.is_empty() || other.tracks().next().is_none() {
            return if is_somebody { other.streams() } else { 0 };
        }
        let wanted = other
            .tracks()
            .filter(|(_, track)| self.tracks.get(&track.id.0.0).copied().unwrap_or(is_somebody));
        wanted.map(|(_, track)| track.stream.0).collect::<BTreeSet<StreamId>>().len()
    }

    /// Those who are wanted, where these and nothing else are.
    pub(crate) fn only_people(&self) -> Option<impl Iterator<Item = ParticipantId> + '_> {
        let wanted = self.people.iter().filter(|(_, wanted)| **wanted);
        (self.nobody_else && self.tracks.is_empty()).then(|| wanted.map(|(id, _)| ParticipantId(*id)))
    }

    fn named(&self) -> usize {
        self.people.len() + self.tracks.len()
    }

    fn wants_person(&self, id: ParticipantId) -> bool {
        self.people.get(&id.0).copied().unwrap_or(!self.nobody_else)
    }

    fn say_of_all(&mut self, wanted: bool) -> Wish {
        *self = Subscriptions { nobody_else: !wanted, spoken: self.spoken, ..Subscriptions::default() };
        Wish { participant: None, track: None, wanted: Some(wanted) }
    }

    fn say_of_person(&mut self, id: ParticipantId, their_tracks: &[TrackId], wanted: bool) -> Vec<Wish> {
        let mut words: Vec<Wish> = Vec::new();
        for track in their_tracks.iter().filter(|track| self.tracks.remove(&track.0).is_some()) {
            words.push(Wish { participant: None, track: Some(*track), wanted: None });
        }
        let news = put(&mut self.people, id.0, wanted, !self.nobody_else);
        words.extend(news.map(|wanted| Wish { participant: Some(id), track: None, wanted }));
        words
    }

    fn say_of_track(&mut self, id: TrackId, owner: ParticipantId, wanted: bool) -> Option<Wish> {
        let otherwise = self.wants_person(owner);
        let news = put(&mut self.tracks, id.0, wanted, otherwise);
        news.map(|wanted| Wish { participant: None, track: Some(id), wanted })
    }

    fn all_words(&self) -> Vec<Wish> {
        let all = Wish { participant: None, track: None, wanted: Some(!self.nobody_else) };
        let people = self.people.iter().map(|(&id, &wanted)| Wish {
            participant: Some(ParticipantId(id)),
            track: None,
            wanted: Some(wanted),
        });
        let tracks = self.tracks.iter().map(|(&id, &wanted)| Wish {
            participant: None,
            track: Some(TrackId(id)),
            wanted: Some(wanted),
        });
        std::iter::once(all).chain(people).chain(tracks).filter(|_| self.spoken).collect()
    }

    fn message(&self) -> ServerMessage {
        let named = |words: &BTreeMap<u64, bool>| {
            words.iter().map(|(id, wanted)| (id.to_string(), *wanted)).collect()
        };
        ServerMessage::Subscriptions {
            everybody_else: !self.nobody_else,
            participants: named(&self.people),
            tracks: named(&self.tracks),
        }
    }
}

/// Notes a word that differs from what holds `otherwise`, and takes back one that does not; what is new.
fn put(words: &mut BTreeMap<u64, bool>, id: u64, wanted: bool, otherwise: bool) -> Option<Option<bool>> {
    if wanted == otherwise {
        return words.remove(&id).map(|_| None);
    }
    (words.insert(id, wanted) != Some(wanted)).then_some(Some(wanted))
}

impl State {
    /// A page says whom and what it wants to be sent.
    pub(super) fn subscribe(
        &mut self,
        id: ParticipantId,
        request: &SubscriptionRequest,
    ) -> Result<(), Refusal> {
        let words = match (&request.participant_ids, &request.track_ids) {
            (None, None) => self.subscribe_to_all(id, request.wanted),
            (people, tracks) => {
                let [people, tracks] = [people, tracks].map(|ids| ids.as_deref().unwrap_or_default());
                self.subscribe_to(id, people, tracks, request.wanted)?
            }
        };
        let Some(participant) = self.participants.get_mut(&id) else { return Ok(()) };
        participant.subscriptions.spoken |= !words.is_empty();
        let (told, key) = (participant.subscriptions.message(), participant.room.clone());
        if let Some(worker) = self.worker_of(id) {
            commands(id, &words).for_each(|command| self.out.command(worker, command));
        }
        self.tell(id, told);
        self.dirty.participants.insert(id);
        self.dirty.growth.insert(key.clone());
        self.settle_path(&key, None);
        Ok(())
    }

    fn subscribe_to_all(&mut self, id: ParticipantId, wanted: bool) -> Vec<Wish> {
        let participant = self.participants.get_mut(&id);
        participant.map(|one| one.subscriptions.say_of_all(wanted)).into_iter().collect()
    }

    fn subscribe_to(
        &mut self,
        id: ParticipantId,
        people: &[String],
        tracks: &[String],
        wanted: bool,
    ) -> Result<Vec<Wish>, Refusal> {
        let known_people: Vec<_> = people.iter().filter_map(|text| self.other_in_room(id, text)).collect();
        let known_tracks: Vec<_> = tracks.iter().filter_map(|text| self.track_of_other(id, text)).collect();
        if !people.is_empty() && known_people.is_empty() {
            let text = "participantIds names nobody else in this room";
            return Err(("unknown-participant", text.to_owned()));
        }
        if !tracks.is_empty() && known_tracks.is_empty() {
            return Err(("unknown-track", "trackIds names no track of others in this room".to_owned()));
        }
        let Some(participant) = self.participants.get(&id) else { return Ok(vec![]) };
        let mut subscriptions = participant.subscriptions.clone();
        let mut words = Vec::new();
        for other in known_people {
            let theirs: Vec<TrackId> =
                self.participants[&other].tracks().map(|(_, track)| track.id.0).collect();
            words.extend(subscriptions.say_of_person(other, &theirs, wanted));
        }
        words.extend(
            known_tracks
                .iter()
                .filter_map(|&(track, owner)| subscriptions.say_of_track(track, owner, wanted)),
        );
        if subscriptions.named() > MOST_NAMED {
            let text = format!(
                "at most {MOST_NAMED} people and tracks can be named; say subscribe or unsubscribe of \
                 everybody, without ids, and then name the fewer"
            );
            return Err(("too-many-subscriptions", text));
        }
        if let Some(participant) = self.participants.get_mut(&id) {
            participant.subscriptions = subscriptions;
        }
        Ok(words)
    }

    fn other_in_room(&self, id: ParticipantId, text: &str) -> Option<ParticipantId> {
        let other = text.parse().map(ParticipantId).ok()?;
        let members = &self.rooms.get(&self.participant(id)?.room)?.members;
        (other != id && members.contains(&other) && self.participants.contains_key(&other)).then_some(other)
    }

    fn track_of_other(&self, id: ParticipantId, text: &str) -> Option<(TrackId, ParticipantId)> {
        let track = self.track_in_room(id, text).ok()?;
        let owner = *self.owners.get(&track.0)?;
        (owner != id).then_some((track, owner))
    }

    /// Says to a worker what it may never have heard.
    pub(super) fn say_subscriptions(&mut self, worker: usize, id: ParticipantId) {
        let Some(participant) = self.participants.get(&id) else { return };
        let words = participant.subscriptions.all_words();
        commands(id, &words).for_each(|command| self.out.command(worker, command));
    }

    /// Tells a page that came back what it said before, where that was something.
    pub(super) fn tell_subscriptions(&mut self, id: ParticipantId) {
        let said = self.participants.get(&id).map(|one| &one.subscriptions);
        if let Some(said) = said.filter(|said| !said.is_everybody()) {
            let told = said.message();
            self.tell(id, told);
        }
    }

    /// Forgets, in a room, words about people and tracks that are gone; workers do so by themselves.
    pub(super) fn forget_subscriptions(&mut self, key: &str) {
        let Some(room) = self.rooms.get(key) else { return };
        let mut changed = false;
        for id in &room.members {
            let Some(one) = self.participants.get_mut(id).filter(|one| one.subscriptions.named() > 0) else {
                continue;
            };
            let before = one.subscriptions.named();
            one.subscriptions.people.retain(|person, _| room.members.contains(&ParticipantId(*person)));
            one.subscriptions.tracks.retain(|track, _| self.owners.contains_key(track));
            if one.subscriptions.named() != before {
                changed = true;
                self.dirty.participants.insert(*id);
            }
        }
        if changed {
            self.settle_path(key, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JANE: ParticipantId = ParticipantId(1);
    const MARY: ParticipantId = ParticipantId(2);

    fn of_person(id: ParticipantId, wanted: Option<bool>) -> Wish {
        Wish { participant: Some(id), track: None, wanted }
    }

    fn of_track(id: u64, wanted: Option<bool>) -> Wish {
        Wish { participant: None, track: Some(TrackId(id)), wanted }
    }

    #[test]
    fn a_word_that_changes_nothing_is_not_passed_on() {
        let mut said = Subscriptions::default();
        assert_eq!(said.say_of_person(JANE, &[], true), []);
        assert_eq!(said.say_of_person(JANE, &[], false), [of_person(JANE, Some(false))]);
        assert_eq!(said.say_of_person(JANE, &[], false), []);
        assert_eq!(said.say_of_person(JANE, &[], true), [of_person(JANE, None)]);
        assert!(said.is_everybody());
    }

    #[test]
    fn what_is_said_later_of_more_replaces_what_was_said_of_less() {
        let mut said = Subscriptions::default();
        assert_eq!(said.say_of_track(TrackId(11), JANE, false), Some(of_track(11, Some(false))));
        assert_eq!(said.say_of_track(TrackId(21), MARY, false), Some(of_track(21, Some(false))));
        assert_eq!(said.say_of_person(JANE, &[TrackId(10), TrackId(11)], true), [of_track(11, None)]);
        assert_eq!(said.named(), 1, "Mary's picture is not wanted still");
        said.say_of_all(false);
        assert_eq!((said.named(), said.is_everybody()), (0, false));
        assert_eq!(said.say_of_track(TrackId(11), JANE, true), Some(of_track(11, Some(true))));
        assert_eq!(said.say_of_track(TrackId(11), JANE, false), Some(of_track(11, None)));
    }

    #[test]
    fn a_worker_that_begins_anew_is_told_all_of_it_and_nothing_when_nothing_was_said() {
        let mut said = Subscriptions::default();
        assert_eq!(said.all_words(), []);
        let all = said.say_of_all(false);
        said.say_of_person(MARY, &[], true);
        said.spoken = true;
        assert_eq!(said.all_words(), [all, of_person(MARY, Some(true))]);
    }
}
