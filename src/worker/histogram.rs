//! How often something was how much: counts in buckets with fixed bounds.

/// Upper bounds in microseconds of what a turn's work takes.
pub const TURN_BUCKETS_US: [u32; 12] = [5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 50_000];
/// Upper bounds of how many datagrams a turn finds.
pub const BATCH_BUCKETS: [u32; 10] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

/// Counts under upper bounds; what lies beyond the last has a count of its own.
#[derive(Clone, Debug)]
pub(super) struct Histogram<const N: usize> {
    bounds: [u32; N],
    counts: [u64; N],
    beyond: u64,
    sum: u64,
}

impl<const N: usize> Histogram<N> {
    pub(super) fn new(bounds: [u32; N]) -> Histogram<N> {
        Histogram { bounds, counts: [0; N], beyond: 0, sum: 0 }
    }

    pub(super) fn record(&mut self, value: u32) {
        let bucket = self.bounds.partition_point(|&bound| bound < value);
        *self.counts.get_mut(bucket).unwrap_or(&mut self.beyond) += 1;
        self.sum += u64::from(value);
    }

    /// The counts, that of what lies beyond, and the sum.
    pub(super) fn figures(&self) -> impl Iterator<Item = u64> {
        self.counts.into_iter().chain([self.beyond, self.sum])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_counted_under_the_first_bound_it_does_not_pass() {
        let mut histogram = Histogram::new([1, 10]);
        [0, 1, 2, 10, 11, u32::MAX].into_iter().for_each(|value| histogram.record(value));
        let sum = 24 + u64::from(u32::MAX);
        assert_eq!(histogram.figures().collect::<Vec<_>>(), [2, 2, 2, sum]);
    }
}
