//! A simulated worker: one shard, what is told to it and what comes out at the end of each of its turns.

use super::ledger::Ledger;
use super::mesh::MeshPlan;
use super::oracle::Violations;
use super::oracle::accounting::{self, Tally};
use super::outbox::SimOutbox;
use super::person::Person;
use super::scenario::Scenario;
use super::world::{Happening, World};
use crate::base::{Path, Time, TrackId, WallClock, WorkerId};
use crate::control::types::{Reason, TransportState};
use crate::control::{Command, Event};
use crate::shard::counters::Drop;
use crate::shard::{Datagram, Shard, ShardConfig};
use crate::transport::dtls::Identity;
use std::sync::LazyLock;

/// One certificate for all simulated servers: making one costs more than a handshake.
pub(super) static IDENTITY: LazyLock<Identity> =
    LazyLock::new(|| Identity::generate().expect("a P-256 key and its certificate can be made"));

/// Wall clock at virtual time zero: some day in 2023.
const WALL: WallClock = WallClock::new(1_700_000_000_000_000_000);

/// A deadline that is due again at the same moment this often never goes by.
const MAX_WAKES_AT_ONCE: u32 = 1_000;

/// A shard with what a worker would keep for it.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) shard: Shard,
    pub(super) outbox: SimOutbox,
    pub(super) wakes_at: Time,
    pub(super) wakes_at_once: u32,
    pub(super) in_turn: bool,
    pub(super) crosses_again: bool,
    pub(super) tally: Tally,
}

impl World {
    /// A command is a turn of its own, so that what it changes has one moment.
    pub(super) fn command(&mut self, now: Time, shard: usize, command: Command) {
        self.end_turn(now, shard);
        let host = &mut self.hosts[shard];
        host.shard.on_command(now, command, &mut host.outbox);
        self.end_turn(now, shard);
    }

    pub(super) fn deliver_to_shard(&mut self, now: Time, meant: usize, path: Path, bytes: &[u8]) {
        let shard = self.port.choose(self.scenario.ports, (meant, self.hosts.len()), path.remote);
        if let Some(person) = self.owners.get(&path.remote) {
            self.people[*person].note_arrived(bytes);
        } else {
            self.amplification.on_question(path.remote, bytes.len());
        }
        let host = &mut self.hosts[shard];
        host.tally.datagrams_in += 1;
        host.shard.on_datagram(now, Datagram { path, arrived: arrived(now, bytes), bytes }, &mut host.outbox);
        self.end_turn_soon(now, shard);
    }

    /// Ends the shard's turn when the time of a turn is over.
    pub(super) fn end_turn_soon(&mut self, now: Time, shard: usize) {
        if self.scenario.turn.is_zero() {
            return self.end_turn(now, shard);
        }
        if !std::mem::replace(&mut self.hosts[shard].in_turn, true) {
            self.queue.schedule(now + self.scenario.turn, Happening::TurnEnds(shard));
        }
    }

    pub(super) fn wake_shard(&mut self, now: Time, shard: usize) {
        let host = &mut self.hosts[shard];
        if host.wakes_at > now {
            return;
        }
        host.wakes_at = Time::NEVER;
        if host.shard.next_deadline().is_some_and(|at| at <= now) {
            host.shard.on_timeout(now, &mut host.outbox);
        }
        self.end_turn(now, shard);
    }

    /// Exports a shard and lets another go on with what it left.
    pub(super) fn replace_shard(&mut self, now: Time, shard: usize) {
        // Who takes over lets the others take what was meant for them first.
        let plan = std::mem::replace(&mut self.scenario.mesh, MeshPlan::CALM);
        self.end_turn(now, shard);
        self.scenario.mesh = plan;
        let host = &mut self.hosts[shard];
        let state = host.shard.export(now, &mut host.outbox);
        self.end_turn(now, shard);
        let seed = self.random.next_u64();
        let old = std::mem::replace(&mut self.hosts[shard], Host::new(seed, shard, &self.scenario));
        self.retire(now, &old);
        let host = &mut self.hosts[shard];
        if let Err(error) = host.shard.import(now, state, &mut host.outbox) {
            self.violations.add(now, "renewal", || error.to_string());
        }
        let served = self.people.iter_mut().filter(|person| person.shard == shard);
        for person in served {
            person.wiretap.sequence.on_renewal();
            person.wiretap.pictures.on_renewal();
        }
        self.renewals += 1;
        self.end_turn(now, shard);
    }

    /// Judges a shard that has nothing more to do.
    pub(super) fn retire(&mut self, now: Time, host: &Host) {
        let counters = host.shard.counters();
        accounting::check(now, &host.tally, counters, &mut self.violations);
        self.healed += counters.healed;
        self.redundant += counters.redundant;
        self.restored += counters.restored;
        self.packets_in += counters.packets_in;
        self.crossed_in += counters.crossed_in;
        self.handed_checks += counters.handed_checks;
        self.handed_others += counters.handed_dtls + counters.handed_media;
        self.key_frame_requests += counters.key_frame_requests;
        for cause in Drop::ALL {
            *self.drops.entry(cause.label()).or_default() += counters.dropped(*cause);
        }
    }

