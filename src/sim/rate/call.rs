//! The scoreboard's second table: a simulated publisher of three layers, receivers, and a real shard between
//! them, so that what is chosen, switched, paced and restored is the product's own.

use super::plan::{Content, Plan, Stretch, stretches};
use super::score::{Score, Seen, Watch};
use crate::base::{Bitrate, SlotId, Time};
use crate::control::types::{Codec, Kind};
use crate::sim::link::LinkOptions;
use crate::sim::oracle::Violation;
use crate::sim::payload::Tag;
use crate::sim::peer::publisher::Rate;
use crate::sim::peer::seat::Seat;
use crate::sim::scenario::{Action, PersonPlan, Scenario};
use crate::sim::svc::Svc;
use crate::sim::world::World;
use std::collections::BTreeMap;
use std::time::Duration;

/// What pages are asked for.
const RATES: [Rate; 3] = [
    Rate { bits_per_second: 150_000, pictures: 15 },
    Rate { bits_per_second: 500_000, pictures: 30 },
    Rate { bits_per_second: 2_500_000, pictures: 30 },
];
/// What libwebrtc makes of three spatial layers of a picture of 1280 × 720.
const SPATIAL_RATES: [Rate; 3] = [
    Rate { bits_per_second: 142_000, pictures: 30 },
    Rate { bits_per_second: 418_000, pictures: 30 },
    Rate { bits_per_second: 1_524_000, pictures: 30 },
];
const TOP: u8 = 2;
/// Three pictures at 30 a second: where people begin to see that a picture stands still.
const STOP: Duration = Duration::from_millis(100);

/// One row.
#[derive(Clone, Debug)]
pub struct CallPlan {
    /// The receivers' links, each of its own, and when they come.
    pub down: Plan,
    /// From the publisher to the server.
    pub up: LinkOptions,
    /// Publishers, each shown to every receiver.
    pub publishers: usize,
    /// Whether receivers tell their own estimate instead of arrival times.
    pub remb: bool,
    /// Whether pictures come with what restores them (RFC 5109).
    pub fec: bool,
    /// When the publisher gives up the top layer, and takes it up again.
    pub gives_up_top: Option<(Time, Time)>,
    /// Whether the layers are spatial ones of one encoding.
    pub svc: Option<Svc>,
}

impl CallPlan {
    fn new(down: Plan) -> CallPlan {
        let down = Plan { content: Content::Layers, ..down };
        let up = LinkOptions::clean(Duration::from_millis(25));
        CallPlan { down, up, publishers: 1, remb: false, fec: false, gives_up_top: None, svc: None }
    }

    /// All of them.
    pub fn all() -> Vec<CallPlan> {
        let drop_and_back = [(0, 5_000), (20, 500), (40, 5_000)];
        let stepping = |name: &'static str, steps: &[(u64, u64)]| CallPlan::new(Plan::stepping(name, steps));
        let open = |name| CallPlan::new(Plan::steady(name, 50_000));
        let far = Duration::from_millis(100);
        let lossy_up = |name, fec| CallPlan {
            up: LinkOptions { loss: 0.05, ..LinkOptions::clean(far) },
            fec,
            ..open(name)
        };
        let second = |s: u64| Time::from_millis(1_000 * s);
        vec![
            open("open link"),
            stepping("5 to 0.5 to 5 Mbit/s", &drop_and_back),
            CallPlan::new(Plan {
                depth: Duration::from_millis(1_000),
                ..Plan::stepping("the same, deep queue", &drop_and_back)
            }),
            stepping("4 to 0.9 to 0.3 to 4 Mbit/s", &[(0, 4_000), (15, 900), (30, 300), (45, 4_000)]),
            CallPlan::new(Plan { loss: 0.05, ..Plan::steady("4 Mbit/s, 5 % random loss", 4_000) }),
            CallPlan::new(Plan {
                loss: 0.05,
                delay: far,
                ..Plan::steady("the same, 200 ms there and back", 4_000)
            }),
            CallPlan { publishers: 2, ..CallPlan::new(Plan::steady("two pictures, 4 Mbit/s", 4_000)) },
            CallPlan {
                gives_up_top: Some((second(20), second(40))),
                ..open("the publisher pauses its top layer")
            },
            CallPlan { remb: true, ..open("REMB, open link") },
            CallPlan { remb: true, ..stepping("REMB, 5 to 0.5 to 5 Mbit/s", &drop_and_back) },
            lossy_up("uplink of 200 ms, 5 % loss", false),
            lossy_up("the same with ULPFEC", true),
        ]
    }

