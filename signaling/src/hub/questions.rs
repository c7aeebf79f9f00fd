//! Questions to the media process whose answers come as events: the counters of a room's tracks.

use crate::link::MediaLink;
use crate::protocol::{MediaKind, TrackSource};
use crate::state::State;
use serde::Serialize;
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::oneshot;
use utoipa::ToSchema;
use volley::base::{Time, TrackId};
use volley::control::types::TrackStats;
use volley::control::{Command, Event};

/// A worker answers within a turn; one that takes longer than this is gone.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Questions at once; beyond it somebody is asking in a loop.
const MAX_QUESTIONS: usize = 256;

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

type Reply = oneshot::Sender<Option<Vec<TrackReport>>>;

#[derive(Default)]
pub(super) struct Questions(HashMap<u64, Question>);

struct Question {
    asked: Time,
    /// Workers that have not answered yet.
    awaited: usize,
    reports: Vec<TrackReport>,
    reply: Reply,
}

impl Questions {
    pub(super) fn ask(&mut self, state: &mut State, link: &MediaLink, room: &str, reply: Reply, now: Time) {
        let Some((workers, room)) = state.room_media(room) else {
            // A room in which nobody is has no tracks; one that is not there has no answer.
            let _ = reply.send(state.view_of_room(room).map(|_| vec![]));
            return;
        };
        if self.0.len() >= MAX_QUESTIONS {
            return;
        }
        let request = state.question();
        self.0.insert(request, Question { asked: now, awaited: workers.len(), reports: vec![], reply });
        for worker in workers {
            link.send(worker, Command::QueryRoom { request, room });
        }
    }

    /// Whether the event answers a question.
    pub(super) fn hear(&mut self, state: &State, event: &Event) -> bool {
        match event {
            Event::TrackStats { request, track, stats } => {
                let report = report(state, *track, stats);
                if let Some((question, report)) = self.0.get_mut(request).zip(report) {
                    question.add(report);
                }
                true
            }
            Event::Answered { request } => {
                let Some(question) = self.0.get_mut(request) else { return false };
                question.awaited = question.awaited.saturating_sub(1);
                if question.awaited == 0
                    && let Some(question) = self.0.remove(request)
                {
                    let _ = question.reply.send(Some(question.reports));
                }
                true
            }
            _ => false,
        }
    }

    /// Drops what was not answered; whoever asked sees that.
    pub(super) fn give_up(&mut self, now: Time) {
        self.0.retain(|_, question| now.since(question.asked) < ANSWER_WITHIN);
    }
}

impl Question {
    /// Every worker of a room tells what it forwards of a track, its own worker the rest.
    fn add(&mut self, report: TrackReport) {
        match self.reports.iter_mut().find(|known| known.track_id == report.track_id) {
            Some(known) => known.add(&report),
            None => self.reports.push(report),
        }
    }
}

impl TrackReport {
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

fn report(state: &State, track: TrackId, stats: &TrackStats) -> Option<TrackReport> {
    let owner = state.track_owner(track)?;
    Some(TrackReport {
        track_id: track.0.to_string(),
        participant_id: owner.participant.0.to_string(),
        kind: owner.kind,
        source: owner.source,
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
