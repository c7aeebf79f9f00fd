//! What is recorded, as far as signaling decides it: which rooms, when that begins and ends, and who hears of it.

use crate::access::{Grant, unix_now_ms};
use crate::protocol::{Recordable, ServerMessage};
use crate::state::State;
use crate::state::model::{Participant, Room};
use crate::webhooks::{Happening, RecordingTold, What};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use utoipa::ToSchema;
use volley::base::{ParticipantId, TrackId};
use volley::control::Command;
use volley_recorder::desk::{Progress, Published, ToRecorder, UploadProgress};
use volley_recorder::settings::Segments;

/// A recording that goes on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RoomRecording {
    /// Also the name of its folder: made here, of digits.
    pub id: String,
    pub started_unix_ms: u64,
    /// How its files are cut.
    #[serde(default)]
    pub segments: Segments,
    /// As the recorder told last.
    #[serde(skip)]
    pub progress: Progress,
    /// What the recorder was told of each.
    #[serde(skip)]
    pub told: HashMap<ParticipantId, Vec<Published>>,
    /// What the workers were told to hand over.
    #[serde(skip)]
    pub taped: BTreeSet<TrackId>,
}

/// A recording as REST shows it while it goes on, and when it has just ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecordingView {
    /// What it is called under `/api/rooms/{id}/recordings`.
    pub recording_id: String,
    /// Which room.
    pub room_id: String,
    /// Milliseconds since 1970.
    pub started_at: u64,
    /// How many files there are.
    pub files: u64,
    /// Of all of them.
    pub bytes: u64,
    /// How long it has gone on.
    pub seconds: u64,
    /// Packets that the recorder was too slow for.
    pub dropped_packets: u64,
    /// What keeps it from being written now; it goes on when that is over.
    #[schema(required)]
    pub failure: Option<String>,
    /// How far it is on its way into the store; `null` where there is none.
    #[schema(required)]
    pub upload: Option<UploadProgress>,
}

/// Why nothing was begun or ended.
#[derive(thiserror::Error, Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecordingRefusal {
    /// No such room.
    #[error("there is no room with this id; GET /api/rooms lists them")]
    NoRoom,
    /// Nothing may be recorded.
    #[error("this server does not record: recording.enabled is false")]
    Off,
    /// It is recorded already.
    #[error("this room is recorded already")]
    Already,
    /// It is not recorded.
    #[error("this room is not recorded; POST …/recording/start begins it")]
    NotRecording,
}

impl State {
    /// Records a room from now on.
    pub fn start_recording(&mut self, key: &str) -> Result<RecordingView, RecordingRefusal> {
        self.start_recording_in(key, Segments::default())
    }

    /// Records a room from now on, in files that are cut as `asked`, and where that says nothing as
    /// configured.
    pub fn start_recording_in(
        &mut self,
        key: &str,
        asked: Segments,
    ) -> Result<RecordingView, RecordingRefusal> {
        let usual = self.config.recording.as_ref().ok_or(RecordingRefusal::Off)?.segments;
        let segments =
            Segments { lasting: asked.lasting.or(usual.lasting), bytes: asked.bytes.or(usual.bytes) };
        let number = self.ids.take();
        let room = self.rooms.get_mut(key).ok_or(RecordingRefusal::NoRoom)?;
        if room.recording.is_some() {
            return Err(RecordingRefusal::Already);
        }
        let started_unix_ms = unix_now_ms();
        let id = format!("{started_unix_ms}-{number}");
        room.recording = Some(RoomRecording {
            id: id.clone(),
            started_unix_ms,
            segments,
            progress: Progress::default(),
            told: HashMap::new(),
            taped: BTreeSet::new(),
        });
        self.dirty.rooms.insert(key.to_owned());
        tracing::info!(room = key, recording = id, "a recording begins");
        self.out.desk.extend(self.record_message(key));
        self.dirty.recorded.insert(key.to_owned());
        let started = ServerMessage::RecordingStarted { recording_id: id, started_at: started_unix_ms };
        self.tell_room(key, &started);
        self.settle_path(key, None);
        self.recording_happened(What::RecordingStarted, key);
        self.recording_of(key)
    }

    /// Ends the recording of a room.
    pub fn stop_recording(&mut self, key: &str) -> Result<RecordingView, RecordingRefusal> {
        let view = self.recording_of(key)?;
        self.room_mut(key).declines_recording = true;
        self.end_recording(key);
        Ok(view)
    }

    /// How the recording of a room goes.
    pub fn recording_of(&self, key: &str) -> Result<RecordingView, RecordingRefusal> {
        let room = self.rooms.get(key).ok_or(RecordingRefusal::NoRoom)?;
        let recording = room.recording.as_ref().ok_or(RecordingRefusal::NotRecording)?;
        let Progress { bytes, seconds, files, dropped_packets, failure, upload, .. } =
            recording.progress.clone();
        let (recording_id, started_at) = (recording.id.clone(), recording.started_unix_ms);
        let room_id = key.to_owned();
        Ok(RecordingView {
            recording_id,
            room_id,
            started_at,
            files,
            bytes,
            seconds,
            dropped_packets,
            failure,
            upload,
        })
    }

