//! What signaling remembers of rooms and people. Plain data; all of it that is not skipped stands
//! in the records.

use crate::access::Pass;
use crate::protocol::{MediaKind, MediaPath, ParticipantView, RoomMode, TrackSource, TrackView};
use crate::sdp::{LocalIce, RemoteIce};
use crate::state::bridge::BridgeRole;
use crate::state::encryption::Turns;
use crate::state::growth::Growth;
use crate::state::ids::Raw;
use crate::state::journeys::Underway;
use crate::state::packed::Packed;
use crate::state::quality::QualityWishes;
use crate::state::recording::RoomRecording;
use crate::state::socket::SocketId;
use crate::state::subscriptions::Subscriptions;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use volley::base::{ParticipantId, RoomId, SlotId, StreamId, Time, TrackId, TransportId};
use volley::control::types::{Restraint, ShownLayer};

/// A room, whether anybody is in it or not.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Room {
    /// The key of its record.
    pub number: u64,
    /// What pages and REST call it.
    pub key: String,
    pub name: String,
    pub max_participants: usize,
    /// Made over REST: it outlives its last participant.
    pub declared: bool,
    pub created_unix_ms: u64,
    /// Where it was made from, so far as that is counted.
    #[serde(default)]
    pub maker: Option<IpAddr>,
    /// Of somebody who only tries whether calls work from where they are.
    #[serde(default)]
    pub is_check: bool,
    /// How media may go.
    #[serde(default)]
    pub mode: RoomMode,
    /// How it goes now.
    #[serde(default)]
    pub path: MediaPath,
    /// Whether what people send is encrypted end to end.
    #[serde(default)]
    pub e2ee: bool,
    /// The epoch of the keys in use: how often they were turned on since somebody left.
    #[serde(default)]
    pub key_epoch: u32,
    /// How far it may count now.
    #[serde(skip)]
    pub key_turns: Turns,
    /// Its recording, while it is recorded.
    #[serde(default)]
    pub recording: Option<RoomRecording>,
    /// It is recorded whenever somebody publishes in it …
    #[serde(default)]
    pub records_itself: bool,
    /// … unless that was ended by hand, until the next one.
    #[serde(default)]
    pub declines_recording: bool,
    /// Who listens is shown speakers only.
    #[serde(default)]
    pub speakers_only: bool,
    /// What the media process knows it by while somebody is in it.
    pub media: Option<RoomMedia>,
    #[serde(skip)]
    pub members: BTreeSet<ParticipantId>,
    /// Who speaks, whoever began last first.
    #[serde(skip)]
    pub speakers: Vec<ParticipantId>,
    #[serde(skip)]
    pub empty_since: Option<Time>,
    /// When it ends, whoever is in it.
    #[serde(skip)]
    pub ends_at: Option<Time>,
    /// What workers hold back of it, by their numbers.
    #[serde(skip)]
    pub restraints: BTreeMap<usize, Restraint>,
}

/// A room's place in the media process.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct RoomMedia {
    pub id: Raw<RoomId>,
    /// Where it began.
    pub worker: usize,
    /// Where else it is, until nobody is in it any more.
    #[serde(default)]
    pub others: Vec<usize>,
}

impl RoomMedia {
    /// All workers it is on, first the one where it began.
    pub(crate) fn workers(&self) -> impl Iterator<Item = usize> {
        std::iter::once(self.worker).chain(self.others.iter().copied())
    }
}

/// One person in a room.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Participant {
    pub id: Raw<ParticipantId>,
    /// The key of the room.
    pub room: String,
    /// The worker they are on; without it, where the room began.
    #[serde(default)]
    pub worker: Option<usize>,
    pub name: String,
    pub resume_token: String,
    /// What they may do.
    #[serde(default)]
    pub pass: Pass,
    /// Where they came from, so far as that is counted.
    #[serde(default)]
    pub address: Option<IpAddr>,
    /// Whether their page can talk to others directly.
    #[serde(default)]
    pub mode: MediaPath,
    /// What microphone and camera play in step under.
    pub call_stream: Raw<StreamId>,
    /// What the screen and its sound play in step under.
    pub screen_stream: Raw<StreamId>,
    pub dialogue: Option<Dialogue>,
    pub transport: Option<Transport>,
    /// How good a picture its page wants.
    #[serde(default)]
    pub quality: QualityWishes,
    /// Whom of the others it wants to be sent.
    #[serde(default)]
    pub subscriptions: Subscriptions,
    /// Whether they ask to speak.
    #[serde(default)]
    pub hand_raised: bool,
    /// Here over HTTP, without a page.
    #[serde(default)]
    pub bridge: Option<BridgeRole>,
    /// Of a transport that ended: its peer connection cannot be used again.
    pub ended: Option<PeerMark>,
    /// The address of ours under which they came, if their request named one.
    #[serde(skip)]
    pub reached: Option<SocketAddr>,
    #[serde(skip)]
    pub socket: Option<SocketId>,
    /// Since when there is neither a socket nor a live transport.
    #[serde(skip)]
    pub alone_since: Option<Time>,
    /// Since when their media is expected to find a way for the first time.
    #[serde(skip)]
    pub joined_at: Option<Time>,
    /// Their way here, while it is not over and somebody wants to know.
    #[serde(skip)]
    pub underway: Option<Box<Underway>>,
    /// Since when they have the credentials for relays that they have.
    #[serde(skip)]
    pub relays_told: Option<Time>,
    #[serde(skip)]
    pub growth: Growth,
}

/// The o= lines of both sides, for as long as the page keeps its peer connection.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Dialogue {
    pub peer_session: String,
    pub session: u64,
    pub version: u64,
}

