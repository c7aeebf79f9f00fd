//! The simulator: real shards, simulated peers, lossy links, virtual time. One seed is one run.
//!
//! It is another shell around a shard than the worker, so it knows no kernel, no clock and no
//! shared memory. What happens follows from a [`scenario::Scenario`], which follows from a seed;
//! what must be true whatever happens is written down in [`oracle`]; [`world::World`] is the run.

mod actions;
pub mod fault;
mod host;
mod houses;
pub mod ledger;
pub mod link;
pub mod mesh;
pub mod oracle;
pub mod outbox;
pub mod payload;
pub mod peer;
pub mod person;
mod port;
pub mod queue;
pub mod rate;
pub mod scenario;
pub mod seating;
pub mod svc;
mod traffic;
pub mod verdict;
pub mod wiretap;
pub mod world;