    /// Whether somebody may start and stop recordings of their room, as REST will have it.
    pub(super) fn recordable(&self, participant: &Participant) -> Recordable {
        if self.config.access.require_auth && !participant.pass.may(Grant::Record) {
            Recordable::NotGranted
        } else if self.config.recording.is_none() {
            Recordable::Off
        } else {
            Recordable::Yes
        }
    }

    /// Whether anything may be recorded here.
    pub fn check_recording(&self) -> Result<(), RecordingRefusal> {
        self.config.recording.as_ref().map(drop).ok_or(RecordingRefusal::Off)
    }

    /// Whether a recording goes on.
    pub fn is_recording(&self, recording_id: &str) -> bool {
        self.room_recorded_as(recording_id).is_some()
    }

    /// A room is to record itself whenever somebody publishes in it.
    pub fn set_records_itself(&mut self, key: &str, records: bool) {
        if let Some(room) = self.rooms.get_mut(key) {
            room.records_itself = records;
            self.dirty.rooms.insert(key.to_owned());
        }
    }

    /// How many rooms are recorded, how many of them cannot be written now, and their bytes.
    pub(crate) fn recording_figures(&self) -> (usize, usize, u64) {
        let recordings = || self.rooms.values().filter_map(|room| room.recording.as_ref());
        let failing = recordings().filter(|recording| recording.progress.failure.is_some()).count();
        (recordings().count(), failing, recordings().map(|recording| recording.progress.bytes).sum())
    }

    /// Ends the recording of a room, if there is one.
    pub(super) fn end_recording(&mut self, key: &str) {
        let view = self.recording_of(key);
        let Some(recording) = self.rooms.get_mut(key).and_then(|room| room.recording.take()) else { return };
        self.dirty.rooms.insert(key.to_owned());
        tracing::info!(room = key, recording = recording.id, "a recording ends");
        for track in recording.taped {
            let owner = self.owners.get(&track.0).copied();
            if let Some(worker) = owner.and_then(|owner| self.worker_of(owner)) {
                self.out.command(worker, Command::Record { track, most_bps: None });
            }
        }
        self.out.desk.push(ToRecorder::Stop { recording_id: recording.id.clone() });
        self.await_closing(&recording.id);
        self.tell_room(key, &ServerMessage::RecordingStopped { recording_id: recording.id });
        self.settle_path(key, None);
        if let (Ok(view), true, Some(room)) = (view, self.config.webhooks.is_some(), self.rooms.get(key)) {
            let mut happening = Happening::now(What::RecordingStopped, key, &room.name);
            happening.recording = Some(RecordingTold::from(view));
            self.dirty.happenings.push(happening);
        }
    }

    /// Tells somebody who joins that the recording fails, and whoever comes back also that it does not: they may have
    /// missed that. Not before the recorder has said how it goes.
    pub(super) fn tell_of_failing(&mut self, id: ParticipantId, resumed: bool) {
        let Some(room) = self.participants.get(&id).and_then(|one| self.rooms.get(&one.room)) else { return };
        let Some(progress) = room.recording.as_ref().map(|recording| &recording.progress) else { return };
        let is_news = progress.failure.is_some() || resumed && !progress.recording_id.is_empty();
        if let Some(told) = self.recording_failing(&room.key).filter(|_| is_news) {
            self.tell(id, told);
        }
    }

    /// Whether the recording of a room fails, in a message.
    pub(super) fn recording_failing(&self, key: &str) -> Option<ServerMessage> {
        let recording = self.rooms.get(key)?.recording.as_ref()?;
        let (recording_id, failing) = (recording.id.clone(), recording.progress.failure.is_some());
        Some(ServerMessage::RecordingFailing { recording_id, failing })
    }

    pub(super) fn recording_happened(&mut self, what: What, key: &str) {
        let (Ok(view), true, Some(room)) =
            (self.recording_of(key), self.config.webhooks.is_some(), self.rooms.get(key))
        else {
            return;
        };
        let mut happening = Happening::now(what, key, &room.name);
        happening.recording = Some(RecordingTold::from(view));
        self.dirty.happenings.push(happening);
    }

    pub(super) fn room_recorded_as(&self, recording_id: &str) -> Option<&Room> {
        self.rooms.values().find(|room| room.recording.as_ref().is_some_and(|one| one.id == recording_id))
    }

    /// Tells everybody in a room.
    pub(super) fn tell_room(&mut self, key: &str, message: &ServerMessage) {
        let Some(room) = self.rooms.get(key) else { return };
        for id in &room.members {
            if let Some(socket) = self.participants.get(id).and_then(|member| member.socket) {
                self.out.tell(socket, message.clone());
            }
        }
    }
}
