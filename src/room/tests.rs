//! Who is placed where.

use super::*;

fn publish_pair(room: &mut Room, who: u64) {
    let stream = (ParticipantId(who), StreamId(0));
    room.publish(stream, (Kind::Audio, Source::Microphone), TrackId(who * 10));
    room.publish(stream, (Kind::Video, Source::Camera), TrackId(who * 10 + 1));
}

fn changes(room: &mut Room) -> Vec<(u64, Option<u64>)> {
    let mut changes = Vec::new();
    room.reseat(|change| changes.push((change.slot.0, change.track.map(|track| track.0))));
    changes
}

#[test]
fn two_people_see_and_hear_each_other_and_not_themselves() {
    let mut room = Room::new(RoomId(1));
    for who in [1, 2] {
        room.join(ParticipantId(who));
        let seats = room.seats_mut(ParticipantId(who)).expect("just joined");
        seats.open(SlotId(who * 100), StreamId(0), Kind::Audio);
        seats.open(SlotId(who * 100 + 1), StreamId(0), Kind::Video);
        publish_pair(&mut room, who);
    }
    assert_eq!(changes(&mut room), [(100, Some(20)), (101, Some(21)), (200, Some(10)), (201, Some(11))]);
    assert_eq!(changes(&mut room), [], "nothing changes twice");
    room.leave(ParticipantId(2));
    assert_eq!(changes(&mut room), [(100, None), (101, None)]);
}

#[test]
fn who_is_silent_gives_the_seat_to_others_until_they_are_back() {
    let mut room = Room::new(RoomId(1));
    room.join(ParticipantId(1));
    room.join(ParticipantId(2));
    room.join(ParticipantId(3));
    room.seats_mut(ParticipantId(1)).expect("just joined").open(SlotId(7), StreamId(0), Kind::Video);
    publish_pair(&mut room, 2);
    publish_pair(&mut room, 3);
    assert_eq!(changes(&mut room), [(7, Some(21))]);
    room.hide(ParticipantId(2), true);
    assert_eq!(changes(&mut room), [(7, Some(31))]);
    room.hide(ParticipantId(2), false);
    assert_eq!(changes(&mut room), [], "who sits stays");
    room.leave(ParticipantId(3));
    assert_eq!(changes(&mut room), [(7, Some(21))]);
}

/// The first has two seats for sound and two for pictures; they are in step.
fn six_of_whom_one_watches() -> Room {
    let mut room = Room::new(RoomId(1));
    (1..=6).for_each(|who| room.join(ParticipantId(who)));
    let seats = room.seats_mut(ParticipantId(1)).expect("just joined");
    for pair in 0..2 {
        seats.open(SlotId(pair * 10), StreamId(pair), Kind::Audio);
        seats.open(SlotId(pair * 10 + 1), StreamId(pair), Kind::Video);
    }
    room
}

#[test]
fn who_speaks_is_seen_by_everybody_and_those_who_spoke_last_stay() {
    let mut room = six_of_whom_one_watches();
    (2..=6).for_each(|who| publish_pair(&mut room, who));
    assert_eq!(changes(&mut room), [(0, Some(20)), (1, Some(21)), (10, Some(30)), (11, Some(31))]);
    let stream = StreamId(0);
    assert!(!room.speaks(ParticipantId(2), stream, true), "who is seen already moves nobody");
    assert!(room.speaks(ParticipantId(5), stream, true));
    assert_eq!(changes(&mut room), [(10, Some(50)), (11, Some(51))], "in place of who is silent");
    assert!(!room.speaks(ParticipantId(6), stream, true));
    assert_eq!(changes(&mut room), [], "nobody who speaks is sent away");
    assert!(room.speaks(ParticipantId(2), stream, false), "but as soon as one of them ends");
    assert_eq!(changes(&mut room), [(0, Some(60)), (1, Some(61))]);
    assert!(!room.speaks(ParticipantId(5), stream, false));
    assert_eq!(changes(&mut room), [], "silence alone moves nobody");
}

#[test]
fn who_may_speak_unnoticed_is_shown_to_everybody_and_sends_nobody_alike_away() {
    let mut room = six_of_whom_one_watches();
    let stream = StreamId(0);
    [2, 3].into_iter().for_each(|who| publish_pair(&mut room, who));
    for speaks in [true, false] {
        room.speaks(ParticipantId(2), stream, speaks);
    }
    assert_eq!(changes(&mut room).len(), 4);
    for (who, expected) in [(4, &[(10, Some(40)), (11, Some(41))][..]), (5, &[(0, Some(50)), (1, Some(51))])]
    {
        publish_pair(&mut room, who);
        room.set_unheard(TrackId(who * 10), true);
        assert_eq!(changes(&mut room), expected, "who is known to be silent makes room");
    }
    publish_pair(&mut room, 6);
    room.set_unheard(TrackId(60), true);
    assert_eq!(changes(&mut room), [], "of those who may speak the first stay");
    assert!(room.speaks(ParticipantId(3), stream, true));
    assert_eq!(changes(&mut room), [(0, Some(30)), (1, Some(31))], "who is known to speak goes before");
    assert!(room.speaks(ParticipantId(3), stream, false));
    assert_eq!(changes(&mut room), [(0, Some(50)), (1, Some(51))], "and is silent again");
    assert_eq!((room.spoke(TrackId(51)), room.spoke(TrackId(31)), room.spoke(TrackId(21))), (2, 2, 1));
    room.unpublish(TrackId(50));
    assert_eq!(changes(&mut room), [(0, Some(60)), (1, Some(61))], "a picture alone says nothing");
}

