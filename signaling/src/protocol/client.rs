//! Messages from a page, read strictly enough that a mistake is told where it was made.

use crate::protocol::TrackSource;
use serde::Deserialize;
use std::collections::HashMap;

/// What a page says.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
#[allow(missing_docs, reason = "the fields are those of the protocol's reference")]
pub enum ClientMessage {
    /// Enter a room, or come back to it.
    Join {
        room_id: String,
        participant_name: String,
        #[serde(default)]
        participant_id: Option<String>,
        #[serde(default)]
        resume_token: Option<String>,
        #[serde(default)]
        token: Option<String>,
    },
    /// Publish, grow receive seats, restart ICE.
    Offer {
        #[serde(default)]
        room_id: Option<String>,
        sdp: String,
        #[serde(default)]
        sources: HashMap<String, TrackSource>,
        #[serde(default)]
        muted: Vec<String>,
    },
    /// An offer whose new sending m-lines are a screen.
    StartScreenShare {
        #[serde(default)]
        room_id: Option<String>,
        sdp: String,
        #[serde(default)]
        sources: HashMap<String, TrackSource>,
        #[serde(default)]
        muted: Vec<String>,
    },
    /// End the tracks of the screen.
    StopScreenShare {},
    /// Of no use to an ICE-lite server, which learns addresses from checks (RFC 8445 §7.3.1.3).
    IceCandidate {},
    /// Stop the forwarding of an own track.
    Mute { track_id: String },
    /// Resume it.
    Unmute { track_id: String },
    /// Show a participant before others.
    Pin { participant_id: Option<String> },
    /// Say something to the room.
    Chat { text: String },
    /// Wish for a quality.
    UpdateQuality {
        quality: Quality,
        #[serde(default)]
        track_id: Option<String>,
        #[serde(default)]
        slot: Option<String>,
        #[serde(default)]
        max_height: Option<u32>,
    },
    /// Go.
    Leave {},
}

/// How good a picture a page wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quality {
    /// At most 320×240.
    Low,
    /// At most 640×480.
    Medium,
    /// At most 1280×720.
    High,
    /// What the link carries.
    Auto,
}

/// All of them, to tell an unknown type from a known one with a mistake in it.
const TYPES: [&str; 11] = [
    "join",
    "offer",
    "start-screen-share",
    "stop-screen-share",
    "ice-candidate",
    "mute",
    "unmute",
    "pin",
    "chat",
    "update-quality",
    "leave",
];

/// Why a text is no message.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
pub enum BadMessage {
    /// Not JSON, or not an object with a `type`.
    #[error("{0}")]
    Json(String),
    /// A type we do not know.
    #[error("there is no message of type {0:?}; known are: {known}", known = TYPES.join(", "))]
    UnknownType(String),
    /// A known type with a missing or wrong field.
    #[error("{0}")]
    Fields(String),
}

impl BadMessage {
    /// The stable code for it.
    pub fn code(&self) -> &'static str {
        match self {
            BadMessage::Json(_) => "bad-json",
            BadMessage::UnknownType(_) => "unknown-type",
            BadMessage::Fields(_) => "bad-message",
        }
    }
}

impl ClientMessage {
    /// Reads one message.
    pub fn parse(text: &str) -> Result<ClientMessage, BadMessage> {
        let value: serde_json::Value = serde_json::from_str(text)
            .map_err(|error| BadMessage::Json(format!("the message is not JSON: {error}")))?;
        let name = value.get("type").and_then(serde_json::Value::as_str).ok_or_else(|| {
            BadMessage::Json(
                "a message is a JSON object with a \"type\", such as {\"type\":\"leave\"}".into(),
            )
        })?;
        if !TYPES.contains(&name) {
            return Err(BadMessage::UnknownType(name.chars().take(64).collect()));
        }
        let described = |error| BadMessage::Fields(format!("the message {name:?} has a mistake: {error}"));
        ClientMessage::deserialize(&value).map_err(described)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_promised_messages_are_understood() {
        let texts = [
            r#"{"type":"join","roomId":"room-123","participantName":"John Doe"}"#,
            r#"{"type":"offer","roomId":"room-123","sdp":"v=0"}"#,
            r#"{"type":"ice-candidate","candidate":{"candidate":"candidate:1","sdpMLineIndex":0,"sdpMid":"0"}}"#,
            r#"{"type":"ice-candidate","candidate":null}"#,
            r#"{"type":"start-screen-share","roomId":"room-123","sdp":"v=0"}"#,
            r#"{"type":"update-quality","roomId":"room-123","quality":"high"}"#,
            r#"{"type":"stop-screen-share","roomId":"room-123"}"#,
            r#"{"type":"leave"}"#,
            r#"{"type":"pin","participantId":null}"#,
        ];
        for text in texts {
            assert!(ClientMessage::parse(text).is_ok(), "{text}: {:?}", ClientMessage::parse(text));
        }
    }

    #[test]
    fn every_listed_type_is_one_serde_knows() {
        for name in TYPES {
            let error = ClientMessage::parse(&format!("{{\"type\":\"{name}\",\"quality\":7}}")).err();
            assert!(!format!("{error:?}").contains("unknown variant"), "{name}: {error:?}");
        }
    }

    #[test]
    fn mistakes_have_codes_that_tell_them_apart() {
        let code = |text| ClientMessage::parse(text).map_err(|error| error.code());
        assert_eq!(code("{"), Err("bad-json"));
        assert_eq!(code("[]"), Err("bad-json"));
        assert_eq!(code(r#"{"type":7}"#), Err("bad-json"));
        assert_eq!(code(r#"{"type":"dance"}"#), Err("unknown-type"));
        assert_eq!(code(r#"{"type":"join"}"#), Err("bad-message"));
        assert_eq!(code(r#"{"type":"update-quality","quality":"superb"}"#), Err("bad-message"));
    }
}
