//! How publishers' packets came within the last minute, out of counters that only grow.

use super::workers::Page;
use std::collections::VecDeque;
use std::time::Duration;

/// How often the counters are looked at: receivers report once a second.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Looks kept: a minute's.
const LOOKS: usize = 13;

/// All workers' counters at one moment, added up.
#[derive(Clone, Copy, Debug, Default)]
struct Look {
    reports: u64,
    expected: u64,
    lost: u64,
    jitter_us: u64,
}

/// The last minute.
#[derive(Debug, Default)]
pub(crate) struct Recent(VecDeque<Look>);

impl Recent {
    /// Takes note of the counters as they are now.
    pub(super) fn look(&mut self, pages: &[Page]) {
        let sum = |name| pages.iter().map(|page| page.of(name)).sum();
        if self.0.len() == LOOKS {
            self.0.pop_front();
        }
        self.0.push_back(Look {
            reports: sum("reports"),
            expected: sum("reported-expected"),
            lost: sum("reported-lost"),
            jitter_us: sum("reported-jitter-us"),
        });
    }

    /// The share of packets that were sent here and did not come.
    pub(super) fn loss_rate(&self) -> f64 {
        self.ratio(|look| look.lost, |look| look.expected)
    }

    /// The mean jitter in milliseconds.
    pub(super) fn jitter_ms(&self) -> f64 {
        self.ratio(|look| look.jitter_us, |look| look.reports) / 1_000.0
    }

    fn ratio(&self, over: fn(&Look) -> u64, under: fn(&Look) -> u64) -> f64 {
        let Some((first, last)) = self.0.front().zip(self.0.back()) else { return 0.0 };
        let under = under(last).saturating_sub(under(first));
        let over = over(last).saturating_sub(over(first));
        if under == 0 { 0.0 } else { over as f64 / under as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::super::workers::tests::page;
    use super::*;

    fn at(reports: u64, expected: u64, lost: u64, jitter_us: u64) -> [Page; 1] {
        let figures = [
            ("reports", reports),
            ("reported-expected", expected),
            ("reported-lost", lost),
            ("reported-jitter-us", jitter_us),
        ];
        [page(&figures)]
    }

    #[test]
    fn only_the_last_minute_counts() {
        let mut recent = Recent::default();
        assert_eq!((recent.loss_rate(), recent.jitter_ms()), (0.0, 0.0));
        recent.look(&at(10, 1_000, 500, 10_000));
        assert_eq!(recent.loss_rate(), 0.0, "what was before is unknown");
        recent.look(&at(20, 2_000, 510, 50_000));
        assert_eq!((recent.loss_rate(), recent.jitter_ms()), (0.01, 4.0));
        (0..LOOKS).for_each(|_| recent.look(&at(20, 2_000, 510, 50_000)));
        assert_eq!((recent.loss_rate(), recent.jitter_ms()), (0.0, 0.0));
    }
}
