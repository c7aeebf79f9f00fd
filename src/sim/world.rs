//! A run: shards, people and the network between them, in virtual time.

use super::fault::Fault;
use super::houses::Houses;
use super::ledger::Ledger;
use super::mesh::{Mesh, MeshPlan};
use super::oracle::Violations;
use super::oracle::accounting::{self, Tally};
use super::oracle::amplification::AmplificationOracle;
use super::outbox::{Sent, SimOutbox};
use super::peer::{Observed, rtp};
use super::person::{Ids, Person};
use super::port::Port;
use super::queue::EventQueue;
use super::rate::call::CallWatch;
use super::scenario::{Action, Scenario};
use crate::base::random::Random;
use crate::base::{Path, SocketIndex, Time, TrackId, WallClock, WorkerId};
use crate::control::types::{Reason, TransportState};
use crate::control::{Command, Event};
use crate::shard::counters::Drop;
use crate::shard::{Datagram, MeshBatch, Shard, ShardConfig};
use crate::transport::dtls::Identity;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::LazyLock;

/// One certificate for all simulated servers: making one costs more than a handshake.
static IDENTITY: LazyLock<Identity> =
    LazyLock::new(|| Identity::generate().expect("a P-256 key and its certificate can be made"));

/// Wall clock at virtual time zero: some day in 2023.
const WALL: WallClock = WallClock::new(1_700_000_000_000_000_000);

/// DTLS datagrams are charged as this long on a link with a rate: signatures differ by some bytes
/// from run to run, and a run must repeat.
const HANDSHAKE_BYTES: usize = 600;

/// A deadline that is due again at the same moment this often never goes by.
const MAX_WAKES_AT_ONCE: u32 = 1_000;

/// What happens next.
#[derive(Debug)]
pub(super) enum Happening {
    ToShard { shard: usize, path: Path, bytes: Vec<u8> },
    ToPerson { person: usize, bytes: Vec<u8> },
    ShardWakes(usize),
    PersonWakes(usize),
    TurnEnds(usize),
    Crosses { from: usize, to: usize, batch: MeshBatch },
    CrossesAgain(usize),
    Act(Action),
    Gone(usize),
}

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

/// A run at work.
#[derive(Debug)]
pub struct World {
    pub(super) scenario: Scenario,
    pub(super) queue: EventQueue<Happening>,
    pub(super) random: Random,
    pub(super) hosts: Vec<Host>,
    pub(super) mesh: Mesh,
    pub(super) port: Port,
    pub(super) houses: Houses,
    pub(super) people: Vec<Person>,
    /// Which stay is each person's present one.
    pub(super) current: Vec<Option<usize>>,
    pub(super) owners: BTreeMap<SocketAddr, usize>,
    pub(super) ids: Ids,
    pub(super) ledger: Ledger,
    pub(super) violations: Violations,
    pub(super) amplification: AmplificationOracle,
    pub(super) fault: Option<Fault>,
    pub(super) hasher: DefaultHasher,
    pub(super) addresses: u32,
    pub(super) uplink_lost: u64,
    pub(super) media_heard: u64,
    /// By the scenario's people: how many packets they heard, and a hash of them and of when they came.
    pub(super) heard: BTreeMap<usize, (u64, DefaultHasher)>,
    pub(super) drops: BTreeMap<&'static str, u64>,
    pub(super) healed: u64,
    pub(super) redundant: u64,
    pub(super) restored: u64,
    pub(super) packets_in: u64,
    pub(super) crossed_in: u64,
    pub(super) handed_checks: u64,
    pub(super) handed_others: u64,
    pub(super) key_frame_requests: u64,
    pub(super) renewals: u64,
    pub(super) watch: Option<CallWatch>,
}

