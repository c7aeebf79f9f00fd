//! The receive seats of one viewer, and which stream sits where.
//!
//! Seats come in pairs, sound and picture, that always carry one participant's stream, because a
//! browser plays in step what shares an msid stream; there are sound-only pairs besides. A stream
//! that has a seat keeps it as long as it fits: nobody's picture jumps about because others come.

use super::{Change, Stream};
use crate::base::{ParticipantId, SlotId, StreamId, TrackId};
use crate::control::types::Kind;

#[derive(Clone, Copy, Debug)]
struct Seat {
    slot: SlotId,
    shows: Option<TrackId>,
}

#[derive(Clone, Debug)]
struct Pair {
    stream: StreamId,
    audio: Option<Seat>,
    video: Option<Seat>,
    holds: Option<(ParticipantId, StreamId)>,
}

impl Pair {
    fn seat_mut(&mut self, kind: Kind) -> &mut Option<Seat> {
        match kind {
            Kind::Audio => &mut self.audio,
            Kind::Video => &mut self.video,
        }
    }

    fn holds(&self, stream: &Stream) -> bool {
        self.holds == Some((stream.participant, stream.stream))
    }

    /// Whether it has a seat for all that there is of the stream.
    fn has_all_for(&self, stream: &Stream) -> bool {
        (stream.video.is_none() || self.video.is_some()) && (stream.audio.is_none() || self.audio.is_some())
    }

    /// How much of the stream it could show: nothing, its sound, its picture, or both.
    fn shows_of(&self, stream: &Stream) -> u8 {
        let is_heard = stream.audio.is_some() && self.audio.is_some();
        let is_seen = stream.video.is_some() && self.video.is_some();
        u8::from(is_heard) + 2 * u8::from(is_seen)
    }

    fn can_show(&self, stream: &Stream) -> bool {
        self.shows_of(stream) > 0
    }
}

/// Which pairs are looked at.
type Fits<'a> = &'a dyn Fn(&Pair) -> bool;

/// One viewer's seats.
#[derive(Clone, Debug, Default)]
pub struct Seats {
    pairs: Vec<Pair>,
    bound: Vec<Seat>,
    pinned: Option<ParticipantId>,
}

impl Seats {
    /// Adds a seat to the pair `stream`.
    pub fn open(&mut self, slot: SlotId, stream: StreamId, kind: Kind) {
        let seat = Some(Seat { slot, shows: None });
        if let Some(pair) = self.pairs.iter_mut().find(|pair| pair.stream == stream) {
            *pair.seat_mut(kind) = seat;
            return;
        }
        let mut pair = Pair { stream, audio: None, video: None, holds: None };
        *pair.seat_mut(kind) = seat;
        self.pairs.push(pair);
    }

    /// Takes a seat away.
    pub fn close(&mut self, slot: SlotId) {
        self.bound.retain(|seat| seat.slot != slot);
        for pair in &mut self.pairs {
            pair.audio = pair.audio.filter(|seat| seat.slot != slot);
            pair.video = pair.video.filter(|seat| seat.slot != slot);
        }
        self.pairs.retain(|pair| pair.audio.is_some() || pair.video.is_some());
    }

    /// Reserves a seat for one track, whoever else comes. The seat leaves its pair.
    pub fn bind(&mut self, slot: SlotId, track: TrackId) {
        self.close(slot);
        self.bound.push(Seat { slot, shows: Some(track) });
    }

    /// Who is shown before anybody else.
    pub fn pinned(&self) -> Option<ParticipantId> {
        self.pinned
    }

    /// Shows this participant before anybody else.
    pub fn pin(&mut self, target: Option<ParticipantId>) {
        self.pinned = target;
    }

    /// The seats in which a picture may be shown.
    pub(super) fn for_pictures(&self) -> impl Iterator<Item = SlotId> {
        let paired = self.pairs.iter().filter_map(|pair| pair.video);
        paired.chain(self.bound.iter().copied()).map(|seat| seat.slot)
    }

    /// Tells what each seat shows.
    pub(super) fn shown(&self, tell: &mut impl FnMut(Change)) {
        let paired = self.pairs.iter().flat_map(|pair| [pair.audio, pair.video]).flatten();
        for seat in paired.chain(self.bound.iter().copied()) {
            tell(Change { slot: seat.slot, track: seat.shows });
        }
    }

