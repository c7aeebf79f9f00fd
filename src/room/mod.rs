//! Who may receive what. Sees no packets, no addresses and no clock.

pub mod seats;
mod speakers;
mod stream;
pub mod wishes;

use crate::base::{ParticipantId, RoomId, SlotId, StreamId, TrackId, WorkerId};
use crate::control::types::{Kind, Source, Wish};
use seats::Seats;
use speakers::Audience;
pub use stream::Stream;
use wishes::{MAX_WISHES, Wishes};

/// A seat that shows something else now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which seat.
    pub slot: SlotId,
    /// What it shows now.
    pub track: Option<TrackId>,
}

/// What there is to be shown.
struct Offer {
    /// Most worth seeing first.
    streams: Vec<Stream>,
    /// From whom nothing comes.
    hidden: Vec<ParticipantId>,
    audience: Audience,
}

impl Offer {
    fn is_for(&self, viewer: ParticipantId, stream: &Stream) -> bool {
        let is_there = stream.participant != viewer && !self.hidden.contains(&stream.participant);
        is_there && self.audience.may_be_shown(stream, viewer)
    }
}

/// Somebody in the room; seats are known of those only who are on this worker.
#[derive(Clone, Debug)]
struct Member {
    participant: ParticipantId,
    /// The worker they are on, when it is another one.
    home: Option<WorkerId>,
    seats: Seats,
    wishes: Wishes,
    hidden: bool,
    /// Their last turn to speak, whatever has become of the stream; 0: they never had one.
    spoke: u32,
}

impl Member {
    fn new(participant: ParticipantId, home: Option<WorkerId>) -> Member {
        let (seats, wishes) = (Seats::default(), Wishes::default());
        Member { participant, home, seats, wishes, hidden: false, spoke: 0 }
    }

    /// Places what others publish, as far as it is wanted and may be shown.
    fn place(&mut self, offer: &Offer, changed: &mut impl FnMut(Change)) {
        let Member { participant, seats, wishes, .. } = self;
        let viewer = *participant;
        let others = offer.streams.iter().filter(|stream| offer.is_for(viewer, stream));
        if wishes.are_for_everybody() {
            return seats.place(others, changed);
        }
        let wanted = others.filter_map(|stream| wishes.wanted_of(stream));
        let wanted: Vec<Stream> = wanted.collect();
        seats.place(wanted.iter(), changed);
    }

    /// Whether somebody of `comers` could be given a better seat: see [`Seats::could_seat`].
    fn could_seat(&self, comers: &[Stream], keepers: &[Stream]) -> bool {
        if self.seats.are_none() {
            return false;
        }
        let wanted = |streams: &[Stream]| -> Vec<Stream> {
            let others = streams.iter().filter(|stream| stream.participant != self.participant);
            others.filter_map(|stream| self.wishes.wanted_of(stream)).collect()
        };
        self.seats.could_seat(&wanted(comers), &wanted(keepers))
    }
}

/// One room: its people, what they publish, and who sees what of it.
#[derive(Clone, Debug)]
pub struct Room {
    id: RoomId,
    members: Vec<Member>,
    streams: Vec<Stream>,
    workers: Vec<WorkerId>,
    /// The last turn to speak of anybody that was heard of.
    turns: u32,
    /// Who listens is shown speakers and nobody else.
    speakers_only: bool,
}

impl Room {
    /// An empty room.
    pub fn new(id: RoomId) -> Room {
        Room {
            id,
            members: Vec::new(),
            streams: Vec::new(),
            workers: Vec::new(),
            turns: 0,
            speakers_only: false,
        }
    }

    /// The room's id.
    pub fn id(&self) -> RoomId {
        self.id
    }

    /// The people of it who are on this worker, in the order they came.
    pub fn participants(&self) -> impl Iterator<Item = ParticipantId> {
        self.members_on(None)
    }

    /// The people of it who are on that worker (`None`: this one), in the order they came.
    pub fn members_on(&self, home: Option<WorkerId>) -> impl Iterator<Item = ParticipantId> {
        self.members.iter().filter(move |member| member.home == home).map(|member| member.participant)
    }

    /// What is published by people who are on that other worker.
    pub fn tracks_from(&self, home: WorkerId) -> impl Iterator<Item = TrackId> {
        let from_there = move |stream: &&Stream| self.home_of(stream.participant) == Some(home);
        self.streams.iter().filter(from_there).flat_map(|stream| [stream.audio, stream.video]).flatten()
    }

    /// The seats in which those on this worker might be shown this picture of this participant's.
    pub fn seats_for_picture(
        &self,
        participant: ParticipantId,
        picture: TrackId,
    ) -> impl Iterator<Item = SlotId> {
        let stream = self.streams.iter().find(move |stream| stream.video == Some(picture));
        let is_wanted = move |member: &&Member| {
            let wanted = stream.map(|stream| member.wishes.wanted_of(stream));
            wanted.is_none_or(|wanted| wanted.is_some_and(|stream| stream.video.is_some()))
        };
        let others = self.members.iter().filter(move |member| member.participant != participant);
        others.filter(is_wanted).flat_map(|member| member.seats.for_pictures())
    }

