//! What workers and recorder are told of rooms that are recorded: which tracks, and whose.
//!
//! The worker is told to hand a track over before the recorder is told whose it is, or after: both bear
//! it. All of it can be said again at any time, and is when the recorder or this process comes back.

use crate::protocol::TrackSource;
use crate::state::State;
use crate::state::model::{Participant, Room, Track};
use std::collections::BTreeSet;
use volley::base::{ParticipantId, TrackId};
use volley::control::Command;
use volley_recorder::desk::{Person, Published, Source, ToRecorder};

impl State {
    /// Somebody has left.
    pub(super) fn unrecord(&mut self, participant: &Participant) {
        let id = participant.id.0;
        let Some(recording) = self.rooms.get_mut(&participant.room).and_then(|room| room.recording.as_mut())
        else {
            return;
        };
        if recording.told.remove(&id).is_some() {
            let (recording_id, participant_id) = (recording.id.clone(), id.0.to_string());
            self.out.desk.push(ToRecorder::Gone { recording_id, participant_id });
        }
    }

    /// Tells workers and recorder what has changed in rooms that are recorded.
    pub(super) fn settle_recordings(&mut self) {
        let changed = self.dirty.participants.iter().filter_map(|id| self.participants.get(id));
        let mut rooms: BTreeSet<String> = changed.map(|participant| participant.room.clone()).collect();
        rooms.append(&mut self.dirty.recorded);
        let is_goodbye = self.has_said_goodbye();
        for key in rooms {
            let Some(room) = self.rooms.get(&key) else { continue };
            if room.recording.is_some() {
                self.settle_recording(&key);
            } else if room.records_itself && !room.declines_recording && !is_goodbye && self.has_tracks(room)
            {
                // Refused where nothing is recorded at all.
                if self.start_recording(&key).is_ok() {
                    self.settle_recording(&key);
                }
            }
        }
        self.dirty.recorded.clear();
    }

    fn settle_recording(&mut self, key: &str) {
        let members: Vec<ParticipantId> =
            self.rooms.get(key).into_iter().flat_map(|room| &room.members).copied().collect();
        members.into_iter().for_each(|id| self.settle_recorded(key, id));
    }

    fn settle_recorded(&mut self, key: &str, id: ParticipantId) {
        let most_bps = self.recorded_rate();
        let (Some(participant), Some(worker)) = (self.participants.get(&id), self.worker_of(id)) else {
            return;
        };
        let Some(recording) = self.rooms.get_mut(key).and_then(|room| room.recording.as_mut()) else {
            return;
        };
        let tracks: Vec<Published> = participant.tracks().map(|(_, track)| published(track)).collect();
        if recording.told.get(&id) == Some(&tracks) {
            return;
        }
        for track in &tracks {
            let track = TrackId(track.track_id);
            if recording.taped.insert(track) {
                self.out.command(worker, Command::Record { track, most_bps });
            }
        }
        recording.told.insert(id, tracks.clone());
        let person = Person {
            participant_id: id.0.to_string(),
            participant_name: participant.name.clone(),
            identity: participant.pass.identity.clone(),
            tracks,
        };
        let recording_id = recording.id.clone();
        self.out.desk.push(ToRecorder::Person { recording_id, person });
    }

    /// Says everything again, to the recorder and to the workers.
    pub(super) fn say_all_recordings(&mut self) {
        if self.config.recording.is_none() {
            return;
        }
        let recorded = |room: &&Room| room.recording.is_some();
        let mut keys: Vec<String> =
            self.rooms.values().filter(recorded).map(|room| room.key.clone()).collect();
        keys.sort();
        self.out.desk.push(ToRecorder::Begin);
        for key in keys {
            self.out.desk.extend(self.record_message(&key));
            if let Some(recording) = self.room_mut(&key).recording.as_mut() {
                recording.told.clear();
                recording.taped.clear();
            }
            self.settle_recording(&key);
        }
        self.out.desk.push(ToRecorder::All);
    }

    /// Another rate holds for what is recorded: workers are told it of each track.
    pub(super) fn tell_recorded_rate(&mut self) {
        let Some(most_bps) = self.recorded_rate() else { return };
        let recordings = self.rooms.values().filter_map(|room| room.recording.as_ref());
        for &track in recordings.flat_map(|recording| &recording.taped) {
            let owner = self.owners.get(&track.0).copied();
            if let Some(worker) = owner.and_then(|owner| self.worker_of(owner)) {
                self.out.command(worker, Command::Record { track, most_bps: Some(most_bps) });
            }
        }
    }

    /// What a picture may take at most that is recorded, where anything is.
    fn recorded_rate(&self) -> Option<u32> {
        self.config.recording.as_ref().map(|recording| recording.video_bitrate)
    }

    pub(super) fn record_message(&self, key: &str) -> Option<ToRecorder> {
        let room = self.rooms.get(key)?;
        let recording = room.recording.as_ref()?;
        Some(ToRecorder::Record {
            recording_id: recording.id.clone(),
            room_id: room.key.clone(),
            room_name: room.name.clone(),
            e2ee: room.e2ee,
            started_at: recording.started_unix_ms,
            segments: recording.segments,
        })
    }

    fn has_tracks(&self, room: &Room) -> bool {
        let members = room.members.iter().filter_map(|id| self.participants.get(id));
        members.into_iter().any(|member| member.tracks().next().is_some())
    }
}

fn published(track: &Track) -> Published {
    let source = match track.source {
        TrackSource::Microphone => Source::Microphone,
        TrackSource::Camera => Source::Camera,
        TrackSource::Screen => Source::Screen,
        TrackSource::ScreenAudio => Source::ScreenAudio,
    };
    Published { track_id: track.id.0.0, source, muted: track.muted }
}
