//! A room on several workers: who is where, and what they publish.
//!
//! The shard that is told of another tells it all it has and asks for the same ([`Told`]), and then
//! what changes. Whatever a shard is told twice changes nothing, so it does not matter which of two
//! shards hears of the room first, or that one of them begins anew.

use super::{MeshValue, Published, Told};
use crate::base::{Outbox, ParticipantId, RoomId, TrackId, WorkerId};
use crate::control::types::Reason;
use crate::media::sender_clock::ClockOffset;
use crate::media::track::{Home, Track};
use crate::room::Room;
use crate::shard::Shard;
use crate::shard::voices::is_unheard;

impl Shard {
    /// There are, or will be, people of a room on another worker too.
    pub(in crate::shard) fn span_room(
        &mut self,
        room: RoomId,
        worker: WorkerId,
    ) -> Result<(), (u64, Reason)> {
        let key = *self.room_keys.get(&room).ok_or((room.0, Reason::Unknown))?;
        if self.mesh.batch(worker).is_none() {
            return Err((room.0, Reason::Invalid));
        }
        if self.rooms[key].add_worker(worker) {
            self.tell_all(key, worker, true);
        }
        Ok(())
    }

    /// After an import: the others have forgotten nothing, but what they were asked for is void.
    pub(in crate::shard) fn span_anew(&mut self) {
        let rooms = self.rooms.iter();
        let spans: Vec<(u32, WorkerId)> =
            rooms.flat_map(|(key, room)| room.workers().iter().map(move |&worker| (key, worker))).collect();
        for (room, worker) in spans {
            self.tell_all(room, worker, true);
        }
    }

    /// A room ends here: what stands here of elsewhere goes.
    pub(in crate::shard) fn unspan(&mut self, room: u32, out: &mut impl Outbox) {
        self.tell_workers(room, |room| MeshValue::Ended { room });
        let of_elsewhere =
            self.tracks.iter().filter(|(_, track)| track.home.is_some_and(|home| home.room == room));
        let tracks: Vec<u32> = of_elsewhere.map(|(key, _)| key).collect();
        for track in tracks {
            self.remove_track(track, out);
        }
    }

    pub(in crate::shard) fn tell_joined(&mut self, room: u32, participant: ParticipantId) {
        self.tell_workers(room, |room| MeshValue::Joined { room, participant });
    }

    pub(in crate::shard) fn tell_left(&mut self, room: u32, participant: ParticipantId) {
        self.tell_workers(room, |room| MeshValue::Left { room, participant });
    }

    pub(in crate::shard) fn tell_hidden(&mut self, room: u32, participant: ParticipantId, hidden: bool) {
        self.tell_workers(room, |room| MeshValue::Hidden { room, participant, hidden });
    }

    pub(in crate::shard) fn tell_speaks(&mut self, track: u32) {
        let (participant, stream) = (self.tracks[track].participant, self.tracks[track].stream);
        let room = self.room_of(track);
        let voice = self.rooms[room].voice_of(participant, stream);
        self.tell_workers(room, |room| MeshValue::Speaks { room, participant, stream, voice });
    }

    pub(in crate::shard) fn tell_published(&mut self, room: u32, track: u32) {
        let (track, room) = (&self.tracks[track], &self.rooms[room]);
        for &worker in room.workers() {
            let published = Box::new(published(track, room));
            self.mesh.tell(worker, MeshValue::Published { room: room.id(), published });
        }
    }

    pub(in crate::shard) fn tell_unpublished(&mut self, room: u32, track: TrackId) {
        self.tell_workers(room, |_| MeshValue::Unpublished { track });
    }

    pub(in crate::shard) fn tell_muted(&mut self, track: u32, muted: bool) {
        let (room, track) = (self.room_of(track), self.tracks[track].id);
        self.tell_workers(room, |_| MeshValue::Muted { track, muted });
    }

