//! What the recorder says, and what follows from it: who is told, and what is waited for.

use crate::state::State;
use crate::webhooks::{Happening, RecordingTold, What};
use volley_recorder::desk::{FromRecorder, Progress, StoreFigures, Tiding, ToRecorder};

/// Recordings that ended and are not complete, of which is known here: a recorder that is dead for long completes them
/// when it is back, and says so whether anybody waits or not.
const MOST_CLOSING: usize = 1_000;

impl State {
    /// The recorder said something.
    pub fn recorder_said(&mut self, message: FromRecorder) {
        match message {
            FromRecorder::Ready => {
                self.say_all_recordings();
                // It may not have been there when these ended.
                let stopped = self.closing.iter().cloned();
                self.out.desk.extend(stopped.map(|recording_id| ToRecorder::Stop { recording_id }));
            }
            FromRecorder::Status(progress) => self.note_progress(progress),
            FromRecorder::Ended { room_id, room_name, progress, .. } => {
                tracing::info!(room = room_id, recording = progress.recording_id, "a recording is complete");
                self.closing.remove(&progress.recording_id);
                self.note_tiding(&progress.recording_id, Tiding::Ended);
                self.recording_became(What::RecordingReady, (&room_id, &room_name), progress);
            }
            FromRecorder::Unclosed { recording_id } => {
                self.closing.remove(&recording_id);
            }
            FromRecorder::Uploaded { room_id, room_name, progress } => {
                self.note_tiding(&progress.recording_id, Tiding::Uploaded);
                self.recording_became(What::RecordingUploaded, (&room_id, &room_name), progress);
            }
            FromRecorder::Store(figures) => self.recording_store = figures,
            // Whoever asked is told before it comes here.
            FromRecorder::Answer { .. } => {}
        }
    }

    /// How all goes that is on its way into the store.
    pub(crate) fn store_figures(&self) -> StoreFigures {
        self.recording_store.clone()
    }

    /// Whether somebody is to hear of recordings that are not complete yet.
    pub(super) fn awaits_recordings(&self) -> bool {
        self.config.webhooks.is_some() && !self.closing.is_empty()
    }

    /// A recording has ended: the recorder says when it is complete.
    pub(super) fn await_closing(&mut self, recording_id: &str) {
        if self.closing.len() == MOST_CLOSING {
            self.closing.pop_first();
        }
        self.closing.insert(recording_id.to_owned());
    }

    /// Said behind what the records are to hold, so the recorder hears it only when they do. What comes after the end is
    /// told after the next start.
    fn note_tiding(&mut self, recording_id: &str, tiding: Tiding) {
        if self.is_over {
            return;
        }
        self.out.desk.push(ToRecorder::Noted { recording_id: recording_id.to_owned(), tiding });
    }

    fn recording_became(&mut self, what: What, (id, name): (&str, &str), progress: Progress) {
        if self.config.webhooks.is_some() {
            let mut happening = Happening::now(what, id, name);
            happening.recording = Some(RecordingTold::from(progress));
            self.dirty.happenings.push(happening);
        }
    }

    fn note_progress(&mut self, progress: Progress) {
        let Some(key) = self.room_recorded_as(&progress.recording_id).map(|room| room.key.clone()) else {
            return;
        };
        let Some(recording) = self.room_mut(&key).recording.as_mut() else { return };
        let before = std::mem::replace(&mut recording.progress, progress);
        let now = recording.progress.failure.clone();
        // What was lost before the first word is not of now: a signaling before this one counted it.
        let is_known = !before.recording_id.is_empty();
        let dropped = recording.progress.dropped_packets.saturating_sub(before.dropped_packets);
        if now.is_some() && before.failure.is_none() {
            tracing::error!(
                room = key,
                recording = before.recording_id,
                failure = now,
                "a recording cannot be written"
            );
            self.recording_happened(What::RecordingFailed, &key);
        }
        if now.is_none() && before.failure.is_some() {
            tracing::info!(room = key, recording = before.recording_id, "a recording is written again");
        }
        if now.is_some() != before.failure.is_some()
            && let Some(told) = self.recording_failing(&key)
        {
            self.tell_room(&key, &told);
        }
        self.recordings_dropped += if is_known { dropped } else { 0 };
    }
}
