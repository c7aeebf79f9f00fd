//! What Prometheus is told: the workers' counters, read from shared memory, and signaling's own.
//!
//! A scrape asks no worker anything and takes no lock of theirs: it reads the page of counters that
//! each writes every tenth of a second.

mod family;
mod own;
mod recent;
#[cfg(test)]
mod table;
#[cfg(test)]
mod watching;
mod workers;

use crate::state::{Joins, ServerMemory};
use crate::traces::SpanTally;
use crate::webhooks::Tally;
use family::Family;
use prometheus::TextEncoder;
use std::collections::BTreeSet;
use tokio::net::TcpListener;
use volley::control::channel::CounterView;
use volley_recorder::desk::StoreFigures;
use workers::Page;

pub(crate) use prometheus::TEXT_FORMAT;
pub(crate) use recent::{LOOK_EVERY, Recent};

/// Where metrics are served, and where the workers' figures stand.
#[derive(Debug)]
pub struct MetricsPort {
    /// Bound and listening.
    pub listener: TcpListener,
    /// By the worker's number.
    pub workers: Vec<CounterView>,
    /// Where media comes by UDP.
    pub udp_ports: BTreeSet<u16>,
}

/// What signaling itself has counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Census {
    pub(crate) rooms: usize,
    pub(crate) participants: usize,
    pub(crate) audio_tracks: usize,
    pub(crate) video_tracks: usize,
    pub(crate) sockets: usize,
    pub(crate) is_draining: bool,
    pub(crate) joins: Joins,
    pub(crate) webhooks: Tally,
    pub(crate) spans: SpanTally,
    pub(crate) memory: ServerMemory,
    /// Rooms that are recorded, those of them that cannot be written now, and their bytes.
    pub(crate) recordings: (usize, usize, u64),
    /// Packets that are missing in recordings for want of room.
    pub(crate) recordings_dropped: u64,
    pub(crate) recording_store: StoreFigures,
    /// Datagrams that the kernel threw away at the media sockets; `None` where it does not tell.
    pub(crate) udp_drops: Option<u64>,
}

/// Everything, in Prometheus' text format.
pub(crate) fn render(
    workers: &[CounterView],
    census: &Census,
    recent: &Recent,
) -> Result<String, prometheus::Error> {
    let families: Vec<_> = all(&pages(workers), census, recent).into_iter().map(Family::done).collect();
    TextEncoder::new().encode_to_string(&families)
}

/// Takes note of how packets come.
pub(crate) fn look(workers: &[CounterView], recent: &mut Recent) {
    recent.look(&pages(workers));
}

/// What the media process has resident, in bytes; 0 while it has not said.
pub(crate) fn resident(worker: &CounterView) -> u64 {
    Page::new(worker.read()).of("resident-bytes")
}

fn pages(workers: &[CounterView]) -> Vec<Page> {
    workers.iter().map(|view| Page::new(view.read())).collect()
}

/// A family without a value is not shown: Prometheus knows no such thing.
fn all(pages: &[Page], census: &Census, recent: &Recent) -> Vec<Family> {
    let families = promised(pages, census, recent).into_iter();
    families.chain(own::families(census)).chain(workers::families(pages)).filter(Family::has_values).collect()
}

/// The names users were promised.
fn promised(pages: &[Page], census: &Census, recent: &Recent) -> Vec<Family> {
    let gauge = |name, help, value: f64| Family::gauge(name, help).with(&[], value);
    let bytes = pages.iter().map(|page| page.of("io-bytes-in") + page.of("io-bytes-out")).sum::<u64>();
    vec![
        gauge("webrtc_rooms_total", "Rooms that exist now.", census.rooms as f64),
        gauge("webrtc_participants_total", "People in rooms now.", census.participants as f64),
        gauge("webrtc_audio_tracks_total", "Sounds published now.", census.audio_tracks as f64),
        gauge("webrtc_video_tracks_total", "Pictures published now.", census.video_tracks as f64),
        Family::counter(
            "webrtc_bandwidth_usage_bytes",
            "Payload bytes of datagrams, by UDP or TCP, received and sent by all workers since the media process began.",
        )
        .with(&[], bytes as f64),
        gauge(
            "webrtc_packet_loss_rate",
            "Share of the packets of publishers, from 0 to 1, that had not come when they were reported on, \
             over the last minute.",
            recent.loss_rate(),
        ),
        gauge(
            "webrtc_jitter_ms",
            "Mean interarrival jitter (RFC 3550 section 6.4.1) of what publishers sent over the last minute, \
             milliseconds.",
            recent.jitter_ms(),
        ),
    ]
}
