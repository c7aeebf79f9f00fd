//! What the supervisor configures signaling to do: plain values that travel as JSON.
//!
//! Owns no meaning: who uses a value says what it does. Where values come from is the supervisor's
//! business.

use crate::access::{AccessSettings, turn_credentials};
use crate::acme::AcmeSettings;
use crate::outward::shown_url;
use crate::protocol::IceServerView;
use crate::tls::TlsIdentity;
use crate::webhooks::WebhookSettings;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;
use volley::control::types::Codec;
use volley_recorder::settings::Segments;
use zeroize::Zeroizing;

/// All of it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// Most rooms at once.
    pub max_rooms: usize,
    /// Most people in a room, whatever the room itself allows.
    pub max_participants: usize,
    /// From how many people of a room on one worker the next ones go to another. Meetings of nine
    /// pictures each with a hundred people are about half a core.
    pub spread_rooms_over: usize,
    /// What rooms, and the server as a whole, may take.
    #[serde(default)]
    pub limits: Limits,
    /// Whether a join makes the room.
    pub auto_create: bool,
    /// Whether those who listen are shown speakers only, where the room itself does not say.
    #[serde(default)]
    pub speakers_only: bool,
    /// A room made over REST ends when nobody was in it for so long.
    pub idle_timeout: Duration,
    /// What pages are told in `joined`, and others in `Link` headers.
    pub ice_servers: Vec<IceServer>,
    /// How long credentials are good that are made with the secret of a TURN server.
    pub turn_ttl: Duration,
    /// Whether media may come over TCP.
    pub ice_tcp: bool,
    /// Which codecs are taken, and how.
    pub codecs: CodecSettings,
    /// What pages are asked to do.
    pub page: PageSettings,
    /// Who may do what.
    pub access: AccessSettings,
    /// What HTTPS shows, where there is HTTPS.
    pub tls: Option<TlsIdentity>,
    /// Where its certificates are fetched, if they are.
    #[serde(default)]
    pub acme: Option<AcmeSettings>,
    /// Who is told what happens in rooms.
    #[serde(default)]
    pub webhooks: Option<WebhookSettings>,
    /// Who is told of the ways of those who come.
    #[serde(default)]
    pub traces: Option<TraceSettings>,
    /// What is recorded, and where to; `None`: nothing may be.
    #[serde(default)]
    pub recording: Option<RecordingSettings>,
    /// The server is stopping: no new rooms from now on, and at this time, in milliseconds since 1970, or
    /// when nobody is left, the end.
    #[serde(default)]
    pub drain_until: Option<u64>,
}

/// What rooms, and the server as a whole, may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Percent of a core that a room may use while that is short of time and others share it.
    pub cpu_per_room: u8,
    /// Megabytes that a room may take on one worker. A hundred people of whom nine are seen well take about
    /// as much.
    pub memory_per_room: u64,
    /// Megabytes that media and signaling may take together.
    pub memory_total: u64,
}

/// Where traces go.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceSettings {
    /// What OTLP calls the base URL: `/v1/traces` is put behind it.
    pub endpoint: String,
}

/// Without what opens it.
impl fmt::Debug for TraceSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceSettings").field("endpoint", &shown_url(&self.endpoint)).finish()
    }
}

/// What is recorded, and where to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RecordingSettings {
    /// The folder of all recordings.
    pub path: PathBuf,
    /// Of several layers the best that takes no more is recorded, bit/s.
    pub video_bitrate: u32,
    /// How files are cut where nobody says.
    #[serde(default)]
    pub segments: Segments,
    /// Whether recordings go into a store as well: what is deleted is then deleted there.
    #[serde(default)]
    pub has_store: bool,
    /// The recorder on another machine that has them, `HOST:PORT`; then `path` and `has_store` say nothing.
    #[serde(default)]
    pub offload: Option<String>,
}

/// A STUN or TURN server. What of it leaves this process is an [`IceServerView`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceServer {
    /// Where it is.
    pub urls: Vec<String>,
    /// For TURN: the same for everybody.
    #[serde(default)]
    pub username: Option<String>,
    /// For TURN.
    #[serde(default)]
    pub credential: Option<String>,
    /// For TURN, instead of both: what credentials are made with, for each who joins.
    #[serde(default)]
    pub secret: Option<String>,
}

/// Without what opens it.
impl fmt::Debug for IceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceServer").field("urls", &self.urls).finish_non_exhaustive()
    }
}

impl IceServer {
    /// What somebody called `name` is told of it; credentials that are made for them are good until
    /// `expires`, in seconds since 1970.
    pub fn told_to(&self, name: &str, expires: u64) -> IceServerView {
        let made = self.secret.as_ref().map(|secret| turn_credentials(secret, name, expires));
        let (username, credential) = match made {
            Some((username, credential)) => (Some(username), Some(credential)),
            None => (self.username.clone(), self.credential.clone()),
        };
        IceServerView { urls: self.urls.clone(), username, credential }
    }
}

