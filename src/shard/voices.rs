//! Who speaks: noticed where the sound comes in, told to signaling and to the room's other workers,
//! and shown to everybody.

use super::Shard;
use crate::base::{Outbox, ParticipantId, RoomId, StreamId, Time, WorkerId};
use crate::control::Event;
use crate::control::message::Publish;
use crate::control::types::{Kind, Reason};
use crate::wire::extension::AudioLevel;

/// Whether it is sound of which nobody knows if somebody speaks: it does not say how loud it is. What is muted
/// is silent.
pub(super) fn is_unheard(publish: &Publish) -> bool {
    publish.kind == Kind::Audio && publish.extensions.audio_level.is_none() && !publish.muted
}

impl Shard {
    /// Those who listen are shown what speakers publish and nothing else, or everybody to everybody.
    pub(super) fn show_speakers_only(
        &mut self,
        room: RoomId,
        only: bool,
        out: &mut impl Outbox,
    ) -> Result<(), (u64, Reason)> {
        let key = *self.room_keys.get(&room).ok_or((room.0, Reason::Unknown))?;
        if self.rooms[key].show_speakers_only(only) {
            self.reseat(key, out);
        }
        Ok(())
    }

    /// A packet of a track's sound is this loud.
    pub(super) fn on_level(&mut self, now: Time, track: u32, level: AudioLevel, out: &mut impl Outbox) {
        if let Some(speaks) = self.tracks[track].voice.on_packet(now, level) {
            self.on_voice(track, speaks, out);
        }
    }

    /// Who stopped sending in mid-word ends without a packet that says so.
    pub(super) fn listen_for_silence(&mut self, now: Time, link: u32, out: &mut impl Outbox) {
        for place in 0..self.links[link].tracks.len() {
            let track = self.links[link].tracks[place];
            if self.tracks[track].voice.on_silence(now) {
                self.on_voice(track, false, out);
            }
        }
    }

    /// The owner of a track begins or ends to speak.
    pub(super) fn on_voice(&mut self, track: u32, speaks: bool, out: &mut impl Outbox) {
        let room = self.room_of(track);
        let (participant, stream) = (self.tracks[track].participant, self.tracks[track].stream);
        let may_move = self.rooms[room].speaks(participant, stream, speaks);
        self.tell_speaks(track);
        // Who pauses while their screen is heard has not ended.
        if speaks || !self.rooms[room].is_heard(participant) {
            self.tell(Event::Speaks { participant, speaks });
        }
        if may_move {
            self.reseat(room, out);
        }
        self.unsettle_room(room);
    }

    /// A track was muted, or is no longer: whose sound does not say how loud it is may not speak meanwhile.
    pub(super) fn on_voice_muted(&mut self, track: u32, out: &mut impl Outbox) {
        let room = self.room_of(track);
        let entry = &self.tracks[track];
        if self.rooms[room].set_unheard(entry.id, is_unheard(&entry.published)) {
            self.reseat(room, out);
            self.unsettle_room(room);
        }
    }

    /// Somebody on another worker begins or ends to speak. The key of the room when seats may change.
    pub(super) fn on_voice_there(
        &mut self,
        from: WorkerId,
        room: RoomId,
        (participant, stream): (ParticipantId, StreamId),
        voice: (bool, u32),
    ) -> Option<u32> {
        let room = *self.room_keys.get(&room)?;
        let is_there = self.rooms[room].home_of(participant) == Some(from);
        self.unsettle_room(room);
        (is_there && self.rooms[room].hear(participant, stream, voice)).then_some(room)
    }
}
