//! What rooms, and the server as a whole, may take; and who is sent away where they take more.
//!
//! Workers measure their rooms and hold back what they can; what they say of it is kept here. The memory
//! of the whole is measured outside and told; nobody here looks at the machine.

use crate::settings::Limits;
use crate::state::State;
use crate::state::join::Refusal;
use crate::state::model::Room;
use serde::Serialize;
use utoipa::ToSchema;
use volley::base::RoomId;
use volley::control::Command;
use volley::control::message::ALL_PICTURES;
use volley::control::types::{Restraint, RoomLimit, RoomLimits};

/// People say megabytes and mean these.
const MEGABYTE: u64 = 1_000_000;

/// From this part of the limit on, in percent, there are no new rooms, and the largest give layers up …
const TIGHT: u64 = 90;
/// … until it is down to this: what is freed comes back to the system late.
const EASED: u64 = 80;
/// Once all of it is taken, nobody comes in before it is down to this.
const ROOMY: u64 = 95;

/// What media and signaling take together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct ServerMemory {
    pub(crate) bytes: u64,
    /// No new rooms.
    pub(crate) is_tight: bool,
    /// Nobody new at all.
    pub(crate) is_full: bool,
    /// What the control group leaves, in bytes, whatever is configured; `None`: no limit.
    of_group: Option<u64>,
}

impl ServerMemory {
    fn note(&mut self, bytes: u64, limit: u64) {
        let is_above = |was: bool, from: u64, until: u64| {
            let percent = if was { until } else { from };
            u128::from(bytes) * 100 >= u128::from(limit) * u128::from(percent)
        };
        *self = ServerMemory {
            bytes,
            is_tight: is_above(self.is_tight, TIGHT, EASED),
            is_full: is_above(self.is_full, 100, ROOMY),
            of_group: self.of_group,
        };
    }
}

/// What is held back of a room, since it takes more of the server than it may.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RestraintView {
    /// So many of the highest layers of each picture are not shown.
    pub layers_cut: u8,
    /// Of the pictures that people would be shown they are shown so many, in percent.
    pub pictures_percent: u8,
    /// Nobody else is let in, for the sake of this limit; null: people are.
    #[schema(required)]
    pub full: Option<LimitName>,
}

/// A limit that a room can come up against.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LimitName {
    /// `performance.max_memory_per_room`.
    Memory,
    /// `performance.max_cpu_per_room`.
    Cpu,
    /// `performance.max_memory_total`.
    Total,
}

impl From<RoomLimit> for LimitName {
    fn from(limit: RoomLimit) -> LimitName {
        match limit {
            RoomLimit::Memory => LimitName::Memory,
            RoomLimit::Cpu => LimitName::Cpu,
            RoomLimit::Total => LimitName::Total,
        }
    }
}

impl Room {
    /// Why nobody else is let in, if so: one worker's word is enough.
    fn full_for(&self) -> Option<RoomLimit> {
        self.restraints.values().find_map(|restraint| restraint.full)
    }

    /// What is held back of it: the most of what its workers do.
    pub(super) fn restraint_view(&self) -> Option<RestraintView> {
        let restraints = self.restraints.values();
        let pictures = restraints.clone().map(|restraint| restraint.pictures).min()?;
        Some(RestraintView {
            layers_cut: restraints.map(|restraint| restraint.layers_cut).max()?,
            pictures_percent: (u32::from(pictures) * 100 / u32::from(ALL_PICTURES)) as u8,
            full: self.full_for().map(LimitName::from),
        })
    }
}

impl State {
    /// Tells the workers what rooms may take.
    pub fn tell_limits(&mut self) {
        let Limits { cpu_per_room, memory_per_room, .. } = self.config.limits;
        let limits = RoomLimits {
            memory_bytes: memory_per_room.saturating_mul(MEGABYTE),
            cpu_percent: cpu_per_room,
            is_pressed: self.memory.is_tight,
        };
        for worker in 0..self.loads.len() {
            self.out.command(worker, Command::LimitRooms { limits });
        }
    }