    /// Tells another worker all that is here of a room.
    fn tell_all(&mut self, room: u32, to: WorkerId, asks: bool) {
        let entry = &self.rooms[room];
        let people = entry.participants().map(|id| (id, entry.is_hidden(id))).collect();
        let links = self.links.iter().filter(|(_, link)| link.room == room);
        let tracks = links.flat_map(|(_, link)| &link.tracks).map(|&track| &self.tracks[track]);
        let tracks = tracks.map(|track| published(track, entry)).collect();
        let told = Told { room: entry.id(), asks, people, tracks };
        self.mesh.tell(to, MeshValue::Told(Box::new(told)));
    }

    /// The key of a room that spans this worker and `from`.
    fn room_with(&self, from: WorkerId, room: RoomId) -> Option<u32> {
        self.room_keys.get(&room).copied().filter(|&key| self.rooms[key].workers().contains(&from))
    }

    /// Another worker tells all it has of a room. Not known here: it will be told when it is opened.
    pub(super) fn on_room_told(&mut self, from: WorkerId, told: Told, out: &mut impl Outbox) -> Option<u32> {
        let room = *self.room_keys.get(&told.room)?;
        self.rooms[room].add_worker(from);
        if told.asks {
            self.forget_watchers(room, from);
            self.tell_all(room, from, false);
        }
        let stays = |id: &TrackId| told.tracks.iter().any(|published| published.publish.track == *id);
        let ended: Vec<_> = self.rooms[room].tracks_from(from).filter(|id| !stays(id)).collect();
        for track in ended {
            self.drop_track_there(room, track, out);
        }
        let is_there = |id: &ParticipantId| told.people.iter().any(|(there, _)| there == id);
        let gone: Vec<_> = self.rooms[room].members_on(Some(from)).filter(|id| !is_there(id)).collect();
        gone.into_iter().for_each(|id| self.rooms[room].leave(id));
        for (participant, hidden) in told.people {
            self.rooms[room].join_there(participant, from);
            self.rooms[room].hide(participant, hidden);
        }
        for published in told.tracks {
            self.on_published_there(from, told.room, published, out);
        }
        Some(room)
    }

    /// A room has ended on another worker.
    pub(super) fn on_room_ended(
        &mut self,
        from: WorkerId,
        room: RoomId,
        out: &mut impl Outbox,
    ) -> Option<u32> {
        let room = self.room_with(from, room)?;
        self.forget_watchers(room, from);
        let tracks: Vec<_> = self.rooms[room].tracks_from(from).collect();
        for track in tracks {
            self.drop_track_there(room, track, out);
        }
        let people: Vec<_> = self.rooms[room].members_on(Some(from)).collect();
        people.into_iter().for_each(|id| self.rooms[room].leave(id));
        self.rooms[room].remove_worker(from);
        Some(room)
    }

    pub(super) fn on_joined_there(&mut self, from: WorkerId, room: RoomId, participant: ParticipantId) {
        if let Some(room) = self.room_with(from, room) {
            self.rooms[room].join_there(participant, from);
        }
    }

    pub(super) fn on_left_there(
        &mut self,
        from: WorkerId,
        room: RoomId,
        participant: ParticipantId,
        out: &mut impl Outbox,
    ) -> Option<u32> {
        let room = self.room_with(from, room)?;
        if self.rooms[room].home_of(participant) != Some(from) {
            return None;
        }
        let theirs = |(_, track): &(u32, &Track)| track.is_from(from) && track.participant == participant;
        let tracks: Vec<u32> = self.tracks.iter().filter(theirs).map(|(key, _)| key).collect();
        for track in tracks {
            self.remove_track(track, out);
        }
        self.rooms[room].leave(participant);
        Some(room)
    }

    pub(super) fn on_hidden_there(
        &mut self,
        from: WorkerId,
        room: RoomId,
        participant: ParticipantId,
        hidden: bool,
    ) -> Option<u32> {
        let room = self.room_with(from, room)?;
        let is_there = self.rooms[room].home_of(participant) == Some(from);
        (is_there && self.rooms[room].hide(participant, hidden)).then_some(room)
    }

