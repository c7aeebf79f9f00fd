//! What each room takes of this core and of its memory, looked at once a second; and what is held back of
//! one that takes more than it may.
//!
//! Nothing here is per packet: packets are counted anyway, and memory is added up. What a room is shown
//! and asked for follows by itself from what is cut off its tracks (`allocate`), and from its share of
//! the pictures (`shedding`). Where a room is on several workers, each sees to its part.

mod restrainer;

use super::Shard;
use super::link::Link;
use super::rate::Rate;
use crate::base::{Outbox, RoomId, Time};
use crate::control::Event;
use crate::control::message::ALL_PICTURES;
use crate::control::types::{RoomLimits, RoomLoad};
use restrainer::{Look, Restrainer, SETTLES, Step};
use std::time::Duration;

/// How often rooms are looked at: people come and change what they send within seconds.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// A core that is used less than this, in percent, has time for everybody.
const SHORT: u8 = 80;

/// What is kept of a layer that nobody wants is given back when nothing of it came for so long: its
/// publisher has paused it by then.
const GIVEN_BACK: Duration = Duration::from_secs(3);

/// Bytes on the heap that belong to a transport besides what is added up: ICE, DTLS, SRTP and its
/// streams. Measured by `tests/forward_alloc.rs`, where C libraries' own are not seen; those
/// are the schedules of four keys.
const ASSOCIATION: usize = 6 * 1024;

/// What a room has taken since it was looked at last.
#[derive(Clone, Copy, Debug, Default)]
struct Taken {
    memory: u64,
    packets: u64,
    most_cut: u8,
}

/// One room.
#[derive(Debug, Default)]
struct Kept {
    taken: Taken,
    cpu: u8,
    restrainer: Restrainer,
}

/// All rooms, and what they may take.
#[derive(Debug, Default)]
pub(super) struct RoomKeeper {
    /// `None`: whatever they like.
    limits: Option<RoomLimits>,
    next_look: Time,
    /// When the next of the largest rooms is to give something up.
    next_choice: Time,
    /// Packets have waited for the core in the last second.
    is_short: bool,
    /// By the shard's keys of the rooms.
    rooms: Vec<Kept>,
}

impl RoomKeeper {
    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.limits.map(|_| self.next_look)
    }

    /// Sixteenths of the pictures that a room is left with.
    pub(super) fn pictures(&self, room: u32) -> u8 {
        self.rooms.get(room as usize).map_or(ALL_PICTURES, |kept| kept.restrainer.restraint().pictures)
    }

    /// So many of the highest layers are cut off what is published in a room.
    pub(super) fn layers_cut(&self, room: u32) -> u8 {
        self.rooms.get(room as usize).map_or(0, |kept| kept.restrainer.restraint().layers_cut)
    }

    /// A room is gone; another one may get its key.
    pub(super) fn forget(&mut self, room: u32) {
        if let Some(kept) = self.rooms.get_mut(room as usize) {
            *kept = Kept::default();
        }
    }

    fn at(&mut self, room: u32) -> &mut Kept {
        let at = room as usize;
        if self.rooms.len() <= at {
            self.rooms.resize_with(at + 1, Kept::default);
        }
        &mut self.rooms[at]
    }

    /// Divides the core among the rooms by their packets.
    fn share_core(&mut self, busy: u8) {
        let all: u64 = self.rooms.iter().map(|kept| kept.taken.packets).sum();
        for kept in &mut self.rooms {
            kept.cpu = (u64::from(busy) * kept.taken.packets).checked_div(all).unwrap_or(0) as u8;
        }
    }

    /// Whether the core is short of time and there are rooms on it that take no more than they may. Alone,
    /// or among its like, a room may use a core whole.
    fn is_contended(&self, busy: u8, limits: &RoomLimits) -> bool {
        let is_modest = |kept: &Kept| kept.taken.packets > 0 && kept.cpu <= limits.cpu_percent;
        self.is_short && busy >= SHORT && self.rooms.iter().any(is_modest)
    }

    /// The largest room that can still give something up, when the next one is to.
    fn choose(&mut self, now: Time, limits: &RoomLimits) -> Option<usize> {
        if !limits.is_pressed || now < self.next_choice {
            return None;
        }
        self.next_choice = now + SETTLES;
        let can = |kept: &Kept| kept.restrainer.restraint().layers_cut < kept.taken.most_cut;
        let largest = self.rooms.iter().enumerate().filter(|(_, kept)| can(kept));
        largest.max_by_key(|(_, kept)| kept.taken.memory).map(|(at, _)| at)
    }
}

impl Shard {
    /// From now on rooms may take no more than this.
    pub(super) fn limit_rooms(&mut self, now: Time, limits: RoomLimits) {
        if self.keeper.limits.replace(limits).is_none() {
            self.keeper.next_look = now + LOOK_INTERVAL;
        }
    }

    /// Notes what share of its core the worker used in the last second, in percent, and whether packets
    /// waited for it longer than they would if there were time to spare.
    pub fn note_busy(&mut self, busy: u8, is_short: bool) {
        (self.busy, self.keeper.is_short) = (busy, is_short);
    }

