//! Which of the others one viewer wants to be shown: everybody, unless they said otherwise.
//!
//! What is said of a track goes before what is said of its owner, and that before what is said of all.
//! Knows neither who is in the room nor what is published: a word may come before whom it is about.

use super::Stream;
use crate::base::{ParticipantId, TrackId};
use crate::control::types::Wish;

/// So many words one viewer may have said. Signaling takes half of them
/// (`signaling/src/state/subscriptions.rs`); the rest is for words that were under way when whom they are
/// about left. Looked through for each stream whenever seats are given out: 512 take less than a
/// microsecond.
pub const MAX_WISHES: usize = 512;

/// What one viewer has said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wishes {
    /// Whoever is not named below.
    others: bool,
    people: Vec<(ParticipantId, bool)>,
    tracks: Vec<(TrackId, bool)>,
}

impl Default for Wishes {
    fn default() -> Wishes {
        Wishes { others: true, people: Vec::new(), tracks: Vec::new() }
    }
}

impl Wishes {
    /// Notes a word.
    pub fn note(&mut self, wish: &Wish) {
        match *wish {
            Wish { track: Some(track), wanted, .. } => put(&mut self.tracks, track, wanted),
            Wish { participant: Some(person), wanted, .. } => put(&mut self.people, person, wanted),
            Wish { participant: None, track: None, wanted } => {
                *self = Wishes { others: wanted.unwrap_or(true), ..Wishes::default() };
            }
        }
    }

    /// How many words there are about somebody or something.
    pub fn count(&self) -> usize {
        self.people.len() + self.tracks.len()
    }

    /// Whether everybody is wanted.
    pub fn are_for_everybody(&self) -> bool {
        self.others && self.count() == 0
    }

    /// Forgets what is about nobody and nothing there is.
    pub fn retain(&mut self, is_here: impl Fn(ParticipantId) -> bool, is_there: impl Fn(TrackId) -> bool) {
        self.people.retain(|(participant, _)| is_here(*participant));
        self.tracks.retain(|(track, _)| is_there(*track));
    }

    /// What is wanted of a stream, if anything.
    pub fn wanted_of(&self, stream: &Stream) -> Option<Stream> {
        let of_owner = find(&self.people, stream.participant).unwrap_or(self.others);
        let is_wanted = |track: &TrackId| find(&self.tracks, *track).unwrap_or(of_owner);
        let (audio, video) = (stream.audio.filter(is_wanted), stream.video.filter(is_wanted));
        (audio.is_some() || video.is_some()).then_some(Stream { audio, video, ..*stream })
    }
}

fn put<K: PartialEq>(words: &mut Vec<(K, bool)>, key: K, wanted: Option<bool>) {
    words.retain(|(known, _)| *known != key);
    words.extend(wanted.map(|wanted| (key, wanted)));
}

fn find<K: PartialEq>(words: &[(K, bool)], key: K) -> Option<bool> {
    words.iter().find(|(known, _)| *known == key).map(|(_, wanted)| *wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::StreamId;

    const ALL: Wish = Wish { participant: None, track: None, wanted: None };

    fn person(who: u64) -> Wish {
        Wish { participant: Some(ParticipantId(who)), ..ALL }
    }

    fn track(which: u64) -> Wish {
        Wish { track: Some(TrackId(which)), ..ALL }
    }

    fn say(wishes: &mut Wishes, of: Wish, wanted: Option<bool>) {
        wishes.note(&Wish { wanted, ..of });
    }

    /// The tracks of two people, sound and picture, that are wanted: 10, 11, 20 and 21.
    fn wanted(wishes: &Wishes) -> Vec<u64> {
        let stream = |who: u64| Stream {
            participant: ParticipantId(who),
            stream: StreamId(0),
            audio: Some(TrackId(who * 10)),
            video: Some(TrackId(who * 10 + 1)),
            screen: false,
            speaks: false,
            spoke: 0,
            is_unheard: false,
        };
        let streams = [1, 2].map(|who| wishes.wanted_of(&stream(who)));
        let tracks = streams.iter().flatten().flat_map(|stream| [stream.audio, stream.video]);
        tracks.flatten().map(|track| track.0).collect()
    }

    #[test]
    fn everybody_is_wanted_until_something_else_is_said() {
        let mut wishes = Wishes::default();
        assert_eq!((wanted(&wishes), wishes.are_for_everybody()), (vec![10, 11, 20, 21], true));
        say(&mut wishes, person(1), Some(false));
        assert_eq!((wanted(&wishes), wishes.are_for_everybody()), (vec![20, 21], false));
        say(&mut wishes, person(1), None);
        assert_eq!((wanted(&wishes), wishes.are_for_everybody()), (vec![10, 11, 20, 21], true));
    }

    #[test]
    fn a_track_goes_before_its_owner_and_both_before_everybody() {
        let mut wishes = Wishes::default();
        say(&mut wishes, ALL, Some(false));
        assert_eq!(wanted(&wishes), []);
        say(&mut wishes, person(2), Some(true));
        say(&mut wishes, track(21), Some(false));
        say(&mut wishes, track(10), Some(true));
        assert_eq!(wanted(&wishes), [10, 20]);
        say(&mut wishes, ALL, None);
        assert!(wishes.are_for_everybody(), "a word about everybody is the only one");
    }

    #[test]
    fn what_is_about_those_who_left_is_forgotten() {
        let mut wishes = Wishes::default();
        for about in [person(1), person(2), track(10), track(20)] {
            say(&mut wishes, about, Some(false));
            say(&mut wishes, about, Some(false));
        }
        assert_eq!(wishes.count(), 4, "said twice it is one word");
        wishes.retain(|who| who.0 == 2, |track| track.0 == 20);
        assert_eq!(wishes.count(), 2);
    }
}
