//! What a scoreboard's links are like.

use crate::base::{Bitrate, Time};
use crate::sim::link::{Bottleneck, Burst, LinkOptions};
use std::time::Duration;

/// One stretch of a link's life.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    /// When it begins.
    pub from: Time,
    /// What the link carries.
    pub capacity: Bitrate,
}

/// Traffic beside ours.
#[derive(Clone, Copy, Debug)]
pub struct Cross {
    /// How much of it.
    pub rate: Bitrate,
    /// It comes for this long, and stays away as long, and comes again.
    pub period: Duration,
}

/// What is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Content {
    /// A picture that follows the target as well as an encoder does, up to this rate.
    Following(Bitrate),
    /// Three layers: the highest that the target allows is sent.
    Layers,
}

/// One row of the scoreboard.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its name.
    pub name: &'static str,
    /// What the link carries, and when.
    pub capacity: Vec<Stretch>,
    /// How long the bottleneck's queue is.
    pub depth: Duration,
    /// Bytes that its token bucket lets pass at once.
    pub bucket: u64,
    /// One way.
    pub delay: Duration,
    /// Delay that varies.
    pub jitter: Duration,
    /// Chance that a packet vanishes.
    pub loss: f64,
    /// Loss in bursts.
    pub burst: Option<Burst>,
    /// Traffic beside.
    pub cross: Option<Cross>,
    /// What each receiver is sent.
    pub content: Content,
    /// When each receiver comes; all share the link.
    pub joins: Vec<Time>,
    /// The publisher's own rate, when it shrinks.
    pub publisher: Vec<Stretch>,
    /// How long it takes.
    pub length: Duration,
}

impl Plan {
    /// A steady link of `kbps` with a queue of 200 ms, and one receiver of a picture that follows.
    pub fn steady(name: &'static str, kbps: u64) -> Plan {
        Plan {
            name,
            capacity: vec![Stretch { from: Time::ZERO, capacity: Bitrate::from_kbps(kbps) }],
            depth: Duration::from_millis(200),
            bucket: 0,
            delay: Duration::from_millis(25),
            jitter: Duration::ZERO,
            loss: 0.0,
            burst: None,
            cross: None,
            content: Content::Following(Bitrate::from_kbps(10_000)),
            joins: vec![Time::ZERO],
            publisher: Vec::new(),
            length: Duration::from_secs(60),
        }
    }

    pub(super) fn stepping(name: &'static str, steps: &[(u64, u64)]) -> Plan {
        Plan { capacity: stretches(steps), ..Plan::steady(name, 0) }
    }

    /// All of the scoreboard.
    pub fn all() -> Vec<Plan> {
        let mut plans = steady_links();
        plans.extend(moving_links());
        plans.extend(lossy_links());
        plans.extend(shared_links());
        plans.extend(layered());
        plans
    }

    /// What the link carries at `at`.
    pub fn capacity_at(&self, at: Time) -> Bitrate {
        value_at(&self.capacity, at).unwrap_or_default()
    }

    /// What the publisher can give at `at`.
    pub fn publisher_at(&self, at: Time) -> Option<Bitrate> {
        value_at(&self.publisher, at)
    }

    /// The link at `at`.
    pub fn link_at(&self, at: Time) -> LinkOptions {
        let bytes_per_second = self.capacity_at(at).bps() / 8;
        let queue_bytes = bytes_per_second * self.depth.as_millis() as u64 / 1_000;
        let even = Bottleneck::even(bytes_per_second, queue_bytes);
        let bottleneck = Bottleneck { bucket_bytes: self.bucket, ..even };
        LinkOptions {
            jitter: self.jitter,
            loss: self.loss,
            burst: self.burst,
            bottleneck: Some(bottleneck),
            ..LinkOptions::clean(self.delay)
        }
    }
}

fn value_at(stretches: &[Stretch], at: Time) -> Option<Bitrate> {
    stretches.iter().rev().find(|stretch| stretch.from <= at).map(|stretch| stretch.capacity)
}

pub(super) fn stretches(steps: &[(u64, u64)]) -> Vec<Stretch> {
    let stretch = |&(s, kbps): &(u64, u64)| Stretch {
        from: Time::from_millis(s * 1_000),
        capacity: Bitrate::from_kbps(kbps),
    };
    steps.iter().map(stretch).collect()
}

