//! What the two processes say to each other: typed commands to a worker, events back.
//!
//! The media process knows no SDP, no JSON and no names; the signaling process sees no packet.
//! Between them stand fixed-layout messages in shared memory.

pub mod message;
pub mod types;

pub use message::{Command, Event};
