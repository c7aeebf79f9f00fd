//! What the media process counts, as REST tells it: of each track, and of each participant's two ways.

use crate::protocol::{MediaKind, TrackSource};
use crate::state::State;
use serde::Serialize;
use utoipa::ToSchema;
use volley::base::{TrackId, TransportId};
use volley::control::types::{LinkStats, RoomLoad, TrackStats};

/// Everything about a room.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct RoomReport {
    /// All that is published.
    pub(crate) tracks: Vec<TrackReport>,
    /// Everybody whose media has been agreed on.
    pub(crate) people: Vec<PersonReport>,
    /// What it takes of all its workers.
    pub(crate) load: RoomLoad,
}

/// The counters of one track.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TrackReport {
    /// The track.
    track_id: String,
    /// Whose it is.
    participant_id: String,
    /// Sound or picture.
    kind: MediaKind,
    /// What it shows.
    source: TrackSource,
    /// Its layers that somebody watches, the lowest is 0; null where there is only one, or nothing is known.
    #[schema(required)]
    layers_watched: Option<Vec<u8>>,
    /// Packets that came from the publisher.
    packets: u64,
    /// Bytes of those.
    bytes: u64,
    /// Packets that did not come.
    packets_lost: u64,
    /// How unevenly they come (RFC 3550 §6.4.1).
    jitter_ms: f64,
    /// Packets sent to viewers, all together.
    packets_forwarded: u64,
    /// Bytes of those.
    bytes_forwarded: u64,
    /// Packets asked for once more.
    nacks_sent: u64,
    /// Key frames asked for.
    key_frame_requests: u64,
}

/// The counters of one participant.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PersonReport {
    /// Who.
    participant_id: String,
    /// As they gave it.
    participant_name: String,
    /// From them to the server.
    uplink: Uplink,
    /// From the server to them.
    downlink: Downlink,
}

/// What comes from a participant.
#[derive(Clone, PartialEq, Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Uplink {
    /// Packets of all they publish.
    packets: u64,
    /// Bytes of those.
    bytes: u64,
    /// Packets that did not come.
    packets_lost: u64,
    /// That of the track with the most.
    jitter_ms: f64,
}

/// What goes to a participant.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Downlink {
    /// Packets of all they are shown, with what was sent once more.
    packets: u64,
    /// Bytes of those.
    bytes: u64,
    /// What their link is believed to carry, bit/s; null while nothing is known.
    #[schema(required)]
    estimate_bps: Option<u64>,
    /// There and back; null while it is not known.
    #[schema(required)]
    round_trip_ms: Option<f64>,
    /// Share of packets lost in the last seconds, from 0 to 1.
    loss_rate: f64,
}

impl RoomReport {
    /// Every worker of a room tells what it forwards of a track, its own worker the rest.
    pub(super) fn add_track(&mut self, report: TrackReport) {
        match self.tracks.iter_mut().find(|known| known.track_id == report.track_id) {
            Some(known) => known.add(&report),
            None => self.tracks.push(report),
        }
    }

    pub(super) fn add_person(&mut self, report: PersonReport) {
        self.people.push(report);
    }

    pub(super) fn add_load(&mut self, load: RoomLoad) {
        self.load.memory_bytes += load.memory_bytes;
        self.load.cpu_percent = self.load.cpu_percent.saturating_add(load.cpu_percent);
    }

    /// When all have answered: what somebody publishes is what comes from them.
    pub(super) fn finish(mut self) -> RoomReport {
        for person in &mut self.people {
            let own = self.tracks.iter().filter(|track| track.participant_id == person.participant_id);
            own.for_each(|track| person.uplink.add(track));
        }
        self.people.sort_by(|a, b| a.participant_id.cmp(&b.participant_id));
        self
    }
}

impl Uplink {
    fn add(&mut self, track: &TrackReport) {
        self.packets += track.packets;
        self.bytes += track.bytes;
        self.packets_lost += track.packets_lost;
        self.jitter_ms = self.jitter_ms.max(track.jitter_ms);
    }
}

impl TrackReport {
    pub(super) fn of(state: &State, track: TrackId, stats: &TrackStats) -> Option<TrackReport> {
        let owner = state.track_owner(track)?;
        Some(TrackReport {
            track_id: track.0.to_string(),
            participant_id: owner.participant.0.to_string(),
            kind: owner.kind,
            source: owner.source,
            layers_watched: owner.layers_watched,
            packets: stats.packets,
            bytes: stats.bytes,
            packets_lost: stats.lost,
            jitter_ms: f64::from(stats.jitter_us) / 1000.0,
            packets_forwarded: stats.forwarded,
            bytes_forwarded: stats.forwarded_bytes,
            nacks_sent: stats.nacks_sent,
            key_frame_requests: stats.key_frame_requests,
        })
    }

    fn add(&mut self, other: &TrackReport) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.packets_lost += other.packets_lost;
        self.jitter_ms = self.jitter_ms.max(other.jitter_ms);
        self.packets_forwarded += other.packets_forwarded;
        self.bytes_forwarded += other.bytes_forwarded;
        self.nacks_sent += other.nacks_sent;
        self.key_frame_requests += other.key_frame_requests;
    }
}

impl PersonReport {
    pub(super) fn of(state: &State, transport: TransportId, stats: &LinkStats) -> Option<PersonReport> {
        let (participant, name) = state.transport_owner(transport)?;
        let round_trip = Some(stats.round_trip_us).filter(|us| *us > 0);
        Some(PersonReport {
            participant_id: participant.0.to_string(),
            participant_name: name.to_owned(),
            uplink: Uplink::default(),
            downlink: Downlink {
                packets: stats.packets,
                bytes: stats.bytes,
                estimate_bps: stats.estimate_bps,
                round_trip_ms: round_trip.map(|us| f64::from(us) / 1000.0),
                loss_rate: f64::from(stats.lost_of_10000) / 10_000.0,
            },
        })
    }
}
