//! The page of counters a worker shows to others: which figure stands where.
//!
//! Written by relaxed stores every tenth of a second; whoever reads it needs no lock and disturbs
//! nobody.

use crate::control::channel::{COUNTERS, WorkerChannel};
use crate::io::Io;
use crate::shard::Shard;
use crate::shard::counters::Drop;

/// The figures before the drops, in their order.
pub const FIGURES: [&str; 13] = [
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
    "rtcp-out",
    "key-frame-requests",
];

const _: () = assert!(FIGURES.len() + Drop::ALL.len() + 32 <= COUNTERS);

/// Name and place of every figure of the page.
pub fn names() -> impl Iterator<Item = (usize, String)> {
    let drops = Drop::ALL.iter().map(|cause| format!("dropped-{}", cause.label()));
    FIGURES.iter().map(ToString::to_string).chain(drops).enumerate()
}

pub(super) fn write(channel: &WorkerChannel, shard: &Shard, _io: &Io, turns: u64) {
    let population = shard.population();
    let counters = shard.counters();
    let figures = [
        turns,
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
        counters.rtcp_out,
        counters.key_frame_requests,
    ];
    channel.set_counters(&figures);
    for &cause in Drop::ALL {
        channel.set_counter(FIGURES.len() + cause as usize, counters.dropped(cause));
    }
}
