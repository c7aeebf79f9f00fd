//! What the two processes say to each other: typed commands to a worker, events back.
//!
//! The media process knows no SDP, no JSON and no names; the signaling process sees no packet.
//! Between them stand fixed-layout messages in shared memory ([`channel`]), what signaling must
//! remember ([`records`]), what the supervisor hands to its children at their start ([`handover`]), and TCP
//! connections that signaling accepts for a worker ([`connections`]). To the recorder a worker has a [`tap`],
//! and signaling a [`desk`].

pub mod channel;
mod codec;
pub mod connections;
pub mod desk;
pub mod handover;
pub mod message;
pub mod records;
mod shm;
mod shm_ring;
pub mod tap;
pub mod types;

pub use channel::{ChannelFds, SignalingChannel, WorkerChannel};
pub use codec::Corrupt;
pub use message::{Command, Event};
