//! One direction of a network path: delay, jitter, loss, reordering, duplication and a rate.
//!
//! Knows sizes and times, not contents.

use crate::base::Time;
use crate::base::random::Random;
use arrayvec::ArrayVec;
use std::time::Duration;

/// How a link treats what is sent over it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct LinkOptions {
    /// One-way delay.
    pub delay: Duration,
    /// Up to this much more, evenly distributed; order is kept.
    pub jitter: Duration,
    /// Chance that a datagram vanishes by itself.
    pub loss: f64,
    /// Loss that comes in bursts, besides.
    pub burst: Option<Burst>,
    /// Chance that a datagram is overtaken by those sent up to [`LinkOptions::late_by`] after it.
    pub reordering: f64,
    /// How late an overtaken datagram is.
    pub late_by: Duration,
    /// Chance that a datagram arrives twice.
    pub duplication: f64,
    /// The bottleneck, if there is one.
    pub bottleneck: Option<Bottleneck>,
}

/// Bursts of loss after Gilbert: a good state without and a bad state with heavy loss.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Burst {
    /// Chance per datagram that a burst begins.
    pub begin: f64,
    /// Chance per datagram that it ends.
    pub end: f64,
    /// Chance that a datagram inside it vanishes.
    pub loss: f64,
}

/// A rate with a queue before it; what does not fit the queue vanishes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Bottleneck {
    /// Bytes a second.
    pub bytes_per_second: u64,
    /// Bytes that may wait.
    pub queue_bytes: u64,
    /// Bytes that pass at once after a pause: a token bucket, as routers and `tc tbf` have them.
    pub bucket_bytes: u64,
}

impl Bottleneck {
    /// One that lets nothing pass faster than it carries.
    pub const fn even(bytes_per_second: u64, queue_bytes: u64) -> Bottleneck {
        Bottleneck { bytes_per_second, queue_bytes, bucket_bytes: 0 }
    }

    fn takes(&self, bytes: u64) -> Duration {
        Duration::from_nanos(bytes * 1_000_000_000 / self.bytes_per_second)
    }
}

impl LinkOptions {
    /// A link that only takes its time.
    pub const fn clean(delay: Duration) -> LinkOptions {
        LinkOptions {
            delay,
            jitter: Duration::ZERO,
            loss: 0.0,
            burst: None,
            reordering: 0.0,
            late_by: Duration::ZERO,
            duplication: 0.0,
            bottleneck: None,
        }
    }

    /// A link with troubles drawn from `random`: some have none, few have all.
    pub fn troubled(random: &mut Random) -> LinkOptions {
        let mut options = LinkOptions::clean(Duration::from_micros(200 + random.below(80_000)));
        if random.chance(0.6) {
            options.jitter = Duration::from_micros(random.below(30_000));
        }
        if random.chance(0.5) {
            options.loss = random.below(8) as f64 / 100.0;
        }
        if random.chance(0.25) {
            options.burst = Some(Burst { begin: 0.005, end: 0.2, loss: 0.8 });
        }
        if random.chance(0.4) {
            options.reordering = random.below(5) as f64 / 100.0;
            options.late_by = Duration::from_micros(1_000 + random.below(40_000));
        }
        if random.chance(0.3) {
            options.duplication = random.below(4) as f64 / 100.0;
        }
        if random.chance(0.3) {
            let bytes_per_second = 40_000 + random.below(400_000);
            options.bottleneck = Some(Bottleneck::even(bytes_per_second, bytes_per_second / 4));
        }
        options
    }
}

/// When a datagram arrives: not at all, once, or twice.
pub type Arrivals = ArrayVec<Time, 2>;

/// One direction of a path.
#[derive(Debug)]
pub struct Link {
    options: LinkOptions,
    random: Random,
    in_burst: bool,
    last_arrival: Time,
    bottleneck_free_at: Time,
    lost: u64,
}

impl Link {
    /// A link whose luck follows from `seed`.
    pub fn new(options: LinkOptions, seed: u64) -> Link {
        Link {
            options,
            random: Random::new(seed),
            in_burst: false,
            last_arrival: Time::ZERO,
            bottleneck_free_at: Time::ZERO,
            lost: 0,
        }
    }

    /// How it treats what is sent now.
    pub fn options(&self) -> LinkOptions {
        self.options
    }

    /// Treats what is sent from now on otherwise.
    pub fn set_options(&mut self, options: LinkOptions) {
        self.options = options;
        self.in_burst = false;
    }

    /// Datagrams that vanished so far.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// How long a datagram sent now would wait at the bottleneck.
    pub fn wait(&self, now: Time) -> Duration {
        self.bottleneck_free_at.since(now)
    }

    /// Sends a datagram of `bytes` bytes.
    pub fn send(&mut self, now: Time, bytes: usize) -> Arrivals {
        let mut arrivals = Arrivals::new();
        let vanishes = self.vanishes();
        match self.leave_bottleneck(now, bytes as u64) {
            Some(left) if !vanishes => arrivals.push(self.arrive(left)),
            _ => self.lost += 1,
        }
        if !arrivals.is_empty() && self.random.chance(self.options.duplication) {
            let again = Duration::from_micros(self.random.below(5_000));
            arrivals.push(arrivals[0] + again);
        }
        arrivals
    }

