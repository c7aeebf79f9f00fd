//! One row at work.

use super::flow::{Flow, Kind, Packet};
use super::plan::Plan;
use super::score::{Score, Seen, Watch};
use super::source::{SOUND_INTERVAL, interval};
use crate::base::Time;
use crate::base::random::Random;
use crate::media::bwe::Estimator;
use crate::sim::link::{Link, LinkOptions};
use crate::sim::queue::EventQueue;
use std::time::Duration;

/// Between packets of traffic beside ours: full ones.
const CROSS_BYTES: u64 = 1_200;
/// How often a watcher is shown what goes on.
const SHOWN_EVERY: Duration = Duration::from_millis(100);

#[derive(Debug)]
enum Event {
    Joins(usize),
    Sound(usize),
    Picture(usize),
    Wakes(usize),
    Arrives(usize, u16, Packet),
    FeedbackDue(usize),
    Feedback(usize, Vec<u8>),
    LinkChanges,
    Cross,
}

struct Run<'a> {
    plan: &'a Plan,
    queue: EventQueue<Event>,
    link: Link,
    back: Link,
    flows: Vec<Option<Flow>>,
    wakes_at: Vec<Time>,
    feedback_at: Vec<Time>,
    watch: Watch,
    random: Random,
}

/// Runs `plan` with the luck of `seed`.
pub fn run(plan: &Plan, seed: u64) -> Score {
    run_watched(plan, seed, |_, _, _| {})
}

/// The same; `watch` is shown each receiver's estimator and what a packet would wait, ten times a
/// second.
pub fn run_watched(plan: &Plan, seed: u64, mut watch: impl FnMut(Time, &[&Estimator], Duration)) -> Score {
    let mut random = Random::new(seed);
    let mut run = Run {
        plan,
        queue: EventQueue::default(),
        link: Link::new(plan.link_at(Time::ZERO), random.next_u64()),
        back: Link::new(LinkOptions::clean(plan.delay), random.next_u64()),
        flows: plan.joins.iter().map(|_| None).collect(),
        wakes_at: vec![Time::NEVER; plan.joins.len()],
        feedback_at: vec![Time::NEVER; plan.joins.len()],
        watch: Watch::new(plan),
        random,
    };
    for (flow, &at) in plan.joins.iter().enumerate() {
        run.queue.schedule(at, Event::Joins(flow));
    }
    for stretch in &plan.capacity {
        run.queue.schedule(stretch.from, Event::LinkChanges);
    }
    if plan.cross.is_some() {
        run.queue.schedule(Time::ZERO, Event::Cross);
    }
    let end = Time::ZERO + plan.length;
    let mut shown = Time::ZERO;
    while let Some((now, event)) = run.queue.pop()
        && now < end
    {
        if now >= shown {
            shown = now + SHOWN_EVERY;
            let estimators: Vec<_> = run.flows.iter().flatten().map(|flow| &flow.estimator).collect();
            watch(now, &estimators, run.link.wait(now));
        }
        run.happen(now, event);
    }
    let seen = run.flows.iter().flatten().map(|flow| Seen {
        longest_gap: flow.viewer.longest_gap(),
        switches: flow.source.switches(),
        stops: 0,
    });
    let seen: Vec<Seen> = seen.collect();
    run.watch.score(plan, &seen)
}

impl Run<'_> {
    fn happen(&mut self, now: Time, event: Event) {
        match event {
            Event::Joins(flow) => {
                self.flows[flow] = Some(Flow::new(now, self.plan.content, self.random.next_u64()));
                self.queue.schedule(now, Event::Sound(flow));
                let apart = Duration::from_micros(self.random.below(interval().as_micros() as u64));
                self.queue.schedule(now + apart, Event::Picture(flow));
            }
            Event::Sound(flow) => {
                self.flow(flow).sound(now);
                self.queue.schedule(now + SOUND_INTERVAL, Event::Sound(flow));
                self.depart(now, flow);
            }
            Event::Picture(flow) => {
                let plan = self.plan;
                self.flow(flow).picture(now, plan);
                self.queue.schedule(now + interval(), Event::Picture(flow));
                self.depart(now, flow);
            }
            Event::Wakes(flow) => {
                if self.wakes_at[flow] <= now {
                    self.wakes_at[flow] = Time::NEVER;
                    self.depart(now, flow);
                }
            }
            Event::Arrives(flow, sequence, packet) => self.arrive(now, flow, sequence, packet),
            Event::FeedbackDue(flow) => {
                self.feedback_at[flow] = Time::NEVER;
                self.send_feedback(now, flow);
            }
            Event::Feedback(flow, bytes) => {
                self.flow(flow).on_feedback(now, &bytes);
                self.depart(now, flow);
            }
            Event::LinkChanges => self.link.set_options(self.plan.link_at(now)),
            Event::Cross => self.cross(now),
        }
    }

    fn flow(&mut self, flow: usize) -> &mut Flow {
        self.flows[flow].as_mut().expect("it has joined")
    }

    fn depart(&mut self, now: Time, at: usize) {
        let departing = self.flow(at).depart(now);
        for (sequence, packet) in departing {
            let wait = self.link.wait(now);
            let arrivals = self.link.send(now, packet.bytes as usize);
            self.watch.on_sent(now, wait, packet.kind != Kind::Probe, arrivals.is_empty());
            for arrives in arrivals {
                self.queue.schedule(arrives, Event::Arrives(at, sequence, packet));
            }
        }
        let flow = self.flow(at);
        let (deadline, is_at_top) = (flow.deadline(now), flow.source.is_at_top());
        self.watch.on_layer(now, is_at_top);
        if deadline < self.wakes_at[at] {
            self.wakes_at[at] = deadline;
            self.queue.schedule(deadline, Event::Wakes(at));
        }
    }

    fn arrive(&mut self, now: Time, at: usize, sequence: u16, packet: Packet) {
        if matches!(packet.kind, Kind::Sound | Kind::Picture) {
            self.watch.on_arrived(now, at, packet.bytes);
        }
        while self.flow(at).viewer.on_packet(now, sequence, packet.part) {
            self.send_feedback(now, at);
        }
        let due = self.flow(at).viewer.deadline();
        if due < self.feedback_at[at] {
            self.feedback_at[at] = due;
            self.queue.schedule(due, Event::FeedbackDue(at));
        }
    }

    fn send_feedback(&mut self, now: Time, at: usize) {
        let Some(bytes) = self.flow(at).viewer.feedback() else { return };
        for arrives in self.back.send(now, bytes.len()) {
            self.queue.schedule(arrives, Event::Feedback(at, bytes.clone()));
        }
    }

    fn cross(&mut self, now: Time) {
        let Some(cross) = self.plan.cross else { return };
        let period = cross.period.as_millis() as u64;
        if now.as_millis() / period % 2 == 1 {
            self.link.send(now, CROSS_BYTES as usize);
        }
        // As unsteady as traffic is: half to one and a half times as long.
        let mean = cross.rate.time_for(CROSS_BYTES).as_micros() as u64;
        self.queue.schedule(now + Duration::from_micros(mean / 2 + self.random.below(mean)), Event::Cross);
    }
}
