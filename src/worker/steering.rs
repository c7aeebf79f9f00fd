//! Tells the kernel which addresses are this worker's, where all workers share a port.

use crate::base::WorkerId;
use crate::io::Sources;
use crate::shard::Steer;

/// Where a worker notes its addresses; nowhere when it has a port of its own, or the kernel steers not.
#[derive(Debug)]
pub(super) struct Steering {
    own: WorkerId,
    sources: Option<Sources>,
    /// Notes that the kernel did not take.
    failures: u64,
}

impl Steering {
    pub(super) fn new(own: WorkerId, sources: Option<Sources>) -> Steering {
        Steering { own, sources, failures: 0 }
    }

    /// Passes on what has changed. What the kernel does not take costs no call: other workers hand on what
    /// comes to them.
    pub(super) fn tell(&mut self, news: impl Iterator<Item = Steer>) {
        for steer in news {
            let Some(sources) = &self.sources else { continue };
            let told = match steer {
                Steer::Here(source) => sources.note(source, self.own),
                Steer::Gone(source) => sources.forget(source, self.own),
            };
            let Err(error) = told else { continue };
            self.failures += 1;
            if self.failures.is_power_of_two() {
                let failures = self.failures;
                tracing::warn!(%error, failures, "the kernel was not told where datagrams are to come; they are handed on");
            }
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.sources.is_some()
    }

    pub(super) fn failures(&self) -> u64 {
        self.failures
    }
}