    fn vanishes(&mut self) -> bool {
        let mut vanishes = self.random.chance(self.options.loss);
        if let Some(burst) = self.options.burst {
            let turn = if self.in_burst { burst.end } else { burst.begin };
            self.in_burst ^= self.random.chance(turn);
            vanishes |= self.in_burst && self.random.chance(burst.loss);
        }
        vanishes
    }

    fn leave_bottleneck(&mut self, now: Time, bytes: u64) -> Option<Time> {
        let Some(bottleneck) = self.options.bottleneck else { return Some(now) };
        // Free for a while already: so much the bucket has saved up.
        let starts = self.bottleneck_free_at.max(now - bottleneck.takes(bottleneck.bucket_bytes));
        if starts.since(now) > bottleneck.takes(bottleneck.queue_bytes) {
            return None;
        }
        self.bottleneck_free_at = starts + bottleneck.takes(bytes);
        Some(self.bottleneck_free_at.max(now))
    }

    fn arrive(&mut self, left: Time) -> Time {
        let jitter = Duration::from_nanos(self.random.below(self.options.jitter.as_nanos() as u64 + 1));
        let at = left + self.options.delay + jitter;
        if self.random.chance(self.options.reordering) {
            return at + self.options.late_by;
        }
        self.last_arrival = self.last_arrival.max(at);
        self.last_arrival
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn arrivals(options: LinkOptions, sent: u64) -> Vec<Time> {
        let mut link = Link::new(options, 1);
        let mut all: Vec<Time> = Vec::new();
        for n in 0..sent {
            all.extend(link.send(Time::from_millis(n), 1000));
        }
        all
    }

    #[test]
    fn a_clean_link_only_takes_its_time() {
        let expected: Vec<Time> = (0..100).map(|n| Time::from_millis(n + 5)).collect();
        assert_eq!(arrivals(LinkOptions::clean(5 * MS), 100), expected);
    }

    #[test]
    fn jitter_alone_keeps_the_order_and_reordering_breaks_it() {
        let jittery = LinkOptions { jitter: 20 * MS, ..LinkOptions::clean(MS) };
        assert!(arrivals(jittery, 1000).is_sorted());
        let unruly = LinkOptions { reordering: 0.1, late_by: 10 * MS, ..LinkOptions::clean(MS) };
        assert!(!arrivals(unruly, 1000).is_sorted());
    }

    #[test]
    fn loss_and_duplication_come_as_often_as_asked() {
        let lossy = LinkOptions { loss: 0.1, ..LinkOptions::clean(MS) };
        assert!((8_800..9_200).contains(&arrivals(lossy, 10_000).len()));
        let doubling = LinkOptions { duplication: 0.1, ..LinkOptions::clean(MS) };
        assert!((10_800..11_200).contains(&arrivals(doubling, 10_000).len()));
    }

    #[test]
    fn losses_in_bursts_stand_together() {
        let burst = Some(Burst { begin: 0.01, end: 0.1, loss: 1.0 });
        let mut link = Link::new(LinkOptions { burst, ..LinkOptions::clean(MS) }, 1);
        let lost: Vec<bool> = (0..10_000).map(|n| link.send(Time::from_millis(n), 1).is_empty()).collect();
        let runs = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count();
        assert!(lost.iter().filter(|lost| **lost).count() > 5 * runs);
    }

    #[test]
    fn a_bottleneck_delays_and_then_drops() {
        let bottleneck = Some(Bottleneck::even(100_000, 10_000));
        let mut link = Link::new(LinkOptions { bottleneck, ..LinkOptions::clean(MS) }, 1);
        let arrived: Vec<Time> = (0..100).flat_map(|_| link.send(Time::ZERO, 1000)).collect();
        assert_eq!(arrived.len(), 11);
        assert_eq!(arrived[10], Time::from_millis(111));
        assert_eq!(link.lost(), 89);
    }

    #[test]
    fn a_bucket_lets_its_bytes_pass_at_once_and_fills_with_time() {
        let bottleneck = Some(Bottleneck { bucket_bytes: 3_000, ..Bottleneck::even(100_000, 10_000) });
        let mut link = Link::new(LinkOptions { bottleneck, ..LinkOptions::clean(MS) }, 1);
        let mut sent_at = |ms| {
            let arrived = (0..4).flat_map(|_| link.send(Time::from_millis(ms), 1000));
            arrived.map(|at| at.as_millis() - ms).collect::<Vec<u64>>()
        };
        assert_eq!(sent_at(1_000), [1, 1, 1, 11]);
        assert_eq!(sent_at(1_010), [11, 21, 31, 41], "it is empty");
        assert_eq!(sent_at(1_070), [1, 1, 11, 21], "two thirds");
    }
}