    /// The same with three spatial layers of one encoding.
    pub fn layered(svc: Svc, steps: &[(u64, u64)]) -> CallPlan {
        CallPlan { svc: Some(svc), ..CallPlan::new(Plan::stepping("spatial layers", steps)) }
    }

    fn scenario(&self, seed: u64) -> Scenario {
        let mut scenario = Scenario::simple(seed).quiet();
        (scenario.turn, scenario.gathering) = (Duration::ZERO, Duration::ZERO);
        let clean = LinkOptions::clean(self.down.delay);
        let person = PersonPlan {
            video: None,
            pairs: 0,
            audio_seats: 0,
            rtx: true,
            red: true,
            transport_cc: !self.remb,
            down: clean,
            up: clean,
            ..scenario.people[0].clone()
        };
        let publisher = PersonPlan {
            video: Some(match self.svc {
                None => Codec::Vp8,
                Some(Svc::Key) => Codec::Vp9,
                Some(Svc::Full) => Codec::Av1,
            }),
            layers: if self.svc.is_some() { 1 } else { 3 },
            rates: Some(if self.svc.is_some() { SPATIAL_RATES } else { RATES }),
            svc: self.svc,
            fec: self.fec,
            transport_cc: true,
            up: self.up,
            ..person.clone()
        };
        let receiver = PersonPlan {
            pairs: self.publishers,
            remb: self.remb,
            down: self.down.link_at(Time::ZERO),
            ..person
        };
        scenario.people = vec![publisher; self.publishers];
        scenario.people.extend(vec![receiver; self.down.joins.len()]);
        scenario.actions = (0..self.publishers).map(|who| (Time::ZERO, Action::Join(who))).collect();
        let receivers = self.publishers..scenario.people.len();
        scenario
            .actions
            .extend(receivers.clone().zip(&self.down.joins).map(|(who, at)| (*at, Action::Join(who))));
        for stretch in self.down.capacity.iter().skip(1) {
            let network = |who| self.network(who, stretch);
            scenario.actions.extend(receivers.clone().map(|who| (stretch.from, network(who))));
        }
        if let Some((from, until)) = self.gives_up_top {
            let fail = |failing| match self.svc {
                None => Action::Fail { who: 0, layer: TOP, failing },
                Some(_) => Action::Spatial { who: 0, layers: if failing { 2 } else { 3 } },
            };
            scenario.actions.extend([(from, fail(true)), (until, fail(false))]);
        }
        scenario.actions.sort_by_key(|(at, _)| *at);
        scenario.end = Time::ZERO + self.down.length;
        scenario
    }

    fn network(&self, who: usize, stretch: &Stretch) -> Action {
        let up = Box::new(LinkOptions::clean(self.down.delay));
        Action::Network { who, up, down: Box::new(self.down.link_at(stretch.from)) }
    }

    /// What could be given is one picture for each publisher.
    fn judged_by(&self) -> Plan {
        let joins = self.down.joins.iter().flat_map(|at| vec![*at; self.publishers]).collect();
        let top = |(from, until): (Time, Time)| {
            let kbps = |kbps| Bitrate::from_kbps(kbps);
            let stretch = |from, capacity| Stretch { from, capacity };
            vec![stretch(Time::ZERO, kbps(10_000)), stretch(from, kbps(600)), stretch(until, kbps(10_000))]
        };
        let publisher = self.gives_up_top.map_or_else(|| stretches(&[]), top);
        Plan { joins, publisher, ..self.down.clone() }
    }
}

/// Runs `plan` with the luck of `seed`; the oracles' findings beside the score.
pub fn run(plan: &CallPlan, seed: u64) -> (Score, Vec<Violation>) {
    let (score, _, violations) = run_watched(plan, seed);
    (score, violations)
}

