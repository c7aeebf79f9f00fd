//! What somebody with a right to it does to others over REST: look, mute, take out.

use crate::protocol::{MediaKind, ParticipantView, ServerMessage};
use crate::state::State;
use volley::base::{ParticipantId, Time, TrackId};
use volley::control::Command;

/// What was asked about is not there.
#[derive(thiserror::Error, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Missing {
    /// No such room.
    #[error("there is no room with this id; GET /api/rooms lists them")]
    Room,
    /// Nobody of this name in the room.
    #[error("nobody with this id is in the room; GET /api/rooms/{{id}} lists who is")]
    Participant,
    /// They publish no such track.
    #[error("this participant publishes no track with this trackId; leave it out to mean all of them")]
    Track,
}

/// Which of a participant's tracks are meant: those that match all that is said.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Selection {
    /// Sounds or pictures.
    pub kind: Option<MediaKind>,
    /// One track.
    pub track_id: Option<String>,
}

impl Selection {
    /// Whether a track is the one that is named, if one is.
    fn names(&self, track: TrackId) -> bool {
        self.track_id.as_ref().is_none_or(|named| *named == track.0.to_string())
    }
}

impl State {
    /// One participant of a room.
    pub fn view_of_participant(&self, room: &str, id: &str) -> Result<ParticipantView, Missing> {
        let id = self.member(room, id)?;
        Ok(self.participants[&id].view())
    }

    /// Takes somebody out of a room: their page is told, and their media ends.
    pub fn put_out(&mut self, room: &str, id: &str, now: Time) -> Result<(), Missing> {
        let id = self.member(room, id)?;
        self.remove_and_revoke(room, id, now);
        Ok(())
    }

    /// Mutes or unmutes tracks of somebody, who is told of it like everybody else in the room.
    pub fn moderate(
        &mut self,
        room: &str,
        id: &str,
        which: &Selection,
        muted: bool,
    ) -> Result<ParticipantView, Missing> {
        let id = self.member(room, id)?;
        let participant = &self.participants[&id];
        if !participant.tracks().any(|(_, track)| which.names(track.id.0)) && which.track_id.is_some() {
            return Err(Missing::Track);
        }
        let is_meant = |kind| which.kind.is_none_or(|meant| meant == kind);
        let meant =
            participant.tracks().filter(|(line, track)| is_meant(line.kind) && which.names(track.id.0));
        let changed: Vec<TrackId> =
            meant.filter(|(_, track)| track.muted != muted).map(|(_, track)| track.id.0).collect();
        for track in changed {
            self.set_muted(id, track, muted);
            if muted {
                self.silence(id, track);
            }
            let (participant_id, track_id) = (id.0.to_string(), track.0.to_string());
            self.tell(id, ServerMessage::TrackMuted { participant_id, track_id, muted });
        }
        Ok(self.participants[&id].view())
    }

    /// Stops or resumes the forwarding of a track, and tells the others, if that is news.
    pub(super) fn set_muted(&mut self, id: ParticipantId, track: TrackId, muted: bool) {
        let own = self.participants.get_mut(&id).and_then(|participant| participant.track_mut(track));
        let Some(own) = own.filter(|own| own.muted != muted) else { return };
        own.muted = muted;
        let is_given_back = own.silenced && !muted;
        own.silenced &= muted;
        self.dirty.participants.insert(id);
        if let Some(worker) = self.worker_of(id) {
            self.out.command(worker, Command::Mute { track, muted });
        }
        let (participant_id, track_id) = (id.0.to_string(), track.0.to_string());
        self.tell_others(id, &ServerMessage::TrackMuted { participant_id, track_id, muted });
        if is_given_back {
            let key = self.participants[&id].room.clone();
            self.settle_path(&key, None);
        }
    }

    /// Somebody else muted a track: until its owner unmutes it, all media of the room goes through the
    /// server, which forwards nothing of it; a page that talks directly could only be asked.
    fn silence(&mut self, id: ParticipantId, track: TrackId) {
        let Some(participant) = self.participants.get_mut(&id) else { return };
        if let Some(own) = participant.track_mut(track) {
            own.silenced = true;
        }
        let key = participant.room.clone();
        self.settle_path(&key, None);
    }

    fn member(&self, room: &str, id: &str) -> Result<ParticipantId, Missing> {
        let room = self.rooms.get(room).ok_or(Missing::Room)?;
        let id = id.parse().map(ParticipantId).map_err(|_| Missing::Participant)?;
        room.members.contains(&id).then_some(id).ok_or(Missing::Participant)
    }
}
