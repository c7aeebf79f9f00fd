//! What a scenario lets happen to a run.

use super::link::LinkOptions;
use super::mesh::MeshPlan;
use super::peer::misbehaviour::Lie;
use super::peer::rtp;
use super::person::Person;
use super::scenario::Action;
use super::world::{Happening, World};
use crate::base::{Path, SocketIndex, Time};
use crate::control::Command;
use crate::control::message::Want;
use crate::control::types::{Kind, TransportState, Wish};
use std::net::SocketAddr;
use std::time::Duration;

/// When somebody vanishes, signaling is sure of it after this: a closed socket says so sooner than
/// consent runs out.
const NOTICED_AFTER: Duration = Duration::from_millis(700);

/// Datagrams in one burst of rubbish.
const BURST: usize = 25;

impl World {
    pub(super) fn act(&mut self, now: Time, action: Action) {
        match action {
            Action::Join(who) => self.join(now, who),
            Action::Leave { who, politely } => self.leave(now, who, politely),
            Action::Mute { who, kind, muted } => self.mute(now, who, kind, muted),
            Action::Unpublish { who, kind } => self.unpublish(now, who, kind),
            Action::Rebind(who) => self.rebind(who),
            Action::Network { who, up, down } => self.change_network(who, *up, *down),
            Action::RestartIce(who) => self.restart_ice(now, who),
            Action::Pin { who, target } => self.pin(now, who, target),
            Action::Want { who, of, wanted } => self.want(now, who, of, wanted),
            Action::Budget { who, bits_per_second } => self.assume_budget(now, who, bits_per_second),
            Action::Limit { who, max_height } => self.limit(now, who, max_height),
            Action::Fail { who, layer, failing } => {
                if let Some(stay) = self.stay(who) {
                    self.people[stay].peer.set_failing(layer, failing);
                }
            }
            Action::Spatial { who, layers } => {
                if let Some(stay) = self.stay(who) {
                    self.people[stay].peer.set_spatial(layers);
                }
            }
            Action::Garbage(who) => self.garbage(now, who),
            Action::Replay { who, from_stranger } => self.replay(now, who, from_stranger),
            Action::Forge(who) => self.forge(now, who),
            Action::Misbehave(who) => self.misbehave(now, who),
            Action::Lie { who, lie } => self.lie(now, who, lie),
            Action::Strangers => self.strangers(now),
            Action::Renew(shard) => self.renew(now, shard % self.hosts.len()),
            Action::Shed(share) => {
                for host in &mut self.hosts {
                    host.shard.set_picture_share(share, &mut host.outbox);
                }
            }
            Action::LimitRooms(limits) => {
                let shards = 0..self.hosts.len();
                shards.for_each(|shard| self.command(now, shard, Command::LimitRooms { limits }));
            }
            Action::Busy { percent, is_short } => {
                self.hosts.iter_mut().for_each(|host| host.shard.note_busy(percent, is_short));
            }
            Action::Heal => self.heal(now),
        }
    }

    fn stay(&self, who: usize) -> Option<usize> {
        self.current[who]
    }

    fn join(&mut self, now: Time, who: usize) {
        if self.current[who].is_some() {
            return;
        }
        let plan = self.scenario.people[who].clone();
        let address = self.fresh_address();
        let among = if self.scenario.spreads { who } else { plan.room };
        let place = (among % self.scenario.shards, address);
        let (person, commands) =
            Person::join((who, &plan), place, &mut self.ids, &mut self.ledger, &mut self.random, now);
        let shard = person.shard;
        self.come(now, person.room, shard);
        self.people.push(person);
        let stay = self.people.len() - 1;
        self.current[who] = Some(stay);
        self.owners.insert(address, stay);
        commands.into_iter().for_each(|command| self.command(now, shard, command));
        self.after_person(now, stay);
    }

    fn leave(&mut self, now: Time, who: usize, politely: bool) {
        let Some(stay) = self.current[who].take() else { return };
        if politely {
            self.people[stay].peer.close();
            self.after_person(now, stay);
        }
        self.people[stay].present = false;
        let noticed = if politely { now } else { now + NOTICED_AFTER };
        self.queue.schedule(noticed, Happening::Gone(stay));
    }

