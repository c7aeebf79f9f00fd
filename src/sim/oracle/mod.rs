//! What must be true of every run, whatever its seed: one file per truth.
//!
//! Oracles see what a shard sends, in the order it is sent and before the network treats it, both
//! sealed and opened with the receiver's keys; and they know what signaling knows. They know
//! nothing of a shard's insides but its counters.

pub mod accounting;
pub mod amplification;
pub mod key_frame;
pub mod lips;
pub mod liveness;
pub mod pictures;
pub mod resends;
pub mod rooms;
pub mod seats;
pub mod sequence;
pub mod srtp_index;
pub mod svc;

use crate::base::Time;

/// Something that must not be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// When it was seen.
    pub at: Time,
    /// Which oracle saw it.
    pub oracle: &'static str,
    /// What it saw.
    pub what: String,
}

/// All that was found; a run that goes on going wrong is cut short.
#[derive(Clone, Debug, Default)]
pub struct Violations {
    found: Vec<Violation>,
}

/// More of the same tells nothing new.
const MAX_FOUND: usize = 20;

impl Violations {
    /// Notes a violation.
    pub fn add(&mut self, at: Time, oracle: &'static str, what: impl FnOnce() -> String) {
        if self.found.len() < MAX_FOUND {
            self.found.push(Violation { at, oracle, what: what() });
        }
    }

    /// All of them, as they were found.
    pub fn found(&self) -> &[Violation] {
        &self.found
    }
}