    /// Looks at all rooms, if it is time.
    pub(super) fn look_at_rooms(&mut self, now: Time, out: &mut impl Outbox) {
        let Some(limits) = self.keeper.limits.filter(|_| now >= self.keeper.next_look) else { return };
        self.keeper.next_look = now + LOOK_INTERVAL;
        self.give_memory_back(now);
        self.measure_rooms();
        self.keeper.share_core(self.busy);
        let is_contended = self.keeper.is_contended(self.busy, &limits);
        let chosen = self.keeper.choose(now, &limits);
        for at in 0..self.keeper.rooms.len() {
            let Kept { taken, cpu, restrainer } = &mut self.keeper.rooms[at];
            let Taken { memory, most_cut, .. } = *taken;
            let look = Look { memory, cpu: *cpu, most_cut, is_contended, is_chosen: chosen == Some(at) };
            if let Some(step) = restrainer.look(now, &limits, &look) {
                self.restrain(at as u32, step, out);
            }
        }
        self.count_rooms();
    }

    fn give_memory_back(&mut self, now: Time) {
        // A track of elsewhere forgets by itself what nobody here is shown.
        let own = self.tracks.iter_mut().filter(|(_, track)| track.home.is_none());
        own.for_each(|(_, track)| track.give_back(now, GIVEN_BACK));
    }

    fn measure_rooms(&mut self) {
        self.keeper.rooms.iter_mut().for_each(|kept| kept.taken = Taken::default());
        for (_, link) in self.links.iter_mut() {
            let tracks = link.tracks.iter().map(|&track| self.tracks[track].counters.packets);
            let packets = link.sent.packets + tracks.sum::<u64>();
            let slots = link.slots.iter().map(|&slot| self.slots[slot].memory()).sum::<usize>();
            let taken = &mut self.keeper.at(link.room).taken;
            // What ended since then is missing; what is left is told a little low for a second.
            taken.packets += packets.saturating_sub(std::mem::replace(&mut link.packets_looked_at, packets));
            taken.memory += (memory(link) + slots) as u64;
        }
        for (_, track) in self.tracks.iter() {
            let room = track.home.map_or_else(|| self.links[track.transport].room, |home| home.room);
            let taken = &mut self.keeper.at(room).taken;
            taken.memory += track.memory() as u64;
            taken.most_cut = taken.most_cut.max(track.most_cut());
        }
    }

    /// Carries out what has been decided for a room.
    fn restrain(&mut self, room: u32, step: Step, out: &mut impl Outbox) {
        if let Some(limit) = step.by {
            self.counters.restrained[limit as usize] += 1;
        }
        let here: Vec<u32> =
            self.tracks.iter().map(|(key, _)| key).filter(|&key| self.room_of(key) == room).collect();
        let mut changed = false;
        for track in here {
            changed |= self.tracks[track].cut(step.restraint.layers_cut);
        }
        if changed {
            let links = self.links.iter().filter(|(_, link)| link.room == room);
            links.map(|(key, _)| key).collect::<Vec<_>>().into_iter().for_each(|link| self.unsettle(link));
        }
        self.shed_room(room, out);
        let (room, restraint) = (self.rooms[room].id(), step.restraint);
        self.tell(Event::Restrained { room, restraint });
    }

    fn count_rooms(&mut self) {
        let rooms = &self.keeper.rooms;
        let restrained = rooms.iter().filter(|kept| kept.restrainer.is_restrained());
        self.counters.rooms_restrained = restrained.clone().count() as u64;
        let full = restrained.filter(|kept| kept.restrainer.restraint().full.is_some());
        self.counters.rooms_full = full.count() as u64;
        self.counters.room_memory = rooms.iter().map(|kept| kept.taken.memory).sum();
    }

    /// Cuts off a track that has just been published what is cut off the others of its room.
    pub(super) fn cut_like_others(&mut self, track: u32, room: u32) {
        let cut = self.keeper.layers_cut(room);
        self.tracks[track].cut(cut);
    }

    /// What a room takes, as far as it is known.
    pub(super) fn room_load(&self, room: u32) -> RoomLoad {
        let links = self.links.iter().filter(|(_, link)| link.room == room);
        let links = links.map(|(_, link)| {
            memory(link) + link.slots.iter().map(|&slot| self.slots[slot].memory()).sum::<usize>()
        });
        let tracks = self.tracks.iter().filter(|(key, _)| self.room_of(*key) == room);
        let memory = links.sum::<usize>() + tracks.map(|(_, track)| track.memory()).sum::<usize>();
        let cpu_percent = self.keeper.rooms.get(room as usize).map_or(0, |kept| kept.cpu);
        RoomLoad { memory_bytes: memory as u64, cpu_percent }
    }

    /// Says again what is held back of each room.
    pub(super) fn restraints(&self) -> impl Iterator<Item = Event> {
        let restrained = self.rooms.iter().filter_map(|(key, room)| {
            let kept = self.keeper.rooms.get(key as usize)?;
            kept.restrainer.is_restrained().then(|| (room.id(), kept.restrainer.restraint()))
        });
        restrained.map(|(room, restraint): (RoomId, _)| Event::Restrained { room, restraint })
    }
}

/// Bytes of a transport. What waits for its train is pooled, and is nobody's.
fn memory(link: &Link) -> usize {
    let rate = link.rate.as_ref().map_or(0, |rate| size_of::<Rate>() + rate.estimator.memory());
    size_of::<Link>() + ASSOCIATION + link.arrivals.memory() + rate
}