    pub(super) fn end_turn(&mut self, now: Time, shard: usize) {
        let host = &mut self.hosts[shard];
        host.in_turn = false;
        self.cross(now, shard);
        let host = &mut self.hosts[shard];
        host.shard.depart(now, &mut host.outbox);
        let mut wanted = Vec::new();
        while let Some(event) = host.shard.poll_event() {
            wanted.extend(layers_of(&event));
            note_event(now, event, &self.scenario.ends, &mut self.ledger, &mut self.violations);
        }
        for (track, layers) in wanted {
            let publishes = |person: &&mut Person| person.tracks.iter().any(|(_, own)| *own == track);
            self.people.iter_mut().filter(publishes).for_each(|person| person.peer.set_wanted(track, layers));
        }
        // Before the answers, as a worker does.
        self.hosts[shard].shard.steering().for_each(|news| self.port.follow(shard, news));
        let mut sent = self.hosts[shard].outbox.flush();
        if let Some(fault) = &mut self.fault {
            fault.tamper(&mut sent, &self.owners, &self.people);
        }
        for datagram in sent {
            self.route(now, shard, datagram);
        }
        self.schedule_shard(now, shard);
    }

    fn schedule_shard(&mut self, now: Time, shard: usize) {
        let host = &mut self.hosts[shard];
        let Some(at) = host.shard.next_deadline() else { return };
        host.wakes_at_once = if at <= now { host.wakes_at_once + 1 } else { 0 };
        assert!(host.wakes_at_once < MAX_WAKES_AT_ONCE, "a deadline at {at:?} never goes by");
        if at < host.wakes_at {
            host.wakes_at = at.max(now);
            self.queue.schedule(at, Happening::ShardWakes(shard));
        }
    }
}

impl Host {
    /// A worker with a new shard.
    pub(super) fn new(seed: u64, number: usize, scenario: &Scenario) -> Host {
        let config = ShardConfig {
            identity: IDENTITY.clone(),
            wall: WALL,
            seed,
            deterministic_dtls: true,
            max_transports: 1_000,
        };
        let mut shard = Shard::new(config);
        shard.set_gathering_window(scenario.gathering);
        shard.join_mesh(WorkerId(number as u16), scenario.shards as u16);
        shard.set_mesh_room(scenario.mesh.waiting);
        Host {
            shard,
            outbox: SimOutbox::default(),
            wakes_at: Time::NEVER,
            wakes_at_once: 0,
            in_turn: false,
            crosses_again: false,
            tally: Tally::default(),
        }
    }
}

/// A datagram lay in the socket for a while before the shard looked at it: up to a millisecond, by
/// its length, so that the same run has the same lags.
fn arrived(now: Time, bytes: &[u8]) -> Time {
    Time::from_nanos(now.as_nanos().saturating_sub(bytes.len() as u64 * 7_919 % 1_000_000))
}

fn layers_of(event: &Event) -> Option<(TrackId, u8)> {
    match event {
        Event::Layers { track, wanted } => Some((*track, *wanted)),
        _ => None,
    }
}

fn note_event(now: Time, event: Event, ends: &[Reason], ledger: &mut Ledger, violations: &mut Violations) {
    match event {
        Event::Slot { slot, track } => match ledger.slots.get_mut(&slot) {
            Some(entry) => entry.shows.change(now, track),
            None => violations.add(now, "events", || format!("{slot:?} was never opened")),
        },
        Event::Transport { transport, state } => {
            if ledger.has_ended(transport) {
                violations.add(now, "events", || format!("{transport:?} is {state:?} after its end"));
            }
            ledger.told.push((now, transport, state));
            let TransportState::Ended { reason } = state else { return };
            if !ends.contains(&reason) {
                violations.add(now, "events", || format!("{transport:?} ended: {reason:?}"));
            }
            if let Some(participant) = ledger.owners.get(&transport) {
                ledger.leave(*participant);
            }
        }
        Event::Refused { id, reason } => {
            violations.add(now, "events", || format!("a command about {id} is refused: {reason:?}"));
        }
        Event::Speaks { participant, speaks: true } => {
            ledger.speakers.iter_mut().for_each(|speakers| _ = speakers.insert(participant));
            ledger.turns.push((now, participant));
        }
        Event::SlotLayer { slot, layer } => ledger.layers.push((now, slot, layer)),
        Event::Restrained { room, restraint } => ledger.restrained.push((now, room, restraint)),
        Event::Ready { .. }
        | Event::TrackStats { .. }
        | Event::LinkStats { .. }
        | Event::RoomLoad { .. }
        | Event::Answered { .. }
        | Event::Lost { .. }
        | Event::Load { .. }
        | Event::Layers { .. }
        | Event::Media { .. }
        | Event::Speaks { .. } => {}
    }
}