/// What a peer connection is recognised by.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct PeerMark {
    pub session: String,
    pub ice: RemoteIce,
    pub fingerprint: Vec<u8>,
}

impl PeerMark {
    /// Whether both stand for one peer connection. A page that was reloaded has a new certificate;
    /// one that keeps its certificates has a new session and new ICE credentials.
    pub(crate) fn is_same_peer(&self, other: &PeerMark) -> bool {
        self.fingerprint == other.fingerprint && (self.session == other.session || self.ice == other.ice)
    }
}

/// One ICE, DTLS and SRTP association.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Transport {
    pub id: Raw<TransportId>,
    pub local: LocalIce,
    pub peer: PeerMark,
    /// We begin DTLS; for the life of the association (RFC 8842 §5.5).
    #[serde(default)]
    pub is_dtls_client: bool,
    /// The worker has said that it is there.
    #[serde(skip)]
    pub is_placed: bool,
    pub cname: String,
    /// The last offer answered: with the ids in `lines` everything the media process was told
    /// follows from it. Long and seldom new, so it has a record of its own.
    #[serde(default, skip_serializing)]
    pub offer: Packed,
    pub lines: Vec<Line>,
    pub phase: Phase,
}

/// How far a transport has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Phase {
    /// Nothing authentic has come yet.
    New,
    /// It has a path.
    Live,
    /// It gave no sign of life for a while.
    Hidden,
}

/// One m-line and what became of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Line {
    pub mid: String,
    pub kind: MediaKind,
    pub track: Option<Track>,
    pub seat: Option<SeatLine>,
    /// Its screen was stopped, though the page's offer still sent it: it begins again only when
    /// the page says so, or after it has stopped sending.
    #[serde(default)]
    pub withheld: bool,
}

/// What an m-line publishes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Track {
    pub id: Raw<TrackId>,
    pub stream: Raw<StreamId>,
    pub source: TrackSource,
    pub muted: bool,
    /// It was somebody else who muted it.
    #[serde(default)]
    pub silenced: bool,
    /// A bit for each layer that somebody watches, the lowest first, once the media process has told;
    /// it tells again after a restart.
    #[serde(skip)]
    pub wanted_layers: Option<u8>,
}

/// What an m-line receives with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SeatLine {
    pub id: Raw<SlotId>,
    pub stream: Raw<StreamId>,
    pub ssrc: u32,
    pub rtx_ssrc: Option<u32>,
    /// The lines that the media process was told it needs.
    #[serde(default)]
    pub max_height: Option<u16>,
    /// Told again by the media process after a restart.
    #[serde(skip)]
    pub shows: Option<TrackId>,
    /// What of it is sent, likewise.
    #[serde(skip)]
    pub layer: Option<ShownLayer>,
}

impl Participant {
    pub(crate) fn lines(&self) -> &[Line] {
        self.transport.as_ref().map_or(&[], |transport| &transport.lines)
    }

    pub(crate) fn tracks(&self) -> impl Iterator<Item = (&Line, &Track)> {
        self.lines().iter().filter_map(|line| Some((line, line.track.as_ref()?)))
    }

    pub(crate) fn seats(&self) -> impl Iterator<Item = (&Line, &SeatLine)> {
        self.lines().iter().filter_map(|line| Some((line, line.seat.as_ref()?)))
    }

    pub(crate) fn track_mut(&mut self, id: TrackId) -> Option<&mut Track> {
        let lines = &mut self.transport.as_mut()?.lines;
        lines.iter_mut().filter_map(|line| line.track.as_mut()).find(|track| track.id.0 == id)
    }

    pub(crate) fn seat_mut(&mut self, id: SlotId) -> Option<&mut SeatLine> {
        let lines = &mut self.transport.as_mut()?.lines;
        lines.iter_mut().filter_map(|line| line.seat.as_mut()).find(|seat| seat.id.0 == id)
    }

    /// How many streams the others should have seats for. Somebody who publishes nothing yet most
    /// likely will, unless they came to watch.
    pub(crate) fn streams(&self) -> usize {
        if self.bridge == Some(BridgeRole::Viewer) {
            return 0;
        }
        self.tracks().map(|(_, track)| track.stream).collect::<BTreeSet<_>>().len().max(1)
    }

    pub(crate) fn is_hidden(&self) -> bool {
        self.transport.as_ref().is_some_and(|transport| transport.phase == Phase::Hidden)
    }

    /// Whether media shows that somebody is there.
    pub(crate) fn is_live(&self) -> bool {
        self.transport.as_ref().is_some_and(|transport| transport.phase != Phase::New)
    }

    pub(crate) fn view(&self) -> ParticipantView {
        ParticipantView {
            participant_id: self.id.0.0.to_string(),
            participant_name: self.name.clone(),
            hidden: self.is_hidden(),
            hand_raised: self.hand_raised,
            tracks: self.track_views(),
        }
    }

    pub(crate) fn track_views(&self) -> Vec<TrackView> {
        self.tracks().map(|(line, track)| track.view(line.kind)).collect()
    }

    /// Which of its tracks somebody else has muted, as pages call them.
    pub(crate) fn silenced(&self) -> Vec<String> {
        let silenced = self.tracks().filter(|(_, track)| track.silenced);
        silenced.map(|(_, track)| track.id.0.0.to_string()).collect()
    }
}

impl Track {
    pub(crate) fn view(&self, kind: MediaKind) -> TrackView {
        TrackView { track_id: self.id.0.0.to_string(), kind, source: self.source, muted: self.muted }
    }
}
