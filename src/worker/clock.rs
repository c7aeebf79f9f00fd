//! The one clock of the media process.

use crate::base::Time;
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// `CLOCK_MONOTONIC`, the clock that process-wide wall time is related to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    /// What `CLOCK_REALTIME` showed when `CLOCK_MONOTONIC` was zero, when they were last compared.
    realtime_at_zero: Duration,
}

/// A datagram that seems older than this does so because the wall clock was set.
const OLDEST_ARRIVAL: Duration = Duration::from_secs(2);

impl Clock {
    /// The clock.
    pub fn new() -> Clock {
        let mut clock = Clock::default();
        clock.compare();
        clock
    }

    /// The time now.
    pub fn now(self) -> Time {
        Time::from_nanos(read(ClockId::Monotonic).as_nanos() as u64)
    }

    /// For how long a core has worked for this thread, ever; a system call, unlike the others.
    pub fn worked(self) -> Duration {
        read(ClockId::ThreadCPUTime)
    }

    /// Compares the two clocks anew: the wall clock may have been set.
    pub fn compare(&mut self) {
        self.realtime_at_zero = read(ClockId::Realtime).saturating_sub(read(ClockId::Monotonic));
    }

    /// When a datagram came that the kernel stamped `at` on `CLOCK_REALTIME`; `now` where it did
    /// not, or where the stamp cannot be true.
    pub fn arrived(self, now: Time, at: Option<Duration>) -> Time {
        let since_zero = at.and_then(|at| at.checked_sub(self.realtime_at_zero));
        let arrived = since_zero.map(|since| Time::from_nanos(since.as_nanos() as u64));
        arrived.filter(|&at| at <= now && now.since(at) < OLDEST_ARRIVAL).unwrap_or(now)
    }
}

fn read(clock: ClockId) -> Duration {
    let now = clock_gettime(clock);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_believed_only_where_it_can_be_true() {
        let clock = Clock { realtime_at_zero: Duration::from_secs(1_700_000_000) };
        let now = Time::from_millis(10_000);
        let stamped = |ms| Some(Duration::from_secs(1_700_000_000) + Duration::from_millis(ms));
        assert_eq!(clock.arrived(now, stamped(9_990)), Time::from_millis(9_990));
        assert_eq!(clock.arrived(now, stamped(10_001)), now, "not before it came");
        assert_eq!(clock.arrived(now, stamped(3_000)), now, "the wall clock was set forward since");
        assert_eq!(clock.arrived(now, Some(Duration::from_secs(5))), now, "or far back");
        assert_eq!(clock.arrived(now, None), now);
    }
}