    /// Whether nobody can be placed here.
    pub(super) fn are_none(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Whether there is a pair for somebody of `comers` that would show more of them than is shown now: one
    /// that is free, or is held by who need not stay. `keepers` are those who may stay.
    pub(super) fn could_seat(&self, comers: &[Stream], keepers: &[Stream]) -> bool {
        let shown = |comer: &Stream| {
            self.pairs.iter().find(|pair| pair.holds(comer)).map_or(0, |pair| pair.shows_of(comer))
        };
        self.pairs.iter().any(|pair| {
            let keeper = keepers.iter().find(|keeper| pair.holds(keeper));
            let is_pinned = pair.holds.is_some_and(|(who, _)| Some(who) == self.pinned);
            let stays = |comer: &Stream| match keeper {
                _ if is_pinned => true,
                _ if Some(comer.participant) == self.pinned => false,
                Some(keeper) if comer.must_be_seen() => keeper.must_be_seen(),
                Some(keeper) => keeper.may_be_heard(),
                None => false,
            };
            let mut comers = comers.iter().filter(|comer| comer.may_be_heard() && !stays(comer));
            comers.any(|comer| pair.shows_of(comer) > shown(comer))
        })
    }

    /// Places `streams` (everyone else's, most worth seeing first) on the seats.
    pub(super) fn place<'a>(
        &mut self,
        streams: impl Iterator<Item = &'a Stream> + Clone,
        changed: &mut impl FnMut(Change),
    ) {
        self.release(streams.clone());
        let pinned = self.pinned;
        let is_pinned = move |stream: &&Stream| Some(stream.participant) == pinned;
        for stream in streams.clone().filter(is_pinned) {
            self.seat(stream, |seats, fits| seats.last_unpinned(fits));
        }
        for stream in streams.clone().filter(|stream| stream.must_be_seen()) {
            self.seat(stream, |seats, fits| seats.least_worth(fits, streams.clone(), Stream::must_be_seen));
        }
        for stream in streams.clone().filter(|stream| stream.may_speak()) {
            self.seat(stream, |seats, fits| seats.least_worth(fits, streams.clone(), Stream::may_be_heard));
        }
        for stream in streams.clone().filter(|stream| stream.video.is_some()) {
            self.seat(stream, |_, _| None);
        }
        for stream in streams.clone().filter(|stream| stream.video.is_none()) {
            self.seat(stream, |_, _| None);
        }
        self.tell(streams, changed);
    }

    /// Frees the pairs whose stream is gone, or would be better off elsewhere.
    fn release<'a>(&mut self, streams: impl Iterator<Item = &'a Stream> + Clone) {
        for pair in &mut self.pairs {
            if !streams.clone().any(|stream| pair.holds(stream) && pair.can_show(stream)) {
                pair.holds = None;
            }
        }
        let waiting = streams
            .clone()
            .filter(|stream| stream.video.is_some() && !self.pairs.iter().any(|pair| pair.holds(stream)))
            .count();
        for stream in streams {
            let Some(at) = self.pairs.iter().position(|pair| pair.holds(stream)) else { continue };
            let has_video_seat = self.pairs[at].video.is_some();
            let gained_a_picture = stream.video.is_some() && !has_video_seat && self.free(true).is_some();
            let blocks_a_picture = stream.video.is_none()
                && has_video_seat
                && waiting > 0
                && self.free(true).is_none()
                && self.free(false).is_some();
            if gained_a_picture || blocks_a_picture {
                self.pairs[at].holds = None;
                // Seated at once, so that the place it is moved to is not given away twice.
                self.seat(stream, |_, _| None);
            }
        }
    }

    /// Gives `stream` a free pair, or else the one that `evict` finds: one made for what it has, and if
    /// there is none any in which it is at least heard, or seen.
    fn seat(&mut self, stream: &Stream, evict: impl Fn(&Seats, Fits<'_>) -> Option<usize>) {
        let held = self.pairs.iter().position(|pair| pair.holds(stream));
        if held.is_some_and(|at| self.pairs[at].has_all_for(stream)) {
            return;
        }
        let with_video = stream.video.is_some();
        // Where pages have fewer seats for sound than for pictures, who speaks is not to be seen in silence.
        let is_apt = |pair: &Pair| pair.video.is_some() == with_video && pair.has_all_for(stream);
        let is_heard = |pair: &Pair| stream.audio.is_some() && pair.audio.is_some();
        let is_seen = |pair: &Pair| with_video && pair.video.is_some();
        let free = |fits: Fits<'_>| self.pairs.iter().position(|pair| pair.holds.is_none() && fits(pair));
        let apt = free(&is_apt).or_else(|| evict(self, &is_apt));
        let part = || free(&is_seen).or_else(|| free(&is_heard));
        let taken = || evict(self, &is_heard).or_else(|| evict(self, &is_seen));
        if let Some(at) = apt.or(held).or_else(part).or_else(taken) {
            held.into_iter().for_each(|held| self.pairs[held].holds = None);
            self.pairs[at].holds = Some((stream.participant, stream.stream));
        }
    }

    fn free(&self, with_video: bool) -> Option<usize> {
        self.pairs.iter().position(|pair| pair.holds.is_none() && pair.video.is_some() == with_video)
    }

    fn last_unpinned(&self, fits: Fits<'_>) -> Option<usize> {
        self.pairs.iter().rposition(|pair| fits(pair) && pair.holds.map(|(who, _)| who) != self.pinned)
    }

    /// The pair whose stream comes last of those that need not stay.
    fn least_worth<'a>(
        &self,
        fits: Fits<'_>,
        streams: impl Iterator<Item = &'a Stream> + Clone,
        stays: impl Fn(&Stream) -> bool,
    ) -> Option<usize> {
        let worth = |pair: &Pair| {
            let place = streams.clone().position(|stream| pair.holds(stream))?;
            let stream = streams.clone().nth(place)?;
            let stays = stays(stream) || Some(stream.participant) == self.pinned;
            (!stays && fits(pair)).then_some(place)
        };
        let places = self.pairs.iter().enumerate().filter_map(|(at, pair)| Some((worth(pair)?, at)));
        places.max().map(|(_, at)| at)
    }

    fn tell<'a>(
        &mut self,
        streams: impl Iterator<Item = &'a Stream> + Clone,
        changed: &mut impl FnMut(Change),
    ) {
        for pair in &mut self.pairs {
            let holds = pair.holds;
            let stream = streams.clone().find(|stream| holds == Some((stream.participant, stream.stream)));
            update(&mut pair.audio, stream.and_then(|stream| stream.audio), changed);
            update(&mut pair.video, stream.and_then(|stream| stream.video), changed);
        }
    }
}

