//! What signaling itself counts, as metrics.

use super::Census;
use super::family::Family;
use crate::state::CONNECT_BUCKETS_MS;
use crate::traces::SpanTally;

pub(super) fn families(census: &Census) -> Vec<Family> {
    let joins = Family::counter(
        "volley_joins_total",
        "Attempts to come in over WebSocket, WHIP and WHEP, by what became of them: joined, resumed, or the code of the refusal.",
    );
    let results = census.joins.results.iter();
    let joins =
        results.fold(joins, |family, (result, count)| family.with(&[("result", result)], *count as f64));
    let connects = Family::histogram(
        "volley_join_seconds",
        "From coming in to the first path for media, of those who found one.",
    );
    let bounds = CONNECT_BUCKETS_MS.iter().map(|&ms| ms as f64 / 1_000.0);
    let sum = census.joins.connect_time.as_secs_f64();
    let letters = census.webhooks;
    let (recordings, failing, recorded) = census.recordings;
    let store = &census.recording_store;
    vec![
        joins,
        connects.with_buckets(&[], bounds, &census.joins.connected, sum),
        Family::gauge("volley_websockets", "WebSockets that are open, joined or not.")
            .with(&[], census.sockets as f64),
        Family::gauge("volley_draining", "1 while the server is stopping and takes no new rooms, else 0.")
            .with(&[], f64::from(u8::from(census.is_draining))),
        Family::gauge(
            "volley_memory_bytes",
            "Memory that the media process has resident, and signaling beside what both share: what \
             performance.max_memory_total limits.",
        )
        .with(&[], census.memory.bytes as f64),
        Family::gauge(
            "volley_memory_tight",
            "1 while there are no new rooms for want of memory, 2 while nobody is let in, else 0.",
        )
        .with(&[], f64::from(u8::from(census.memory.is_tight) + u8::from(census.memory.is_full))),
        Family::gauge("volley_recordings", "Rooms that are recorded now.").with(&[], recordings as f64),
        Family::gauge("volley_recordings_failing", "Of those, rooms whose recording cannot be written now.")
            .with(&[], failing as f64),
        Family::gauge("volley_recordings_bytes", "What was written so far of the recordings that go on.")
            .with(&[], recorded as f64),
        Family::counter(
            "volley_recordings_dropped_packets_total",
            "Packets that are missing in recordings because the recorder, its disk or the line to one elsewhere had \
             no room, or was away, summed over recordings: where several go on, each is told of all.",
        )
        .with(&[], census.recordings_dropped as f64),
        Family::gauge(
            "volley_recordings_waiting_bytes",
            "What was recorded and is to go into the store, and is not there yet.",
        )
        .with(&[], store.waiting_bytes as f64),
        Family::counter(
            "volley_recordings_uploaded_bytes_total",
            "What the store has taken since the recorder began.",
        )
        .with(&[], store.uploaded_bytes as f64),
        Family::counter(
            "volley_recordings_upload_failures_total",
            "Attempts to bring something of a recording into the store that failed since the recorder began.",
        )
        .with(&[], store.failures as f64),
        Family::gauge(
            "volley_recordings_upload_failing",
            "1 while something that the store did not take waits to be tried again, else 0.",
        )
        .with(&[], f64::from(u8::from(store.failing.is_some()))),
        Family::gauge("volley_webhooks_waiting", "Webhooks that have not arrived yet.")
            .with(&[], letters.waiting as f64),
        Family::counter("volley_webhooks_delivered_total", "Webhooks that arrived.")
            .with(&[], letters.delivered as f64),
        Family::counter("volley_webhook_failures_total", "Attempts to deliver a webhook that failed.")
            .with(&[], letters.failed as f64),
        Family::counter(
            "volley_webhooks_dropped_total",
            "Webhooks that were never sent, since too many waited.",
        )
        .with(&[], letters.dropped as f64),
        spans(census.spans),
        udp_drops(census.udp_drops),
    ]
}

fn udp_drops(drops: Option<u64>) -> Family {
    let family = Family::counter(
        "volley_udp_drops_total",
        "Datagrams that came to the media sockets and found no room there, since no worker came for those before \
         them; counted by the kernel.",
    );
    drops.into_iter().fold(family, |family, drops| family.with(&[], drops as f64))
}

fn spans(SpanTally { sent, failed, dropped }: SpanTally) -> Family {
    let family = Family::counter(
        "volley_trace_spans_total",
        "Parts of traces, by what became of them: sent, failed when the collector did not take them, or dropped \
         since too many waited.",
    );
    let results = [("sent", sent), ("failed", failed), ("dropped", dropped)];
    results.iter().fold(family, |family, (result, count)| family.with(&[("result", result)], *count as f64))
}
