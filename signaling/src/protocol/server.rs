//! Messages to a page.

use crate::access::Grants;
use crate::protocol::{ParticipantView, Quality, TrackSource, TrackView};
use crate::settings::IceServer;
use serde::Serialize;

/// What a page is told.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
#[allow(missing_docs, reason = "the fields are those of the protocol's reference")]
pub enum ServerMessage {
    /// You are in.
    Joined {
        room_id: String,
        participant_id: String,
        participant_name: String,
        resume_token: String,
        resumed: bool,
        mode: &'static str,
        ice_servers: Vec<IceServer>,
        grants: Grants,
        tracks: Vec<TrackView>,
        participants: Vec<ParticipantView>,
    },
    /// Please send an offer with so many receiving m-lines.
    RequestOffer { room_id: String, receive: Receive },
    /// The answer to an offer, and all that the page publishes now.
    Answer { sdp: String, tracks: Vec<TrackView> },
    /// Somebody came.
    ParticipantJoined { participant_id: String, participant_name: String },
    /// Somebody went.
    ParticipantLeft { participant_id: String },
    /// Somebody gave no sign of life for a while, or is back.
    ParticipantHidden { participant_id: String, hidden: bool },
    /// Who speaks now, whoever began last first.
    ActiveSpeakers { participant_ids: Vec<String> },
    /// Somebody publishes something new.
    TrackPublished { participant_id: String, track: TrackView },
    /// Somebody publishes something no longer.
    TrackUnpublished { participant_id: String, track_id: String },
    /// Somebody muted or unmuted a track.
    TrackMuted { participant_id: String, track_id: String, muted: bool },
    /// All seats of the page, and what each shows.
    Slots { slots: Vec<SlotView> },
    /// Which layers of an own track are to be sent: those nobody watches may be paused. Always all
    /// of them, so the last message is the truth.
    PublishLayers { track_id: String, layers: Vec<LayerView> },
    /// Somebody said something to the room.
    Chat { participant_id: String, participant_name: String, text: String },
    /// The wish for a quality was heard.
    Quality {
        quality: Quality,
        #[serde(skip_serializing_if = "Option::is_none")]
        track_id: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        slot: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        max_height: Option<u32>,
    },
    /// Something was refused, or is over.
    Error { code: &'static str, message: String },
}

impl ServerMessage {
    /// An error.
    pub fn error(code: &'static str, message: impl Into<String>) -> ServerMessage {
        ServerMessage::Error { code, message: message.into() }
    }

    /// As it goes over the wire.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a message has no map with keys that are not text")
    }
}

/// How many m-lines able to receive the page should have in total.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Receive {
    /// Audio m-lines.
    pub audio: usize,
    /// Video m-lines.
    pub video: usize,
}

/// One layer of a published track.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct LayerView {
    /// As the offer named it.
    pub rid: String,
    /// Whether somebody watches it.
    pub active: bool,
}

/// One seat.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SlotView {
    /// The m-line's identification tag.
    pub mid: String,
    /// Who is shown.
    pub participant_id: Option<String>,
    /// Which of their tracks.
    pub track_id: Option<String>,
    /// What that shows.
    pub source: Option<TrackSource>,
}
