//! Rooms in which those who listen are shown speakers only: a class, an all-hands. What somebody publishes
//! who has not spoken goes to the speakers and to nobody else, until they speak up.
//!
//! Knows who spoke in which order, not when: there is no clock in a room.

use super::{Room, Stream};
use crate::base::{ParticipantId, TrackId};
use std::cmp::Reverse;

/// Who spoke last stay speakers, so many of them: as many as pages have seats for by default. Whoever
/// speaks now is one in any case; whoever is hidden leaves the place to somebody who can be shown.
const MOST: usize = 9;

/// Who is shown to whom, as far as the room restricts it.
#[derive(Debug)]
pub(super) struct Audience {
    /// `None`: everybody is shown to everybody.
    speakers: Option<Vec<ParticipantId>>,
}

impl Audience {
    /// Whether what is published on `stream` may be shown to `viewer`.
    pub(super) fn may_be_shown(&self, stream: &Stream, viewer: ParticipantId) -> bool {
        let Some(speakers) = &self.speakers else { return true };
        // Screens are shared for all to see, and sound that does not say how loud it is may be speech.
        let is_for_all = stream.screen || stream.is_unheard || speakers.contains(&stream.participant);
        is_for_all || speakers.contains(&viewer)
    }
}

impl Room {
    /// Shows those who listen what speakers publish and nothing else, or everybody to everybody again.
    /// True when that is news: seats may change.
    pub fn show_speakers_only(&mut self, only: bool) -> bool {
        std::mem::replace(&mut self.speakers_only, only) != only
    }

    /// Whether nobody knows of a sound if somebody speaks: it does not say how loud it is, and is not muted.
    /// True when that is news: seats may change.
    pub fn set_unheard(&mut self, sound: TrackId, unheard: bool) -> bool {
        let stream = self.streams.iter_mut().find(|stream| stream.audio == Some(sound));
        stream.is_some_and(|stream| std::mem::replace(&mut stream.is_unheard, unheard) != unheard)
    }

    pub(super) fn audience(&self) -> Audience {
        Audience { speakers: self.speakers_only.then(|| self.speakers()) }
    }

    /// Those who speak, and those who spoke last, in the order of their ids; none where it does not matter.
    pub(super) fn speakers_that_matter(&self) -> Vec<ParticipantId> {
        if self.speakers_only { self.speakers() } else { Vec::new() }
    }

