//! How much a receiver's link can carry, estimated from its transport-wide feedback.
//!
//! ```text
//! packets leave ──► sent ◄── feedback
//!                     │ each packet spoken of
//!       ┌─────────────┼────────────┬───────────┐
//!     delay      throughput      loss        probe
//!  groups, queue      │            │           │ what a probe found
//!       │             │            │           │
//!     trend ──────► aimd ◄─────────┼───────────┘
//!                     └── least ───┘──► estimate ──► target, less while a queue drains
//! ```
//!
//! Delay-based and loss-based after Google Congestion Control (draft-ietf-rmcat-gcc-02) and its
//! successors in libwebrtc; what is ours is said where it stands. Knows no clock and no packet:
//! sizes, times and feedback come in; an estimate, and how much of a probe is due, go out.

mod aimd;
mod alr;
mod answers;
mod delay;
mod loss;
mod probe;
mod remote;
mod sent;
mod throughput;
mod trend;

use crate::base::{Bitrate, Time};
use crate::wire::rtcp::TransportFeedback;
use aimd::{Aimd, Seen};
use alr::AppLimited;
pub use answers::Explanation;
use delay::{Groups, Queue};
use loss::Loss;
use probe::{Found, Prober};
pub use probe::{PADDING_PACKET, STEP as PROBE_STEP};
use remote::Remote;
use sent::SentLog;
use std::time::Duration;
use throughput::Throughput;
use trend::Trend;
pub use trend::Usage;

/// Where an estimate begins (libwebrtc `kDefaultStartBitrateBps`); the first probes go beyond it
/// within a round trip.
pub const START: Bitrate = Bitrate::from_kbps(300);

/// The estimate stays within these: less than speech needs is no use, and more than a browser takes
/// is not asked for.
const BOUNDS: (Bitrate, Bitrate) = (Bitrate::from_kbps(30), Bitrate::from_kbps(100_000));

/// A packet that waits this long stands in a queue: the link is full, and arrives what it carries.
const QUEUE_STANDS_US: i64 = 25_000;

/// A queue that grows is left alone while it is shorter than this: a few pictures in a row that are
/// larger than the ones before make a trend, too. In and just after a probe more is borne: that
/// queue is the probe's own, and will not last.
const BORNE_US: i64 = 25_000;
const BORNE_IN_PROBE_US: i64 = 130_000;

/// A queue that stands this long is too long, even if it does not grow.
const STANDING_US: i64 = 100_000;

/// The rate is lowered in vain so often before what stands is taken for the path itself.
const MOST_IN_VAIN: u32 = 4;

/// A queue that is as short as this and loses so much more than the path does on the average
/// overflows: it is shallow.
const SHALLOW_US: i64 = 12_000;
const OVERFLOWS: f64 = 0.03;

/// A train that comes out at less than this share of the estimate says that the link has given way.
const GIVEN_WAY: f64 = 0.5;

/// After a step down the link is taken to be full for so long, if a probe fills it.
const SHARED_FOR: Duration = Duration::from_secs(10);

/// What a probe finds on a link that was full of late counts so much: others may want it, too.
const OF_A_FULL_LINK: f64 = 0.9;

/// Nothing heard for this long while packets are out there: the link is gone, or nearly.
const SILENCE: Duration = Duration::from_secs(1);
/// Nothing sent for this long: what was heard last says nothing of the link any more.
const IDLE: Duration = Duration::from_secs(2);
/// What is sent into silence, by what was sent before, every [`SILENCE`].
const INTO_SILENCE: f64 = 0.5;

/// No probes while more than this is lost.
const TOO_LOSSY: f64 = 0.15;

/// Round trips before the first is measured.
const FIRST_ROUND_TRIP: Duration = Duration::from_millis(200);

/// The bandwidth estimate of one transport.
#[derive(Clone, Debug)]
pub struct Estimator {
    log: SentLog,
    groups: Groups,
    queue: Queue,
    trend: Trend,
    throughput: Throughput,
    aimd: Aimd,
    loss: Loss,
    prober: Prober,
    alr: AppLimited,
    /// What the receiver itself estimates (REMB).
    remote: Option<Remote>,
    wanted: Bitrate,
    round_trip: Duration,
    heard: Option<Time>,
    silent_since: Time,
    /// The rate when the receiver fell silent.
    before_silence: Option<Bitrate>,
    /// How long the queue was when the rate was first lowered, and how often it was since without the
    /// queue becoming shorter.
    in_vain: Option<(i64, u32)>,
}

