//! What a row is judged by.

use super::plan::Plan;
use super::source::wanted;
use crate::base::{Bitrate, Time};
use std::fmt;
use std::time::Duration;

/// Link use is judged from here on; what comes before is the time it takes to get there.
const SETTLED: Time = Time::from_millis(10_000);
/// What must be reached, and over how long it is looked at.
const REACHED: f64 = 0.85;
const LOOKED_AT_MS: u64 = 1_000;
/// Bins of the rate that arrives.
const BIN_MS: u64 = 100;
/// A queue longer than this has not drained.
const LONG_QUEUE: Duration = Duration::from_millis(300);

/// What came of one row.
#[derive(Clone, PartialEq, Debug)]
pub struct Score {
    /// The plan's name.
    pub name: &'static str,
    /// Share of what the link could have carried of what was wanted, once settled.
    pub used: f64,
    /// Until 85 % of it came for the first time.
    pub reached: Option<Duration>,
    /// 95th percentile of what packets waited at the bottleneck.
    pub queue_p95: Duration,
    /// The longest time anybody's picture stood still.
    pub longest_gap: Duration,
    /// Changes of layer.
    pub switches: u32,
    /// Share of packets lost.
    pub loss: f64,
    /// Until the queue was short for good after the link had shrunk the most.
    pub drained: Option<Duration>,
    /// Until the top layer was shown for good after the link had come back.
    pub back: Option<Duration>,
    /// How often a picture stood still for 100 ms and more, where the publisher's link loses packets.
    pub stops: Option<u32>,
    /// The least and the most that one of several receivers got, by their mean, in the last half.
    pub shares: Option<(f64, f64)>,
}

/// What one receiver saw.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// The longest time its picture stood still.
    pub(super) longest_gap: Duration,
    /// Changes of layer.
    pub(super) switches: u32,
    /// How often its picture stood still for longer than anybody fails to see.
    pub(super) stops: u32,
}

/// Watches a row.
#[derive(Debug)]
pub(super) struct Watch {
    waits: Vec<(Time, Duration)>,
    arrived: Vec<Vec<u64>>,
    sent: u64,
    lost: u64,
    below_top: Option<Time>,
}

impl Watch {
    pub(super) fn new(plan: &Plan) -> Watch {
        let bins = (plan.length.as_millis() as u64 / BIN_MS) as usize + 100;
        Watch {
            waits: Vec::new(),
            arrived: vec![vec![0; bins]; plan.joins.len()],
            sent: 0,
            lost: 0,
            below_top: None,
        }
    }

    pub(super) fn on_sent(&mut self, now: Time, wait: Duration, media: bool, lost: bool) {
        if media {
            self.waits.push((now, wait));
        }
        self.sent += 1;
        self.lost += u64::from(lost);
    }

    pub(super) fn on_arrived(&mut self, now: Time, flow: usize, bytes: u64) {
        self.arrived[flow][(now.as_millis() / BIN_MS) as usize] += bytes;
    }

    pub(super) fn on_layer(&mut self, now: Time, is_at_top: bool) {
        if !is_at_top {
            self.below_top = Some(now);
        }
    }

    pub(super) fn score(mut self, plan: &Plan, seen: &[Seen]) -> Score {
        let (shrinks, returns) = turning_points(plan);
        let after = |at: Option<Time>, last: Option<Time>| {
            at.map(|at| last.map_or(Duration::ZERO, |last| last.since(at)))
        };
        let until = returns.unwrap_or(Time::NEVER);
        let long = |&&(at, wait): &&(Time, Duration)| wait > LONG_QUEUE && Some(at) > shrinks && at < until;
        let drained = after(shrinks, self.waits.iter().filter(long).map(|(at, _)| *at).max());
        let layers = plan.content == super::plan::Content::Layers;
        let queue_p95 = percentile(&mut self.waits, 0.95);
        Score {
            name: plan.name,
            used: self.used(plan),
            reached: self.reached(plan),
            queue_p95,
            longest_gap: seen.iter().map(|seen| seen.longest_gap).max().unwrap_or_default(),
            switches: seen.iter().map(|seen| seen.switches).sum(),
            loss: self.lost as f64 / self.sent.max(1) as f64,
            drained,
            back: after(returns.filter(|_| layers), self.below_top),
            stops: None,
            shares: self.shares(),
        }
    }

