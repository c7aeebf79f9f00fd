//! A run: shards, people and the network between them, in virtual time.

use super::fault::Fault;
use super::host::Host;
use super::houses::Houses;
use super::ledger::Ledger;
use super::mesh::Mesh;
use super::oracle::Violations;
use super::oracle::amplification::AmplificationOracle;
use super::person::{Ids, Person};
use super::port::Port;
use super::queue::EventQueue;
use super::rate::call::CallWatch;
use super::scenario::{Action, Scenario};
use crate::base::random::Random;
use crate::base::{Path, Time};
use crate::shard::MeshBatch;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::DefaultHasher;
use std::net::{Ipv4Addr, SocketAddr};

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
            ledger: Ledger {
                is_spread: scenario.spreads,
                speakers: scenario.speakers_only.then(BTreeSet::new),
                ..Ledger::default()
            },
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

    /// An address nobody had before.
    pub(super) fn fresh_address(&mut self) -> SocketAddr {
        self.addresses += 1;
        let [a, b, c, d] = self.addresses.to_be_bytes();
        SocketAddr::from((Ipv4Addr::new(10 | a, b, c, d), 40_000 + (self.addresses % 20_000) as u16))
    }
}
