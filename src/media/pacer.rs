//! How much of what a receiver is owed may leave now.
//!
//! A link whose estimate is comfortable never notices: what a picture needs is within the burst,
//! and leaves at once as one train. Only what a thin link would have to queue waits here instead,
//! where sound can still go before it. Knows rates and bytes, not packets.

use crate::base::{Bitrate, Time};
use std::time::Duration;

/// What leaves a second, by the estimate: media comes in pictures, and one that is larger than the
/// others must not be late (libwebrtc `kDefaultPaceMultiplier`).
const FACTOR: f64 = 2.5;

/// What leaves at once, by that rate (libwebrtc's burst interval).
const BURST: Duration = Duration::from_millis(40);

/// Where packets are lost the queue may be shorter than a burst: pictures leave as slowly as they
/// can without being late.
const GENTLE_FACTOR: f64 = 1.5;
const GENTLE_BURST: Duration = Duration::from_millis(5);

/// While a queue of ours drains, nothing leaves faster than the link carries, of which the estimate was
/// lowered to 0.85: it would only be lost, and a key frame of a lower layer with it.
const DRAINING_FACTOR: f64 = 1.15;

/// A debt is forgiven beyond what this long earns.
const MOST_DEBT: Duration = Duration::from_millis(50);

/// No link is paced more slowly than this: a key frame of the smallest picture, 10 to 15 kB, must pass
/// before it has waited too long, or nothing is ever shown. Beyond it the link's own queue decides.
const LEAST_RATE: Bitrate = Bitrate::from_kbps(500);

/// And none more slowly than this while its queue drains.
const LEAST_DRAINING: Bitrate = Bitrate::from_kbps(250);

/// Two packets leave at once whatever the rate is.
const LEAST_BURST: u64 = 2_400;

/// What has waited for this long leaves whatever the rate is: later it is worth less, and the link's own
/// queue tells the estimator more than ours.
pub const MOST_WAIT: Duration = Duration::from_millis(300);

/// How what is granted leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Pace {
    /// Picture by picture.
    #[default]
    Usual,
    /// Evenly: packets are lost, and the queue may be shorter than a picture.
    Gentle,
    /// Evenly, and no faster than the link carries: its queue is to drain.
    Draining,
}

impl Pace {
    fn rate(self, estimate: Bitrate) -> Bitrate {
        match self {
            Pace::Usual => estimate.times(FACTOR).max(LEAST_RATE),
            Pace::Gentle => estimate.times(GENTLE_FACTOR).max(LEAST_RATE),
            Pace::Draining => estimate.times(DRAINING_FACTOR).max(LEAST_DRAINING),
        }
    }

    fn burst(self) -> Duration {
        if self == Pace::Usual { BURST } else { GENTLE_BURST }
    }
}

/// Bytes that have left and not been earned yet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pacer {
    debt: u64,
    updated: Time,
    rate: Bitrate,
    pace: Pace,
}

impl Pacer {
    /// Lets time pass at `estimate`, or less where a queue is to drain, or at the rate of a probe where that is more.
    pub fn update(&mut self, now: Time, estimate: Bitrate, probe: Option<Bitrate>, pace: Pace) {
        let rate = pace.rate(estimate).max(probe.unwrap_or_default());
        self.pace = pace;
        self.debt = self.debt.saturating_sub(rate.bytes_in(now.since(self.updated)));
        self.updated = now;
        self.rate = rate;
        // What left when the rate was higher, or was sound, must not hold up what comes.
        self.debt = self.debt.min(self.burst() + rate.bytes_in(MOST_DEBT));
    }

    /// Bytes that may leave now; the packet that passes it may still go.
    pub fn grant(&self) -> u64 {
        self.burst().saturating_sub(self.debt)
    }

    /// Bytes that have left beyond what could be granted.
    pub fn overdrawn(&self) -> u64 {
        self.debt.saturating_sub(self.burst())
    }

    /// `bytes` leave.
    pub fn spend(&mut self, bytes: u64) {
        self.debt += bytes;
    }

    /// When half of a burst may leave again: waking for every packet would undo the trains.
    pub fn ready_at(&self) -> Time {
        self.updated + self.rate.time_for(self.debt.saturating_sub(self.burst() / 2))
    }

    fn burst(&self) -> u64 {
        self.rate.bytes_in(self.pace.burst()).max(LEAST_BURST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that leave in a second when there is always something to send.
    fn sent_in_a_second(kbps: u64, pace: Pace) -> u64 {
        let (mut pacer, mut sent) = (Pacer::default(), 0);
        for ms in 0..1_000 {
            pacer.update(Time::from_millis(ms), Bitrate::from_kbps(kbps), None, pace);
            while pacer.grant() > 0 {
                pacer.spend(1_200);
                sent += 1_200;
            }
        }
        sent
    }

    #[test]
    fn what_leaves_is_bounded_by_the_estimate() {
        for kbps in [100, 1_000, 10_000] {
            let most = (kbps as f64 * FACTOR).max(500.0) * 125.0 * 1.05 + 3_600.0;
            assert!((sent_in_a_second(kbps, Pace::Usual) as f64) < most, "{kbps}");
        }
    }

    #[test]
    fn a_link_whose_queue_drains_is_sent_no_more_than_it_carries() {
        for kbps in [300, 1_000, 10_000] {
            let most = kbps as f64 * DRAINING_FACTOR * 125.0 * 1.02 + 3_600.0;
            assert!((sent_in_a_second(kbps, Pace::Draining) as f64) < most, "{kbps}");
        }
    }

    #[test]
    fn a_picture_on_a_comfortable_link_leaves_at_once() {
        let mut pacer = Pacer::default();
        pacer.update(Time::from_millis(1_000), Bitrate::from_kbps(3_000), None, Pace::Usual);
        assert!(pacer.grant() >= 30_000);
    }

    #[test]
    fn who_is_told_to_wait_may_send_when_the_time_has_come() {
        let mut pacer = Pacer::default();
        pacer.update(Time::from_millis(1_000), Bitrate::from_kbps(300), None, Pace::Usual);
        pacer.spend(20_000);
        assert_eq!(pacer.grant(), 0);
        let at = pacer.ready_at();
        pacer.update(at, Bitrate::from_kbps(300), None, Pace::Usual);
        assert!(pacer.grant() >= 1_200);
    }
}
