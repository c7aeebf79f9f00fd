//! Values that stand in several messages.

use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;
use volley::control::types::{Kind, Source};

/// Sound or picture.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MediaKind {
    /// Sound.
    Audio,
    /// Picture.
    Video,
}

/// What a track shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TrackSource {
    /// A microphone.
    Microphone,
    /// A camera.
    Camera,
    /// A shared screen.
    Screen,
    /// The sound that goes with a shared screen.
    ScreenAudio,
}

impl TrackSource {
    /// What kind of track it has.
    pub fn kind(self) -> MediaKind {
        match self {
            TrackSource::Microphone | TrackSource::ScreenAudio => MediaKind::Audio,
            TrackSource::Camera | TrackSource::Screen => MediaKind::Video,
        }
    }

    /// Whether it belongs to a shared screen.
    pub fn is_screen(self) -> bool {
        matches!(self, TrackSource::Screen | TrackSource::ScreenAudio)
    }

    /// What a track shows when nobody said so.
    pub fn default_for(kind: MediaKind, of_screen: bool) -> TrackSource {
        match (kind, of_screen) {
            (MediaKind::Audio, false) => TrackSource::Microphone,
            (MediaKind::Video, false) => TrackSource::Camera,
            (MediaKind::Audio, true) => TrackSource::ScreenAudio,
            (MediaKind::Video, true) => TrackSource::Screen,
        }
    }
}

impl From<Kind> for MediaKind {
    fn from(kind: Kind) -> MediaKind {
        match kind {
            Kind::Audio => MediaKind::Audio,
            Kind::Video => MediaKind::Video,
        }
    }
}

impl From<MediaKind> for Kind {
    fn from(kind: MediaKind) -> Kind {
        match kind {
            MediaKind::Audio => Kind::Audio,
            MediaKind::Video => Kind::Video,
        }
    }
}

impl From<TrackSource> for Source {
    fn from(source: TrackSource) -> Source {
        match source {
            TrackSource::Microphone => Source::Microphone,
            TrackSource::Camera => Source::Camera,
            TrackSource::Screen => Source::Screen,
            TrackSource::ScreenAudio => Source::ScreenAudio,
        }
    }
}

/// How media goes between the people of a room.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MediaPath {
    /// Through the server.
    #[default]
    Sfu,
    /// Directly, between all who find a way to each other; the rest through the server.
    Mesh,
}

/// How media may go in a room.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RoomMode {
    /// Through the server: nobody learns anybody's address.
    #[default]
    Sfu,
    /// Directly, for up to six people.
    Mesh,
    /// Directly between two, through the server from the third on.
    Auto,
}

/// Whether somebody may start and stop recordings of a room.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Recordable {
    /// They may, and fetch and delete what was recorded.
    Yes,
    /// This server does not record.
    Off,
    /// Their token does not grant it.
    NotGranted,
}

/// What one page tells another, so that the two find a way to each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SignalKind {
    /// Please offer. Whoever came later asks, so that there is never glare.
    Ask,
    /// `data` is a session description.
    Offer,
    /// `data` is a session description.
    Answer,
    /// `data` has ICE candidates of the first m-line, one on each line.
    Candidate,
    /// Your direct media is shown: the server is not needed for it. `data` names of `camera` and `screen` those
    /// that nobody looks at now: they need not be sent.
    Shown,
    /// It is not, or no longer.
    Hidden,
}

/// A published track as pages see it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrackView {
    /// Opaque.
    pub track_id: String,
    /// Sound or picture.
    pub kind: MediaKind,
    /// What it shows.
    pub source: TrackSource,
    /// Whether it is muted, by its owner or over REST.
    pub muted: bool,
}

/// A participant as the others see them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParticipantView {
    /// Opaque.
    pub participant_id: String,
    /// As they gave it.
    pub participant_name: String,
    /// Whether they have given no sign of life for a while.
    pub hidden: bool,
    /// Whether they ask to speak.
    pub hand_raised: bool,
    /// What they publish.
    pub tracks: Vec<TrackView>,
}

/// A STUN or TURN server, as `RTCPeerConnection` takes it.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct IceServerView {
    /// Where it is.
    pub urls: Vec<String>,
    /// For TURN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// For TURN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// Without what opens it.
impl fmt::Debug for IceServerView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceServerView").field("urls", &self.urls).finish_non_exhaustive()
    }
}