impl World {
    /// A world in which nothing has happened yet.
    pub fn new(scenario: Scenario) -> World {
        let mut random = Random::new(scenario.seed ^ 0x7369_6d75_6c61_7465);
        let hosts = (0..scenario.shards).map(|n| Host::new(random.next_u64(), n, &scenario)).collect();
        let mut world = World {
            queue: EventQueue::default(),
            // Apart from the shards' luck, so that their number does not change everything else.
            random: Random::new(scenario.seed ^ 0x6e65_7477_6f72_6b73),
            hosts,
            mesh: Mesh::new(scenario.seed ^ 0x6d65_7368),
            port: Port::default(),
            houses: Houses::default(),
            people: Vec::new(),
            current: vec![None; scenario.people.len()],
            owners: BTreeMap::new(),
            ids: Ids::default(),
            ledger: Ledger { is_spread: scenario.spreads, ..Ledger::default() },
            violations: Violations::default(),
            amplification: AmplificationOracle::default(),
            fault: None,
            hasher: DefaultHasher::new(),
            addresses: 0,
            uplink_lost: 0,
            media_heard: 0,
            heard: BTreeMap::new(),
            drops: BTreeMap::new(),
            healed: 0,
            redundant: 0,
            restored: 0,
            packets_in: 0,
            crossed_in: 0,
            handed_checks: 0,
            handed_others: 0,
            key_frame_requests: 0,
            renewals: 0,
            watch: None,
            scenario,
        };
        let actions = world.scenario.actions.clone();
        actions.into_iter().for_each(|(at, action)| world.queue.schedule(at, Happening::Act(action)));
        world
    }

    /// Lets something go wrong behind the shards' backs, for an oracle to find.
    pub fn plant(&mut self, fault: Fault) {
        self.fault = Some(fault);
    }

    /// Runs to the end.
    pub fn run(&mut self) {
        let end = self.scenario.end;
        while self.queue.next_at().is_some_and(|at| at <= end) {
            let Some((now, happening)) = self.queue.pop() else { break };
            self.happen(now, happening);
        }
    }

    fn happen(&mut self, now: Time, happening: Happening) {
        match happening {
            Happening::ToShard { shard, path, bytes } => self.deliver_to_shard(now, shard, path, &bytes),
            Happening::ToPerson { person, bytes } => {
                if self.people[person].present {
                    self.people[person].peer.on_datagram(now, &bytes);
                    self.after_person(now, person);
                }
            }
            Happening::ShardWakes(shard) => self.wake_shard(now, shard),
            Happening::PersonWakes(person) => self.wake_person(now, person),
            Happening::TurnEnds(shard) => self.end_turn(now, shard),
            Happening::Crosses { from, to, batch } => self.deliver_batch(now, from, to, batch),
            Happening::CrossesAgain(shard) => self.cross_again(now, shard),
            Happening::Act(action) => self.act(now, action),
            Happening::Gone(person) => self.tell_gone(now, person),
        }
    }

    /// A command is a turn of its own, so that what it changes has one moment.
    pub(super) fn command(&mut self, now: Time, shard: usize, command: Command) {
        self.end_turn(now, shard);
        let host = &mut self.hosts[shard];
        host.shard.on_command(now, command, &mut host.outbox);
        self.end_turn(now, shard);
    }

