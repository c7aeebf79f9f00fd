//! What can happen, and how it is told.

use crate::access::unix_now_ms;
use crate::protocol::TrackView;
use serde::Serialize;

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
        Happening { r#type: what, created_at: unix_now_ms(), room, participant: None, track: None }
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
