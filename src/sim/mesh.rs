//! What carries batches between simulated shards: in order for each pair, a little later each time,
//! and no more than a few at once.

use super::host::Host;
use super::world::{Happening, World};
use crate::base::random::Random;
use crate::base::{Time, WorkerId};
use crate::shard::MeshBatch;
use std::collections::BTreeMap;
use std::mem;
use std::time::Duration;

/// What is not taken is offered again after this, as a worker does.
const AGAIN: Duration = Duration::from_millis(1);

/// How the mesh of a run behaves.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct MeshPlan {
    /// A batch takes up to this: the other worker is in the middle of a turn, or must wake.
    pub delay: Duration,
    /// Batches on their way from one shard to another at most.
    pub batches: usize,
    /// Bytes of packets that may wait behind them.
    pub waiting: usize,
}

impl MeshPlan {
    /// One that is never short of room.
    pub const CALM: MeshPlan =
        MeshPlan { delay: Duration::from_micros(200), batches: 16, waiting: 256 * 1024 };

    /// One on which packets are lost: the other worker is behind by many turns.
    pub const TIGHT: MeshPlan = MeshPlan { delay: Duration::from_millis(40), batches: 1, waiting: 4_500 };

    pub(super) fn draw(random: &mut Random) -> MeshPlan {
        if random.chance(0.7) {
            MeshPlan { delay: Duration::from_micros(random.below(3_000)), ..MeshPlan::CALM }
        } else {
            MeshPlan { waiting: 1_500 + random.below(20_000) as usize, ..MeshPlan::TIGHT }
        }
    }
}

/// One direction between two shards.
#[derive(Debug, Default)]
struct Lane {
    under_way: usize,
    last_arrival: Time,
}

/// All directions.
#[derive(Debug)]
pub(super) struct Mesh {
    lanes: BTreeMap<(usize, usize), Lane>,
    random: Random,
}

impl Mesh {
    pub(super) fn new(seed: u64) -> Mesh {
        Mesh { lanes: BTreeMap::new(), random: Random::new(seed) }
    }

    /// When a batch from one shard to another arrives; `None` while too many are under way.
    fn send(&mut self, now: Time, pair: (usize, usize), plan: &MeshPlan) -> Option<Time> {
        let lane = self.lanes.entry(pair).or_default();
        if lane.under_way >= plan.batches {
            return None;
        }
        let delay = Duration::from_nanos(self.random.below(plan.delay.as_nanos() as u64 + 1));
        lane.under_way += 1;
        lane.last_arrival = lane.last_arrival.max(now + delay);
        Some(lane.last_arrival)
    }
}

impl World {
    /// Sends on what waits at a shard for others.
    pub(super) fn cross(&mut self, now: Time, from: usize) {
        let World { hosts, mesh, queue, scenario, .. } = self;
        let host: &mut Host = &mut hosts[from];
        host.shard.cross(now, |to, batch| {
            let to = usize::from(to.0);
            if let Some(at) = mesh.send(now, (from, to), &scenario.mesh) {
                let batch = mem::take(batch);
                queue.schedule(at, Happening::Crosses { from, to, batch });
            }
        });
        if host.shard.has_crossing() && !mem::replace(&mut host.crosses_again, true) {
            queue.schedule(now + AGAIN, Happening::CrossesAgain(from));
        }
    }

    /// From now on the mesh behaves like this.
    pub(super) fn change_mesh(&mut self, plan: MeshPlan) {
        self.scenario.mesh = plan;
        self.hosts.iter_mut().for_each(|host| host.shard.set_mesh_room(plan.waiting));
    }

    pub(super) fn cross_again(&mut self, now: Time, from: usize) {
        self.hosts[from].crosses_again = false;
        self.end_turn(now, from);
    }

    /// A batch arrives. It is part of a turn like a datagram.
    pub(super) fn deliver_batch(&mut self, now: Time, from: usize, to: usize, mut batch: MeshBatch) {
        if let Some(lane) = self.mesh.lanes.get_mut(&(from, to)) {
            lane.under_way -= 1;
        }
        let host = &mut self.hosts[to];
        host.shard.on_mesh(now, WorkerId(from as u16), &mut batch, &mut host.outbox);
        self.end_turn_soon(now, to);
    }
}
