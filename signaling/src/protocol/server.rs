//! Messages to a page.

use crate::access::Grants;
use crate::protocol::{
    IceServerView, MediaPath, ParticipantView, Quality, Recordable, SignalKind, TrackSource, TrackView,
};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use volley::control::types::ShownLayer;

/// What a page is told.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum ServerMessage {
    /// You are in.
    #[serde(rename_all = "camelCase")]
    Joined {
        /// The room.
        room_id: String,
        /// Who you are here.
        participant_id: String,
        /// As you gave it.
        participant_name: String,
        /// Proves who you are when the socket was lost; keep it to yourself.
        resume_token: String,
        /// Whether you came back to what you were.
        resumed: bool,
        /// How media goes in the room now.
        mode: MediaPath,
        /// Whether what people send in this room is encrypted end to end: what is not, nobody shows.
        e2ee: bool,
        /// With `e2ee`: the epoch of the keys that are used now.
        key_epoch: u32,
        /// For the page's RTCPeerConnection. Credentials may be yours alone and last for some hours; you
        /// get new ones when you come back, and with `ice-servers` before they end.
        ice_servers: Vec<IceServerView>,
        /// What you may do here: of `publish`, `subscribe`, `record`, `administer`.
        #[schema(value_type = Vec<String>)]
        grants: Grants,
        /// The room is recorded: under this name.
        #[serde(skip_serializing_if = "Option::is_none")]
        recording: Option<String>,
        /// Whether you may start and stop recordings of this room.
        recordable: Recordable,
        /// What you publish, after coming back.
        tracks: Vec<TrackView>,
        /// Those of your tracks that were muted over REST and that you have not unmuted since: it may have
        /// been while you were away.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        silenced: Vec<String>,
        /// What `request-offer` will ask for: with these m-lines in your first offer you need no second.
        receive: Receive,
        /// The others in the room.
        participants: Vec<ParticipantView>,
    },
    /// Please send an offer: after a join, and whenever more receiving m-lines are of use.
    #[serde(rename_all = "camelCase")]
    RequestOffer {
        /// The room.
        room_id: String,
        /// How many m-lines should be able to receive.
        receive: Receive,
    },
    /// The answer to an offer.
    Answer {
        /// For `setRemoteDescription`. All candidates stand in it.
        sdp: String,
        /// All that you publish now.
        tracks: Vec<TrackView>,
    },
    /// Somebody came.
    #[serde(rename_all = "camelCase")]
    ParticipantJoined {
        /// Who.
        participant_id: String,
        /// As they gave it.
        participant_name: String,
    },
    /// Somebody went.
    #[serde(rename_all = "camelCase")]
    ParticipantLeft {
        /// Who.
        participant_id: String,
    },
    /// Somebody left a room that is encrypted end to end: whoever stays turns their keys on to this epoch
    /// and erases those before, which the server has never known.
    #[serde(rename_all = "camelCase")]
    KeyEpoch {
        /// Never less than before.
        key_epoch: u32,
    },
    /// Somebody gave no sign of life for a while, or is back.
    #[serde(rename_all = "camelCase")]
    ParticipantHidden {
        /// Who.
        participant_id: String,
        /// False: they are back.
        hidden: bool,
    },
    /// Who speaks now.
    #[serde(rename_all = "camelCase")]
    ActiveSpeakers {
        /// Whoever began last stands first.
        participant_ids: Vec<String>,
    },
    /// Somebody publishes something new.
    #[serde(rename_all = "camelCase")]
    TrackPublished {
        /// Who.
        participant_id: String,
        /// What.
        track: TrackView,
    },
    /// Somebody publishes something no longer.
    #[serde(rename_all = "camelCase")]
    TrackUnpublished {
        /// Who.
        participant_id: String,
        /// What.
        track_id: String,
    },
    /// A track was muted or unmuted: by its owner, or over REST. Its owner is told, too, when it was
    /// over REST, and may unmute it again.
    #[serde(rename_all = "camelCase")]
    TrackMuted {
        /// Whose it is.
        participant_id: String,
        /// Which.
        track_id: String,
        /// Whether it is muted now.
        muted: bool,
    },
    /// What each receiving m-line of the page shows now: always all of them. Told when it shows something
    /// else, and at most once a second when another part of it is sent.
    Slots {
        /// By mid.
        slots: Vec<SlotView>,
    },
    /// Which layers of an own track are to be sent: those nobody watches may be paused. Always all
    /// of them, so the last message is the truth.
    #[serde(rename_all = "camelCase")]
    PublishLayers {
        /// Which track.
        track_id: String,
        /// The lowest first.
        layers: Vec<LayerView>,
    },
    /// The room is recorded from now on: everybody in it is to know.
    #[serde(rename_all = "camelCase")]
    RecordingStarted {
        /// The recording.
        recording_id: String,
        /// Milliseconds since 1970.
        started_at: u64,
    },
    /// Whether what happens now is missing in the recording: its disk is full, say. It goes on when that is over.
    /// Told when it changes, behind `joined` while it is so, and to whoever comes back.
    #[serde(rename_all = "camelCase")]
    RecordingFailing {
        /// The recording.
        recording_id: String,
        /// False: it is written again.
        failing: bool,
    },
    /// The room is recorded no longer.
    #[serde(rename_all = "camelCase")]
    RecordingStopped {
        /// The recording.
        recording_id: String,
    },
    /// Somebody said something to the room.
    #[serde(rename_all = "camelCase")]
    Chat {
        /// Who.
        participant_id: String,
        /// As they gave it.
        participant_name: String,
        /// What they said.
        text: String,
    },
    /// Somebody asks to speak, or no longer.
    #[serde(rename_all = "camelCase")]
    HandRaised {
        /// Who.
        participant_id: String,
        /// Whether the hand is up now.
        raised: bool,
    },
    /// The wish for a quality was heard; its fields are repeated.
    #[serde(rename_all = "camelCase")]
    Quality {
        /// As wished.
        quality: Quality,
        /// As wished.
        #[serde(skip_serializing_if = "Option::is_none")]
        track_id: Option<String>,
        /// As wished.
        #[serde(skip_serializing_if = "Option::is_none")]
        slot: Option<String>,
        /// As wished.
        #[serde(skip_serializing_if = "Option::is_none")]
        max_height: Option<u32>,
    },
    /// Whom you want to be sent: always all you have said, as far as it still means something. A track
    /// goes before its owner, and that before everybody else.
    #[serde(rename_all = "camelCase")]
    Subscriptions {
        /// Whether whoever is not named here is wanted.
        everybody_else: bool,
        /// By participant: whether what they publish is wanted.
        participants: BTreeMap<String, bool>,
        /// By track: whether it is wanted.
        tracks: BTreeMap<String, bool>,
    },
    /// Other STUN and TURN servers than before, or fresh credentials before those you have end: for
    /// `setConfiguration` of the page's RTCPeerConnection. What flows already goes on by itself.
    #[serde(rename_all = "camelCase")]
    IceServers {
        /// All of them, as in `joined`.
        ice_servers: Vec<IceServerView>,
    },
    /// Media goes another way from now on: people came, or went, and the room's mode is `mesh` or `auto`.
    /// Keep what you have until the other way carries: the one to the server stays open all the while.
    ModeChanged {
        /// How media goes now.
        mode: MediaPath,
    },
    /// Somebody tells you what it takes to talk directly.
    #[serde(rename_all = "camelCase")]
    Signal {
        /// Who.
        participant_id: String,
        /// What about.
        kind: SignalKind,
        /// As they sent it.
        data: String,
    },
    /// The server is about to stop, or stops now: then the call is over, and so is what `resumeToken`
    /// was for. Join again in a moment: this server will be back, or another one in its place.
    #[serde(rename_all = "camelCase")]
    Goodbye {
        /// When; 0 is now, and the socket closes.
        in_seconds: u64,
        /// For people.
        message: String,
    },
    /// Something was refused, or is over.
    Error {
        /// Stable, for programs.
        #[schema(value_type = String)]
        code: &'static str,
        /// For people: what to do.
        message: String,
    },
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
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Receive {
    /// Audio m-lines.
    pub audio: usize,
    /// Video m-lines.
    pub video: usize,
}

/// One layer of a published track.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct LayerView {
    /// As the offer named it; empty: the picture's only encoding, which has no name.
    pub rid: String,
    /// Whether somebody watches it.
    pub active: bool,
}

/// One seat.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
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
    /// Of a picture: what of it is sent now. Without it nothing is: it is muted, waits for its first frame, or
    /// has no room on the link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<SlotLayer>,
}

/// What of a picture is sent. Each is counted from 0, the lowest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SlotLayer {
    /// Which of its encodings, in the order in which `publish-layers` names them to its publisher.
    pub encoding: u8,
    /// The highest spatial layer of that.
    pub spatial: u8,
    /// The highest temporal layer of that: of three, 0 has a quarter of the frames.
    pub temporal: u8,
}

impl From<ShownLayer> for SlotLayer {
    fn from(ShownLayer { encoding, spatial, temporal }: ShownLayer) -> SlotLayer {
        SlotLayer { encoding, spatial, temporal }
    }
}
