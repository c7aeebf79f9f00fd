//! The delay-based rate: up a little while the queue stays, down at once when it grows
//! (draft-ietf-rmcat-gcc-02 §5.5, §5.6, with libwebrtc's later constants).

use super::trend::Usage;
use crate::base::{Bitrate, Time};
use std::time::Duration;

/// Of what arrived while the queue grew, this much is sent afterwards (draft §5.5: beta).
const BACK_OFF: f64 = 0.85;
/// What arrives is measured over a few pictures: beyond this share of the rate it is taken for no less
/// than the other.
const NEAR: f64 = 0.75;
const NEAREST: f64 = 0.95;
/// Growth a second far from the known capacity (draft §5.5: 8 %).
const GROWTH: f64 = 1.08;
/// The rate never passes this much of what arrives: more has not been tried (draft §5.5).
const UNTRIED: f64 = 1.5;
const UNTRIED_OFFSET: Bitrate = Bitrate::from_kbps(10);
/// What arrives while no queue grows is carried, whatever was estimated: a publisher's picture does
/// not wait for an estimate to grow. A little less, since arrivals are lumpy.
const PROVEN: f64 = 0.9;
/// Near the known capacity the rate grows by so much in a response time (draft §5.5), which is
/// a round trip and this.
const DETECTION: Duration = Duration::from_millis(100);
/// For so long after a step down the capacity is taken to be near, even where what arrives varies:
/// on a link that is shared it does, and who has most must not grow the most.
const NEAR_FOR: Duration = Duration::from_secs(10);
/// Three full packets: the draft has one, and with three those who share a link come to equal parts
/// three times as fast, and a lone one is back at the capacity in a third of the time.
const PACKETS_BITS: f64 = 3.0 * 1_200.0 * 8.0;
/// That is for a rate like this one. Who has less grows faster and who has more slower, within these
/// factors, so that parts of a shared link become equal: of two never further apart than 0.85 to 1.15
/// of the mean with six seeds, instead of 0.76 to 1.24.
const EVEN: Bitrate = Bitrate::from_kbps(1_500);
const LEAST_PACE: f64 = 0.4;
const MOST_PACE: f64 = 4.0;
/// No more than this share of the rate in a second: three packets are much on a thin link.
const STEEPEST: f64 = 0.4;
/// Share of the old value in what is known of the capacity (libwebrtc link capacity estimator: 5 %
/// of a new one counts).
const CAPACITY_SMOOTHING: f64 = 0.95;
/// Deviations from the known capacity that still are the same capacity (draft §5.5: three).
const SAME_CAPACITY: f64 = 3.0;
/// Of what arrives on a link below this, a probe is a good part, and of a probe the burst of a token bucket.
/// Who grew by them came to 395 kbit/s on a link of 300, a little with each probe.
const THIN: Bitrate = Bitrate::from_kbps(400);
/// A further step down within a round trip is for a link that has given way by half at least
/// (libwebrtc `TimeToReduceFurther`).
const COLLAPSE: f64 = 0.5;
/// Otherwise the next step waits until what the last one did can be seen: a round trip within these
/// bounds, and this. On a shared link what arrives is our own part, so that steps would add up.
const STEP_BOUNDS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(200));
const SEEN_AFTER: Duration = Duration::from_millis(150);

/// What arrived when the queue grew: the link's capacity, as far as it is known.
#[derive(Clone, Copy, Debug)]
struct Capacity {
    kbps: f64,
    /// Variance, divided by the mean.
    spread: f64,
}

impl Capacity {
    fn deviation(&self) -> f64 {
        (self.spread * self.kbps).sqrt()
    }

    fn agrees(&self, kbps: f64) -> bool {
        (kbps - self.kbps).abs() <= SAME_CAPACITY * self.deviation()
    }
}

/// What one update is decided by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// How the link is used.
    pub(super) usage: Usage,
    /// What arrived of late.
    pub(super) arriving: Option<Bitrate>,
    /// There and back.
    pub(super) round_trip: Duration,
    /// Less is sent than may be, so that nothing is learnt by sending.
    pub(super) app_limited: bool,
    /// Some of what arrived was a probe.
    pub(super) probed: bool,
}

