//! The JSON of the WebSocket: what pages say, what they are told. No decisions.

mod client;
mod server;
mod values;

pub use client::{BadMessage, ClientMessage, Quality};
pub use server::{LayerView, Receive, ServerMessage, SlotView};
pub use values::{MediaKind, ParticipantView, TrackSource, TrackView};
