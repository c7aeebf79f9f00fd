//! A track's packets on their way to other workers, and what those ask for in return.
//!
//! At home, each layer knows which workers watch it. There, it is watched while a seat shows it:
//! that begins with the run since the last key frame, so that who comes late need not wait. A
//! packet that does not cross, because too much waits already, is a hole like one in a network: the
//! other worker asks for it, and is given it from the history.

use super::{Crossed, MeshValue, Report, Supply, There};
use crate::base::id::Ssrc;
use crate::base::{Outbox, Time, TrackId, WorkerId};
use crate::control::types::Kind;
use crate::media::nack::MAX_MISSING;
use crate::media::track::{Layer, Watcher};
use crate::shard::Shard;
use crate::shard::counters::Drop;
use crate::shard::ingress::Way;
use crate::shard::link::Ingress;
use arrayvec::ArrayVec;

/// At home.
impl Shard {
    /// Puts the packet `index` of a layer on its way to every worker that watches it.
    pub(in crate::shard) fn cross_packet(&mut self, key: u32, layer: usize, index: u64) {
        let track = &self.tracks[key];
        if track.muted {
            return;
        }
        let (id, entry) = (track.id, &track.layers[layer]);
        let Some((bytes, stored)) = entry.history.get(index) else { return };
        for &watcher in &entry.watchers {
            if self.mesh.cross(watcher, (id, layer), bytes, &stored) {
                self.counters.crossed += 1;
            } else {
                self.counters.drop(Drop::MeshFull);
            }
        }
    }

    fn cross_packet_to(&mut self, watcher: Watcher, key: u32, layer: usize, index: u64) {
        let track = &self.tracks[key];
        let Some((bytes, stored)) = track.layers[layer].history.get(index) else { return };
        if self.mesh.cross(watcher, (track.id, layer), bytes, &stored) {
            self.counters.crossed += 1;
        } else {
            self.counters.drop(Drop::MeshFull);
        }
    }

    /// A worker has a seat that shows a layer, or has none any more.
    pub(super) fn on_watch(&mut self, from: WorkerId, track: There, layer: u8, on: bool) {
        let layer = usize::from(layer);
        let Some(key) = self.own_track(track.id) else { return };
        let Some(entry) = self.tracks[key].layers.get_mut(layer) else { return };
        let watcher = Watcher { worker: from, key: track.key };
        let watched = entry.watchers.contains(&watcher);
        entry.watchers.retain(|watcher| watcher.worker != from);
        if !on {
            return;
        }
        entry.watchers.push(watcher);
        if watched {
            return;
        }
        self.tell_report(key, watcher);
        self.tell_supply(key, watcher);
        if self.tracks[key].kind == Kind::Audio || self.tracks[key].muted {
            return;
        }
        match self.replayable(key, layer) {
            Some(run) => run.for_each(|index| self.cross_packet_to(watcher, key, layer, index)),
            None => self.want_key_frame(key, layer),
        }
    }

    pub(super) fn on_key_frame_wanted_there(&mut self, track: TrackId, layer: u8) {
        if let Some(key) = self.own_track(track)
            && self.tracks[key].layers.len() > usize::from(layer)
        {
            self.want_key_frame(key, usize::from(layer));
        }
    }

    /// A worker misses a packet. What is missing here too is asked for already, and crosses when it
    /// comes.
    pub(super) fn on_missed_there(&mut self, from: WorkerId, track: TrackId, layer: u8, index: u64) {
        let layer = usize::from(layer);
        let Some(key) = self.own_track(track).filter(|&key| !self.tracks[key].muted) else { return };
        let hushed = |entry: &&Layer| entry.is_hushed(index);
        let Some(entry) = self.tracks[key].layers.get(layer).filter(|entry| !hushed(entry)) else { return };
        if let Some(&watcher) = entry.watchers.iter().find(|watcher| watcher.worker == from) {
            self.cross_packet_to(watcher, key, layer, index);
        }
    }

    /// The publisher of a layer went over to another SSRC.
    pub(in crate::shard) fn tell_restarted(&mut self, key: u32, layer: usize, ssrc: Ssrc) {
        let track = &self.tracks[key];
        for watcher in &track.layers[layer].watchers {
            let there = There { key: watcher.key, id: track.id };
            self.mesh.tell(watcher.worker, MeshValue::Restarted { track: there, layer: layer as u8, ssrc });
        }
    }

