//! Probes: for a few hundredths of a second more is sent than the estimate, to see what arrives.
//!
//! What is sent may be padding or packets of the history; here only the rates and the times are
//! decided. After libwebrtc's probe controller and probe bitrate estimator.

mod cluster;

use crate::base::{Bitrate, Time};
pub(super) use cluster::Found;
use cluster::{Cluster, LENGTHS, UTILISATION};
use std::time::Duration;

/// A probe leaves in steps of this: as trains of a few packets.
pub const STEP: Duration = Duration::from_millis(5);
/// A padding packet's size on the wire, nearly.
pub const PADDING_PACKET: u64 = 270;
/// A probe that found this much of its rate is followed by the next at once (libwebrtc
/// `further_probe_threshold`).
const FURTHER: f64 = 0.7;
/// The rate of the first probe and of all later ones, by the estimate (libwebrtc).
const FIRST: f64 = 3.0;
const NEXT: f64 = 2.0;
/// Between probes while more is wanted than is estimated (libwebrtc `alr_probing_interval`).
const INTERVAL: Duration = Duration::from_secs(5);
/// After the rate went down a little the link is simply full: who uses all of the estimate does not
/// probe for so long. Growth tries the link anyway, and what others have just given up must not go
/// to whoever probes first.
const FULL_FOR: Duration = Duration::from_secs(20);
/// The first probe after the rate went down to less than this share of what it was of late: a short
/// trouble must not cost a long time.
const AFTER_DEEP_DECREASE: Duration = Duration::from_secs(2);
const DEEP: f64 = 0.6;
/// Of late: the highest estimate fades by half in this.
const FADES_IN: Duration = Duration::from_secs(10);
/// A link that is not calm when a probe is due is looked at again after this.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// The smoothed delay shows a probe for so much longer than its own round trip.
const AFTERMATH: Duration = Duration::from_millis(300);
/// A probe's answer comes within a round trip and a feedback interval; afterwards it is given up
/// (libwebrtc `kMaxWaitingTimeForProbingResult`).
const PATIENCE: Duration = Duration::from_secs(1);

/// When to probe and how fast, and what came of it.
#[derive(Clone, Debug)]
pub(super) struct Prober {
    cluster: Option<Cluster>,
    /// The rate of the next probe, when one follows at once, and what was estimated before the first.
    follow: Option<(Bitrate, Bitrate)>,
    /// What was estimated when the last series began.
    before: Bitrate,
    /// Nothing was ever probed, nor was the rate lowered.
    first: bool,
    next_at: Time,
    last_id: u8,
    /// When the last one began.
    began: Option<Time>,
    /// The highest estimate of late, and when it was looked at.
    peak: Bitrate,
    looked: Time,
    full_until: Time,
    /// There is something to probe with.
    able: bool,
}

impl Prober {
    /// A prober that begins as soon as it is asked.
    pub(super) fn new(now: Time) -> Prober {
        Prober {
            cluster: None,
            follow: None,
            before: Bitrate::ZERO,
            first: true,
            next_at: now,
            last_id: 0,
            began: None,
            peak: Bitrate::ZERO,
            looked: now,
            full_until: now,
            able: true,
        }
    }

    /// Whether there is something to probe with: without it no probe begins, and one that is being sent is
    /// given up.
    pub(super) fn set_able(&mut self, able: bool) {
        self.able = able;
        if !able && self.sending().is_some() {
            (self.cluster, self.follow) = (None, None);
        }
    }

    /// Begins, ends and gives up probes. `wanted`: what could be used at most.
    pub(super) fn update(&mut self, now: Time, estimate: Bitrate, wanted: Bitrate, calm: bool, in_use: bool) {
        let faded = 0.5f64.powf(now.since(self.looked).as_secs_f64() / FADES_IN.as_secs_f64());
        self.peak = self.peak.times(faded).max(estimate);
        self.looked = now;
        if let Some(cluster) = &self.cluster {
            let stale = cluster.over.is_some_and(|at| now.since(at) >= PATIENCE);
            if stale || now.since(cluster.began) >= 2 * PATIENCE {
                self.cluster = None;
                self.follow = None;
            }
        }
        if self.cluster.is_some() || !self.able {
            return;
        }
        if let Some((rate, before)) = self.follow.take() {
            return self.begin(now, rate, Some(before));
        }
        if now < self.next_at || estimate >= wanted || !calm || in_use && now < self.full_until {
            return;
        }
        let factor = if std::mem::take(&mut self.first) { FIRST } else { NEXT };
        self.before = estimate;
        self.begin(now, estimate.times(factor).min(wanted.times(1.0 / UTILISATION)), None);
    }