    /// The other workers on which there are people of it.
    pub fn workers(&self) -> &[WorkerId] {
        &self.workers
    }

    /// There may be people of it on that other worker. False when that was known.
    pub fn add_worker(&mut self, worker: WorkerId) -> bool {
        let is_new = !self.workers.contains(&worker);
        if is_new {
            self.workers.push(worker);
        }
        is_new
    }

    /// There is nobody of it on that other worker any more.
    pub fn remove_worker(&mut self, worker: WorkerId) {
        self.workers.retain(|&other| other != worker);
    }

    /// Lets a participant in.
    pub fn join(&mut self, participant: ParticipantId) {
        self.members.push(Member::new(participant, None));
    }

    /// Somebody came in on another worker. Nothing changes when that was known.
    pub fn join_there(&mut self, participant: ParticipantId, home: WorkerId) {
        if !self.members.iter().any(|member| member.participant == participant) {
            self.members.push(Member::new(participant, Some(home)));
        }
    }

    /// The other worker that a member is on.
    pub fn home_of(&self, participant: ParticipantId) -> Option<WorkerId> {
        self.member(participant)?.home
    }

    fn member(&self, participant: ParticipantId) -> Option<&Member> {
        self.members.iter().find(|member| member.participant == participant)
    }

    /// Whether nothing comes from a member.
    pub fn is_hidden(&self, participant: ParticipantId) -> bool {
        self.members.iter().any(|member| member.participant == participant && member.hidden)
    }

    /// Lets a participant go, with what they published and their seats.
    pub fn leave(&mut self, participant: ParticipantId) {
        self.members.retain(|member| member.participant != participant);
        self.streams.retain(|stream| stream.participant != participant);
    }

    /// Adds a track to its participant's stream.
    pub fn publish(
        &mut self,
        (participant, stream): (ParticipantId, StreamId),
        (kind, source): (Kind, Source),
        track: TrackId,
    ) {
        let known =
            self.streams.iter().position(|known| known.participant == participant && known.stream == stream);
        let at = known.unwrap_or_else(|| {
            // Who comes back after their connection was lost has spoken before.
            let spoke = self.member(participant).map_or(0, |member| member.spoke);
            let empty = Stream {
                audio: None,
                video: None,
                screen: false,
                speaks: false,
                spoke,
                is_unheard: false,
                participant,
                stream,
            };
            self.streams.push(empty);
            self.streams.len() - 1
        });
        self.streams[at].screen |= matches!(source, Source::Screen);
        match kind {
            Kind::Audio => (self.streams[at].audio, self.streams[at].is_unheard) = (Some(track), false),
            Kind::Video => self.streams[at].video = Some(track),
        }
        self.sort_streams();
    }

    /// Whether somebody speaks on a stream, and since when in the order of turns: for another worker,
    /// which has not heard it.
    pub fn voice_of(&self, participant: ParticipantId, stream: StreamId) -> (bool, u32) {
        let is_it = |known: &&Stream| known.participant == participant && known.stream == stream;
        self.streams.iter().find(is_it).map_or((false, 0), |known| (known.speaks, known.spoke))
    }

    /// Whether somebody is heard on any of their streams: who shares a screen with sound has two.
    pub fn is_heard(&self, participant: ParticipantId) -> bool {
        self.streams.iter().any(|stream| stream.participant == participant && stream.speaks)
    }

    /// Somebody on this worker begins or ends to speak on a stream; see [`Room::hear`].
    pub fn speaks(&mut self, participant: ParticipantId, stream: StreamId, speaks: bool) -> bool {
        let (_, spoke) = self.voice_of(participant, stream);
        let spoke = if speaks { self.turns + 1 } else { spoke };
        self.hear(participant, stream, (speaks, spoke))
    }

    /// Takes over what was heard on a stream where it comes in. Turns are counted from the highest that any
    /// worker has told, so that all of them, whenever they opened the room, have the same numbers. Whether
    /// seats may change by it: when there is one for somebody who is to be seen and is not, or others are
    /// speakers now where that matters.
    pub fn hear(
        &mut self,
        participant: ParticipantId,
        stream: StreamId,
        (speaks, spoke): (bool, u32),
    ) -> bool {
        let before = self.speakers_that_matter();
        self.turns = self.turns.max(spoke);
        let is_it = |known: &&mut Stream| known.participant == participant && known.stream == stream;
        let Some(known) = self.streams.iter_mut().find(is_it) else { return false };
        (known.speaks, known.spoke) = (speaks, spoke);
        if let Some(member) = self.members.iter_mut().find(|member| member.participant == participant) {
            member.spoke = member.spoke.max(spoke);
        }
        if self.speakers_that_matter() != before {
            return true;
        }
        // Who falls silent may leave the seat to a screen, or to somebody of whom nobody knows whether they
        // speak.
        let hidden: Vec<ParticipantId> = self.hidden().collect();
        let may_come = |stream: &&Stream| {
            let is_of_use = stream.must_be_seen() || !speaks && stream.may_speak();
            is_of_use && !hidden.contains(&stream.participant)
        };
        let comers: Vec<Stream> = self.streams.iter().filter(may_come).copied().collect();
        let keepers: Vec<Stream> =
            self.streams.iter().filter(|stream| stream.may_be_heard()).copied().collect();
        self.members.iter().any(|member| member.could_seat(&comers, &keepers))
    }