    fn speakers(&self) -> Vec<ParticipantId> {
        let hidden: Vec<_> = self.hidden().collect();
        let spoke =
            self.streams.iter().filter(|stream| stream.spoke > 0 && !hidden.contains(&stream.participant));
        let mut spoke: Vec<_> =
            spoke.map(|stream| (!stream.speaks, Reverse(stream.spoke), stream.participant)).collect();
        spoke.sort_unstable();
        let mut speakers = Vec::new();
        for (silent, _, participant) in spoke {
            // Who spoke on two streams, a screen's sound say, is one person.
            if !speakers.contains(&participant) && (!silent || speakers.len() < MOST) {
                speakers.push(participant);
            }
        }
        speakers.sort_unstable();
        speakers
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{RoomId, SlotId, StreamId};
    use crate::control::types::{Kind, Source};

    const STREAM: StreamId = StreamId(0);

    /// So many people, each with sound, a picture and a pair of seats for each of the others.
    fn class(people: u64) -> Room {
        let mut room = Room::new(RoomId(1));
        room.show_speakers_only(true);
        for who in 1..=people {
            room.join(ParticipantId(who));
            let seats = room.seats_mut(ParticipantId(who)).expect("just joined");
            for pair in 0..people {
                seats.open(SlotId(who * 1_000 + pair * 10), StreamId(pair), Kind::Audio);
                seats.open(SlotId(who * 1_000 + pair * 10 + 1), StreamId(pair), Kind::Video);
            }
            let stream = (ParticipantId(who), STREAM);
            room.publish(stream, (Kind::Audio, Source::Microphone), TrackId(who * 10));
            room.publish(stream, (Kind::Video, Source::Camera), TrackId(who * 10 + 1));
        }
        room
    }

    fn says_something(room: &mut Room, who: u64) {
        room.speaks(ParticipantId(who), STREAM, true);
        room.speaks(ParticipantId(who), STREAM, false);
    }

    /// Whose pictures `viewer` is shown.
    fn seen_by(room: &mut Room, viewer: u64) -> Vec<u64> {
        room.reseat(|_| {});
        let mut seen = Vec::new();
        room.shown(|change| {
            let is_picture = change.slot.0 / 1_000 == viewer && change.slot.0 % 10 == 1;
            seen.extend(change.track.filter(|_| is_picture).map(|track| track.0 / 10));
        });
        seen.sort_unstable();
        seen
    }

    #[test]
    fn who_listens_sees_speakers_only_and_speakers_see_everybody() {
        let mut room = class(4);
        assert_eq!(seen_by(&mut room, 1), [], "nobody has spoken yet");
        assert!(room.speaks(ParticipantId(2), STREAM, true));
        assert_eq!(seen_by(&mut room, 1), [2]);
        assert_eq!(seen_by(&mut room, 2), [1, 3, 4]);
        room.speaks(ParticipantId(2), STREAM, false);
        assert_eq!(seen_by(&mut room, 1), [2], "a pause hides nobody");
        assert!(room.speaks(ParticipantId(1), STREAM, true), "who speaks up sees the others");
        assert_eq!((seen_by(&mut room, 1), seen_by(&mut room, 3)), (vec![2, 3, 4], vec![1, 2]));
    }

    #[test]
    fn who_has_not_spoken_for_longest_listens_again_when_many_others_have() {
        let mut room = class(MOST as u64 + 2);
        (1..=MOST as u64 + 1).for_each(|who| says_something(&mut room, who));
        let last: Vec<u64> = (2..=MOST as u64 + 1).collect();
        assert_eq!((seen_by(&mut room, MOST as u64 + 2), seen_by(&mut room, 1)), (last.clone(), last));
    }

    #[test]
    fn everybody_who_speaks_at_once_is_a_speaker() {
        let mut room = class(MOST as u64 + 3);
        for who in 1..=MOST as u64 + 2 {
            room.speaks(ParticipantId(who), STREAM, true);
        }
        assert_eq!(seen_by(&mut room, MOST as u64 + 3).len(), MOST + 2);
    }

    #[test]
    fn a_pin_is_no_way_around_it_and_a_screen_is_for_all() {
        let mut room = class(3);
        room.seats_mut(ParticipantId(1)).expect("it is there").pin(Some(ParticipantId(3)));
        assert_eq!(seen_by(&mut room, 1), []);
        let screen = (ParticipantId(3), StreamId(9));
        room.publish(screen, (Kind::Video, Source::Screen), TrackId(39));
        assert_eq!(seen_by(&mut room, 1), [3]);
    }

    #[test]
    fn sound_that_does_not_say_how_loud_it_is_is_for_all() {
        let mut room = class(2);
        assert!(room.set_unheard(TrackId(20), true));
        assert_eq!((seen_by(&mut room, 1), seen_by(&mut room, 2)), (vec![2], vec![]));
        assert!(room.set_unheard(TrackId(20), false));
        assert_eq!(seen_by(&mut room, 1), [], "muted it is no speech");
    }

    #[test]
    fn a_picture_whose_sound_is_gone_is_for_all_no_longer() {
        let mut room = class(2);
        room.set_unheard(TrackId(20), true);
        room.unpublish(TrackId(20));
        assert_eq!(seen_by(&mut room, 1), [], "it might have been speech, and is nothing now");
        room.publish((ParticipantId(2), STREAM), (Kind::Audio, Source::Microphone), TrackId(20));
        assert!(room.speaks(ParticipantId(2), STREAM, true));
        room.unpublish(TrackId(20));
        assert_eq!(seen_by(&mut room, 1), [2], "who spoke last stays");
        assert!(room.streams.iter().all(|stream| !stream.speaks), "but speaks no more");
    }

    #[test]
    fn who_publishes_anew_after_a_break_has_spoken_all_the_same() {
        let mut room = class(2);
        says_something(&mut room, 2);
        [20, 21].into_iter().for_each(|track| room.unpublish(TrackId(track)));
        assert_eq!(seen_by(&mut room, 1), []);
        room.publish((ParticipantId(2), STREAM), (Kind::Audio, Source::Microphone), TrackId(22));
        room.publish((ParticipantId(2), STREAM), (Kind::Video, Source::Camera), TrackId(23));
        assert_eq!(seen_by(&mut room, 1), [2]);
    }

    #[test]
    fn whoever_is_hidden_leaves_the_place_to_who_spoke_before() {
        let mut room = class(MOST as u64 + 2);
        (1..=MOST as u64 + 1).for_each(|who| says_something(&mut room, who));
        let listener = MOST as u64 + 2;
        room.hide(ParticipantId(5), true);
        let all_but_5: Vec<u64> = (1..=MOST as u64 + 1).filter(|&who| who != 5).collect();
        assert_eq!(seen_by(&mut room, listener), all_but_5);
        room.hide(ParticipantId(5), false);
        assert_eq!(seen_by(&mut room, listener), (2..=MOST as u64 + 1).collect::<Vec<_>>());
    }

    #[test]
    fn who_speaks_on_two_streams_takes_one_place() {
        let mut room = class(MOST as u64 + 1);
        (1..=MOST as u64).for_each(|who| says_something(&mut room, who));
        let screen = (ParticipantId(MOST as u64), StreamId(9));
        room.publish(screen, (Kind::Audio, Source::ScreenAudio), TrackId(1_009));
        room.speaks(screen.0, screen.1, true);
        room.speaks(screen.0, screen.1, false);
        let all: Vec<u64> = (1..=MOST as u64).collect();
        assert_eq!(seen_by(&mut room, MOST as u64 + 1), all);
    }

    #[test]
    fn the_restriction_can_be_lifted() {
        let mut room = class(2);
        assert_eq!(seen_by(&mut room, 1), []);
        assert!(room.show_speakers_only(false) && !room.show_speakers_only(false));
        assert_eq!(seen_by(&mut room, 1), [2]);
    }
}