/// The delay-based rate of one transport.
#[derive(Clone, Debug)]
pub(super) struct Aimd {
    rate: Bitrate,
    grows: bool,
    capacity: Option<Capacity>,
    updated: Option<Time>,
    stepped_down: Option<Time>,
}

impl Aimd {
    /// Begins at `rate`.
    pub(super) fn new(rate: Bitrate) -> Aimd {
        Aimd { rate, grows: true, capacity: None, updated: None, stepped_down: None }
    }

    /// The rate.
    pub(super) fn rate(&self) -> Bitrate {
        self.rate
    }

    /// When it was last lowered.
    pub(super) fn stepped_down(&self) -> Option<Time> {
        self.stepped_down
    }

    /// A probe, or another part of the estimator, found that this is the rate.
    pub(super) fn set(&mut self, now: Time, rate: Bitrate) {
        self.rate = rate;
        self.updated = Some(now);
    }

    /// Looks at the link once more.
    pub(super) fn update(&mut self, now: Time, seen: &Seen, bounds: (Bitrate, Bitrate)) {
        let passed = self.updated.map_or(Duration::ZERO, |at| now.since(at)).min(Duration::from_secs(1));
        self.updated = Some(now);
        match seen.usage {
            Usage::Over => self.step_down(now, seen),
            Usage::Under => self.grows = false,
            // After the queue has drained the rate is held once, then grows (draft §5.5, table 1).
            Usage::Normal if !self.grows => self.grows = true,
            Usage::Normal => self.grow(now, passed, seen),
        }
        self.rate = self.rate.clamp(bounds.0, bounds.1);
    }

    fn grow(&mut self, now: Time, passed: Duration, seen: &Seen) {
        let lately = self.stepped_down.is_some_and(|at| now.since(at) < NEAR_FOR);
        if !lately {
            self.rate = self.rate.max(seen.arriving.unwrap_or_default().times(PROVEN));
        }
        let is_probes = seen.probed && lately && self.rate < THIN;
        if seen.app_limited || is_probes {
            return;
        }
        let arriving = seen.arriving.map(|arriving| arriving.bps() as f64 / 1_000.0);
        if let (Some(capacity), Some(kbps)) = (self.capacity, arriving)
            && kbps > capacity.kbps + SAME_CAPACITY * capacity.deviation()
            && !lately
        {
            self.capacity = None;
        }
        let seconds = passed.as_secs_f64();
        let grown = if self.capacity.is_some() || lately {
            let response = (seen.round_trip + DETECTION).as_secs_f64();
            let fair = (EVEN.bps() as f64 / self.rate.bps() as f64).clamp(LEAST_PACE, MOST_PACE);
            let faster = (fair * PACKETS_BITS / response).min(self.rate.bps() as f64 * STEEPEST);
            self.rate.plus(Bitrate::from_bps((faster * seconds) as u64))
        } else {
            self.rate
                .times(GROWTH.powf(seconds))
                .max(self.rate.plus(Bitrate::from_bps((seconds * 1e3) as u64)))
        };
        let most = seen.arriving.map(|arriving| arriving.times(UNTRIED).plus(UNTRIED_OFFSET));
        self.rate = grown.min(most.unwrap_or(grown)).max(self.rate);
    }

    fn step_down(&mut self, now: Time, seen: &Seen) {
        self.grows = false;
        let arriving = seen.arriving.unwrap_or(self.rate.times(COLLAPSE));
        let patience = seen.round_trip.clamp(STEP_BOUNDS.0, STEP_BOUNDS.1) + SEEN_AFTER;
        let too_soon = self.stepped_down.is_some_and(|at| now.since(at) < patience);
        if too_soon && arriving > self.rate.times(COLLAPSE) {
            return;
        }
        let kbps = arriving.bps() as f64 / 1_000.0;
        if self.capacity.is_some_and(|capacity| !capacity.agrees(kbps)) {
            self.capacity = None;
        }
        // Near the rate itself what arrives is the rate and the luck of where pictures fall, and who
        // share a link must not come apart by luck.
        let near = arriving > self.rate.times(NEAR);
        let carried = if near { arriving.max(self.rate.times(NEAREST)) } else { arriving };
        let lowered = carried.times(BACK_OFF);
        self.learn(kbps);
        if lowered < self.rate {
            self.rate = lowered;
            self.stepped_down = Some(now);
        }
    }