fn steady_links() -> Vec<Plan> {
    let ms = Duration::from_millis;
    vec![
        Plan::steady("steady 0.3 Mbit/s", 300),
        Plan::steady("steady 1 Mbit/s", 1_000),
        Plan::steady("steady 4 Mbit/s", 4_000),
        Plan { delay: ms(100), ..Plan::steady("steady 4 Mbit/s, 200 ms there and back", 4_000) },
        Plan { jitter: ms(20), ..Plan::steady("steady 2 Mbit/s, 20 ms of jitter", 2_000) },
        Plan { depth: ms(30), ..Plan::steady("shallow queue, 2 Mbit/s", 2_000) },
        Plan { depth: ms(1_000), ..Plan::steady("deep queue, 2 Mbit/s", 2_000) },
        Plan {
            content: Content::Following(Bitrate::from_kbps(2_500)),
            ..Plan::steady("open link, 50 Mbit/s", 50_000)
        },
    ]
}

fn moving_links() -> Vec<Plan> {
    let ramp_down: Vec<(u64, u64)> = (0..=20).map(|n| (10 + n, 4_000 - 175 * n)).collect();
    let ramp_up: Vec<(u64, u64)> = (0..=20).map(|n| (10 + n, 500 + 175 * n)).collect();
    let swing: Vec<(u64, u64)> = (0..12).map(|n| (5 * n, if n % 2 == 0 { 3_000 } else { 1_000 })).collect();
    let from_start = |first: u64, mut steps: Vec<(u64, u64)>| {
        steps.insert(0, (0, first));
        steps
    };
    vec![
        Plan::stepping("ramp 4 to 0.5 Mbit/s in 20 s", &from_start(4_000, ramp_down)),
        Plan::stepping("ramp 0.5 to 4 Mbit/s in 20 s", &from_start(500, ramp_up)),
        Plan::stepping("step 4 to 1 to 4 Mbit/s", &[(0, 4_000), (20, 1_000), (40, 4_000)]),
        Plan::stepping("swings, 3 and 1 Mbit/s, 5 s each", &swing),
    ]
}

fn lossy_links() -> Vec<Plan> {
    let steady = |name| Plan::steady(name, 3_000);
    vec![
        Plan { loss: 0.02, ..steady("3 Mbit/s, 2 % random loss") },
        Plan { loss: 0.05, ..steady("3 Mbit/s, 5 % random loss") },
        Plan { loss: 0.10, ..steady("3 Mbit/s, 10 % random loss") },
        Plan { loss: 0.20, ..steady("3 Mbit/s, 20 % random loss") },
        Plan {
            burst: Some(Burst { begin: 0.003, end: 0.15, loss: 0.9 }),
            ..steady("3 Mbit/s, loss in bursts (2 %)")
        },
    ]
}

fn shared_links() -> Vec<Plan> {
    let cross = |kbps, s| Some(Cross { rate: Bitrate::from_kbps(kbps), period: Duration::from_secs(s) });
    let joins = |count: u64, apart_ms: u64| (0..count).map(|n| Time::from_millis(n * apart_ms)).collect();
    let two = Duration::from_secs(120);
    vec![
        Plan { cross: cross(1_500, 10), ..Plan::steady("3 Mbit/s, 1.5 of it others' by turns", 3_000) },
        Plan { joins: joins(2, 0), length: two, ..Plan::steady("two receivers, 4 Mbit/s", 4_000) },
        Plan {
            joins: joins(2, 20_000),
            length: two,
            ..Plan::steady("two receivers, one late, 4 Mbit/s", 4_000)
        },
        Plan { joins: joins(8, 1_000), length: two, ..Plan::steady("eight receivers, 16 Mbit/s", 16_000) },
    ]
}

fn layered() -> Vec<Plan> {
    let layers = |plan| Plan { content: Content::Layers, ..plan };
    let publisher = stretches(&[(0, 10_000), (20, 600), (40, 10_000)]);
    vec![
        layers(Plan::steady("layers, open link", 50_000)),
        layers(Plan::stepping("layers, 5 to 0.5 to 5 Mbit/s", &[(0, 5_000), (20, 500), (40, 5_000)])),
        Plan {
            depth: Duration::from_millis(1_000),
            ..layers(Plan::stepping("the same, deep queue", &[(0, 5_000), (20, 500), (40, 5_000)]))
        },
        layers(Plan::stepping(
            "layers, 4 to 0.9 to 0.3 to 4 Mbit/s",
            &[(0, 4_000), (15, 900), (30, 300), (45, 4_000)],
        )),
        layers(Plan { publisher, ..Plan::steady("layers, the publisher's uplink shrinks", 5_000) }),
    ]
}