/// Which codecs are taken, and how.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CodecSettings {
    /// Of pictures; others are refused.
    pub video: Vec<CodecChoice>,
    /// Of sound; others are refused.
    pub audio: Vec<CodecChoice>,
    /// Whether publishers of sound may send nothing while nobody speaks.
    pub dtx: bool,
    /// Whether sound is sent with what repairs it.
    pub fec: bool,
    /// Whether lost packets are asked for again.
    pub nack: bool,
}

/// A codec, and how much it is liked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CodecChoice {
    /// Which.
    pub name: CodecName,
    /// The higher, the better; among equals the peer's order holds.
    pub priority: u16,
}

/// A codec as configurations name it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[allow(missing_docs, reason = "they are names")]
pub enum CodecName {
    #[serde(rename = "opus")]
    Opus,
    #[serde(rename = "VP8")]
    Vp8,
    #[serde(rename = "VP9")]
    Vp9,
    #[serde(rename = "H264")]
    H264,
    #[serde(rename = "AV1")]
    Av1,
}

/// What pages are asked to do; served as `/settings.js`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PageSettings {
    /// Most of one picture, all layers together, bit/s.
    pub max_bitrate: u32,
    /// A layer that this would cut below so much is left out, bit/s.
    pub min_bitrate: u32,
    /// Whether a picture is sent in several sizes.
    pub simulcast: bool,
    /// What cameras are asked for.
    pub width: u32,
    /// What cameras are asked for.
    pub height: u32,
    /// What microphones are asked for.
    pub echo_cancellation: bool,
    /// What microphones are asked for.
    pub noise_suppression: bool,
}

impl Settings {
    /// As they travel.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(serde_json::to_vec(self).expect("settings have no map with keys that are not text"))
    }

    /// As they came.
    pub fn from_bytes(bytes: &[u8]) -> Result<Settings, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            max_rooms: 1000,
            max_participants: 100,
            spread_rooms_over: 100,
            limits: Limits::default(),
            auto_create: true,
            speakers_only: false,
            idle_timeout: Duration::from_secs(3600),
            ice_servers: vec![],
            turn_ttl: Duration::from_secs(12 * 3600),
            ice_tcp: true,
            codecs: CodecSettings::default(),
            page: PageSettings::default(),
            access: AccessSettings::default(),
            tls: None,
            acme: None,
            webhooks: None,
            traces: None,
            recording: None,
            drain_until: None,
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { cpu_per_room: 25, memory_per_room: 100, memory_total: 8192 }
    }
}

impl Default for CodecSettings {
    fn default() -> CodecSettings {
        let alike = |name| CodecChoice { name, priority: 100 };
        let video = [CodecName::Vp8, CodecName::H264, CodecName::Vp9, CodecName::Av1];
        CodecSettings {
            video: video.map(alike).to_vec(),
            audio: vec![alike(CodecName::Opus)],
            dtx: true,
            fec: true,
            nack: true,
        }
    }
}

impl Default for PageSettings {
    fn default() -> PageSettings {
        PageSettings {
            max_bitrate: 5_000_000,
            min_bitrate: 100_000,
            simulcast: true,
            width: 1280,
            height: 720,
            echo_cancellation: true,
            noise_suppression: true,
        }
    }
}

impl CodecSettings {
    /// How much a codec is liked; `None`: it is not taken.
    pub fn priority(&self, codec: Codec) -> Option<u16> {
        let all = self.video.iter().chain(&self.audio);
        all.into_iter().find(|choice| Codec::from(choice.name) == codec).map(|choice| choice.priority)
    }
}

impl From<CodecName> for Codec {
    fn from(name: CodecName) -> Codec {
        match name {
            CodecName::Opus => Codec::Opus,
            CodecName::Vp8 => Codec::Vp8,
            CodecName::Vp9 => Codec::Vp9,
            CodecName::H264 => Codec::H264,
            CodecName::Av1 => Codec::Av1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_arrive_as_they_were_sent() {
        let mixed = IceServer { secret: Some(String::from("s")), ..fixed("u", "c") };
        let sent = Settings { ice_servers: vec![mixed], ..Settings::default() };
        assert_eq!(Settings::from_bytes(&sent.to_bytes()).unwrap(), sent);
    }

    #[test]
    fn a_secret_becomes_credentials_of_ones_own_and_is_never_told() {
        let server = IceServer { username: None, secret: Some(String::from("hunter2")), ..fixed("", "") };
        let [one, other] = ["1", "2"].map(|name| server.told_to(name, 1_700_000_000));
        assert_eq!(one.username.as_deref(), Some("1700000000:1"));
        assert_ne!((&one.username, &one.credential), (&other.username, &other.credential));
        let told = format!("{server:?} {}", serde_json::to_string(&one).unwrap());
        assert!(!told.contains("hunter2"), "{told}");
    }

    #[test]
    fn credentials_that_are_configured_are_told_as_they_are() {
        let told = fixed("u", "c").told_to("1", 1_700_000_000);
        assert_eq!((told.username.as_deref(), told.credential.as_deref()), (Some("u"), Some("c")));
    }

    fn fixed(username: &str, credential: &str) -> IceServer {
        IceServer {
            urls: vec![String::from("turn:turn.example.org")],
            username: Some(username.to_owned()),
            credential: Some(credential.to_owned()),
            secret: None,
        }
    }
}
