//! When a page is asked for an offer with more receiving m-lines, and how many are enough.

use std::time::Duration;
use volley::base::Time;

/// Most pairs of seats a page is asked for. Nine pictures fill a 3×3 grid, and nine videos of
/// 640×360 are about what a laptop decodes without its fan; whoever has no seat gets one when the
/// room's choice falls on them.
pub(crate) const MAX_PAIRS: usize = 9;
/// A page that is still waiting for its camera is asked again after 1, 2, 4 … s, at last every:
const LONGEST_PAUSE: Duration = Duration::from_secs(32);

/// What one page was asked for, and when it is asked again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Growth {
    /// The most pairs it was asked for; for the same need it is not asked again.
    asked: usize,
    /// Repetitions so far, when its last offer had no m-lines.
    repeats: u32,
    retry_at: Option<Time>,
}

impl Growth {
    /// A page has come (back) with so many pairs; what it was asked for before is forgotten.
    pub(crate) fn restart(&mut self, pairs: usize) {
        *self = Growth { asked: pairs, ..Growth::default() };
    }

    /// It is asked for `need` pairs now.
    pub(crate) fn asked_for(&mut self, need: usize) {
        self.asked = self.asked.max(need);
    }

    /// Whether it should be asked: the need has grown beyond what it has and what it was asked for.
    pub(crate) fn should_ask(&self, need: usize, pairs: usize) -> bool {
        need > pairs && need > self.asked && self.retry_at.is_none()
    }

    /// Its offer had no m-lines: whatever it waits for, it will have more to offer soon.
    pub(crate) fn offered_nothing(&mut self, now: Time) {
        let pause = Duration::from_secs(1 << self.repeats.min(5)).min(LONGEST_PAUSE);
        self.repeats += 1;
        self.retry_at = Some(now + pause);
    }

    /// Its offer had m-lines.
    pub(crate) fn offered_something(&mut self) {
        self.repeats = 0;
        self.retry_at = None;
    }

    /// Whether it is time to ask again; true once per pause.
    pub(crate) fn is_due(&mut self, now: Time) -> bool {
        self.retry_at.take_if(|at| *at <= now).is_some()
    }
}

/// How many pairs of seats somebody needs to receive so many streams of others. At least one, so
/// that whoever comes first receives the next one without any exchange.
pub(crate) fn need(streams_of_others: usize) -> usize {
    streams_of_others.clamp(1, MAX_PAIRS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_asked_twice_for_the_same_need() {
        let mut growth = Growth::default();
        assert!(growth.should_ask(2, 1));
        growth.asked_for(2);
        assert!(!growth.should_ask(2, 1));
        assert!(!growth.should_ask(1, 0));
        assert!(growth.should_ask(3, 1));
    }

    #[test]
    fn pauses_double_until_m_lines_come() {
        let mut growth = Growth::default();
        let mut now = Time::ZERO;
        for seconds in [1u64, 2, 4, 8, 16, 32, 32] {
            growth.offered_nothing(now);
            assert!(!growth.is_due(now + Duration::from_millis(seconds * 1000 - 1)));
            now += Duration::from_secs(seconds);
            assert!(growth.is_due(now));
            assert!(!growth.is_due(now));
        }
        growth.offered_nothing(now);
        growth.offered_something();
        assert!(!growth.is_due(Time::NEVER));
    }
}