    pub(super) fn on_published_there(
        &mut self,
        from: WorkerId,
        room: RoomId,
        Published { participant, publish, voice }: Published,
        out: &mut impl Outbox,
    ) -> Option<u32> {
        let room = self.room_with(from, room)?;
        if self.rooms[room].home_of(participant) != Some(from) {
            return None;
        }
        let stream = publish.stream;
        if let Some(&key) = self.track_keys.get(&publish.track) {
            self.rooms[room].hear(participant, stream, voice);
            self.on_known_track_there(from, key, publish.muted, out);
            return None;
        }
        let (id, kind, source) = (publish.track, publish.kind, publish.source);
        let is_unheard = is_unheard(&publish);
        let home = Home { worker: from, room, clock: ClockOffset::default(), watched: 0 };
        let key = self.tracks.insert(Track::published_there(publish, participant, home));
        self.track_keys.insert(id, key);
        self.mesh.remote_tracks += 1;
        self.rooms[room].publish((participant, stream), (kind, source), id);
        self.cut_like_others(key, room);
        self.rooms[room].set_unheard(id, is_unheard);
        self.rooms[room].hear(participant, stream, voice);
        // After an import, seats may wait for it.
        let mut waiting = Vec::new();
        self.rooms[room]
            .shown(|change| waiting.extend(Some(change.slot).filter(|_| change.track == Some(id))));
        for slot in waiting {
            self.point(slot, Some(id), out);
        }
        Some(room)
    }

    /// Told again: its home may have begun anew and forgotten that it is watched.
    fn on_known_track_there(&mut self, from: WorkerId, key: u32, muted: bool, out: &mut impl Outbox) {
        let track = &mut self.tracks[key];
        let Some(home) = track.home.as_mut().filter(|home| home.worker == from) else { return };
        home.watched = 0;
        track.told_wanted = 0;
        let was_muted = track.muted;
        self.touch(key);
        if was_muted != muted {
            self.set_muted(key, muted, out);
        }
    }

    pub(super) fn on_unpublished_there(
        &mut self,
        from: WorkerId,
        track: TrackId,
        out: &mut impl Outbox,
    ) -> Option<u32> {
        let key = *self.track_keys.get(&track)?;
        let room = self.tracks[key].home.filter(|home| home.worker == from)?.room;
        self.remove_track(key, out);
        Some(room)
    }

    pub(super) fn on_muted_there(
        &mut self,
        from: WorkerId,
        track: TrackId,
        muted: bool,
        out: &mut impl Outbox,
    ) {
        let key = self.track_keys.get(&track).copied();
        if let Some(key) = key.filter(|&key| self.tracks[key].is_from(from)) {
            self.set_muted(key, muted, out);
        }
    }

    /// Ends a track of elsewhere, which after an import may be known by name only.
    fn drop_track_there(&mut self, room: u32, track: TrackId, out: &mut impl Outbox) {
        match self.track_keys.get(&track) {
            Some(&key) => self.remove_track(key, out),
            None => self.rooms[room].unpublish(track),
        }
    }

    /// What another worker asked for in a room it asks for again, or not.
    fn forget_watchers(&mut self, room: u32, worker: WorkerId) {
        let links = self.links.iter().filter(|(_, link)| link.room == room);
        for &track in links.flat_map(|(_, link)| &link.tracks) {
            self.tracks[track].wanted_there.retain(|(there, _)| *there != worker);
            for layer in &mut self.tracks[track].layers {
                layer.watchers.retain(|watcher| watcher.worker != worker);
            }
        }
    }
}

fn published(track: &Track, room: &Room) -> Published {
    Published {
        participant: track.participant,
        publish: track.published.clone(),
        voice: room.voice_of(track.participant, track.stream),
    }
}