fn update(seat: &mut Option<Seat>, track: Option<TrackId>, changed: &mut impl FnMut(Change)) {
    if let Some(seat) = seat
        && seat.shows != track
    {
        seat.shows = track;
        changed(Change { slot: seat.slot, track });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn viewer(pairs: u64, sound_only: u64) -> Seats {
        let mut seats = Seats::default();
        for n in 0..pairs {
            seats.open(SlotId(n * 10), StreamId(n), Kind::Audio);
            seats.open(SlotId(n * 10 + 1), StreamId(n), Kind::Video);
        }
        for n in pairs..pairs + sound_only {
            seats.open(SlotId(n * 10), StreamId(n), Kind::Audio);
        }
        seats
    }

    fn stream(who: u64, video: bool) -> Stream {
        Stream {
            participant: ParticipantId(who),
            stream: StreamId(0),
            audio: Some(TrackId(who * 10)),
            video: video.then_some(TrackId(who * 10 + 1)),
            screen: false,
            speaks: false,
            spoke: 0,
            is_unheard: false,
        }
    }

    fn place(seats: &mut Seats, streams: &[Stream]) -> Vec<(u64, Option<u64>)> {
        let mut changes = Vec::new();
        seats.place(streams.iter(), &mut |change: Change| {
            changes.push((change.slot.0, change.track.map(|track| track.0)));
        });
        changes
    }

    #[test]
    fn a_pair_always_carries_one_stream() {
        let mut seats = viewer(2, 0);
        let changes = place(&mut seats, &[stream(1, true), stream(2, true)]);
        assert_eq!(changes, [(0, Some(10)), (1, Some(11)), (10, Some(20)), (11, Some(21))]);
    }

    #[test]
    fn those_who_sit_stay_when_others_come_and_go() {
        let mut seats = viewer(2, 0);
        place(&mut seats, &[stream(1, true), stream(2, true)]);
        assert_eq!(place(&mut seats, &[stream(2, true), stream(3, true)]), [(0, Some(30)), (1, Some(31))]);
    }

    #[test]
    fn sound_without_picture_takes_a_sound_only_seat_first() {
        let mut seats = viewer(1, 1);
        assert_eq!(place(&mut seats, &[stream(1, false)]), [(10, Some(10))]);
    }

    #[test]
    fn sound_makes_room_when_a_picture_needs_the_pair() {
        let mut seats = viewer(1, 1);
        place(&mut seats, &[stream(1, false), stream(2, false)]);
        let now = [stream(1, false), stream(3, true)];
        place(&mut seats, &now);
        assert_eq!(place(&mut seats, &now), []);
        let mut shown: Vec<_> =
            seats.pairs.iter().filter_map(|pair| pair.holds.map(|(who, _)| who.0)).collect();
        shown.sort_unstable();
        assert_eq!(shown, [1, 3]);
        assert_eq!(seats.pairs[0].holds.map(|(who, _)| who.0), Some(3), "the picture has the pair");
    }

    #[test]
    fn a_picture_that_loses_its_sound_blocks_no_sound_only_seat() {
        let mut seats = viewer(1, 1);
        place(&mut seats, &[stream(1, true), stream(2, true)]);
        let silent = Stream { audio: None, ..stream(2, true) };
        let changes = place(&mut seats, &[stream(1, true), silent, stream(3, false)]);
        assert_eq!(changes, [(10, Some(30))]);
    }

    #[test]
    fn a_camera_turned_on_later_gets_a_pair() {
        let mut seats = viewer(1, 1);
        place(&mut seats, &[stream(1, false)]);
        let changes = place(&mut seats, &[stream(1, true)]);
        assert_eq!(changes, [(0, Some(10)), (1, Some(11)), (10, None)]);
    }

    #[test]
    fn who_is_pinned_is_shown_whoever_came_first() {
        let mut seats = viewer(1, 0);
        let streams = [stream(1, true), stream(2, true)];
        place(&mut seats, &streams);
        seats.pin(Some(ParticipantId(2)));
        assert_eq!(place(&mut seats, &streams), [(0, Some(20)), (1, Some(21))]);
        assert_eq!(place(&mut seats, &streams), []);
    }

    /// Who has a seat, in the order of the pairs.
    fn seated(seats: &Seats) -> Vec<u64> {
        seats.pairs.iter().filter_map(|pair| pair.holds.map(|(who, _)| who.0)).collect()
    }

    fn speaking(stream: Stream) -> Stream {
        Stream { speaks: true, ..stream }
    }

    #[test]
    fn who_speaks_without_a_picture_is_heard_by_who_has_pairs_only() {
        let mut seats = viewer(2, 0);
        place(&mut seats, &[stream(1, true), stream(2, true), stream(3, false)]);
        let changes = place(&mut seats, &[speaking(stream(3, false)), stream(1, true), stream(2, true)]);
        assert_eq!(changes, [(10, Some(30)), (11, None)], "in place of who comes last");
        let spoken = [speaking(stream(2, true)), stream(3, false), stream(1, true)];
        assert_eq!(place(&mut seats, &spoken), [(0, Some(20)), (1, Some(21))]);
    }

    #[test]
    fn who_receives_sound_only_hears_whoever_speaks() {
        let mut seats = viewer(0, 1);
        assert_eq!(place(&mut seats, &[stream(1, true), stream(2, true)]), [(0, Some(10))]);
        let now = [speaking(stream(2, true)), stream(1, true)];
        assert_eq!(place(&mut seats, &now), [(0, Some(20))]);
        assert!(!seats.could_seat(&now[..1], &[]), "there is no more to be had");
        seats.pin(Some(ParticipantId(1)));
        assert_eq!(place(&mut seats, &now), [(0, Some(10))], "who is pinned goes before");
        assert_eq!(place(&mut seats, &now), []);
    }

    #[test]
    fn who_speaks_is_heard_until_there_is_a_pair_to_be_seen_in() {
        let mut seats = viewer(1, 1);
        let silent = stream(3, false);
        place(&mut seats, &[speaking(stream(1, true)), silent]);
        let both = [speaking(stream(1, true)), speaking(stream(2, true)), silent];
        assert_eq!(place(&mut seats, &both), [(10, Some(20))]);
        assert!(!seats.could_seat(&both, &both), "who speaks stays");
        assert!(seats.could_seat(&both, &both[1..]), "nobody sees them yet");
        place(&mut seats, &[speaking(stream(2, true)), stream(1, true), silent]);
        assert_eq!(seated(&seats), [2, 1], "who is silent now is heard if they go on");
    }

    #[test]
    fn who_speaks_is_not_seen_in_silence_where_there_are_fewer_seats_for_sound() {
        let mut seats = viewer(1, 0);
        (1..3).for_each(|n| seats.open(SlotId(n * 10 + 1), StreamId(n), Kind::Video));
        let people: Vec<Stream> = (1..=4).map(|who| stream(who, true)).collect();
        place(&mut seats, &people);
        assert_eq!(seated(&seats), [1, 2, 3]);
        // Who has a picture already, and who has none.
        for (speaks, expected) in [(2, [2, 1, 3]), (4, [4, 1, 3])] {
            let mut now = people.clone();
            let at = now.iter().position(|one| one.participant.0 == speaks).expect("it is one of them");
            now[at] = speaking(now[at]);
            now.sort_by_key(Stream::rank);
            assert!(seats.could_seat(&now[..1], &now[..1]));
            place(&mut seats, &now);
            assert_eq!(seated(&seats), expected, "{speaks} speaks");
        }
    }

    #[test]
    fn a_bound_seat_is_left_alone() {
        let mut seats = viewer(1, 0);
        seats.bind(SlotId(1), TrackId(77));
        assert_eq!(place(&mut seats, &[stream(1, true)]), [(0, Some(10))]);
    }
}