    /// Passes on what a publisher has reported, of all its tracks, to all who watch them.
    pub(in crate::shard) fn tell_reports(&mut self, publisher: u32) {
        for place in 0..self.links[publisher].tracks.len() {
            let key = self.links[publisher].tracks[place];
            for layer in 0..self.tracks[key].layers.len() {
                for place in 0..self.tracks[key].layers[layer].watchers.len() {
                    let layers = &self.tracks[key].layers;
                    let watcher = layers[layer].watchers[place];
                    // Once to each worker, however many layers it watches.
                    if !layers[..layer].iter().any(|lower| lower.watchers.contains(&watcher)) {
                        self.tell_report(key, watcher);
                    }
                }
            }
        }
    }

    /// Tells all who watch a track what comes of each of its layers, also of those they do not watch.
    pub(in crate::shard) fn tell_supplies(&mut self, key: u32) {
        for layer in 0..self.tracks[key].layers.len() {
            for place in 0..self.tracks[key].layers[layer].watchers.len() {
                let layers = &self.tracks[key].layers;
                let watcher = layers[layer].watchers[place];
                if !layers[..layer].iter().any(|lower| lower.watchers.contains(&watcher)) {
                    self.tell_supply(key, watcher);
                }
            }
        }
    }

    fn tell_supply(&mut self, key: u32, watcher: Watcher) {
        let track = &self.tracks[key];
        if track.layers.len() == 1 {
            return;
        }
        let layers = track.layers.iter().map(|layer| (layer.flows, layer.meter.clone())).collect();
        let supply = Supply { track: There { key: watcher.key, id: track.id }, layers };
        self.mesh.tell(watcher.worker, MeshValue::Supply(Box::new(supply)));
    }

    /// A worker tells which layers of a track are watched there, or would be if they came.
    pub(super) fn on_wanted_there(&mut self, from: WorkerId, track: TrackId, layers: u8) {
        let Some(key) = self.own_track(track) else { return };
        let wanted = &mut self.tracks[key].wanted_there;
        wanted.retain(|(worker, _)| *worker != from);
        if layers != 0 {
            wanted.push((from, layers));
        }
    }

    fn tell_report(&mut self, key: u32, watcher: Watcher) {
        let track = &self.tracks[key];
        let report = Report {
            track: There { key: watcher.key, id: track.id },
            clock: self.links[track.transport].clock,
            references: track.layers.iter().map(|layer| layer.reference).collect(),
        };
        self.mesh.tell(watcher.worker, MeshValue::Report(Box::new(report)));
    }
}

/// Where it is watched.
impl Shard {
    /// The seats that show a track have changed.
    pub(in crate::shard) fn touch(&mut self, key: u32) {
        if self.tracks[key].home.is_some() {
            self.mesh.touched.push(key);
        }
    }

    /// Asks the homes of tracks for the layers that are shown now, and for no others.
    pub(super) fn settle_watches(&mut self, now: Time) {
        while let Some(key) = self.mesh.touched.pop() {
            let Some(track) = self.tracks.get_mut(key) else { continue };
            let clock_rate = track.clock_rate();
            let Some(home) = &mut track.home else { continue };
            for (number, layer) in (0u8..).zip(&mut track.layers) {
                let (on, bit) = (!layer.slots.is_empty(), 1 << number);
                if on == (home.watched & bit != 0) {
                    continue;
                }
                home.watched ^= bit;
                if on {
                    // It begins with a key frame, from the history at home or a new one.
                    layer.key_requests.postpone(now);
                } else {
                    layer.forget(clock_rate);
                }
                let track = There { key, id: track.id };
                self.mesh.tell(home.worker, MeshValue::Watch { track, layer: number, on });
            }
            self.mesh.timers.set(key, self.tracks[key].deadline());
            self.tell_wanted_home(key);
        }
    }

    fn tell_wanted_home(&mut self, key: u32) {
        let layers = self.wanted_here(key);
        let track = &mut self.tracks[key];
        let Some(home) = track.home.filter(|_| track.layers.len() > 1) else { return };
        if std::mem::replace(&mut track.told_wanted, layers) != layers {
            self.mesh.tell(home.worker, MeshValue::Wanted { track: track.id, layers });
        }
    }