    fn learn(&mut self, kbps: f64) {
        // The bounds of the spread are libwebrtc's.
        let Some(capacity) = &mut self.capacity else {
            self.capacity = Some(Capacity { kbps, spread: 0.4 });
            return;
        };
        capacity.kbps = CAPACITY_SMOOTHING * capacity.kbps + (1.0 - CAPACITY_SMOOTHING) * kbps;
        let error = capacity.kbps - kbps;
        let spread = error * error / capacity.kbps.max(1.0);
        let smoothed = CAPACITY_SMOOTHING * capacity.spread + (1.0 - CAPACITY_SMOOTHING) * spread;
        capacity.spread = smoothed.clamp(0.4, 2.5);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: (Bitrate, Bitrate) = (Bitrate::from_kbps(10), Bitrate::from_kbps(50_000));

    fn seen(usage: Usage, arriving: u64) -> Seen {
        let arriving = Some(Bitrate::from_kbps(arriving));
        Seen { usage, arriving, round_trip: Duration::from_millis(50), app_limited: false, probed: false }
    }

    fn run(aimd: &mut Aimd, from_ms: u64, until_ms: u64, seen: Seen) {
        for ms in (from_ms..until_ms).step_by(50) {
            aimd.update(Time::from_millis(ms), &seen, BOUNDS);
        }
    }

    #[test]
    fn an_open_link_gives_eight_percent_a_second() {
        let mut aimd = Aimd::new(Bitrate::from_kbps(1_000));
        run(&mut aimd, 0, 1_050, seen(Usage::Normal, 1_000));
        let kbps = aimd.rate().bps() / 1_000;
        assert!((1_075..1_085).contains(&kbps), "{kbps}");
    }

    #[test]
    fn a_growing_queue_brings_the_rate_below_what_arrives() {
        let mut aimd = Aimd::new(Bitrate::from_kbps(5_000));
        aimd.update(Time::ZERO, &seen(Usage::Over, 500), BOUNDS);
        assert_eq!(aimd.rate(), Bitrate::from_kbps(425));
    }

    /// What the rate grows by in a second after it was lowered to `kbps`.
    fn growth_from(kbps: u64) -> u64 {
        let mut aimd = Aimd::new(Bitrate::from_kbps(kbps * 100 / 85));
        aimd.update(Time::ZERO, &seen(Usage::Over, kbps * 100 / 85), BOUNDS);
        run(&mut aimd, 50, 1_150, seen(Usage::Normal, kbps));
        aimd.rate().bps() / 1_000 - kbps
    }

    #[test]
    fn near_the_capacity_growth_is_three_packets_in_a_response_time() {
        let grown = growth_from(1_500);
        assert!((170..210).contains(&grown), "{grown} kbit/s a second");
    }

    #[test]
    fn who_has_more_of_a_shared_link_grows_less() {
        let (less, more) = (growth_from(1_000), growth_from(3_000));
        assert!(less > 2 * more && more > 60, "{less} and {more} kbit/s a second");
        assert!(growth_from(200) <= 110, "a thin link is not flooded");
    }

    #[test]
    fn a_probe_on_a_thin_link_that_was_full_proves_nothing_by_arriving() {
        let grown = |kbps: u64| {
            let mut aimd = Aimd::new(Bitrate::from_kbps(kbps * 100 / 85));
            aimd.update(Time::ZERO, &seen(Usage::Over, kbps * 100 / 85), BOUNDS);
            let before = aimd.rate();
            run(&mut aimd, 50, 500, Seen { probed: true, ..seen(Usage::Normal, kbps) });
            aimd.rate() > before
        };
        assert_eq!((grown(300), grown(1_500)), (false, true));
    }

    #[test]
    fn nobody_learns_from_what_is_not_sent() {
        let mut aimd = Aimd::new(Bitrate::from_kbps(1_000));
        run(&mut aimd, 0, 5_000, Seen { app_limited: true, ..seen(Usage::Normal, 100) });
        assert_eq!(aimd.rate(), Bitrate::from_kbps(1_000));
    }
}