#[test]
fn who_is_muted_may_not_speak_unnoticed_and_leaves_the_seat_to_who_may() {
    let mut room = six_of_whom_one_watches();
    (2..=4).for_each(|who| publish_pair(&mut room, who));
    assert_eq!(changes(&mut room), [(0, Some(20)), (1, Some(21)), (10, Some(30)), (11, Some(31))]);
    for speaks in [true, false] {
        room.speaks(ParticipantId(2), StreamId(0), speaks);
    }
    assert!(room.set_unheard(TrackId(40), true) && !room.set_unheard(TrackId(40), true));
    assert_eq!(changes(&mut room), [(10, Some(40)), (11, Some(41))]);
    [5, 6].into_iter().for_each(|who| publish_pair(&mut room, who));
    room.set_unheard(TrackId(50), true);
    assert_eq!(changes(&mut room), [(0, Some(50)), (1, Some(51))]);
    room.set_unheard(TrackId(60), true);
    assert_eq!(changes(&mut room), [], "of those who may speak the first stay");
    assert_eq!(room.spoke(TrackId(51)), 1, "as if they had begun last");
    assert!(room.set_unheard(TrackId(50), false));
    assert_eq!(changes(&mut room), [(0, Some(60)), (1, Some(61))]);
    assert_eq!(room.spoke(TrackId(51)), 0, "and now they never did");
    assert!(!room.set_unheard(TrackId(51), true), "a picture says nothing");
    assert!(room.set_unheard(TrackId(50), true));
    assert_eq!(changes(&mut room), [], "and stands behind who may speak when no longer muted");
}

#[test]
fn who_ends_to_speak_where_all_may_speak_unnoticed_moves_nobody() {
    let mut room = six_of_whom_one_watches();
    for who in 2..=6 {
        publish_pair(&mut room, who);
        room.set_unheard(TrackId(who * 10), true);
    }
    changes(&mut room);
    for who in [2, 3] {
        assert!(!room.speaks(ParticipantId(who), StreamId(0), true));
        assert!(!room.speaks(ParticipantId(who), StreamId(0), false), "{who} may speak on");
    }
    assert!(room.speaks(ParticipantId(6), StreamId(0), true));
    assert_eq!(changes(&mut room).len(), 2);
    assert!(
        !room.speaks(ParticipantId(6), StreamId(0), false),
        "nor is there more to be had for who has no seat"
    );
}

#[test]
fn a_screen_that_came_while_others_spoke_is_seen_when_one_of_them_ends() {
    let mut room = Room::new(RoomId(1));
    (1..=3).for_each(|who| room.join(ParticipantId(who)));
    room.seats_mut(ParticipantId(1)).expect("just joined").open(SlotId(1), StreamId(0), Kind::Video);
    publish_pair(&mut room, 2);
    room.speaks(ParticipantId(2), StreamId(0), true);
    assert_eq!(changes(&mut room), [(1, Some(21))]);
    room.publish((ParticipantId(3), StreamId(9)), (Kind::Video, Source::Screen), TrackId(39));
    assert_eq!(changes(&mut room), [], "nobody who speaks is sent away");
    assert!(room.speaks(ParticipantId(2), StreamId(0), false));
    assert_eq!(changes(&mut room), [(1, Some(39))]);
}

#[test]
fn a_screen_whose_picture_is_gone_goes_before_nobody() {
    let mut room = six_of_whom_one_watches();
    let screen = (ParticipantId(2), StreamId(9));
    room.publish(screen, (Kind::Video, Source::Screen), TrackId(28));
    room.publish(screen, (Kind::Audio, Source::ScreenAudio), TrackId(29));
    (3..=4).for_each(|who| publish_pair(&mut room, who));
    assert_eq!(changes(&mut room), [(0, Some(29)), (1, Some(28)), (10, Some(30)), (11, Some(31))]);
    room.unpublish(TrackId(28));
    room.speaks(ParticipantId(3), StreamId(0), true);
    assert!(room.speaks(ParticipantId(4), StreamId(0), true), "what was a screen need not stay");
    assert_eq!(changes(&mut room), [(0, Some(40)), (1, Some(41))]);
}

