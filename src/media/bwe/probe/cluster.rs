//! One probe: what of it has left, what came of it, and what that says of the link.

use super::{PADDING_PACKET, STEP};
use crate::base::{Bitrate, Time};
use std::time::Duration;

/// A probe's size, and its length within these bounds: more than the burst a token bucket lets
/// through (home routers and `tc tbf` have some thousand bytes), which would pass for capacity, and
/// short beside what a queue may stand. libwebrtc's 15 ms found 1.5 Mbit/s on a link of 0.9.
const SIZE: u64 = 20_000;
pub(super) const LENGTHS: (Duration, Duration) = (Duration::from_millis(25), Duration::from_millis(100));
/// A probe of fewer packets says nothing (libwebrtc `kMinClusterSize` and minimum probe packets).
const LEAST_PACKETS: u32 = 5;
/// Of a probe this much must arrive (libwebrtc `kMinReceivedProbesRatio`).
const LEAST_SHARE: f64 = 0.8;
/// What arrives this much slower than it was sent has filled the link, and a little less than what
/// arrived is right (libwebrtc `kMinRatioForUnsaturatedLink`, `kTargetUtilizationFraction`).
const UNSATURATED: f64 = 0.9;
pub(super) const UTILISATION: f64 = 0.95;

/// What a probe found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::media::bwe) struct Found {
    /// What the link carries, at least.
    pub(in crate::media::bwe) rate: Bitrate,
    /// It carries no more than that at the moment.
    pub(in crate::media::bwe) saturated: bool,
    /// What was estimated when the first probe of the series began; `None` for that one itself.
    pub(in crate::media::bwe) follows: Option<Bitrate>,
}

/// One probe under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cluster {
    pub(super) id: u8,
    pub(super) rate: Bitrate,
    follows: Option<Bitrate>,
    pub(super) began: Time,
    goal: u64,
    sent: u64,
    pub(super) sent_packets: u32,
    /// When the next step is due.
    pub(super) next_step: Time,
    /// Bytes sent in the last step: it has no end to be measured to.
    last_step: (i64, u64),
    first_sent_us: i64,
    pub(super) over: Option<Time>,
    pub(super) spoken_packets: u32,
    spoken: u64,
    arrived_packets: u32,
    /// When the last packet of the first half came, and what came of the other half: the first may have
    /// been a token bucket's burst.
    half_way_us: Option<i64>,
    arrived: u64,
    last_arrival_us: i64,
}

impl Cluster {
    /// A probe that begins.
    pub(super) fn new(id: u8, rate: Bitrate, follows: Option<Bitrate>, now: Time) -> Cluster {
        let length = rate.time_for(SIZE).clamp(LENGTHS.0, LENGTHS.1);
        let goal = rate.bytes_in(length).max(u64::from(LEAST_PACKETS) * PADDING_PACKET);
        Cluster {
            id,
            rate,
            follows,
            began: now,
            goal,
            sent: 0,
            sent_packets: 0,
            next_step: now,
            last_step: (0, 0),
            first_sent_us: now.as_micros() as i64,
            over: None,
            spoken_packets: 0,
            spoken: 0,
            arrived_packets: 0,
            half_way_us: None,
            arrived: 0,
            last_arrival_us: 0,
        }
    }

    /// Bytes that should have left by now: those of the step that begins included.
    pub(super) fn due(&self, now: Time) -> u64 {
        if now < self.next_step {
            return 0;
        }
        let by_now = self.rate.bytes_in(now.since(self.began) + STEP);
        // Small packets fill the goal late, few packets never.
        let goal = if self.sent_packets < LEAST_PACKETS { self.goal.max(self.sent + 1) } else { self.goal };
        by_now.min(goal).saturating_sub(self.sent)
    }

    /// A packet of it leaves.
    pub(super) fn on_sent(&mut self, now: Time, bytes: u64) {
        let now_us = now.as_micros() as i64;
        if self.sent == 0 {
            self.first_sent_us = now_us;
        }
        self.last_step = if self.last_step.0 == now_us && self.sent > 0 {
            (now_us, self.last_step.1 + bytes)
        } else {
            (now_us, bytes)
        };
        self.sent += bytes;
        self.sent_packets += 1;
        if self.sent >= self.goal && self.sent_packets >= LEAST_PACKETS {
            self.over = Some(now);
        }
    }

    /// Feedback spoke of one of its packets.
    pub(super) fn on_spoken(&mut self, arrived_us: Option<i64>, bytes: u64) {
        self.spoken_packets += 1;
        self.spoken += bytes;
        let Some(arrived_us) = arrived_us else { return };
        self.arrived_packets += 1;
        if 2 * (self.spoken - bytes) < self.goal {
            self.half_way_us = self.half_way_us.max(Some(arrived_us));
        } else {
            self.arrived += bytes;
        }
        self.last_arrival_us = self.last_arrival_us.max(arrived_us);
    }

    /// What it found, once all of it has been spoken of.
    pub(super) fn result(&self) -> Option<Found> {
        let enough = f64::from(self.arrived_packets) >= LEAST_SHARE * f64::from(self.sent_packets);
        let half_way_us = self.half_way_us.filter(|_| enough)?;
        let took = |micros: i64| (micros > 0).then(|| Duration::from_micros(micros as u64));
        let sending = took(self.last_step.0 - self.first_sent_us)?;
        let sent = Bitrate::of(self.sent - self.last_step.1, sending);
        let arrived = Bitrate::of(self.arrived, took(self.last_arrival_us - half_way_us)?);
        let saturated = arrived < sent.times(UNSATURATED);
        let rate = if saturated { arrived.times(UTILISATION) } else { sent.min(arrived) };
        Some(Found { rate, saturated, follows: self.follows })
    }
}
