//! What the estimator answers: what the link carries, what to send of it, and why.

use super::{BOUNDS, Estimator, QUEUE_STANDS_US, STANDING_US, Usage};
use crate::base::{Bitrate, Time};
use crate::media::pacer::Pace;
use std::time::Duration;

/// A queue shorter than this needs no draining beyond what the rate does by itself.
const DRAINED_US: i64 = 40_000;

/// A queue of this length is given all of the link to drain; what is left is for sound.
const DRAIN_WHOLE_US: f64 = 600_000.0;
const DRAIN_LEAST: f64 = 0.25;

/// Draining goes on for this long after the rate was lowered: a queue that stands longer is not
/// ours.
const DRAIN_FOR: Duration = Duration::from_secs(3);

/// A link that was full stays tight for so long.
const TIGHT_FOR: Duration = Duration::from_secs(30);

/// More than this is no accident.
const LOSSY: f64 = 0.005;

/// See [`Estimator::explain`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Explanation {
    /// The rate that the queue allows.
    pub delay_based: Bitrate,
    /// The rate that losses allow, where they set a limit.
    pub loss_based: Option<Bitrate>,
    /// What arrives.
    pub arriving: Option<Bitrate>,
    /// Whether the queue grows.
    pub usage: Usage,
    /// How fast, and from where on it counts, in milliseconds as the detector has them.
    pub trend: (f64, f64),
    /// What packets wait in the link's queue.
    pub waits: Duration,
    /// Less is sent than may be.
    pub app_limited: bool,
}

impl Estimator {
    /// Whether no queue grows or stands, as far as is known.
    pub fn is_calm(&self) -> bool {
        self.heard.is_some() && self.trend.usage() != Usage::Over && self.queue.wait_us() < DRAINED_US
    }

    /// What the link carries; [`START`](super::START) before anything is known.
    pub fn estimate(&self) -> Bitrate {
        let own = match self.heard {
            None if self.remote.is_some() => BOUNDS.1,
            _ => self.aimd.rate(),
        };
        let remote = self.remote.filter(|_| self.heard.is_none()).map(|remote| remote.rate());
        let limits = [self.loss.limit(), remote];
        limits.into_iter().flatten().fold(own, Bitrate::min).max(BOUNDS.0)
    }

    /// Whether the receiver's own estimate is all there is.
    pub fn is_remote(&self) -> bool {
        self.heard.is_none() && self.remote.is_some()
    }

    /// Whether anything is known of the link.
    pub fn is_known(&self) -> bool {
        self.heard.is_some() || self.remote.is_some()
    }

    /// What to send: the estimate, or less for as long as a queue of ours drains.
    pub fn target(&self, now: Time) -> Bitrate {
        let estimate = self.estimate();
        let wait_us = self.queue.wait_us();
        let lowered = self.aimd.stepped_down().is_some_and(|at| now.since(at) < DRAIN_FOR);
        if !lowered || wait_us < DRAINED_US {
            return estimate;
        }
        estimate.times((1.0 - wait_us as f64 / DRAIN_WHOLE_US).max(DRAIN_LEAST)).max(BOUNDS.0)
    }

    /// How packets should leave.
    pub fn pace(&self, now: Time) -> Pace {
        if self.target(now) < self.estimate() || self.owes_more_than(now, DRAINED_US) {
            return Pace::Draining;
        }
        if self.is_lossy() { Pace::Gentle } else { Pace::Usual }
    }

    /// Whether the link's queue is longer than it may be, growing or not.
    pub fn queue_is_long(&self, now: Time) -> bool {
        self.queue.wait_us() > STANDING_US || self.owes_more_than(now, STANDING_US)
    }

    /// Whether the link, since it gave way, has more under way than it carries in a round trip and this
    /// long: what stands in its queue is told of only by what has come through it.
    fn owes_more_than(&self, now: Time, wait_us: i64) -> bool {
        let usual = self.round_trip + Duration::from_micros(wait_us as u64);
        self.was_full_within(now, DRAIN_FOR) && self.log.in_flight() > self.estimate().bytes_in(usual)
    }

    /// Whether the link has shown of late that it carries no more: one that has not needs no pacing,
    /// whatever the estimate is.
    pub fn is_tight(&self, now: Time) -> bool {
        let lately = self.aimd.stepped_down().is_some_and(|at| now.since(at) < TIGHT_FOR);
        lately || self.is_lossy() || self.is_remote()
    }

    /// Whether the queue grew within the last `time`, so that the rate was lowered.
    pub fn was_full_within(&self, now: Time, time: Duration) -> bool {
        self.aimd.stepped_down().is_some_and(|at| now.since(at) < time)
    }

    /// The probe has sent what is due, or cannot.
    pub fn probe_stepped(&mut self, now: Time) {
        self.prober.step(now);
    }

    /// Bytes of a probe that should leave now.
    pub fn probe_due(&self, now: Time) -> u64 {
        self.prober.due(now)
    }

    /// The rate of the probe that is being sent, if there is one.
    pub fn probe_rate(&self) -> Option<Bitrate> {
        self.prober.rate()
    }

    /// Bytes sent of which nothing has been heard.
    pub fn in_flight(&self) -> u64 {
        self.log.in_flight()
    }

    /// There and back, feedback's own wait included.
    pub fn round_trip(&self) -> Duration {
        self.round_trip
    }

    /// What a person looks at who wonders why the estimate is what it is.
    pub fn explain(&self) -> Explanation {
        Explanation {
            delay_based: self.aimd.rate(),
            loss_based: self.loss.limit(),
            arriving: self.throughput.rate(self.queue.wait_us() > QUEUE_STANDS_US),
            usage: self.trend.usage(),
            trend: self.trend.trend(),
            waits: Duration::from_micros(self.queue.wait_us().max(0) as u64),
            app_limited: self.alr.is_limited(),
        }
    }

    /// Whether so much is lost that packets should leave more slowly.
    pub fn is_lossy(&self) -> bool {
        self.loss.average() > LOSSY
    }

    /// Share of packets lost in the last seconds.
    pub fn loss(&self) -> f64 {
        self.loss.average()
    }
}