#[test]
fn a_shared_screen_takes_the_seat_of_who_is_silent() {
    let mut room = Room::new(RoomId(1));
    (1..=3).for_each(|who| room.join(ParticipantId(who)));
    room.seats_mut(ParticipantId(1)).expect("just joined").open(SlotId(1), StreamId(0), Kind::Video);
    publish_pair(&mut room, 2);
    assert_eq!(changes(&mut room), [(1, Some(21))]);
    room.publish((ParticipantId(3), StreamId(9)), (Kind::Video, Source::Screen), TrackId(39));
    assert_eq!(changes(&mut room), [(1, Some(39))]);
    room.speaks(ParticipantId(2), StreamId(0), true);
    assert_eq!(changes(&mut room), [], "nobody who speaks sends a screen away");
}

#[test]
fn who_is_not_wanted_leaves_the_seat_to_others_also_when_they_speak() {
    let mut room = Room::new(RoomId(1));
    (1..=3).for_each(|who| room.join(ParticipantId(who)));
    let seats = room.seats_mut(ParticipantId(1)).expect("just joined");
    seats.open(SlotId(0), StreamId(0), Kind::Audio);
    seats.open(SlotId(1), StreamId(0), Kind::Video);
    [2, 3].into_iter().for_each(|who| publish_pair(&mut room, who));
    assert_eq!(changes(&mut room), [(0, Some(20)), (1, Some(21))]);
    let person = |who, wanted| Wish { participant: Some(ParticipantId(who)), track: None, wanted };
    assert!(room.note_wish(ParticipantId(1), &person(2, Some(false))));
    assert_eq!(changes(&mut room), [(0, Some(30)), (1, Some(31))]);
    assert!(!room.speaks(ParticipantId(2), StreamId(0), true), "for nobody who wants them");
    assert_eq!(changes(&mut room), []);
    assert_eq!(room.seats_for_picture(ParticipantId(2), TrackId(21)).count(), 0);
    assert_eq!(room.seats_for_picture(ParticipantId(3), TrackId(31)).count(), 1);
    let picture = Wish { participant: None, track: Some(TrackId(31)), wanted: Some(false) };
    assert!(room.note_wish(ParticipantId(1), &picture));
    assert_eq!(changes(&mut room), [(1, None)], "their sound stays");
    assert!(room.note_wish(ParticipantId(1), &person(2, None)));
    assert_eq!(changes(&mut room), [(0, Some(20)), (1, Some(21))], "who speaks goes first again");
}

#[test]
fn words_are_counted_and_those_about_nobody_make_room() {
    let mut room = Room::new(RoomId(1));
    [1, 2].into_iter().for_each(|who| room.join(ParticipantId(who)));
    let person = |who, wanted| Wish { participant: Some(ParticipantId(who)), track: None, wanted };
    for who in 0..MAX_WISHES as u64 {
        assert!(room.note_wish(ParticipantId(1), &person(who, Some(false))));
    }
    assert!(room.note_wish(ParticipantId(1), &person(7_000, Some(false))), "most are of nobody here");
    (3..600).for_each(|who| room.join(ParticipantId(who)));
    let wishes = (3..600).map(|who| room.note_wish(ParticipantId(1), &person(who, Some(false))));
    assert_eq!(wishes.filter(|fits| *fits).count(), MAX_WISHES - 2, "two were left of before");
    assert!(room.note_wish(ParticipantId(1), &person(5, None)), "what is taken back always fits");
    assert!(!room.note_wish(ParticipantId(9_000), &person(1, Some(false))), "who is not here wants nothing");
}

#[test]
fn who_pauses_while_their_screen_is_heard_has_not_ended() {
    let mut room = Room::new(RoomId(1));
    room.join(ParticipantId(2));
    publish_pair(&mut room, 2);
    let screen = StreamId(9);
    room.publish((ParticipantId(2), screen), (Kind::Audio, Source::ScreenAudio), TrackId(29));
    [StreamId(0), screen].into_iter().for_each(|stream| _ = room.speaks(ParticipantId(2), stream, true));
    room.speaks(ParticipantId(2), StreamId(0), false);
    assert!(room.is_heard(ParticipantId(2)) && !room.is_heard(ParticipantId(3)));
    room.speaks(ParticipantId(2), screen, false);
    assert!(!room.is_heard(ParticipantId(2)));
}

#[test]
fn a_stream_without_tracks_is_gone() {
    let mut room = Room::new(RoomId(1));
    publish_pair(&mut room, 3);
    room.unpublish(TrackId(30));
    assert_eq!(room.streams.len(), 1);
    room.unpublish(TrackId(31));
    assert!(room.streams.is_empty());
}
