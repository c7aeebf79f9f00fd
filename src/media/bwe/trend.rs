//! Whether the link's queue grows: a line through the last delays, and a threshold that adapts.
//!
//! After libwebrtc's trendline estimator, which took the place of the Kalman filter of
//! draft-ietf-rmcat-gcc-02 §5.3, and the adaptive threshold of §5.4.

use super::delay::Sample;
use arrayvec::ArrayVec;

/// Groups the line is fitted to (libwebrtc `kDefaultTrendlineWindowSize`).
const WINDOW: usize = 20;
/// Share of the old value in the smoothed delay (`kDefaultTrendlineSmoothingCoeff`).
const SMOOTHING: f64 = 0.9;
/// Makes slopes comparable with the threshold in milliseconds (`kDefaultTrendlineThresholdGain`).
const GAIN: f64 = 4.0;
/// Groups after which the slope counts in full (`kMinNumDeltas`).
const FULL_WEIGHT: f64 = 60.0;
/// How long the slope must be beyond the threshold (`kOverUsingTimeThreshold`).
const OVER_MS: f64 = 10.0;
/// The threshold's beginning and bounds, in milliseconds (libwebrtc; draft §5.4: 12.5 and 6–600).
const FIRST_THRESHOLD: f64 = 12.5;
const LEAST_THRESHOLD: f64 = 6.0;
const MOST_THRESHOLD: f64 = 600.0;
/// How fast the threshold follows, a millisecond (draft §5.4: K_u and K_d).
const FOLLOW_UP: f64 = 0.0087;
const FOLLOW_DOWN: f64 = 0.039;
/// A slope this far beyond the threshold is a sudden one and does not move it (`kMaxAdaptOffsetMs`).
const SUDDEN: f64 = 15.0;
/// The longest time the threshold follows over at once (libwebrtc, draft §5.4).
const MAX_STEP_MS: f64 = 100.0;

/// How the link is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Usage {
    /// The queue stays as it is.
    #[default]
    Normal,
    /// The queue grows.
    Over,
    /// The queue drains.
    Under,
}

/// Watches the delay of group after group.
#[derive(Clone, Debug)]
pub(super) struct Trend {
    /// Arrival and smoothed delay, in milliseconds since the first.
    line: ArrayVec<(f64, f64), WINDOW>,
    first: Option<Sample>,
    smoothed: f64,
    groups: f64,
    threshold: f64,
    last_arrived_ms: f64,
    over_for_ms: f64,
    over_count: u32,
    last_trend: f64,
    usage: Usage,
}

impl Default for Trend {
    fn default() -> Trend {
        Trend {
            line: ArrayVec::new(),
            first: None,
            smoothed: 0.0,
            groups: 0.0,
            threshold: FIRST_THRESHOLD,
            last_arrived_ms: 0.0,
            over_for_ms: 0.0,
            over_count: 0,
            last_trend: 0.0,
            usage: Usage::Normal,
        }
    }
}

impl Trend {
    /// What the groups so far say.
    pub(super) fn usage(&self) -> Usage {
        self.usage
    }

    /// The slope as it is compared, and the threshold.
    pub(super) fn trend(&self) -> (f64, f64) {
        (self.groups.min(FULL_WEIGHT) * self.last_trend * GAIN, self.threshold)
    }

    /// Takes a group.
    pub(super) fn on_sample(&mut self, sample: &Sample) {
        let first = *self.first.get_or_insert(*sample);
        let arrived_ms = (sample.arrived_us - first.arrived_us) as f64 / 1_000.0;
        let delay_ms = (sample.delay_us - first.delay_us) as f64 / 1_000.0;
        self.groups += 1.0;
        self.smoothed = SMOOTHING * self.smoothed + (1.0 - SMOOTHING) * delay_ms;
        if self.line.is_full() {
            self.line.remove(0);
        }
        self.line.push((arrived_ms, self.smoothed));
        let trend = if self.line.is_full() { slope(&self.line) } else { None };
        let trend = trend.unwrap_or(self.last_trend);
        self.detect(trend, arrived_ms - self.last_arrived_ms);
        self.last_arrived_ms = arrived_ms;
    }

    fn detect(&mut self, trend: f64, passed_ms: f64) {
        if self.groups < 2.0 {
            return;
        }
        let modified = self.groups.min(FULL_WEIGHT) * trend * GAIN;
        if modified > self.threshold {
            // The first time counts half: it began somewhere in between.
            self.over_for_ms += if self.over_count == 0 { passed_ms / 2.0 } else { passed_ms };
            self.over_count += 1;
            if self.over_for_ms > OVER_MS && self.over_count > 1 && trend >= self.last_trend {
                (self.over_for_ms, self.over_count) = (0.0, 0);
                self.usage = Usage::Over;
            }
        } else {
            (self.over_for_ms, self.over_count) = (0.0, 0);
            self.usage = if modified < -self.threshold { Usage::Under } else { Usage::Normal };
        }
        self.last_trend = trend;
        self.follow(modified.abs(), passed_ms);
    }

    /// The threshold follows what is usual on this path, so that its jitter is no overuse and a
    /// flow that fills queues does not starve us (draft §5.4).
    fn follow(&mut self, modified: f64, passed_ms: f64) {
        if modified > self.threshold + SUDDEN {
            return;
        }
        let speed = if modified < self.threshold { FOLLOW_DOWN } else { FOLLOW_UP };
        self.threshold += speed * (modified - self.threshold) * passed_ms.clamp(0.0, MAX_STEP_MS);
        self.threshold = self.threshold.clamp(LEAST_THRESHOLD, MOST_THRESHOLD);
    }
}

/// The least-squares slope; `None` when all stand at one place.
fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let count = points.len() as f64;
    let (sum_x, sum_y) = points.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
    let (mean_x, mean_y) = (sum_x / count, sum_y / count);
    let (numerator, denominator) = points.iter().fold((0.0, 0.0), |sum, (x, y)| {
        (sum.0 + (x - mean_x) * (y - mean_y), sum.1 + (x - mean_x) * (x - mean_x))
    });
    (denominator > 0.0).then(|| numerator / denominator)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Groups 20 ms apart whose delay grows by `growth_us` each.
    fn usage_after(groups: i64, growth_us: i64) -> Usage {
        let mut trend = Trend::default();
        for n in 0..groups {
            let (sent_us, delay_us) = (n * 20_000, n * growth_us);
            trend.on_sample(&Sample { sent_us, arrived_us: sent_us + delay_us, delay_us });
        }
        trend.usage()
    }

    #[test]
    fn a_queue_that_grows_is_overuse_and_one_that_stands_is_not() {
        assert_eq!(usage_after(100, 0), Usage::Normal);
        assert_eq!(usage_after(100, 2_000), Usage::Over);
        assert_eq!(usage_after(100, -2_000), Usage::Under);
    }

    #[test]
    fn a_link_that_gives_way_is_noticed_within_a_window() {
        assert_eq!(usage_after(WINDOW as i64 + 2, 10_000), Usage::Over);
    }

    #[test]
    fn jitter_without_a_trend_is_no_overuse() {
        let mut trend = Trend::default();
        let mut random = crate::base::random::Random::new(5);
        let mut over = 0;
        for n in 0..5_000 {
            let (sent_us, delay_us) = (n * 20_000, random.below(10_000) as i64);
            trend.on_sample(&Sample { sent_us, arrived_us: sent_us + delay_us, delay_us });
            over += u32::from(trend.usage() == Usage::Over);
        }
        assert!(over < 50, "{over} of 5,000 groups");
    }
}