impl Estimator {
    /// An estimator that knows nothing yet; its first packet has the sequence number `first`.
    pub fn new(now: Time, first: u16) -> Estimator {
        Estimator {
            log: SentLog::new(now, first),
            groups: Groups::default(),
            queue: Queue::default(),
            trend: Trend::default(),
            throughput: Throughput::default(),
            aimd: Aimd::new(START),
            loss: Loss::default(),
            prober: Prober::new(now),
            alr: AppLimited::new(now),
            remote: None,
            wanted: BOUNDS.1,
            round_trip: FIRST_ROUND_TRIP,
            heard: None,
            silent_since: now,
            before_silence: None,
            in_vain: None,
        }
    }

    /// Bytes it occupies beyond its own.
    pub fn memory(&self) -> usize {
        self.log.memory()
    }

    /// The transport-wide sequence number of the next packet.
    pub fn next_sequence(&self) -> u16 {
        self.log.next_sequence()
    }

    /// A packet of `bytes` leaves; returns its transport-wide sequence number.
    pub fn on_sent(&mut self, now: Time, bytes: usize) -> u16 {
        let bytes = bytes.min(usize::from(u16::MAX)) as u16;
        if self.log.in_flight() == 0 {
            self.silent_since = now;
        }
        let probe = self.prober.on_sent(now, u64::from(bytes));
        self.log.push(now, bytes, probe)
    }

    /// Of what left just now, `bytes` were no probe.
    pub fn on_media(&mut self, now: Time, bytes: u64) {
        self.alr.on_sent(now, bytes, self.estimate());
    }

    /// The receiver says what came.
    pub fn on_feedback(&mut self, now: Time, feedback: &TransportFeedback<'_>) {
        self.log.begin_feedback(feedback.base_sequence);
        let mut newest_us = None;
        for status in feedback.packets() {
            let Some(spoken) = self.log.speak(status.sequence, status.arrival_ticks) else { continue };
            let bytes = spoken.bytes;
            self.loss.on_spoken(&spoken);
            if spoken.probe != 0 {
                self.prober.on_spoken(spoken.probe, spoken.arrived_us, u64::from(bytes));
            }
            let Some(arrived_us) = spoken.arrived_us else { continue };
            newest_us = newest_us.max(Some(spoken.sent_us));
            self.throughput.on_packet(arrived_us, bytes);
            if let Some(sample) = self.groups.on_packet(spoken.sent_us, arrived_us, bytes) {
                self.queue.on_sample(&sample, self.alr.is_limited());
                self.trend.on_sample(&sample);
            }
        }
        let Some(newest_us) = newest_us else { return };
        self.heard = Some(now);
        self.silent_since = now;
        if let Some(before) = self.before_silence.take() {
            // The path may be another one: it is looked at as at the beginning.
            self.aimd.set(now, self.aimd.rate().max(before.min(START)));
            self.prober.restart(now);
            (self.groups, self.queue, self.trend) = Default::default();
            (self.throughput, self.loss) = Default::default();
        }
        let back = now.since(Time::from_nanos(newest_us as u64 * 1_000));
        self.round_trip = (self.round_trip * 7 + back) / 8;
        self.update(now);
    }

    /// The receiver's own estimate (draft-alvestrand-rmcat-remb-03): a bound, and all there is where
    /// transport-wide feedback was not agreed on.
    pub fn on_remb(&mut self, now: Time, bitrate: Bitrate) {
        match &mut self.remote {
            Some(remote) => remote.on_told(now, bitrate),
            None => self.remote = Some(Remote::new(now, bitrate)),
        }
    }

    /// How much could be used at most: nothing is probed for beyond it.
    pub fn set_wanted(&mut self, wanted: Bitrate) {
        self.wanted = wanted.clamp(BOUNDS.0, BOUNDS.1);
    }

    /// Whether there is something that probes can be made of.
    pub fn set_can_probe(&mut self, can_probe: bool) {
        self.prober.set_able(can_probe);
    }

    /// See [`set_wanted`](Self::set_wanted).
    pub fn wanted(&self) -> Bitrate {
        self.wanted
    }

