//! What the server adds to a packet's delay: from the kernel's time stamp of its arrival to the
//! moment the kernel has taken the train it leaves in.

use std::time::Duration;

/// Upper bounds of the buckets in microseconds; a last one takes what is longer.
pub const DELAY_BUCKETS_US: [u32; 27] = [
    50, 100, 150, 200, 300, 400, 500, 600, 700, 800, 900, 1_000, 1_250, 1_500, 2_000, 2_500, 3_000, 4_000,
    5_000, 6_000, 8_000, 10_000, 15_000, 20_000, 30_000, 50_000, 100_000,
];

/// One turn in this many is looked at: the look costs some nanoseconds for each packet.
pub(super) const SAMPLED_TURNS: u64 = 16;

/// How many packets took how long.
#[derive(Clone, Debug, Default)]
pub(super) struct DelayHistogram {
    counts: [u64; DELAY_BUCKETS_US.len() + 1],
    sum_us: u64,
}

impl DelayHistogram {
    pub(super) fn record(&mut self, delay: Duration) {
        let micros = u32::try_from(delay.as_micros()).unwrap_or(u32::MAX);
        let bucket = DELAY_BUCKETS_US.partition_point(|&bound| bound < micros);
        self.counts[bucket] += 1;
        self.sum_us += u64::from(micros);
    }

    /// The bound in microseconds that the share `quantile` of what was recorded since `before` does
    /// not pass; `None` when nothing was, or when it lies beyond the last bound.
    pub(super) fn quantile_since(&self, before: &DelayHistogram, quantile: f64) -> Option<u32> {
        let counts: Vec<u64> = self.counts.iter().zip(&before.counts).map(|(now, then)| now - then).collect();
        let rank = counts.iter().sum::<u64>() as f64 * quantile;
        let mut seen = 0;
        let bucket = counts.iter().position(|&count| {
            seen += count;
            count > 0 && seen as f64 >= rank
        })?;
        DELAY_BUCKETS_US.get(bucket).copied()
    }

    /// All delays together, in microseconds.
    pub(super) fn sum_us(&self) -> u64 {
        self.sum_us
    }

    /// The count of each bucket.
    pub(super) fn counts(&self) -> &[u64] {
        &self.counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_that_of_what_came_since() {
        let mut histogram = DelayHistogram::default();
        histogram.record(Duration::from_secs(1));
        let before = histogram.clone();
        assert_eq!(histogram.quantile_since(&before, 0.5), None);
        (0..99).for_each(|_| histogram.record(Duration::from_micros(180)));
        histogram.record(Duration::from_micros(900));
        assert_eq!(histogram.quantile_since(&before, 0.95), Some(200));
        assert_eq!(histogram.quantile_since(&before, 1.0), Some(900));
    }

    #[test]
    fn a_delay_is_counted_under_the_first_bound_it_does_not_pass() {
        let mut histogram = DelayHistogram::default();
        for micros in [0, 50, 51, 1_000, 1_001, 100_000, 100_001, 10_000_000] {
            histogram.record(Duration::from_micros(micros));
        }
        let counted =
            |bound| histogram.counts()[DELAY_BUCKETS_US.iter().position(|&us| us == bound).expect("a bound")];
        assert_eq!((counted(50), counted(100), counted(1_000), counted(1_250)), (2, 1, 1, 1));
        assert_eq!(counted(100_000), 1);
        assert_eq!(histogram.counts().last(), Some(&2));
    }
}