    fn begin(&mut self, now: Time, rate: Bitrate, follows: Option<Bitrate>) {
        self.last_id = self.last_id % u8::MAX + 1;
        self.next_at = now + INTERVAL;
        self.began = Some(now);
        self.cluster = Some(Cluster::new(self.last_id, rate, follows, now));
    }

    /// The link is as unknown as at the beginning.
    pub(super) fn restart(&mut self, now: Time) {
        let Prober { last_id, able, .. } = *self;
        *self = Prober { last_id, able, ..Prober::new(now) };
    }

    /// The rate was lowered: looks again soon, and not at once.
    pub(super) fn on_decrease(&mut self, now: Time, estimate: Bitrate) {
        self.follow = None;
        self.cluster = None;
        self.first = false;
        let deep = estimate < self.peak.times(DEEP);
        self.next_at = now + if deep { AFTER_DEEP_DECREASE } else { INTERVAL };
        self.full_until = if deep { now } else { now + FULL_FOR };
    }

    /// Whether what is heard now may still be the last probe's doing.
    pub(super) fn touches(&self, now: Time, round_trip: Duration) -> bool {
        self.began.is_some_and(|at| now.since(at) < LENGTHS.1 + round_trip + AFTERMATH)
    }

    /// Whether a probe is under way, or the next of its series is about to be.
    pub(super) fn is_under_way(&self) -> bool {
        self.cluster.is_some() || self.follow.is_some()
    }

    /// What was due has left, or cannot: the next step comes later.
    pub(super) fn step(&mut self, now: Time) {
        let sending = self.cluster.as_mut().filter(|cluster| cluster.over.is_none());
        if let Some(cluster) = sending.filter(|cluster| cluster.next_step <= now) {
            cluster.next_step = now + STEP;
        }
    }

    /// Bytes of a probe that should leave now, beside what has left.
    pub(super) fn due(&self, now: Time) -> u64 {
        self.sending().map_or(0, |cluster| cluster.due(now))
    }

    /// The rate of the probe that is being sent.
    pub(super) fn rate(&self) -> Option<Bitrate> {
        self.sending().map(|cluster| cluster.rate)
    }

    /// When there is something to do.
    pub(super) fn deadline(&self, estimate: Bitrate, wanted: Bitrate) -> Time {
        match &self.cluster {
            Some(cluster) if cluster.over.is_none() => cluster.next_step,
            Some(cluster) => cluster.began + 2 * PATIENCE,
            None if estimate >= wanted || !self.able => Time::NEVER,
            None => self.next_at.max(self.looked + LOOK_AGAIN),
        }
    }

    fn sending(&self) -> Option<&Cluster> {
        self.cluster.as_ref().filter(|cluster| cluster.over.is_none())
    }

    /// A packet leaves; the id of the probe it is part of, or 0.
    pub(super) fn on_sent(&mut self, now: Time, bytes: u64) -> u8 {
        match self.cluster.as_mut().filter(|cluster| cluster.over.is_none()) {
            Some(cluster) => {
                cluster.on_sent(now, bytes);
                cluster.id
            }
            None => 0,
        }
    }

    /// Feedback spoke of a packet of the probe `id`; when it was the last one, what the probe found.
    pub(super) fn on_spoken(&mut self, id: u8, arrived_us: Option<i64>, bytes: u64) {
        if let Some(cluster) = self.cluster.as_mut().filter(|cluster| cluster.id == id) {
            cluster.on_spoken(arrived_us, bytes);
        }
    }