/// The same, and each picture that was shown: when, and of which layer.
pub fn run_watched(plan: &CallPlan, seed: u64) -> (Score, Vec<(Time, u8)>, Vec<Violation>) {
    let mut world = World::new(plan.scenario(seed));
    world.watch = Some(CallWatch::new(plan));
    world.run();
    let end = Time::ZERO + plan.down.length;
    let mut watch = world.watch.take().expect("it was just put there");
    let pictures = std::mem::take(&mut watch.pictures);
    (watch.score(plan, end), pictures, world.judge().violations)
}

/// Watches the receivers of a call.
#[derive(Debug)]
pub(in crate::sim) struct CallWatch {
    watch: Watch,
    /// Which of the scenario's people is the first receiver.
    first: usize,
    publishers: usize,
    shown: BTreeMap<(usize, SlotId), Shown>,
    pictures: Vec<(Time, u8)>,
}

/// What one seat has shown.
#[derive(Clone, Copy, Debug)]
struct Shown {
    layer: u8,
    /// The newest picture that is whole.
    frame: Option<u32>,
    at: Time,
    seen: Seen,
}

impl CallWatch {
    fn new(plan: &CallPlan) -> CallWatch {
        let watch = Watch::new(&plan.judged_by());
        let (first, publishers) = (plan.publishers, plan.publishers);
        CallWatch { watch, first, publishers, shown: BTreeMap::new(), pictures: Vec::new() }
    }

    /// A packet of media leaves for somebody.
    pub(in crate::sim) fn on_sent(
        &mut self,
        now: Time,
        (who, wait): (usize, Duration),
        seats: &[Seat],
        bytes: &[u8],
        arrivals: &[Time],
    ) {
        let Some(receiver) = who.checked_sub(self.first) else { return };
        let ssrc = bytes.get(8..12).map(|ssrc| u32::from_be_bytes([ssrc[0], ssrc[1], ssrc[2], ssrc[3]]));
        let is_own = seats.iter().any(|seat| Some(seat.options().ssrc.0) == ssrc);
        self.watch.on_sent(now, wait, is_own, arrivals.is_empty());
        for &at in arrivals.iter().filter(|_| is_own) {
            self.watch.on_arrived(at, receiver * self.publishers, bytes.len() as u64);
        }
    }

    /// A packet of media has come to a seat of somebody's.
    pub(in crate::sim) fn on_heard(&mut self, now: Time, who: usize, seats: &[Seat], slot: SlotId) {
        let is_it = |seat: &&Seat| seat.options().slot == slot && seat.options().kind == Kind::Video;
        let Some((tag, _)) = seats.iter().find(is_it).and_then(|seat| seat.decoder().shown()) else { return };
        let tag = Tag { layer: tag.svc.map_or(tag.layer, |place| place.spatial), ..tag };
        let whole = if tag.last { Some(tag.frame) } else { tag.frame.checked_sub(1) };
        let first = Shown { layer: tag.layer, frame: None, at: now, seen: Seen::default() };
        let shown = self.shown.entry((who, slot)).or_insert(first);
        if shown.layer == tag.layer && whole <= shown.frame || shown.layer != tag.layer && !tag.last {
            return;
        }
        if shown.frame.is_some() {
            let gap = now.since(shown.at);
            shown.seen.longest_gap = shown.seen.longest_gap.max(gap);
            shown.seen.stops += u32::from(gap >= STOP);
            shown.seen.switches += u32::from(shown.layer != tag.layer);
        }
        (shown.layer, shown.frame, shown.at) = (tag.layer, whole, now);
        self.pictures.push((now, tag.layer));
        self.watch.on_layer(now, tag.layer == TOP);
    }

    fn score(self, plan: &CallPlan, end: Time) -> Score {
        let until_the_end = |shown: &Shown| Seen {
            longest_gap: shown.seen.longest_gap.max(end.since(shown.at)),
            ..shown.seen
        };
        let seen: Vec<Seen> = self.shown.values().map(until_the_end).collect();
        let score = self.watch.score(&plan.judged_by(), &seen);
        let stops = Some(seen.iter().map(|seen| seen.stops).sum()).filter(|_| plan.up.loss > 0.0);
        // What several pictures of one receiver got is not told apart.
        Score { stops, shares: score.shares.filter(|_| plan.publishers == 1), ..score }
    }
}
