//! The JSON of the WebSocket: what pages say, what they are told. No decisions.

mod client;
mod codes;
mod server;
mod values;

#[cfg(test)]
pub(crate) use client::TYPES as CLIENT_TYPES;
pub use client::{BadMessage, ClientMessage, Quality};
pub use codes::{ERROR_CODES, is_error_code};
pub use server::{LayerView, Receive, ServerMessage, SlotLayer, SlotView};
pub use values::{
    IceServerView, MediaKind, MediaPath, ParticipantView, Recordable, RoomMode, SignalKind, TrackSource,
    TrackView,
};
