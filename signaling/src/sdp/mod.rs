//! Session descriptions: offers are read, answers are written.
//!
//! Owns every rule of SDP that Volley follows. Knows neither rooms nor who publishes what: an
//! [`Offer`] says what a peer could do, an [`AnswerSection`] what was made of each m-line.

mod answer;
mod candidate;
mod codec;
mod extension;
mod fragment;
mod h264;
mod ice;
mod offer;
mod restrict;
mod section;
mod simulcast;

pub use answer::{Answer, AnswerSection, Seat};
pub use candidate::Candidate;
pub use codec::OfferedCodec;
pub use extension::{OfferedExtension, Toward, extension_ids};
pub use fragment::{Fragment, restarted};
pub use ice::{LocalIce, Peer, RemoteIce};
pub use offer::{Offer, OfferError};
pub use section::{RtpSection, Section};
