//! What everything else is counted in: time, identifiers, sequence numbers, small containers.
//!
//! Depends on nothing else in this crate.

pub mod id;
pub mod outbox;
pub mod random;
pub mod rate;
pub mod seq;
pub mod slab;
pub mod time;
pub mod timer;
pub mod worker_name;

pub use id::{ParticipantId, RoomId, SlotId, StreamId, TrackId, TransportId, WorkerId};
pub use outbox::{Outbox, Path, Push, SocketIndex, TrainId};
pub use rate::{Bitrate, DATAGRAM_HEADERS};
pub use time::{NtpTime, Time, WallClock};
