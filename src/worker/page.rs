//! The page of counters a worker shows to others: which figure stands where.
//!
//! Written by relaxed stores every tenth of a second; whoever reads it needs no lock and disturbs
//! nobody.

use super::delay::{DELAY_BUCKETS_US, DelayHistogram};
use super::histogram::{BATCH_BUCKETS, Histogram, TURN_BUCKETS_US};
use super::steering::Steering;
use crate::control::channel::{COUNTERS, WorkerChannel};
use crate::control::types::RoomLimit;
use crate::io::{Io, IoCounters, TRAIN_LENGTH_BUCKETS};
use crate::shard::Shard;
use crate::shard::counters::Drop;
use std::time::Duration;

/// The figures before the drops, in their order.
pub const FIGURES: [&str; 44] = [
    "turns",
    "rooms",
    "participants",
    "transports",
    "tracks",
    "slots",
    "datagrams-in",
    "packets-in",
    "owed",
    "forwarded",
    "resent",
    "healed",
    "redundant",
    "fec-in",
    "restored",
    "rtcp-out",
    "key-frame-requests",
    "waiting",
    "padding-bytes",
    "probes",
    "held",
    "emptied",
    "gathering-window-ns",
    "remote-tracks",
    "crossed-out",
    "crossed-in",
    "reports",
    "reported-expected",
    "reported-lost",
    "reported-jitter-us",
    "handed-checks",
    "handed-dtls",
    "handed-media",
    "handed-in",
    "steered",
    "steering-failures",
    "tapped",
    "restrained-memory",
    "restrained-cpu",
    "restrained-total",
    "rooms-restrained",
    "rooms-full",
    "room-memory-bytes",
    "resident-bytes",
];

/// The figures of the back end, behind the drops.
pub const IO_FIGURES: [&str; 17] = [
    "io-datagrams-in",
    "io-bytes-in",
    "io-datagrams-out",
    "io-bytes-out",
    "io-truncated",
    "io-receive-errors",
    "io-no-buffer",
    "io-ring-overflows",
    "io-send-errors",
    "io-refused-trains",
    "io-socket-full",
    "io-no-train",
    "io-unroutable",
    "io-copied",
    "io-streams",
    "io-streams-refused",
    "io-stream-full",
];

const DROPS: usize = FIGURES.len();
const IO: usize = DROPS + Drop::ALL.len();
const TRAINS: usize = IO + IO_FIGURES.len();
const DELAYS: usize = TRAINS + TRAIN_LENGTH_BUCKETS;
const DELAY_SUM: usize = DELAYS + DELAY_BUCKETS_US.len() + 1;
const TURNS: usize = DELAY_SUM + 1;
const BATCHES: usize = TURNS + TURN_BUCKETS_US.len() + 2;
const _: () = assert!(BATCHES + BATCH_BUCKETS.len() + 2 <= COUNTERS);

/// The worker's own figures.
pub(super) struct Own<'a> {
    pub(super) turns: u64,
    /// How long packets wait for one another now.
    pub(super) gathering: Duration,
    /// Whether the kernel is told whose addresses are.
    pub(super) steering: &'a Steering,
    /// What all workers together have resident, in bytes.
    pub(super) resident: u64,
    /// What packets have been delayed by.
    pub(super) delays: &'a DelayHistogram,
    /// What turns have taken, in microseconds.
    pub(super) turn_lengths: &'a Histogram<{ TURN_BUCKETS_US.len() }>,
    /// How many datagrams turns have found.
    pub(super) batches: &'a Histogram<{ BATCH_BUCKETS.len() }>,
}

/// Name and place of every figure of the page.
pub fn names() -> impl Iterator<Item = (usize, String)> {
    let drops = Drop::ALL.iter().map(|cause| format!("dropped-{}", cause.label()));
    let io = IO_FIGURES.iter().map(ToString::to_string);
    let trains = (0..TRAIN_LENGTH_BUCKETS).map(|bucket| format!("trains-up-to-{}", 1 << bucket));
    let delays = DELAY_BUCKETS_US.iter().map(|us| format!("delayed-up-to-{us}-us"));
    let longer = ["delayed-longer", "delay-sum-us"].map(String::from);
    let turns = TURN_BUCKETS_US.iter().map(|us| format!("turns-up-to-{us}-us"));
    let longer_turns = ["turns-longer", "turn-sum-us"].map(String::from);
    let batches = BATCH_BUCKETS.iter().map(|count| format!("batches-up-to-{count}"));
    let larger = ["batches-larger", "batch-sum"].map(String::from);
    let own = FIGURES.iter().map(ToString::to_string);
    let own = own.chain(drops).chain(io).chain(trains).chain(delays).chain(longer);
    own.chain(turns).chain(longer_turns).chain(batches).chain(larger).enumerate()
}

pub(super) fn write(channel: &WorkerChannel, shard: &Shard, io: &Io, own: &Own<'_>) {
    let population = shard.population();
    let counters = shard.counters();
    let figures = [
        own.turns,
        population.rooms as u64,
        population.participants as u64,
        population.transports as u64,
        population.tracks as u64,
        population.slots as u64,
        counters.datagrams,
        counters.packets_in,
        counters.owed,
        counters.forwarded,
        counters.resent,
        counters.healed,
        counters.redundant,
        counters.fec_in,
        counters.restored,
        counters.rtcp_out,
        counters.key_frame_requests,
        counters.waiting,
        counters.padding,
        counters.probes,
        counters.held,
        counters.emptied,
        own.gathering.as_nanos() as u64,
        population.remote_tracks as u64,
        counters.crossed,
        counters.crossed_in,
        counters.reports,
        counters.reported_expected,
        counters.reported_lost,
        counters.reported_jitter_us,
        counters.handed_checks,
        counters.handed_dtls,
        counters.handed_media,
        counters.handed_in,
        u64::from(own.steering.is_on()),
        own.steering.failures(),
        counters.tapped,
        counters.restrained[RoomLimit::Memory as usize],
        counters.restrained[RoomLimit::Cpu as usize],
        counters.restrained[RoomLimit::Total as usize],
        counters.rooms_restrained,
        counters.rooms_full,
        counters.room_memory,
        own.resident,
    ];
    channel.set_counters(&figures);
    for &cause in Drop::ALL {
        channel.set_counter(DROPS + cause as usize, counters.dropped(cause));
    }
    let io = io.counters();
    for (place, value) in io_figures(io).into_iter().chain(io.train_lengths).enumerate() {
        channel.set_counter(IO + place, value);
    }
    for (place, &value) in own.delays.counts().iter().enumerate() {
        channel.set_counter(DELAYS + place, value);
    }
    channel.set_counter(DELAY_SUM, own.delays.sum_us());
    for (place, value) in own.turn_lengths.figures().chain(own.batches.figures()).enumerate() {
        channel.set_counter(TURNS + place, value);
    }
}

fn io_figures(io: &IoCounters) -> [u64; IO_FIGURES.len()] {
    [
        io.datagrams_in,
        io.bytes_in,
        io.datagrams_out,
        io.bytes_out,
        io.truncated,
        io.receive_errors,
        io.no_buffer,
        io.ring_overflows,
        io.send_errors,
        io.refused_trains,
        io.socket_full,
        io.no_train,
        io.unroutable,
        io.copied,
        io.streams,
        io.streams_refused,
        io.stream_full,
    ]
}
