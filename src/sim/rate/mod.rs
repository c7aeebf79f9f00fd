//! The scoreboard of rate control: estimator and pacer against links in virtual time.
//!
//! In the first table a modelled sender stands in for a shard, so that one row is one cause: it follows the target
//! as an encoder or a choice of layers does, paces, probes and sends again what was lost. Feedback
//! goes over the wire as it would. In the second, [`call`], all of it is real but the browsers.

pub mod call;
mod flow;
pub mod plan;
mod run;
pub mod score;
mod source;
mod viewer;

pub use run::{run, run_watched};