    /// What could have been had in the bin that begins at `at`.
    fn possible(plan: &Plan, at: Time) -> Bitrate {
        let here = plan.joins.iter().filter(|joins| **joins <= at);
        let wanted = here.map(|_| wanted(plan.content, plan.publisher_at(at)));
        let wanted = wanted.fold(Bitrate::ZERO, Bitrate::plus);
        let others = plan.cross.filter(|cross| at.as_millis() / cross.period.as_millis() as u64 % 2 == 1);
        plan.capacity_at(at).less(others.map_or(Bitrate::ZERO, |cross| cross.rate)).min(wanted)
    }

    fn arrived_at(&self, bin: usize) -> u64 {
        self.arrived.iter().map(|flow| flow[bin]).sum()
    }

    fn used(&self, plan: &Plan) -> f64 {
        let bins = SETTLED.as_millis() / BIN_MS..plan.length.as_millis() as u64 / BIN_MS;
        let (arrived, possible) = bins.fold((0, 0), |sum, bin| {
            let possible = Watch::possible(plan, Time::from_millis(bin * BIN_MS));
            (sum.0 + self.arrived_at(bin as usize), sum.1 + possible.bytes_in(Duration::from_millis(BIN_MS)))
        });
        arrived as f64 / possible.max(1) as f64
    }

    fn reached(&self, plan: &Plan) -> Option<Duration> {
        let window = LOOKED_AT_MS / BIN_MS;
        let last = plan.length.as_millis() as u64 / BIN_MS;
        let reaches = |&end: &u64| {
            let arrived: u64 = (end - window..end).map(|bin| self.arrived_at(bin as usize)).sum();
            let possible = Watch::possible(plan, Time::from_millis((end - 1) * BIN_MS));
            let possible = possible.bytes_in(Duration::from_millis(LOOKED_AT_MS));
            arrived as f64 >= REACHED * possible as f64
        };
        (window..last).find(reaches).map(|end| Duration::from_millis(end * BIN_MS))
    }

    fn shares(&self) -> Option<(f64, f64)> {
        let half = self.arrived[0].len() / 2;
        let each: Vec<f64> =
            self.arrived.iter().map(|flow| flow[half..].iter().sum::<u64>() as f64).collect();
        let mean = each.iter().sum::<f64>() / each.len() as f64;
        let bounds =
            (each.iter().copied().fold(f64::MAX, f64::min), each.iter().copied().fold(0.0, f64::max));
        (each.len() > 1).then_some((bounds.0 / mean, bounds.1 / mean))
    }
}

/// When the link shrank the most, and when it came back afterwards.
fn turning_points(plan: &Plan) -> (Option<Time>, Option<Time>) {
    let ratio = |pair: &[super::plan::Stretch]| pair[1].capacity.bps() as f64 / pair[0].capacity.bps() as f64;
    let steps = || plan.capacity.windows(2);
    let shrinks = steps().filter(|pair| ratio(pair) < 0.6).min_by(|a, b| ratio(a).total_cmp(&ratio(b)));
    let shrinks = shrinks.map(|pair| pair[1].from);
    let returns = steps().rfind(|pair| ratio(pair) > 1.6 && Some(pair[1].from) > shrinks);
    (shrinks, returns.map(|pair| pair[1].from).filter(|_| shrinks.is_some()))
}

fn percentile(waits: &mut [(Time, Duration)], share: f64) -> Duration {
    waits.sort_unstable_by_key(|(_, wait)| *wait);
    let place = (waits.len() as f64 * share) as usize;
    waits.get(place.min(waits.len().saturating_sub(1))).map_or(Duration::ZERO, |(_, wait)| *wait)
}

/// The scoreboard's head.
pub const HEAD: &str = "\
plan                                     used  to 85 %  queue p95  gap      switches  loss    notes
---------------------------------------  ----  -------  ---------  -------  --------  ------  -----";

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
        let reached = self.reached.map_or("never".to_owned(), seconds);
        let ms = |time: Duration| format!("{} ms", time.as_millis());
        write!(f, "{:<39}  {:>3.0}%  {:>7}", self.name, 100.0 * self.used, reached)?;
        write!(f, "  {:>9}  {:>7}", ms(self.queue_p95), ms(self.longest_gap))?;
        write!(f, "  {:>8}  {:>5.1}%", self.switches, 100.0 * self.loss)?;
        let mut notes = Vec::new();
        notes.extend(self.drained.map(|time| format!("queue short after {}", seconds(time))));
        notes.extend(self.back.map(|time| format!("top layer back after {}", seconds(time))));
        notes.extend(self.stops.map(|stops| format!("{stops} stops of 100 ms")));
        notes.extend(self.shares.map(|(least, most)| format!("shares {least:.2} to {most:.2} of the mean")));
        if notes.is_empty() { Ok(()) } else { write!(f, "  {}", notes.join(", ")) }
    }
}
