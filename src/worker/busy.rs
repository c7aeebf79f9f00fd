//! What share of its core a worker uses, as signaling is told it: newcomers of a room are placed by it.

use crate::base::Time;
use std::time::Duration;

/// How often the share is looked at: what people do changes within seconds.
const INTERVAL: Duration = Duration::from_secs(1);

/// A change in percent that is worth telling.
const NEWS: u8 = 5;

/// A worker's use of its core.
#[derive(Debug, Default)]
pub(super) struct Busy {
    since: Option<Time>,
    slept: Duration,
    told: u8,
}

impl Busy {
    /// The worker slept, or sent and slept, for `slept` at the end of a turn.
    pub(super) fn note_sleep(&mut self, slept: Duration) {
        self.slept += slept;
    }

    /// The share in percent, when it is time and it has changed.
    pub(super) fn news(&mut self, now: Time) -> Option<u8> {
        let passed = now.since(*self.since.get_or_insert(now));
        if passed < INTERVAL {
            return None;
        }
        self.since = Some(now);
        let idle = std::mem::take(&mut self.slept).as_secs_f64() / passed.as_secs_f64();
        let busy = (100.0 * (1.0 - idle)).clamp(0.0, 100.0) as u8;
        if busy.abs_diff(self.told) < NEWS {
            return None;
        }
        self.told = busy;
        Some(busy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_change_that_matters_is_told_and_not_more_than_once_a_second() {
        let mut busy = Busy::default();
        assert_eq!(busy.news(Time::from_millis(99_000)), None, "nothing is known yet");
        busy.note_sleep(Duration::from_millis(400));
        assert_eq!(busy.news(Time::from_millis(100_000)), Some(60));
        busy.note_sleep(Duration::from_millis(100));
        assert_eq!(busy.news(Time::from_millis(100_500)), None, "not yet");
        busy.note_sleep(Duration::from_millis(320));
        assert_eq!(busy.news(Time::from_millis(101_000)), None, "58 is near enough to 60");
        busy.note_sleep(Duration::from_millis(2_000));
        assert_eq!(busy.news(Time::from_millis(103_000)), Some(0));
    }
}
