//! The workers' counters as metrics: which figure of the page goes by which name.

use super::family::Family;
use std::collections::HashMap;
use std::sync::LazyLock;
use volley::control::channel::COUNTERS;
use volley::io::TRAIN_LENGTH_BUCKETS;
use volley::worker::delay::DELAY_BUCKETS_US;
use volley::worker::histogram::{BATCH_BUCKETS, TURN_BUCKETS_US};
use volley::worker::page;

/// Where each figure of a page stands.
static PLACES: LazyLock<HashMap<String, usize>> =
    LazyLock::new(|| page::names().map(|(place, name)| (name, place)).collect());

/// In a second.
const MICROSECONDS: f64 = 1e6;
const NANOSECONDS: f64 = 1e9;

/// Figure, metric without its prefix, meaning.
type Row = (&'static str, &'static str, &'static str);

const GAUGES: [Row; 11] = [
    ("rooms", "worker_rooms", "Rooms with somebody in them."),
    ("participants", "worker_participants", "People with media."),
    ("transports", "worker_transports", "ICE, DTLS and SRTP associations."),
    ("tracks", "worker_tracks", "Published tracks."),
    (
        "remote-tracks",
        "remote_tracks",
        "Tracks of people on other workers, in rooms that are on this one too.",
    ),
    ("slots", "worker_seats", "Receiving m-lines."),
    ("waiting", "packets_waiting", "Packets that wait for their train to leave."),
    ("room-memory-bytes", "room_memory_bytes", "Memory of all rooms together."),
    (
        "rooms-restrained",
        "rooms_restrained",
        "Rooms of which layers or pictures are held back, since they take more than they may.",
    ),
    ("rooms-full", "rooms_full", "Rooms into which nobody else is let, for the same reason."),
    (
        "steered",
        "udp_steered",
        "1 where the kernel brings datagrams to this worker on a port that all share; 0 where it has a port \
         of its own, or others hand on what is for it.",
    ),
];

const COUNTS: [Row; 27] = [
    ("turns", "turns_total", "Turns of the worker's loop."),
    ("io-datagrams-in", "datagrams_received_total", "Datagrams received, by UDP or TCP."),
    ("io-datagrams-out", "datagrams_sent_total", "Datagrams sent, by UDP or TCP."),
    ("io-bytes-in", "received_bytes_total", "Their payload bytes."),
    ("io-bytes-out", "sent_bytes_total", "Their payload bytes."),
    ("io-streams", "tcp_connections_total", "TCP connections that came to carry media."),
    ("packets-in", "packets_received_total", "Authentic RTP packets received."),
    ("owed", "packets_owed_total", "Packets times the seats that show their track."),
    ("forwarded", "packets_forwarded_total", "Packets sealed for a receiver."),
    ("resent", "packets_resent_total", "Retransmissions sealed for a receiver."),
    ("healed", "sounds_healed_total", "Lost sounds found in front of the next (RFC 2198)."),
    ("redundant", "sounds_sent_twice_total", "Sounds sent in front of the next, on links that lose packets."),
    ("fec-in", "fec_packets_total", "Packets of forward error correction received (RFC 5109)."),
    ("restored", "pictures_restored_total", "Lost packets of pictures that those restored."),
    ("crossed-out", "packets_crossed_out_total", "Packets handed to other workers."),
    ("crossed-in", "packets_crossed_in_total", "Packets taken from other workers."),
    (
        "reported-expected",
        "packets_expected_total",
        "Packets of publishers that were expected when they were reported on.",
    ),
    (
        "reported-lost",
        "packets_lost_total",
        "Packets of publishers that had not come by then; some are sent once more.",
    ),
    (
        "handed-in",
        "datagrams_taken_over_total",
        "Datagrams that came to another worker and were handed to this one.",
    ),
    ("steering-failures", "udp_steering_failures_total", "Addresses that the kernel was not told of."),
    ("tapped", "recorded_values_total", "Packets, and what is to be known of them, handed to the recorder."),
    ("rtcp-out", "rtcp_sent_total", "RTCP datagrams sent."),
    ("key-frame-requests", "key_frame_requests_total", "Key frames asked for."),
    ("padding-bytes", "padding_bytes_total", "Bytes of padding that made packets of a train equal."),
    ("probes", "probe_packets_total", "Packets of padding that probed receivers' links."),
    ("held", "trains_held_total", "Trains that waited, in part, for their receiver's link."),
    (
        "emptied",
        "packets_emptied_total",
        "Packets of pictures that waited for their receiver's link and then left without contents, because a lower layer took their place.",
    ),
];

const DROPS: &str = "dropped-";

const HANDED: &str = "handed-";
/// What was handed to other workers, by kind.
const HANDED_KINDS: [&str; 3] = ["checks", "dtls", "media"];

const RESTRAINED: &str = "restrained-";
/// The limits that rooms come up against.
const LIMITS: [&str; 3] = ["memory", "cpu", "total"];

/// Figures of the back end that mean trouble.
const TROUBLES: [&str; 12] = [
    "truncated",
    "receive-errors",
    "no-buffer",
    "ring-overflows",
    "send-errors",
    "refused-trains",
    "socket-full",
    "no-train",
    "unroutable",
    "copied",
    "streams-refused",
    "stream-full",
];

/// One worker's counters at one moment.
pub(super) struct Page {
    counters: [u64; COUNTERS],
}

impl Page {
    pub(super) fn new(counters: [u64; COUNTERS]) -> Page {
        Page { counters }
    }

    /// The figure called `name`; 0 for one that no worker has.
    pub(super) fn of(&self, name: &str) -> u64 {
        PLACES.get(name).map_or(0, |&place| self.counters[place])
    }
}

/// All metrics of all workers.
pub(super) fn families(pages: &[Page]) -> Vec<Family> {
    let name = |name| format!("volley_{name}");
    let gauges = GAUGES.map(|(figure, metric, help)| each(pages, Family::gauge(name(metric), help), figure));
    let counts =
        COUNTS.map(|(figure, metric, help)| each(pages, Family::counter(name(metric), help), figure));
    let others = [
        window(pages),
        drops(pages),
        handed(pages),
        restrained(pages),
        troubles(pages),
        trains(pages),
        delays(pages),
        turn_lengths(pages),
        batches(pages),
    ];
    gauges.into_iter().chain(counts).chain(others).collect()
}

fn each(pages: &[Page], family: Family, figure: &str) -> Family {
    numbered(pages)
        .fold(family, |family, (worker, page)| family.with(&[("worker", &worker)], page.of(figure) as f64))
}

fn numbered(pages: &[Page]) -> impl Iterator<Item = (String, &Page)> {
    pages.iter().enumerate().map(|(number, page)| (number.to_string(), page))
}

fn window(pages: &[Page]) -> Family {
    let family = Family::gauge(
        "volley_gathering_window_seconds",
        "How long packets for one receiver wait for one another.",
    );
    numbered(pages).fold(family, |family, (worker, page)| {
        family.with(&[("worker", &worker)], page.of("gathering-window-ns") as f64 / NANOSECONDS)
    })
}

fn drops(pages: &[Page]) -> Family {
    let mut family = Family::counter(
        "volley_dropped_total",
        "Datagrams, packets and wishes that went no further, by cause.",
    );
    for (worker, page) in numbered(pages) {
        for (_, name) in page::names() {
            if let Some(cause) = name.strip_prefix(DROPS) {
                family = family.with(&[("worker", &worker), ("cause", cause)], page.of(&name) as f64);
            }
        }
    }
    family
}

fn handed(pages: &[Page]) -> Family {
    let mut family = Family::counter(
        "volley_datagrams_handed_total",
        "Datagrams on the port that all workers share which came to this one and were handed to another, by \
         kind.",
    );
    for (worker, page) in numbered(pages) {
        for kind in HANDED_KINDS {
            let value = page.of(&format!("{HANDED}{kind}"));
            family = family.with(&[("worker", &worker), ("kind", kind)], value as f64);
        }
    }
    family
}

fn restrained(pages: &[Page]) -> Family {
    let mut family = Family::counter(
        "volley_room_limit_steps_total",
        "Steps by which something was held back of a room, by the limit it came up against: memory or cpu of \
         one room, or the total memory of the server.",
    );
    for (worker, page) in numbered(pages) {
        for limit in LIMITS {
            let value = page.of(&format!("{RESTRAINED}{limit}"));
            family = family.with(&[("worker", &worker), ("limit", limit)], value as f64);
        }
    }
    family
}

fn troubles(pages: &[Page]) -> Family {
    let mut family = Family::counter("volley_io_troubles_total", "What went wrong at the sockets, by kind.");
    for (worker, page) in numbered(pages) {
        for kind in TROUBLES {
            let value = page.of(&format!("io-{kind}"));
            family = family.with(&[("worker", &worker), ("kind", kind)], value as f64);
        }
    }
    family
}

fn trains(pages: &[Page]) -> Family {
    let family = Family::histogram(
        "volley_train_length_packets",
        "Datagrams that left in one walk through the kernel.",
    );
    let bound = |bucket: usize| 1u64 << bucket;
    numbered(pages).fold(family, |family, (worker, page)| {
        let counts: Vec<u64> = (0..TRAIN_LENGTH_BUCKETS)
            .map(|bucket| page.of(&format!("trains-up-to-{}", bound(bucket))))
            .collect();
        let bounds = (0..TRAIN_LENGTH_BUCKETS).map(|bucket| bound(bucket) as f64);
        family.with_buckets(&[("worker", &worker)], bounds, &counts, page.of("io-datagrams-out") as f64)
    })
}

fn delays(pages: &[Page]) -> Family {
    let family = Family::histogram(
        "volley_forward_delay_seconds",
        "From a packet's arrival in the kernel to the departure of the train it leaves in; one turn in \
         sixteen is looked at.",
    );
    numbered(pages).fold(family, |family, (worker, page)| {
        let mut counts: Vec<u64> =
            DELAY_BUCKETS_US.iter().map(|us| page.of(&format!("delayed-up-to-{us}-us"))).collect();
        counts.push(page.of("delayed-longer"));
        let bounds = DELAY_BUCKETS_US.iter().map(|&us| f64::from(us) / MICROSECONDS);
        let sum = page.of("delay-sum-us") as f64 / MICROSECONDS;
        family.with_buckets(&[("worker", &worker)], bounds, &counts, sum)
    })
}

fn turn_lengths(pages: &[Page]) -> Family {
    let family = Family::histogram(
        "volley_turn_seconds",
        "Work of each turn of the worker's loop, from waking to handing on what leaves.",
    );
    numbered(pages).fold(family, |family, (worker, page)| {
        let mut counts: Vec<u64> =
            TURN_BUCKETS_US.iter().map(|us| page.of(&format!("turns-up-to-{us}-us"))).collect();
        counts.push(page.of("turns-longer"));
        let bounds = TURN_BUCKETS_US.iter().map(|&us| f64::from(us) / MICROSECONDS);
        family.with_buckets(
            &[("worker", &worker)],
            bounds,
            &counts,
            page.of("turn-sum-us") as f64 / MICROSECONDS,
        )
    })
}

fn batches(pages: &[Page]) -> Family {
    let family = Family::histogram(
        "volley_receive_queue_datagrams",
        "Datagrams that a turn found waiting in the sockets, of turns that found any.",
    );
    numbered(pages).fold(family, |family, (worker, page)| {
        let mut counts: Vec<u64> =
            BATCH_BUCKETS.iter().map(|count| page.of(&format!("batches-up-to-{count}"))).collect();
        counts.push(page.of("batches-larger"));
        let bounds = BATCH_BUCKETS.iter().map(|&count| f64::from(count));
        family.with_buckets(&[("worker", &worker)], bounds, &counts, page.of("batch-sum") as f64)
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use prometheus::TextEncoder;

    /// One worker's page with these figures, the others 0.
    pub(in crate::metrics) fn page(figures: &[(&str, u64)]) -> Page {
        let mut page = Page::new([0; COUNTERS]);
        for &(name, value) in figures {
            page.counters[PLACES[name]] = value;
        }
        page
    }

    #[test]
    fn every_figure_of_the_page_is_shown_or_is_part_of_a_histogram() {
        let rows = GAUGES.iter().chain(&COUNTS).map(|row| row.0.to_owned());
        let troubles = TROUBLES.iter().map(|kind| format!("io-{kind}"));
        let handed = HANDED_KINDS.iter().map(|kind| format!("{HANDED}{kind}"));
        let restrained = LIMITS.iter().map(|limit| format!("{RESTRAINED}{limit}"));
        let shown: Vec<String> = rows.chain(troubles).chain(handed).chain(restrained).collect();
        // Datagrams are shown as the back end counts them, before the shard does.
        let others = [
            "datagrams-in",
            DROPS,
            "trains-up-to-",
            "delayed-",
            "delay-sum-us",
            "gathering-window-ns",
            "turns-",
            "turn-sum-us",
            "batch",
            "reports",
            "reported-jitter-us",
            // Told with signaling's own.
            "resident-bytes",
        ];
        for (_, name) in page::names() {
            let is_other = others.iter().any(|prefix| name.starts_with(prefix));
            assert!(is_other != shown.contains(&name), "{name}");
        }
        assert!(shown.iter().all(|name| PLACES.contains_key(name)), "{shown:?}");
    }

    #[test]
    fn buckets_are_cumulative_and_labelled_by_worker() {
        let pages = [
            page(&[]),
            page(&[
                ("delayed-up-to-50-us", 2),
                ("delayed-up-to-100-us", 1),
                ("delayed-longer", 4),
                ("delay-sum-us", 500_000),
                ("dropped-bad-rtp", 7),
            ]),
        ];
        let text = {
            let families: Vec<_> = families(&pages).into_iter().map(Family::done).collect();
            TextEncoder::new().encode_to_string(&families).unwrap()
        };
        for line in [
            "volley_forward_delay_seconds_bucket{worker=\"1\",le=\"0.0001\"} 3",
            "volley_forward_delay_seconds_bucket{worker=\"1\",le=\"+Inf\"} 7",
            "volley_forward_delay_seconds_sum{worker=\"1\"} 0.5",
            "volley_dropped_total{worker=\"1\",cause=\"bad-rtp\"} 7",
            "volley_dropped_total{worker=\"0\",cause=\"bad-rtp\"} 0",
            "# TYPE volley_turns_total counter",
        ] {
            assert!(text.lines().any(|have| have == line), "{line} is missing in\n{text}");
        }
    }
}
