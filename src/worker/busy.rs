//! What share of its core a worker uses: rooms are held to their part of it, and newcomers of a room are
//! placed by it, for which signaling is told.

use crate::base::Time;
use std::time::Duration;

/// How often the share is looked at: what people do changes within seconds.
const INTERVAL: Duration = Duration::from_secs(1);

/// A change in percent that is worth telling.
const NEWS: u8 = 5;

/// What it was in the last second.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Share {
    pub(super) percent: u8,
    /// It has changed so much that signaling is to be told.
    pub(super) is_news: bool,
}

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

    /// The share, when it is time to look at it.
    pub(super) fn look(&mut self, now: Time) -> Option<Share> {
        let passed = now.since(*self.since.get_or_insert(now));
        if passed < INTERVAL {
            return None;
        }
        self.since = Some(now);
        let idle = std::mem::take(&mut self.slept).as_secs_f64() / passed.as_secs_f64();
        let percent = (100.0 * (1.0 - idle)).clamp(0.0, 100.0) as u8;
        let is_news = percent.abs_diff(self.told) >= NEWS;
        self.told = if is_news { percent } else { self.told };
        Some(Share { percent, is_news })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_change_that_matters_is_news_and_nothing_is_looked_at_more_than_once_a_second() {
        let mut busy = Busy::default();
        let mut look = |slept: u64, at: u64| {
            busy.note_sleep(Duration::from_millis(slept));
            busy.look(Time::from_millis(at)).map(|share| (share.percent, share.is_news))
        };
        assert_eq!(look(0, 99_000), None, "nothing is known yet");
        assert_eq!(look(400, 100_000), Some((60, true)));
        assert_eq!(look(100, 100_500), None, "not yet");
        assert_eq!(look(320, 101_000), Some((58, false)), "58 is near enough to 60");
        assert_eq!(look(2_000, 103_000), Some((0, true)));
    }
}
