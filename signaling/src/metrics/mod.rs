//! What Prometheus is told: the workers' counters, read from shared memory, and signaling's own.
//!
//! A scrape asks no worker anything and takes no lock of theirs: it reads the page of counters that
//! each writes every tenth of a second.

mod family;
mod workers;

use family::Family;
use prometheus::TextEncoder;
use tokio::net::TcpListener;
use volley::control::channel::CounterView;
use workers::Page;

pub(crate) use prometheus::TEXT_FORMAT;

/// Where metrics are served, and where the workers' figures stand.
#[derive(Debug)]
pub struct MetricsPort {
    /// Bound and listening.
    pub listener: TcpListener,
    /// By the worker's number.
    pub workers: Vec<CounterView>,
}

/// What signaling itself has counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Census {
    pub(crate) rooms: usize,
    pub(crate) participants: usize,
    pub(crate) audio_tracks: usize,
    pub(crate) video_tracks: usize,
}

/// Everything, in Prometheus' text format.
pub(crate) fn render(workers: &[CounterView], census: Census) -> Result<String, prometheus::Error> {
    let pages: Vec<Page> = workers.iter().map(|view| Page::new(view.read())).collect();
    let mut families = promised(&pages, census);
    families.extend(workers::families(&pages));
    TextEncoder::new().encode_to_string(&families)
}

/// The names users were promised.
fn promised(pages: &[Page], census: Census) -> Vec<prometheus::proto::MetricFamily> {
    let gauge = |name, help, value: usize| Family::gauge(name, help).with(&[], value as f64).done();
    let bytes = pages.iter().map(|page| page.of("io-bytes-in") + page.of("io-bytes-out")).sum::<u64>();
    vec![
        gauge("webrtc_rooms_total", "Rooms that exist now.", census.rooms),
        gauge("webrtc_participants_total", "People in rooms now.", census.participants),
        gauge("webrtc_audio_tracks_total", "Sounds published now.", census.audio_tracks),
        gauge("webrtc_video_tracks_total", "Pictures published now.", census.video_tracks),
        Family::counter(
            "webrtc_bandwidth_usage_bytes",
            "UDP payload bytes received and sent by all workers since the media process began.",
        )
        .with(&[], bytes as f64)
        .done(),
    ]
}
