//! Volley's recorder: from the packets of recorded tracks to files that play, whatever happens.
//!
//! A packet's way: a worker's tap → [`layer`] (put in order, made frames, placed on the server's clock) →
//! [`track`] (one encoding after another) → [`reel`] (sound and picture of one source, in step) →
//! [`mux`] → a file in the [`folder`]. [`session`] is one recording with its [`manifest`]; what
//! records is told by its source, on this machine ([`process`]) or over a connection ([`remote`]); nobody else
//! asks the clock. Manifests are brought to the disk by
//! the [`scribe`], beside the thread that all this runs on, and files into an object store by the [`store`],
//! beside both. Signaling says over a [`desk`] what to record. Nothing here is waited for by a worker.
//! [`compose`] makes one picture of it all, afterwards and by hand, and [`sealed`] opens what pages have
//! encrypted end to end.

pub mod answers;
pub mod clock;
mod closing;
pub mod compose;
pub mod depacketise;
pub mod desk;
#[cfg(test)]
mod fixture;
pub mod folder;
pub mod layer;
pub mod manifest;
pub mod mux;
pub mod output;
pub mod process;
mod recorder;
pub mod reel;
pub mod remote;
pub mod reorder;
mod route;
pub mod scribe;
pub mod sealed;
pub mod session;
pub mod settings;
pub mod shelf;
mod source;
pub mod store;
mod tidings;
pub mod track;
mod untold;
