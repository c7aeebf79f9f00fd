//! Which shards a room is open on, as signaling sees to it: from the first person on a shard until the
//! last one has left them all.

use super::world::World;
use crate::base::{RoomId, Time, WorkerId};
use crate::control::Command;
use std::collections::BTreeMap;

/// All rooms with somebody in them.
#[derive(Debug, Default)]
pub(super) struct Houses(BTreeMap<RoomId, House>);

#[derive(Debug, Default)]
struct House {
    shards: Vec<usize>,
    people: usize,
}

impl World {
    /// Somebody is about to come into a room on a shard.
    pub(super) fn come(&mut self, now: Time, room: RoomId, shard: usize) {
        let house = self.houses.0.entry(room).or_default();
        house.people += 1;
        if house.shards.contains(&shard) {
            return;
        }
        let others = house.shards.clone();
        house.shards.push(shard);
        self.command(now, shard, Command::OpenRoom { room });
        if self.scenario.speakers_only {
            self.command(now, shard, Command::ShowSpeakersOnly { room, only: true });
        }
        for other in others {
            let worker = |n: usize| WorkerId(n as u16);
            self.command(now, shard, Command::SpanRoom { room, worker: worker(other) });
            self.command(now, other, Command::SpanRoom { room, worker: worker(shard) });
        }
    }

    /// Somebody has left a room.
    pub(super) fn go(&mut self, now: Time, room: RoomId) {
        let Some(house) = self.houses.0.get_mut(&room) else { return };
        house.people -= 1;
        if house.people == 0 {
            let shards = std::mem::take(&mut house.shards);
            self.houses.0.remove(&room);
            shards.into_iter().for_each(|shard| self.command(now, shard, Command::CloseRoom { room }));
        }
    }
}