    fn deliver_to_shard(&mut self, now: Time, meant: usize, path: Path, bytes: &[u8]) {
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

    fn wake_shard(&mut self, now: Time, shard: usize) {
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

    /// From a shard to wherever its datagram goes.
    fn route(&mut self, now: Time, shard: usize, sent: Sent) {
        let is_media = sent.bytes.first().is_some_and(|first| (128..=191).contains(first));
        let tally = &mut self.hosts[shard].tally;
        let is_rtcp = is_media && rtp::is_rtcp(&sent.bytes);
        tally.rtp_out += u64::from(is_media && !is_rtcp);
        tally.rtcp_out += u64::from(is_rtcp);
        let Some(&owner) = self.owners.get(&sent.path.remote) else {
            let (to, bytes) = (sent.path.remote, sent.bytes.len());
            return self.amplification.on_answer(now, to, bytes, &mut self.violations);
        };
        let person = &mut self.people[owner];
        if is_media {
            let viewer = (person.participant, &person.peer);
            person.wiretap.on_datagram(now, &sent.bytes, viewer, &self.ledger, &mut self.violations);
            for (at, heard) in person.wiretap.take_heard() {
                (owner, at, "sent").hash(&mut self.hasher);
                hash_heard(&heard, &mut self.hasher);
            }
        }
        if !person.present || person.address != sent.path.remote {
            return;
        }
        let wait = person.down.wait(now);
        let arrivals = person.down.send(now, charged(&sent.bytes));
        if let Some(watch) = self.watch.as_mut().filter(|_| is_media && !is_rtcp) {
            watch.on_sent(now, (person.who, wait), person.peer.seats(), &sent.bytes, &arrivals);
        }
        for at in arrivals {
            let bytes = sent.bytes.clone();
            self.queue.schedule(at, Happening::ToPerson { person: owner, bytes });
        }
    }

    fn wake_person(&mut self, now: Time, person: usize) {
        let entry = &mut self.people[person];
        if !entry.present || entry.wakes_at > now {
            return;
        }
        entry.wakes_at = Time::NEVER;
        entry.peer.on_timeout(now);
        self.after_person(now, person);
    }

    /// Sends what a peer has to say, and notes what came out of it.
    pub(super) fn after_person(&mut self, now: Time, person: usize) {
        for bytes in self.people[person].peer.take_outgoing() {
            self.send_up(now, person, bytes);
        }
        for observed in self.people[person].peer.take_observed() {
            self.observe(now, person, observed);
        }
        let entry = &mut self.people[person];
        let at = entry.peer.next_deadline();
        if entry.present && at < entry.wakes_at {
            entry.wakes_at = at.max(now);
            self.queue.schedule(at, Happening::PersonWakes(person));
        }
    }

    fn send_up(&mut self, now: Time, person: usize, bytes: Vec<u8>) {
        let entry = &mut self.people[person];
        let path = Path { socket: SocketIndex(0), remote: entry.address };
        let arrivals = entry.up.send(now, charged(&bytes));
        self.uplink_lost += u64::from(arrivals.is_empty());
        for at in arrivals {
            let bytes = bytes.clone();
            self.queue.schedule(at, Happening::ToShard { shard: self.people[person].shard, path, bytes });
        }
    }

    fn observe(&mut self, now: Time, person: usize, observed: Observed) {
        let entry = &mut self.people[person];
        match observed {
            Observed::Keys(keys) => {
                entry.wiretap.set_keys(&keys);
                if let Some(fault) = &mut self.fault {
                    fault.on_keys(person, &keys);
                }
                if entry.peer.dtls().peer_certificate() != Some(IDENTITY.certificate()) {
                    self.violations.add(now, "peer", || "the server shows another certificate".to_owned());
                }
            }
            Observed::Media(heard) => {
                (person, now, "heard").hash(&mut self.hasher);
                hash_heard(&heard, &mut self.hasher);
                let (packets, hasher) = self.heard.entry(entry.who).or_default();
                *packets += 1;
                now.hash(hasher);
                hash_heard(&heard, hasher);
                self.media_heard += 1;
                if let Some(watch) = &mut self.watch {
                    watch.on_heard(now, entry.who, entry.peer.seats(), heard.slot);
                }
            }
            Observed::Wrong(slot, wrong) => {
                self.violations.add(now, "peer", || format!("{slot:?} gets {wrong:?}"));
            }
            Observed::UnreadableControl => {
                self.violations.add(now, "peer", || "RTCP that cannot be read".to_owned());
            }
            Observed::Control(message) => (person, now, format!("{message:?}")).hash(&mut self.hasher),
        }
    }

    /// An address nobody had before.
    pub(super) fn fresh_address(&mut self) -> SocketAddr {
        self.addresses += 1;
        let [a, b, c, d] = self.addresses.to_be_bytes();
        SocketAddr::from((Ipv4Addr::new(10 | a, b, c, d), 40_000 + (self.addresses % 20_000) as u16))
    }
}

impl Host {
    fn new(seed: u64, number: usize, scenario: &Scenario) -> Host {
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

fn charged(datagram: &[u8]) -> usize {
    if rtp::is_dtls(datagram) { HANDSHAKE_BYTES } else { datagram.len() }
}

fn hash_heard(heard: &super::peer::seat::Heard, hasher: &mut DefaultHasher) {
    let tag = &heard.tag;
    (heard.slot, heard.index, heard.timestamp, heard.resent).hash(hasher);
    (tag.room, tag.source(), tag.index, tag.captured, tag.frame, tag.key).hash(hasher);
}
