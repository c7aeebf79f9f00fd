//! The simulator: real shards, simulated peers, lossy links, virtual time. One seed is one run.
//!
//! It is another shell around a shard than the worker, so it knows no kernel, no clock and no
//! shared memory.

pub mod link;
pub mod outbox;
pub mod payload;
pub mod peer;
pub mod queue;
pub mod ledger;