    fn update(&mut self, now: Time) {
        let arriving = self.throughput.rate(self.queue.wait_us() > QUEUE_STANDS_US);
        // A link that has given way shows it in the first train, long before a line of trains does.
        let crawl = self.groups.take_crawl().filter(|&rate| rate < self.aimd.rate().times(GIVEN_WAY));
        let usage = if crawl.is_some() { Usage::Over } else { self.usage(now) };
        let arriving = crawl.or(arriving);
        let (app_limited, probed) = (self.alr.is_limited(), self.prober.touches(now, self.round_trip));
        let seen = Seen { usage, arriving, round_trip: self.round_trip, app_limited, probed };
        let before = self.aimd.stepped_down();
        self.aimd.update(now, &seen, BOUNDS);
        self.loss.update(self.aimd.rate(), arriving);
        if self.aimd.stepped_down() != before {
            self.note_step_down();
            self.prober.on_decrease(now, self.aimd.rate());
        }
        // A full link gives a burst more than its share. Who knows that it is full does not take it.
        let lately = self.aimd.stepped_down().is_some_and(|at| now.since(at) < SHARED_FOR);
        if let Some(found) = self.prober.take_result(self.wanted).filter(|_| seen.usage != Usage::Over) {
            self.believe(now, &found, lately);
        }
    }

    /// A probe has found something. One that follows another and fills the link takes back what the
    /// one before found too much.
    fn believe(&mut self, now: Time, found: &Found, lately_full: bool) {
        let (rate, is_full) = (self.aimd.rate(), found.saturated && lately_full);
        // Who sends less than may be, because nothing else fits, does not learn by sending.
        let raised = if is_full { found.rate.times(OF_A_FULL_LINK) } else { found.rate };
        if raised > rate && (!is_full || self.alr.is_limited()) {
            self.aimd.set(now, raised);
            self.loss.raise(raised);
        } else if let Some(before) = found.follows.filter(|_| found.saturated && found.rate < rate) {
            self.aimd.set(now, found.rate.max(before));
        }
    }

    /// Whether a series of probes is under way: what it has found so far may be too much.
    pub fn is_probing(&self) -> bool {
        self.prober.is_under_way()
    }

    /// A queue that does not shorten however often the rate is lowered is no queue: the path has
    /// become longer.
    fn note_step_down(&mut self) {
        let wait_us = self.queue.wait_us();
        let (first_us, steps) = self.in_vain.unwrap_or((wait_us, 0));
        let vain = wait_us > STANDING_US && wait_us * 10 > first_us * 8;
        self.in_vain = vain.then_some((first_us, steps + 1));
        if vain && steps + 1 >= MOST_IN_VAIN {
            self.queue.rebase();
            self.in_vain = None;
        }
    }

    /// Whether the queue grows beyond what is borne.
    fn usage(&self, now: Time) -> Usage {
        let own = self.prober.touches(now, self.round_trip);
        let borne = if own { BORNE_IN_PROBE_US } else { BORNE_US };
        match self.trend.usage() {
            Usage::Normal if self.queue.wait_us() > STANDING_US && !own => Usage::Over,
            _ if self.queue.wait_us() > SHALLOW_US
                && self.loss.just_now() > self.loss.average() + OVERFLOWS
                && !own =>
            {
                Usage::Over
            }
            Usage::Over if self.queue.wait_us() < borne => Usage::Under,
            usage => usage,
        }
    }

    /// Lets time pass: begins probes, and sends less into silence.
    pub fn on_timeout(&mut self, now: Time) {
        self.alr.on_sent(now, 0, self.estimate());
        if now.since(self.log.newest()) >= IDLE {
            self.forget_the_queue();
        }
        if self.heard.is_some() && self.log.in_flight() > 0 && now.since(self.silent_since) >= SILENCE {
            self.silent_since = now;
            self.before_silence.get_or_insert(self.aimd.rate());
            self.aimd.set(now, self.aimd.rate().times(INTO_SILENCE).max(BOUNDS.0));
            self.prober.on_decrease(now, self.aimd.rate());
        }
        let calm = self.is_calm() && self.loss.just_now() < TOO_LOSSY;
        self.prober.update(now, self.estimate(), self.wanted, calm, !self.alr.is_limited());
    }

    /// Nothing was sent for so long that nobody will tell of it, and that no queue is ours: what was
    /// heard last must not keep probes away for good.
    fn forget_the_queue(&mut self) {
        self.log.settle_all();
        (self.groups, self.queue, self.trend) = Default::default();
        self.loss.forget_the_last();
    }

    /// When [`on_timeout`](Self::on_timeout) is due; `Time::NEVER` before anything was heard.
    pub fn deadline(&self) -> Time {
        if self.heard.is_none() {
            return Time::NEVER;
        }
        let silence = if self.log.in_flight() > 0 { self.silent_since + SILENCE } else { Time::NEVER };
        self.prober.deadline(self.estimate(), self.wanted).min(silence)
    }
}
