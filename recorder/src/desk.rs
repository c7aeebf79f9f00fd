//! What signaling and the recorder say to each other, as JSON.
//!
//! Signaling says what is recorded, and says all of it again when the recorder asks, which it does when it
//! begins. So neither need remember anything of the other.

use crate::answers::Question;
use crate::manifest::{Manifest, State, Upload, UploadState};
use crate::settings::Segments;
use serde::{Deserialize, Serialize};

/// What signaling says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum ToRecorder {
    /// All that is recorded is said from here on, up to [`All`](ToRecorder::All).
    Begin,
    /// A room is recorded.
    Record {
        /// Under which name: that of its folder.
        recording_id: String,
        /// Which room.
        room_id: String,
        /// As people call it.
        room_name: String,
        /// Whether people encrypt end to end what they send.
        #[serde(default)]
        e2ee: bool,
        /// Milliseconds since 1970.
        started_at: u64,
        /// How its files are cut.
        #[serde(default)]
        segments: Segments,
    },
    /// Somebody is there, and publishes this: always all of it.
    Person {
        /// In which recording.
        recording_id: String,
        /// Who.
        person: Person,
    },
    /// Somebody has left.
    Gone {
        /// In which recording.
        recording_id: String,
        /// Who.
        participant_id: String,
    },
    /// A room is recorded no longer.
    Stop {
        /// Which recording.
        recording_id: String,
    },
    /// That was all: what was not said is over.
    All,
    /// Somebody asks what there is, of a recorder on another machine.
    Ask {
        /// Under which the answer comes.
        number: u64,
        /// What they ask.
        question: Question,
    },
    /// Signaling's records hold what was said of a recording: it need not be said again.
    Noted {
        /// Of which.
        recording_id: String,
        /// What.
        tiding: Tiding,
    },
}

/// What is said of a recording once, and must arrive.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tiding {
    /// [`FromRecorder::Ended`].
    Ended,
    /// [`FromRecorder::Uploaded`].
    Uploaded,
}

/// Somebody who is recorded.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    /// Given by the server.
    pub participant_id: String,
    /// As they gave it.
    pub participant_name: String,
    /// Whom their token names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
    /// What they publish.
    pub tracks: Vec<Published>,
}

/// A published track.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Published {
    /// The worker's name of it.
    pub track_id: u64,
    /// What it shows.
    pub source: Source,
    /// Whether nothing comes of it on purpose.
    pub muted: bool,
}

/// What a track shows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A microphone.
    Microphone,
    /// A camera.
    Camera,
    /// A shared screen.
    Screen,
    /// The sound that goes with a shared screen.
    ScreenAudio,
}

/// What the recorder says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum FromRecorder {
    /// It begins, and knows nothing.
    Ready,
    /// How a recording goes.
    Status(Progress),
    /// A recording is over, and all its files are complete.
    Ended {
        /// Which room it was of.
        room_id: String,
        /// As people called it.
        room_name: String,
        /// What became of it.
        progress: Progress,
        /// Whether the recorder died meanwhile and it was completed later.
        interrupted: bool,
    },
    /// A recording that ended just now cannot be completed before the next start: nothing is said of it until then.
    Unclosed {
        /// Which.
        recording_id: String,
    },
    /// All files of a recording, and its manifest, are in the store.
    Uploaded {
        /// Which room it was of.
        room_id: String,
        /// As people called it.
        room_name: String,
        /// What became of it.
        progress: Progress,
    },
    /// How all goes that is on its way into the store.
    Store(StoreFigures),
    /// A part of an [`Answer`](crate::answers::Answer), as JSON.
    Answer {
        /// Of the question.
        number: u64,
        /// What follows the part before.
        part: String,
        /// Whether that was all.
        is_last: bool,
    },
}

impl FromRecorder {
    /// That a recording is over, as its manifest tells it.
    pub(crate) fn ended(manifest: &Manifest) -> FromRecorder {
        FromRecorder::Ended {
            progress: Progress::of(manifest),
            room_id: manifest.room.id.clone(),
            room_name: manifest.room.name.clone(),
            interrupted: manifest.interrupted,
        }
    }