    /// The home of a track tells what comes of each of its layers.
    pub(super) fn on_supply_there(&mut self, from: WorkerId, supply: Supply) {
        let Some(key) = self.track_from(from, supply.track) else { return };
        let mut flow_changed = false;
        for (layer, (flows, meter)) in self.tracks[key].layers.iter_mut().zip(supply.layers) {
            flow_changed |= layer.flows != flows;
            (layer.flows, layer.meter) = (flows, meter);
        }
        self.unsettle_viewers(key, flow_changed);
    }

    /// A packet of a track that is published on the worker `from`.
    pub(super) fn on_crossed(
        &mut self,
        now: Time,
        from: WorkerId,
        crossed: &Crossed,
        bytes: &[u8],
        out: &mut impl Outbox,
    ) {
        let Some(track) = self.track_from(from, crossed.track) else { return };
        let Some(layer) = self.tracks[track].layers.get_mut(usize::from(crossed.layer)) else { return };
        if layer.slots.is_empty() {
            // On its way when the last seat moved on.
            return self.counters.drop(Drop::MeshStray);
        }
        layer.history.reserve(now)[..bytes.len()].copy_from_slice(bytes);
        self.counters.crossed_in += 1;
        let place = Ingress { ssrc: Ssrc(0), track, layer: crossed.layer, rtx: false, retired: false };
        self.store(now, Way::Itself(crossed.received), place, (crossed.index, bytes.len()), out);
    }

    pub(super) fn on_restarted_there(
        &mut self,
        from: WorkerId,
        track: There,
        layer: u8,
        ssrc: Ssrc,
        out: &mut impl Outbox,
    ) {
        let Some(key) = self.track_from(from, track) else { return };
        let layer = usize::from(layer);
        if layer >= self.tracks[key].layers.len() {
            return;
        }
        self.depart_viewers(key, out);
        let clock_rate = self.tracks[key].clock_rate();
        let entry = &mut self.tracks[key].layers[layer];
        entry.restart(ssrc, clock_rate);
        self.restart_seats(key, layer as u8);
        self.want_key_frame(key, layer);
    }

    pub(super) fn on_report_there(
        &mut self,
        now: Time,
        from: WorkerId,
        report: &Report,
        out: &mut impl Outbox,
    ) {
        let Some(key) = self.track_from(from, report.track) else { return };
        let track = &mut self.tracks[key];
        if let Some(home) = &mut track.home {
            home.clock = report.clock;
        }
        for (layer, reference) in track.layers.iter_mut().zip(&report.references) {
            layer.reference = *reference;
        }
        for layer in 0..self.tracks[key].layers.len() {
            self.send_sender_reports(now, key, layer, out);
        }
    }

    /// Does what is due for tracks of elsewhere.
    pub(in crate::shard) fn ask_homes(&mut self, now: Time) {
        while let Some(key) = self.mesh.timers.pop_due(now) {
            if self.tracks.get(key).is_some_and(|track| track.home.is_some()) {
                self.ask_home(now, key);
            }
        }
    }

    /// Asks the home of a track for what is missing and due, and for key frames.
    fn ask_home(&mut self, now: Time, key: u32) {
        let track = &mut self.tracks[key];
        let (id, Some(home)) = (track.id, track.home) else { return };
        for (number, layer) in (0u8..).zip(&mut track.layers) {
            if layer.slots.is_empty() {
                layer.key_requests.served();
            } else if layer.key_requests.take_due(now) {
                self.mesh.tell(home.worker, MeshValue::WantKeyFrame { track: id, layer: number });
            }
            let mut due = ArrayVec::<u16, MAX_MISSING>::new();
            layer.nacks.take_due(now, self.waits, &mut due);
            let Some(highest) = layer.highest else { continue };
            for sequence in due {
                let back = u64::from((highest as u16).wrapping_sub(sequence));
                if let Some(index) = highest.checked_sub(back) {
                    self.mesh.tell(home.worker, MeshValue::Resend { track: id, layer: number, index });
                }
            }
        }
        let deadline = self.tracks[key].deadline();
        self.mesh.timers.set(key, deadline);
    }
}
