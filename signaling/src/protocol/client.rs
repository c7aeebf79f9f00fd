//! Messages from a page, read strictly enough that a mistake is told where it was made.

use crate::protocol::{MediaPath, SignalKind, TrackSource};
use serde::Deserialize;
use std::collections::HashMap;
use utoipa::ToSchema;

/// What a page says.
#[derive(Clone, PartialEq, Debug, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum ClientMessage {
    /// Enter a room, or come back to it. The first message of a socket; answered by `joined`.
    #[serde(rename_all = "camelCase")]
    Join {
        /// 1 to 64 letters, digits, dots, underscores, tildes or hyphens. A room that is not there is
        /// made, and ends when the last one leaves.
        room_id: String,
        /// What the others see: 1 to 64 characters.
        participant_name: String,
        /// To come back after a socket was lost: who you were. Media goes on meanwhile.
        #[serde(default)]
        participant_id: Option<String>,
        /// What `joined` said, to prove it.
        #[serde(default)]
        resume_token: Option<String>,
        /// Lets you in where the server asks for it: a JSON Web Token for this room. Whoever comes back needs
        /// none; a valid one of the same identity says from then on what they may do.
        #[serde(default)]
        token: Option<String>,
        /// What the page knows to do: with `mesh` it can talk to others directly, where the room's mode
        /// allows it. Without it, all of its room goes through the server.
        #[serde(default)]
        mode: MediaPath,
        /// Your media is encrypted end to end, with keys that the server does not have. A room that is made
        /// by this message is an encrypted one; in a room that is not, you are refused (`not-encrypted`).
        #[serde(default)]
        e2ee: bool,
        /// With `e2ee`: the epoch that your keys have reached already. 0 for who comes for the first time.
        #[serde(default)]
        key_epoch: u32,
        /// You only try whether calls work from where you are. You need what lets you into the room, and
        /// come into one of your own, which `joined` names, which nobody else can enter, which no webhook
        /// tells of, and which ends by itself after two minutes (`room-closed`). One address has twelve of
        /// them at once (`too-fast`).
        #[serde(default)]
        check: bool,
    },
    /// Publish, add receiving m-lines, restart ICE. The page always offers; answered by `answer`.
    #[serde(rename_all = "camelCase")]
    Offer {
        /// Your room; may be left out.
        #[serde(default)]
        room_id: Option<String>,
        /// The session description of `createOffer`.
        sdp: String,
        /// What each sending m-line shows, by mid. Without it: microphone and camera.
        #[serde(default)]
        sources: HashMap<String, TrackSource>,
        /// Mids whose tracks begin muted.
        #[serde(default)]
        muted: Vec<String>,
    },
    /// An offer whose new sending m-lines are a screen, beside the camera. Answered by `answer`.
    #[serde(rename_all = "camelCase")]
    StartScreenShare {
        /// Your room; may be left out.
        #[serde(default)]
        room_id: Option<String>,
        /// The session description of `createOffer`.
        sdp: String,
        /// What each sending m-line shows, by mid. Without it: what is new is a screen.
        #[serde(default)]
        sources: HashMap<String, TrackSource>,
        /// Mids whose tracks begin muted.
        #[serde(default)]
        muted: Vec<String>,
    },
    /// End the tracks of the screen.
    StopScreenShare {},
    /// Taken and not needed: the server is ICE-lite and learns addresses from checks
    /// (RFC 8445 §7.3.1.3). Whatever `candidate` holds is ignored.
    IceCandidate {},
    /// Stop the forwarding of an own track.
    #[serde(rename_all = "camelCase")]
    Mute {
        /// As `answer` names it.
        track_id: String,
    },
    /// Resume it.
    #[serde(rename_all = "camelCase")]
    Unmute {
        /// As `answer` names it.
        track_id: String,
    },
    /// Show a participant before others.
    #[serde(rename_all = "camelCase")]
    Pin {
        /// Whom; null for nobody in particular.
        participant_id: Option<String>,
    },
    /// Be sent these again, who are not wanted now. With neither list: everybody is wanted again, which is
    /// how it begins, and the server gives your seats to those who spoke last. Of those you want it chooses
    /// in the same way. Answered by `subscriptions`.
    #[serde(rename_all = "camelCase")]
    Subscribe {
        /// All that these people publish, now and later.
        #[serde(default)]
        participant_ids: Option<Vec<String>>,
        /// These tracks, whatever was said of their owners.
        #[serde(default)]
        track_ids: Option<Vec<String>>,
    },
    /// Be sent nothing of these. With neither list: of nobody, until `subscribe` names somebody. A direct way
    /// (`mesh`) is not held to it, so while somebody says this, all of their room goes through the server.
    /// Answered by `subscriptions`.
    #[serde(rename_all = "camelCase")]
    Unsubscribe {
        /// All that these people publish, now and later.
        #[serde(default)]
        participant_ids: Option<Vec<String>>,
        /// These tracks, whatever was said of their owners.
        #[serde(default)]
        track_ids: Option<Vec<String>>,
    },
    /// Say something to the room.
    Chat {
        /// 1 to 2000 characters.
        text: String,
    },
    /// Ask to speak, or no longer. Told again by `participants` to whoever comes later.
    RaiseHand {
        /// Whether the hand is up now.
        raised: bool,
    },
    /// Tell one other person what it takes to talk directly, in a room whose mode allows it. Passed on as
    /// it is, as `signal`.
    #[serde(rename_all = "camelCase")]
    Signal {
        /// Whom.
        participant_id: String,
        /// What about.
        kind: SignalKind,
        /// At most 32 KiB.
        #[serde(default)]
        data: String,
    },
    /// Say how good a picture is needed; answered by `quality`. With neither `trackId` nor `slot` it is
    /// about all pictures. Of several wishes about one picture the least holds.
    #[serde(rename_all = "camelCase")]
    UpdateQuality {
        /// The most that is of use.
        quality: Quality,
        /// Of this track, wherever it is shown.
        #[serde(default)]
        track_id: Option<String>,
        /// Of whatever this m-line shows, by its mid.
        #[serde(default)]
        slot: Option<String>,
        /// Lines of the tile on the screen: no more are sent. 0: nothing is to be seen of it.
        #[serde(default)]
        max_height: Option<u32>,
    },
    /// Go. The socket stays open and may join again.
    Leave {},
}

/// How good a picture a page wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, serde::Serialize, ToSchema)]
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
pub(crate) const TYPES: [&str; 15] = [
    "join",
    "offer",
    "start-screen-share",
    "stop-screen-share",
    "ice-candidate",
    "mute",
    "unmute",
    "pin",
    "subscribe",
    "unsubscribe",
    "chat",
    "raise-hand",
    "signal",
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
            r#"{"type":"raise-hand","raised":true}"#,
            r#"{"type":"subscribe"}"#,
            r#"{"type":"unsubscribe","participantIds":["12"],"trackIds":["17"]}"#,
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
