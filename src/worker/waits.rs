//! How long datagrams lay in the socket lately, and whether that becomes more.
//!
//! A core that has more to do than it can lets them wait longer and longer. One that the host stopped for a
//! moment lets them wait long at once, and then less and less: one leap is no sign of load.

use super::overload::INTERVAL;
use std::time::Duration;

/// A datagram that waited longer shows that the core does not keep up: a turn at full load takes
/// a few milliseconds, one full of DTLS handshakes a few tens, and what a socket buffers at full load
/// is seventy.
const LATE: Duration = Duration::from_millis(40);

/// Shorter than this, and there is time to spare.
pub(super) const PROMPT: Duration = Duration::from_millis(15);

/// Intervals that are looked back over: what waits may become a little less or more from one to the next, for
/// pictures come in bursts.
const ALL: usize = 16;

/// The last of them, which show soon what is far too much.
const LAST: usize = 8;

/// The longest waits of the last intervals.
#[derive(Debug, Default)]
pub(super) struct Waits {
    /// Seconds, the newest last; one more than there are steps between them.
    longest: [f64; ALL + 1],
    late: u32,
    prompt: u32,
}

impl Waits {
    /// Takes in the longest wait of an interval.
    pub(super) fn note(&mut self, longest: Duration) {
        self.longest.rotate_left(1);
        self.longest[ALL] = longest.as_secs_f64();
        self.late = if longest > LATE { self.late.saturating_add(1) } else { 0 };
        self.prompt = if longest < PROMPT { self.prompt.saturating_add(1) } else { 0 };
    }

    /// For how many intervals on end something has been late.
    pub(super) fn late(&self) -> u32 {
        self.late
    }

    /// For how many intervals on end nothing has waited.
    pub(super) fn prompt(&self) -> u32 {
        self.prompt
    }

    /// Seconds a second by which waits have grown in the last fifth of a second, but for their one greatest
    /// leap.
    pub(super) fn growth(&self) -> f64 {
        let last = &self.longest[ALL - LAST..];
        let leap = steps(last).fold(0.0, f64::max);
        (last[LAST] - last[0] - leap) / (INTERVAL.as_secs_f64() * LAST as f64)
    }

    /// Seconds a second by which waits grow in the middle one of all intervals.
    pub(super) fn trend(&self) -> f64 {
        let mut sorted = [0.0; ALL];
        sorted.iter_mut().zip(steps(&self.longest)).for_each(|(slot, step)| *slot = step);
        sorted.sort_unstable_by(f64::total_cmp);
        f64::midpoint(sorted[ALL / 2 - 1], sorted[ALL / 2]) / INTERVAL.as_secs_f64()
    }
}

fn steps(waits: &[f64]) -> impl Iterator<Item = f64> {
    waits.windows(2).map(|pair| pair[1] - pair[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(milliseconds: impl IntoIterator<Item = u64>) -> Waits {
        let mut waits = Waits::default();
        milliseconds.into_iter().for_each(|longest| waits.note(Duration::from_millis(longest)));
        waits
    }

    #[test]
    fn a_steady_growth_is_seen_in_both() {
        let waits = waits((0..=16).map(|interval| interval * 5));
        // 5 ms in 25; one of eight steps is left out of the last ones.
        assert!((waits.trend() - 0.2).abs() < 1e-9);
        assert!((waits.growth() - 0.175).abs() < 1e-9);
        assert_eq!((waits.late(), waits.prompt()), (8, 0));
    }

    #[test]
    fn a_leap_after_which_it_becomes_less_is_no_growth() {
        let waits = waits([2; 6].into_iter().chain((95..=150).rev().step_by(5)));
        assert!(waits.growth() < -0.1 && waits.trend() < -0.1, "{} {}", waits.growth(), waits.trend());
    }

    #[test]
    fn what_no_longer_waits_is_prompt() {
        let waits = waits([60, 70, 3, 2]);
        assert_eq!((waits.late(), waits.prompt()), (0, 2));
    }
}