    pub(super) fn tell_gone(&mut self, now: Time, stay: usize) {
        let (shard, participant) = (self.people[stay].shard, self.people[stay].participant);
        self.ledger.leave(participant);
        self.command(now, shard, Command::Leave { participant });
        self.go(now, self.people[stay].room);
    }

    fn mute(&mut self, now: Time, who: usize, kind: Kind, muted: bool) {
        let Some((stay, track)) = self.track(who, kind) else { return };
        let entry = self.ledger.tracks.get_mut(&track).filter(|entry| entry.live);
        let Some(entry) = entry.filter(|entry| entry.muted.now() != muted) else { return };
        entry.muted.change(now, muted);
        self.people[stay].peer.set_muted(track, muted);
        self.command(now, self.people[stay].shard, Command::Mute { track, muted });
        self.after_person(now, stay);
    }

    fn unpublish(&mut self, now: Time, who: usize, kind: Kind) {
        let Some((stay, track)) = self.track(who, kind) else { return };
        let Some(entry) = self.ledger.tracks.get_mut(&track).filter(|entry| entry.live) else { return };
        entry.live = false;
        self.people[stay].peer.unpublish(track);
        self.command(now, self.people[stay].shard, Command::Unpublish { track });
    }

    fn track(&self, who: usize, kind: Kind) -> Option<(usize, crate::base::TrackId)> {
        let stay = self.stay(who)?;
        let track = self.people[stay].tracks.iter().find(|track| track.0 == kind)?;
        Some((stay, track.1))
    }

    fn rebind(&mut self, who: usize) {
        let Some(stay) = self.stay(who) else { return };
        let address = self.fresh_address();
        self.people[stay].address = address;
        self.owners.insert(address, stay);
    }

    fn change_network(&mut self, who: usize, up: LinkOptions, down: LinkOptions) {
        let Some(stay) = self.stay(who) else { return };
        self.people[stay].up.set_options(up);
        self.people[stay].down.set_options(down);
    }

    fn restart_ice(&mut self, now: Time, who: usize) {
        let Some(stay) = self.stay(who) else { return };
        let command = self.people[stay].restart_ice(now);
        self.command(now, self.people[stay].shard, command);
        self.after_person(now, stay);
    }

    fn pin(&mut self, now: Time, who: usize, target: usize) {
        let (Some(stay), Some(target)) = (self.stay(who), self.stay(target)) else { return };
        let (viewer, target) = (self.people[stay].participant, self.people[target].participant);
        self.command(now, self.people[stay].shard, Command::Pin { viewer, target: Some(target) });
    }

    fn want(&mut self, now: Time, who: usize, of: usize, wanted: bool) {
        let (Some(stay), Some(of)) = (self.stay(who), self.stay(of)) else { return };
        let (viewer, of) = (self.people[stay].participant, self.people[of].participant);
        if wanted {
            self.ledger.unwanted.remove(&(viewer, of));
        } else {
            self.ledger.unwanted.insert((viewer, of));
        }
        let said = Wish { participant: Some(of), track: None, wanted: Some(wanted) };
        let want = Want { viewer, wishes: std::iter::once(said).collect() };
        self.command(now, self.people[stay].shard, Command::Want(Box::new(want)));
    }

    /// Straight to the shard: rubbish needs no lossy link.
    fn inject(&mut self, now: Time, shard: usize, from: SocketAddr, bytes: Vec<u8>) {
        let delay = Duration::from_micros(self.random.below(20_000));
        let path = Path { socket: SocketIndex(0), remote: from };
        self.queue.schedule(now + delay, Happening::ToShard { shard, path, bytes });
    }

    /// Bytes that begin like one of the protocols, or like none.
    fn rubbish(&mut self) -> Vec<u8> {
        let len = self.random.below(200) as usize;
        let mut bytes: Vec<u8> = (0..len).map(|_| self.random.next_u32() as u8).collect();
        let begins = [0u8, 1, 22, 23, 128, 144, 178, 255][self.random.below(8) as usize];
        if let Some(first) = bytes.first_mut() {
            *first = begins;
        }
        if begins < 2 && bytes.len() >= 20 {
            bytes[1] = 1;
            bytes[4..8].copy_from_slice(&[0x21, 0x12, 0xa4, 0x42]);
            let words = ((bytes.len() - 20) / 4 * 4) as u16;
            bytes[2..4].copy_from_slice(&words.to_be_bytes());
        }
        bytes
    }