    /// What the control group leaves to media and signaling, in bytes: the kernel would kill them before more
    /// that is configured is taken.
    pub fn bound_memory(&mut self, of_group: Option<u64>) {
        self.memory.of_group = of_group;
        let (configured, limit) = (self.config.limits.memory_total, self.memory_limit() / MEGABYTE);
        if limit < configured {
            tracing::info!(
                megabytes = limit,
                configured,
                "the control group's memory limit leaves less than performance.max_memory_total: that is the limit"
            );
        }
    }

    /// What media and signaling may take together, in bytes.
    fn memory_limit(&self) -> u64 {
        let configured = self.config.limits.memory_total.saturating_mul(MEGABYTE);
        self.memory.of_group.map_or(configured, |of_group| of_group.min(configured))
    }

    /// What media and signaling take together has been looked at.
    pub fn note_memory(&mut self, bytes: u64) {
        let (before, limit) = (self.memory, self.memory_limit());
        self.memory.note(bytes, limit);
        let (now, of) = (bytes / MEGABYTE, limit / MEGABYTE);
        if before.is_tight != self.memory.is_tight {
            if self.memory.is_tight {
                tracing::warn!(
                    megabytes = now,
                    of,
                    "memory is nearly all taken (performance.max_memory_total): no new rooms, and the \
                     largest ones give layers up"
                );
            } else {
                tracing::info!(megabytes = now, of, "there is memory again; new rooms are taken");
            }
            self.tell_limits();
        }
        if before.is_full != self.memory.is_full {
            if self.memory.is_full {
                tracing::warn!(megabytes = now, of, "memory is all taken: nobody is let in");
            } else {
                tracing::info!(megabytes = now, of, "there is memory again; people are let in");
            }
        }
    }

    /// A worker holds something back of a room, or does no longer.
    pub(super) fn note_restraint(&mut self, worker: usize, room: RoomId, restraint: Restraint) {
        let is_it = |known: &&mut Room| known.media.as_ref().is_some_and(|media| media.id.0 == room);
        let Some(room) = self.rooms.values_mut().find(is_it) else { return };
        let Restraint { layers_cut, pictures, full } = restraint;
        if layers_cut == 0 && pictures == ALL_PICTURES && full.is_none() {
            room.restraints.remove(&worker);
            tracing::info!(room = room.key, worker, "nothing is held back of the room any more");
            return;
        }
        room.restraints.insert(worker, restraint);
        tracing::warn!(
            room = room.key,
            worker,
            layers_cut,
            pictures,
            of = ALL_PICTURES,
            full = full.map(name_of),
            "the room is held to its limits"
        );
    }

    /// A worker is asked for all it has: what it does not name holds no longer.
    pub(super) fn forget_restraints(&mut self, worker: usize) {
        for room in self.rooms.values_mut() {
            room.restraints.remove(&worker);
        }
    }

    /// Whether a room, or the server, takes one more.
    pub(super) fn check_limits(&self, key: &str) -> Result<(), Refusal> {
        if let Some(limit) = self.rooms.get(key).and_then(Room::full_for) {
            let text = format!(
                "this room takes as much as one room may on this server ({}); nobody else can come in until \
                 somebody leaves or sends less",
                name_of(limit)
            );
            return Err(("room-limit", text));
        }
        if self.memory.is_full {
            let text = "this server's memory is all taken (performance.max_memory_total); try again later";
            return Err(("server-busy", text.to_owned()));
        }
        Ok(())
    }
}

/// The key of the configuration.
fn name_of(limit: RoomLimit) -> &'static str {
    match limit {
        RoomLimit::Memory => "performance.max_memory_per_room",
        RoomLimit::Cpu => "performance.max_cpu_per_room",
        RoomLimit::Total => "performance.max_memory_total",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wavers_around_a_limit_changes_nothing_from_second_to_second() {
        let mut memory = ServerMemory::default();
        let mut seen = |bytes| {
            memory.note(bytes, 1_000);
            (memory.is_tight, memory.is_full)
        };
        assert_eq!(
            [899, 900, 850, 800].map(&mut seen),
            [(false, false), (true, false), (true, false), (true, false)]
        );
        assert_eq!(
            [1_000, 950, 949, 799].map(&mut seen),
            [(true, true), (true, true), (true, false), (false, false)]
        );
    }
}