    /// Whoever began to speak later than the owner of this picture has more; 0: the owner never did. Who may
    /// speak without anybody's knowing stands with who began last.
    pub fn spoke(&self, picture: TrackId) -> u32 {
        let stream = self.streams.iter().find(|stream| stream.video == Some(picture));
        stream.map_or(0, |stream| if stream.may_speak() { self.turns } else { stream.spoke })
    }

    /// Notes what a viewer wants to be shown. False: they are not here, or have said too much.
    #[must_use]
    pub fn note_wish(&mut self, viewer: ParticipantId, wish: &Wish) -> bool {
        let people: Vec<_> = self.members.iter().map(|member| member.participant).collect();
        let Some(member) = self.members.iter_mut().find(|member| member.participant == viewer) else {
            return false;
        };
        if member.wishes.count() >= MAX_WISHES {
            let published =
                |track| self.streams.iter().any(|stream| [stream.audio, stream.video].contains(&Some(track)));
            member.wishes.retain(|participant| people.contains(&participant), published);
        }
        let is_of_all = wish.participant.is_none() && wish.track.is_none();
        let fits = is_of_all || wish.wanted.is_none() || member.wishes.count() < MAX_WISHES;
        if fits {
            member.wishes.note(wish);
        }
        fits
    }

    /// Takes a track out of its stream.
    pub fn unpublish(&mut self, track: TrackId) {
        for stream in &mut self.streams {
            if stream.audio == Some(track) {
                // What is left of it is a picture of somebody who says nothing.
                (stream.audio, stream.speaks, stream.is_unheard) = (None, false, false);
            }
            if stream.video == Some(track) {
                // What is left of a screen is sound, which is nothing to be seen.
                (stream.video, stream.screen) = (None, false);
            }
        }
        self.streams.retain(|stream| stream.audio.is_some() || stream.video.is_some());
        self.sort_streams();
    }

    /// In the order of publishing, so that all workers of a room choose alike.
    fn sort_streams(&mut self) {
        self.streams.sort_by_key(Stream::first_track);
    }

    /// Marks a participant from whom nothing comes: others' seats go to those from whom something
    /// does, until they are back. Returns whether that is news.
    pub fn hide(&mut self, participant: ParticipantId, hidden: bool) -> bool {
        let member = self.members.iter_mut().find(|member| member.participant == participant);
        member.is_some_and(|member| std::mem::replace(&mut member.hidden, hidden) != hidden)
    }

    /// Whom `viewer` has pinned.
    pub fn pinned_by(&self, viewer: ParticipantId) -> Option<ParticipantId> {
        self.member(viewer)?.seats.pinned()
    }

    /// The seats of a participant who is in the room.
    pub fn seats_mut(&mut self, participant: ParticipantId) -> Option<&mut Seats> {
        self.members
            .iter_mut()
            .find(|member| member.participant == participant)
            .map(|member| &mut member.seats)
    }

    /// Tells what every seat shows now.
    pub fn shown(&self, mut tell: impl FnMut(Change)) {
        self.members.iter().for_each(|member| member.seats.shown(&mut tell));
    }

    /// Places everyone's streams on everyone else's seats; tells of each seat that changed.
    pub fn reseat(&mut self, mut changed: impl FnMut(Change)) {
        let offer = self.offer();
        for member in &mut self.members {
            member.place(&offer, &mut changed);
        }
    }

    /// The same for the seats of one viewer.
    pub fn reseat_one(&mut self, viewer: ParticipantId, mut changed: impl FnMut(Change)) {
        let offer = self.offer();
        if let Some(member) = self.members.iter_mut().find(|member| member.participant == viewer) {
            member.place(&offer, &mut changed);
        }
    }

    fn offer(&self) -> Offer {
        let mut streams = self.streams.clone();
        streams.sort_by_key(Stream::rank);
        Offer { streams, hidden: self.hidden().collect(), audience: self.audience() }
    }

    fn hidden(&self) -> impl Iterator<Item = ParticipantId> {
        self.members.iter().filter(|member| member.hidden).map(|member| member.participant)
    }
}

#[cfg(test)]
mod tests;
