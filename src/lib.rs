//! Volley's media process as a library, and what it shares with signaling.
//!
#![doc = include_str!("ARCHITECTURE.md")]

pub mod base;
pub mod control;
pub mod io;
pub mod media;
pub mod room;
pub mod shard;
pub mod sim;
pub mod transport;
pub mod wire;
pub mod worker;
