//! Volley's recorder: from the packets of recorded tracks to files that play, whatever happens.
//!
//! A packet's way: a worker's tap → [`layer`] (put in order, made frames, placed on the server's clock) →
//! [`track`] (one encoding after another) → [`reel`] (sound and picture of one source, in step) →
//! [`mux`] → a file in the [`folder`]. [`session`] is one recording with its [`manifest`]; [`process`] is
//! the shell around all of it, and the only one that asks the clock. Signaling says over a [`desk`] what
//! to record. Nothing here is waited for by a worker. [`compose`] makes one picture of it all, afterwards and
//! by hand.

pub mod clock;
mod closing;
pub mod compose;
pub mod depacketise;
pub mod desk;
pub mod folder;
pub mod layer;
pub mod manifest;
pub mod mux;
pub mod output;
pub mod process;
pub mod reel;
pub mod reorder;
pub mod session;
pub mod settings;
pub mod track;
