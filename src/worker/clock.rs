//! The one clock of the media process.

use crate::base::Time;
use rustix::time::{ClockId, clock_gettime};

/// `CLOCK_MONOTONIC`, the clock that process-wide wall time is related to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock;

impl Clock {
    /// The clock.
    pub fn new() -> Clock {
        Clock
    }

    /// The time now.
    pub fn now(self) -> Time {
        let now = clock_gettime(ClockId::Monotonic);
        Time::from_nanos(now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64)
    }
}