    /// That all of a recording is in the store, as its manifest tells it.
    pub(crate) fn uploaded(manifest: &Manifest) -> FromRecorder {
        let uploads = manifest.files.iter().filter_map(|file| file.upload.as_ref());
        let uploaded_bytes = uploads.map(|Upload { bytes, .. }| bytes).sum();
        let upload = UploadProgress { state: UploadState::Done, uploaded_bytes, ..UploadProgress::default() };
        FromRecorder::Uploaded {
            progress: Progress { upload: Some(upload), ..Progress::of(manifest) },
            room_id: manifest.room.id.clone(),
            room_name: manifest.room.name.clone(),
        }
    }

    /// What it says once of which recording, if it must arrive.
    pub(crate) fn tiding(&self) -> Option<(&str, Tiding)> {
        match self {
            FromRecorder::Ended { progress, .. } => Some((&progress.recording_id, Tiding::Ended)),
            FromRecorder::Uploaded { progress, .. } => Some((&progress.recording_id, Tiding::Uploaded)),
            _ => None,
        }
    }
}

/// How all goes that is on its way into the store.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoreFigures {
    /// Of what there is and the store has not.
    pub waiting_bytes: u64,
    /// What it took since the recorder began.
    pub uploaded_bytes: u64,
    /// Attempts that failed since then.
    pub failures: u64,
    /// Why the last one did, until all that failed has succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing: Option<String>,
}

/// How far a recording is on its way into the store.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct UploadProgress {
    /// How far on the whole.
    pub state: UploadState,
    /// Bytes that are there.
    pub uploaded_bytes: u64,
    /// Bytes that are not yet.
    pub waiting_bytes: u64,
    /// Why something of it was not taken; it is tried again until it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// How a recording goes.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Which.
    pub recording_id: String,
    /// Of all its files.
    pub bytes: u64,
    /// Since it began.
    pub seconds: u64,
    /// How many files.
    pub files: u64,
    /// Packets that the recorder was too slow for.
    pub dropped_packets: u64,
    /// What keeps it from writing now, if anything does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// How far it is on its way into the store, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<UploadProgress>,
}

impl Progress {
    /// Of a recording that is over.
    pub fn of(manifest: &Manifest) -> Progress {
        let ended_at = manifest.ended_at.unwrap_or(manifest.started_at);
        let failure = (manifest.state == State::Failed).then(|| manifest.failures.last()).flatten();
        Progress {
            recording_id: manifest.recording_id.clone(),
            bytes: manifest.bytes(),
            seconds: ended_at.saturating_sub(manifest.started_at) / 1_000,
            files: manifest.files.len() as u64,
            dropped_packets: manifest.dropped_packets,
            failure: failure.map(|failure| failure.reason.clone()),
            upload: None,
        }
    }
}

/// A message as it travels.
pub fn to_bytes(message: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(message).expect("messages have no map with keys that are not text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_arrive_as_they_were_sent() {
        let track = Published { track_id: 7, source: Source::ScreenAudio, muted: true };
        let person = Person {
            participant_id: "1".to_owned(),
            participant_name: "Ada".to_owned(),
            identity: None,
            tracks: vec![track],
        };
        let sent = ToRecorder::Person { recording_id: "r".to_owned(), person };
        assert_eq!(serde_json::from_slice::<ToRecorder>(&to_bytes(&sent)).unwrap(), sent);
        let sent = FromRecorder::Status(Progress { seconds: 3, ..Progress::default() });
        assert_eq!(serde_json::from_slice::<FromRecorder>(&to_bytes(&sent)).unwrap(), sent);
    }

    /// Names and identities are bounded by signaling: whoever publishes all that can be fits a message.
    #[test]
    fn the_longest_message_fits() {
        let track = Published { track_id: u64::MAX, source: Source::ScreenAudio, muted: false };
        let person = Person {
            participant_id: u64::MAX.to_string(),
            participant_name: "\u{1}".repeat(256),
            identity: Some("\u{1}".repeat(1_024)),
            tracks: vec![track; 200],
        };
        let message = to_bytes(&ToRecorder::Person { recording_id: "r".repeat(96), person });
        assert!(message.len() <= volley::control::desk::MAX_MESSAGE, "{}", message.len());
    }
}