    /// What the probe found, when all of it has been spoken of. A good one is followed by the next.
    pub(super) fn take_result(&mut self, wanted: Bitrate) -> Option<Found> {
        let cluster = self
            .cluster
            .filter(|cluster| cluster.over.is_some() && cluster.spoken_packets >= cluster.sent_packets)?;
        self.cluster = None;
        let found = cluster.result()?;
        let next = found.rate.times(NEXT).min(wanted.times(1.0 / UTILISATION));
        if found.rate > cluster.rate.times(FURTHER) && next > cluster.rate {
            self.follow = Some((next, self.before));
        }
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: Bitrate = Bitrate::from_kbps(10_000);

    /// Sends one probe over a link of `capacity` and tells what it found.
    fn probe(prober: &mut Prober, start: Time, estimate: Bitrate, capacity: Bitrate) -> Option<Bitrate> {
        prober.update(start, estimate, WANTED, true, false);
        let mut free_us = 0i64;
        let mut arrivals = Vec::new();
        let mut now = start;
        while prober.rate().is_some() {
            while prober.due(now) > 0 {
                let id = prober.on_sent(now, PADDING_PACKET);
                free_us = free_us.max(now.as_micros() as i64)
                    + capacity.time_for(PADDING_PACKET).as_micros() as i64;
                arrivals.push((id, free_us));
            }
            prober.step(now);
            now += STEP;
        }
        arrivals.iter().for_each(|&(id, at)| prober.on_spoken(id, Some(at), PADDING_PACKET));
        prober.take_result(WANTED).map(|found| found.rate)
    }

    #[test]
    fn a_probe_finds_its_own_rate_on_an_open_link_and_the_links_on_a_narrow_one() {
        let estimate = Bitrate::from_kbps(600);
        let open = probe(&mut Prober::new(Time::ZERO), Time::ZERO, estimate, Bitrate::from_kbps(100_000));
        let open = open.expect("all of it arrived").bps() / 1_000;
        assert!((1_500..=2_000).contains(&open), "{open}");
        let narrow = probe(&mut Prober::new(Time::ZERO), Time::ZERO, estimate, Bitrate::from_kbps(1_000));
        let narrow = narrow.expect("all of it arrived").bps() / 1_000;
        assert!((900..1_000).contains(&narrow), "{narrow}");
    }

    #[test]
    fn a_good_probe_is_followed_at_once_and_a_poor_one_after_a_while() {
        let mut prober = Prober::new(Time::ZERO);
        probe(&mut prober, Time::ZERO, Bitrate::from_kbps(600), Bitrate::from_kbps(100_000));
        prober.update(Time::from_millis(60), Bitrate::from_kbps(1_800), WANTED, true, false);
        assert!(prober.rate().is_some());
        let mut prober = Prober::new(Time::ZERO);
        probe(&mut prober, Time::ZERO, Bitrate::from_kbps(600), Bitrate::from_kbps(700));
        prober.update(Time::from_millis(60), Bitrate::from_kbps(650), WANTED, true, false);
        assert_eq!(prober.rate(), None);
        prober.update(Time::from_millis(5_060), Bitrate::from_kbps(650), WANTED, true, false);
        assert!(prober.rate().is_some());
    }

    #[test]
    fn who_wants_no_more_is_not_probed() {
        let mut prober = Prober::new(Time::ZERO);
        prober.update(Time::ZERO, WANTED, WANTED, true, false);
        assert_eq!((prober.rate(), prober.due(Time::ZERO)), (None, 0));
    }

    #[test]
    fn who_has_nothing_to_probe_with_is_left_alone_until_there_is_something() {
        let estimate = Bitrate::from_kbps(600);
        let mut prober = Prober::new(Time::ZERO);
        prober.set_able(false);
        prober.update(Time::ZERO, estimate, WANTED, true, false);
        assert_eq!((prober.rate(), prober.deadline(estimate, WANTED)), (None, Time::NEVER));
        prober.set_able(true);
        prober.update(Time::from_millis(50), estimate, WANTED, true, false);
        assert!(prober.rate().is_some());
        prober.set_able(false);
        assert_eq!((prober.rate(), prober.deadline(estimate, WANTED)), (None, Time::NEVER));
    }

    #[test]
    fn a_probe_whose_answer_never_comes_is_given_up() {
        let mut prober = Prober::new(Time::ZERO);
        prober.update(Time::ZERO, Bitrate::from_kbps(600), WANTED, true, false);
        let mut now = Time::ZERO;
        while prober.rate().is_some() {
            prober.on_sent(now, PADDING_PACKET);
            now += STEP;
        }
        prober.update(Time::from_millis(500), Bitrate::from_kbps(600), WANTED, true, false);
        let at = prober.deadline(Bitrate::from_kbps(600), WANTED);
        prober.update(at, Bitrate::from_kbps(600), WANTED, true, false);
        assert!(prober.cluster.is_none(), "given up");
        assert!(prober.deadline(Bitrate::from_kbps(600), WANTED) > at, "a deadline goes by");
        prober.update(Time::from_millis(6_000), Bitrate::from_kbps(600), WANTED, true, false);
        assert!(prober.rate().is_some(), "and begun again");
    }
}