    fn garbage(&mut self, now: Time, who: usize) {
        let Some(stay) = self.stay(who) else { return };
        for _ in 0..BURST {
            let (bytes, person) = (self.rubbish(), &self.people[stay]);
            self.inject(now, person.shard, person.address, bytes);
        }
    }

    fn misbehave(&mut self, now: Time, who: usize) {
        let Some(stay) = self.stay(who) else { return };
        self.people[stay].peer.misbehave(now);
        self.after_person(now, stay);
    }

    fn lie(&mut self, now: Time, who: usize, lie: Lie) {
        let Some(stay) = self.stay(who) else { return };
        self.people[stay].peer.lie(now, lie);
        self.after_person(now, stay);
    }

    fn strangers(&mut self, now: Time) {
        for _ in 0..BURST {
            let (bytes, from) = (self.rubbish(), self.fresh_address());
            let shard = self.random.below(self.hosts.len() as u64) as usize;
            self.inject(now, shard, from, bytes);
        }
    }

    fn replay(&mut self, now: Time, who: usize, from_stranger: bool) {
        let Some(stay) = self.stay(who) else { return };
        let stranger = self.fresh_address();
        let from = if from_stranger { stranger } else { self.people[stay].address };
        for bytes in self.people[stay].recent.clone() {
            self.inject(now, self.people[stay].shard, from, bytes);
        }
    }

    fn forge(&mut self, now: Time, who: usize) {
        let Some(stay) = self.stay(who) else { return };
        for mut bytes in self.people[stay].recent.clone() {
            // A handshake stays one: its bytes differ from run to run, and a run must repeat.
            let kept = usize::from(rtp::is_dtls(&bytes));
            let at = kept + self.random.below((bytes.len() - kept).max(1) as u64) as usize;
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << self.random.below(8);
            }
            bytes.truncate(1 + self.random.below(2 * bytes.len() as u64 + 1) as usize);
            let person = &self.people[stay];
            self.inject(now, person.shard, person.address, bytes);
        }
    }

    /// What a live upgrade does. A handshake in the middle would begin anew with a page that does
    /// not know, so nobody upgrades then.
    fn renew(&mut self, now: Time, shard: usize) {
        let connected = |person: &Person| {
            let state = self.ledger.state(person.transport);
            matches!(state, Some(TransportState::Connected { .. } | TransportState::Hidden))
                && person.peer.is_connected()
        };
        let mut there = self.people.iter().filter(|person| person.present && person.shard == shard);
        if there.all(connected) {
            self.end_turn(now, shard);
            self.replace_shard(now, shard);
        }
    }

    fn assume_budget(&mut self, now: Time, who: usize, bits_per_second: Option<u64>) {
        let Some(stay) = self.stay(who) else { return };
        let (shard, transport) = (self.people[stay].shard, self.people[stay].transport);
        self.end_turn(now, shard);
        self.hosts[shard].shard.assume_budget(transport, bits_per_second);
        self.end_turn(now, shard);
    }

    fn limit(&mut self, now: Time, who: usize, max_height: Option<u16>) {
        let Some(stay) = self.stay(who) else { return };
        let participant = self.people[stay].participant;
        let own = self.ledger.slots.iter().filter(|(_, slot)| slot.live && slot.participant == participant);
        let pictures = own.filter(|(_, slot)| slot.kind == Kind::Video).map(|(id, _)| *id);
        for slot in pictures.collect::<Vec<_>>() {
            self.command(now, self.people[stay].shard, Command::Limit { slot, max_height });
        }
    }

    /// Encoders work again, and everybody may be shown everything.
    fn heal(&mut self, now: Time) {
        for who in 0..self.current.len() {
            self.assume_budget(now, who, None);
            self.limit(now, who, None);
            if let Some(stay) = self.stay(who) {
                (0..3).for_each(|layer| self.people[stay].peer.set_failing(layer, false));
            }
        }
        for plan in &mut self.scenario.people {
            plan.up = LinkOptions::clean(plan.up.delay);
            plan.down = LinkOptions::clean(plan.down.delay);
        }
        for person in &mut self.people {
            let (up, down) = (person.up.options().delay, person.down.options().delay);
            person.up.set_options(LinkOptions::clean(up));
            person.down.set_options(LinkOptions::clean(down));
        }
        self.change_mesh(MeshPlan::CALM);
    }
}
