//! What can happen, and how it is told.

use crate::access::unix_now_ms;
use crate::protocol::TrackView;
use crate::state::RecordingView;
use serde::Serialize;
use volley_recorder::desk::{Progress, UploadProgress};

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum What {
    /// The first person came in.
    RoomStarted,
    /// The last one went, or it was closed.
    RoomEnded,
    ParticipantJoined,
    ParticipantLeft,
    TrackPublished,
    RecordingStarted,
    /// It is recorded no longer; its files are not complete yet.
    RecordingStopped,
    /// All its files are complete.
    RecordingReady,
    /// It is in the store, its manifest too.
    RecordingUploaded,
    /// It cannot be written now.
    RecordingFailed,
}

/// Something that happened in a room.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Happening {
    r#type: What,
    /// Milliseconds since 1970.
    created_at: u64,
    pub(crate) room: RoomName,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) participant: Option<Person>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) track: Option<TrackView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recording: Option<RecordingTold>,
}

/// A recording as others know it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RecordingTold {
    recording_id: String,
    files: u64,
    bytes: u64,
    seconds: u64,
    dropped_packets: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upload: Option<UploadProgress>,
}

impl From<Progress> for RecordingTold {
    fn from(progress: Progress) -> RecordingTold {
        let Progress { recording_id, bytes, seconds, files, dropped_packets, failure, upload } = progress;
        RecordingTold { recording_id, files, bytes, seconds, dropped_packets, failure, upload }
    }
}

impl From<RecordingView> for RecordingTold {
    fn from(view: RecordingView) -> RecordingTold {
        let RecordingView { recording_id, files, bytes, seconds, dropped_packets, failure, upload, .. } =
            view;
        RecordingTold { recording_id, files, bytes, seconds, dropped_packets, failure, upload }
    }
}

/// A room as others know it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct RoomName {
    pub(crate) id: String,
    pub(crate) name: String,
}

/// A participant as others know them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Person {
    pub(crate) participant_id: String,
    pub(crate) participant_name: String,
    /// Whom their token names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) identity: Option<String>,
}

impl Happening {
    pub(crate) fn now(what: What, id: &str, name: &str) -> Happening {
        let room = RoomName { id: id.to_owned(), name: name.to_owned() };
        Happening {
            r#type: what,
            created_at: unix_now_ms(),
            room,
            participant: None,
            track: None,
            recording: None,
        }
    }

    /// As it is sent, under its id.
    pub(crate) fn to_json(&self, id: &str) -> String {
        #[derive(Serialize)]
        struct Named<'a> {
            id: &'a str,
            #[serde(flatten)]
            happening: &'a Happening,
        }
        serde_json::to_string(&Named { id, happening: self })
            .expect("it has no map with keys that are not text")
    }
}
