//! What each seat is to show of its track, and what publishers need not send.
//!
//! Two clocks: a track is looked at ten times a second while something comes of it, and a receiver's
//! budget is divided anew when something changed, at most as often. Nothing here is per packet.

use super::Shard;
use super::link::Link;
use crate::base::slab::Slab;
use crate::base::{Outbox, SlotId, Time, TransportId};
use crate::control::Event;
use crate::control::types::{Kind, Reason, Source};
use crate::media::allocation::{Budget, Wish, allocate};
use crate::media::choice::{Choice, Sublayers};
use crate::media::ladder::{Ladder, ladder};
use crate::media::slot::Slot;
use crate::media::track::Track;
use std::cmp::Reverse;
use std::time::Duration;

/// How often a budget is divided at most: a tenth of a second is a few frames, and estimates come
/// no faster than feedback, every 50 ms.
const INTERVAL: Duration = Duration::from_millis(100);

/// How often what comes of a track is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// A picture that was lowered is not raised for so long: raising it costs a key frame, and an
/// estimate that fell takes some round trips to prove itself.
const HOLD: Duration = Duration::from_secs(2);

/// A publisher is told that nobody watches a layer only when nobody did for so long: starting an
/// encoder again takes it some hundred milliseconds and a key frame.
const UNWATCHED: Duration = Duration::from_secs(5);

/// A picture that takes more than so many times what there is for all of them, or has made a long queue, is
/// not shown on until a lower layer's key frame has come: hardly anything of it would be whole before that,
/// and the key frame would have to wait behind it, or be lost.
const HOPELESS: u64 = 2;

/// A budget that falls below this part of what it was is divided at once.
const COLLAPSE: u64 = 2;

/// What an allocation works with; kept so that it allocates nothing.
#[derive(Debug, Default)]
pub(super) struct Workbench {
    seats: Vec<u32>,
    /// By seat: what it could show of what comes now.
    wishes: Vec<Wish>,
    chosen: Vec<Option<usize>>,
}

impl Shard {
    /// From now on the receiver `link` is sent about `bits_per_second` at most, retransmissions aside;
    /// `None`: as much as there is. To be called with each new estimate: what is sent changes at most
    /// every tenth of a second.
    pub(super) fn set_budget(&mut self, link: u32, bits_per_second: Option<u64>) {
        let before = std::mem::replace(&mut self.links[link].budget, bits_per_second);
        match bits_per_second {
            same if same == before => {}
            Some(now) if before.is_none_or(|before| now < before / COLLAPSE) => self.unsettle_now(link),
            _ => self.unsettle(link),
        }
    }

    /// Takes `bits_per_second` for what the path of `transport` carries: for whoever knows better
    /// than any estimate. False: there is no such transport.
    pub fn assume_budget(&mut self, transport: TransportId, bits_per_second: Option<u64>) -> bool {
        let link = self.link_keys.get(&transport).copied();
        let Some(link) = link else { return false };
        self.links[link].is_budget_assumed = bits_per_second.is_some();
        self.set_budget(link, bits_per_second);
        true
    }

    /// The seat is to show no more lines than `max_height`; 0 shows nothing.
    pub(super) fn limit(&mut self, slot: SlotId, max_height: Option<u16>) -> Result<(), (u64, Reason)> {
        let key = *self.slot_keys.get(&slot).ok_or((slot.0, Reason::Unknown))?;
        if self.slots[key].set_max_height(max_height) {
            self.unsettle(self.slots[key].transport());
        }
        Ok(())
    }

    /// The budget of `link` is to be divided anew, soon.
    pub(super) fn unsettle(&mut self, link: u32) {
        let entry = &mut self.links[link];
        entry.allocate_at = entry.allocate_at.min(entry.next_allocation);
        let at = entry.allocate_at;
        self.timers.set_at_most(link, at);
    }

    /// The budget of `link` is to be divided anew at once: it is shown something else.
    pub(super) fn unsettle_now(&mut self, link: u32) {
        self.links[link].allocate_at = Time::ZERO;
        self.timers.set_at_most(link, Time::ZERO);
    }

    /// Somebody speaks in a room: who has too little for all pictures is to see them well.
    pub(super) fn unsettle_room(&mut self, room: u32) {
        let sheds = self.sheds_in(room);
        let is_short = |link: &Link| link.room == room && (sheds || link.budget.is_some());
        let here = self.links.iter().filter(|(_, link)| is_short(link));
        let links: Vec<u32> = here.map(|(key, _)| key).collect();
        links.into_iter().for_each(|link| self.unsettle(link));
    }

    /// Divides the budget of the receiver `link` anew, if that is due.
    pub(super) fn allocate_if_due(&mut self, now: Time, link: u32, out: &mut impl Outbox) {
        if self.links[link].allocate_at > now {
            return;
        }
        self.links[link].allocate_at = Time::NEVER;
        self.links[link].next_allocation = now + INTERVAL;
        let mut bench = std::mem::take(&mut self.workbench);
        self.rank(link, &mut bench.seats);
        self.divide(now, link, true, &mut bench);
        for place in 0..bench.seats.len() {
            let chosen = bench.chosen[place].map(|rung| bench.wishes[place].ladder[rung].choice);
            self.note_fall(now, bench.seats[place], &bench.wishes[place], bench.chosen[place]);
            if self.is_hopeless(now, bench.seats[place], &bench.wishes[place], bench.chosen[place]) {
                self.slots[bench.seats[place]].interrupt();
                self.empty_held(bench.seats[place]);
            }
            self.aim(bench.seats[place], chosen, out);
        }
        if self.sheds_in(self.links[link].room) {
            self.shed_of(link, &bench.seats, out);
        }
        // Once more as if every layer came: what somebody would be shown then, publishers send.
        self.divide(now, link, false, &mut bench);
        for place in 0..bench.seats.len() {
            let layer = bench.chosen[place].map(|rung| bench.wishes[place].ladder[rung].choice.layer);
            let slot = &mut self.slots[bench.seats[place]];
            if slot.set_desired(layer)
                && let Some(track) = slot.track()
            {
                self.touch(track);
                // Who pauses all layers sends nothing that would let the track be looked at.
                self.tell_wanted(now, track);
            }
        }
        let most = bench.wishes.iter().filter(|wish| !wish.muted).filter_map(|wish| wish.ladder.last());
        let most: u64 = most.map(|rung| rung.bits_per_second).sum();
        self.workbench = bench;
        self.set_wanted(link, most, audio_rate(&self.links[link], &self.slots, &self.tracks));
    }

    /// The seats of `link` that show pictures, the most important first: who is pinned, then screens,
    /// then the biggest; of those of one size who spoke last, then in the order of the seats.
    pub(super) fn rank(&self, link: u32, seats: &mut Vec<u32>) {
        seats.clear();
        let shows_picture =
            |&slot: &u32| self.slots[slot].kind() == Kind::Video && self.slots[slot].track().is_some();
        seats.extend(self.links[link].slots.iter().copied().filter(shows_picture));
        let room = &self.rooms[self.links[link].room];
        let pinned = room.pinned_by(self.links[link].participant);
        let importance = |slot: &u32| {
            let track = self.slots[*slot].track().and_then(|track| self.tracks.get(track));
            let is_pinned = track.is_some_and(|track| Some(track.participant) == pinned);
            let is_screen = track.is_some_and(|track| track.source == Source::Screen);
            let spoke = track.map_or(0, |track| room.spoke(track.id));
            let place = self.links[link].slots.iter().position(|other| other == slot);
            let height = self.slots[*slot].max_height().unwrap_or(u16::MAX);
            (!is_pinned, !is_screen, Reverse(height), Reverse(spoke), place)
        };
        seats.sort_unstable_by_key(importance);
    }

    fn divide(&self, now: Time, link: u32, only_flowing: bool, bench: &mut Workbench) {
        bench.wishes.clear();
        bench.wishes.extend(bench.seats.iter().map(|&seat| {
            let slot = &self.slots[seat];
            let track = slot.track().and_then(|track| self.tracks.get(track));
            let ladder =
                track.map_or_else(Ladder::new, |track| ladder(track, slot.max_height(), only_flowing));
            let place = |aim: Choice| ladder.iter().rposition(|rung| rung.choice == aim);
            let now_at = slot.aimed_at().and_then(place);
            let muted = track.is_some_and(|track| track.muted);
            Wish { now: now_at, may_rise: now.since(slot.lowered()) >= HOLD, ladder, muted }
        }));
        let entry = &self.links[link];
        let is_calm = entry.rate.as_ref().is_some_and(|rate| rate.is_calm(now));
        let estimate = entry.rate.as_ref().filter(|_| !entry.is_budget_assumed);
        let drained = estimate.map_or(0, |rate| rate.estimator.estimate().bps());
        allocate(
            entry.budget.map(|bits_per_second| Budget { bits_per_second, drained, is_calm }),
            audio_rate(entry, &self.slots, &self.tracks),
            &bench.wishes,
            &mut bench.chosen,
        );
    }

    fn note_fall(&mut self, now: Time, seat: u32, wish: &Wish, chosen: Option<usize>) {
        if wish.now.is_some() && chosen < wish.now {
            self.slots[seat].note_lowered(now);
        }
    }

    /// Whether what a seat shows is to be left for something lower, and cannot be shown until that comes.
    fn is_hopeless(&self, now: Time, seat: u32, wish: &Wish, chosen: Option<usize>) -> bool {
        let slot = &self.slots[seat];
        let link = &self.links[slot.transport()];
        let Some((layer, budget)) = slot.layer().zip(link.budget) else { return false };
        let Some(next) = chosen.map(|chosen| wish.ladder[chosen].choice) else { return false };
        let track = slot.track().and_then(|track| self.tracks.get(track));
        let structure = track.and_then(|track| track.layers[usize::from(layer)].structure.as_ref());
        let lacks = structure.is_some_and(|(_, structure)| slot.lacks(next.sublayers, structure));
        let falls = next.layer < layer || next.layer == layer && lacks;
        let is_full = link.rate.as_ref().is_some_and(|rate| rate.is_full(now));
        let is_shown = |choice: Choice| choice.layer == layer && choice.sublayers.spatial >= slot.spatial();
        let rungs = wish.ladder.iter().filter(|rung| is_shown(rung.choice));
        let least = rungs.map(|rung| rung.bits_per_second).min();
        let is_long = link.rate.as_ref().is_some_and(|rate| rate.estimator.queue_is_long(now));
        falls && is_full && (is_long || least.is_some_and(|least| least > HOPELESS * budget))
    }

    /// A track is muted or not any more: what it took is for others, or the other way round.
    pub(super) fn unsettle_for_mute(&mut self, track: u32) {
        let muted = self.tracks[track].muted;
        let seats = self.tracks[track].layers.iter().flat_map(|layer| &layer.slots);
        let viewers: Vec<u32> = seats.map(|&slot| self.slots[slot].transport()).collect();
        // Who was not seen is to be seen at once.
        for link in viewers {
            if muted { self.unsettle(link) } else { self.unsettle_now(link) }
        }
    }

    /// Lets a seat aim at `choice`: it is put on the lists of what it listens to, and begins at once
    /// or when the key frame comes that is asked for.
    pub(super) fn aim(&mut self, slot: u32, choice: Option<Choice>, out: &mut impl Outbox) {
        let Some(key) = self.slots[slot].track().filter(|_| self.slots[slot].aim(choice)) else { return };
        for (number, layer) in (0u8..).zip(&mut self.tracks[key].layers) {
            let is_listed = layer.slots.contains(&slot);
            match self.slots[slot].listens_to(number) {
                true if !is_listed => layer.slots.push(slot),
                false if is_listed => layer.slots.retain(|&other| other != slot),
                _ => {}
            }
        }
        self.touch(key);
        if self.slots[slot].layer().is_none() {
            self.empty_held(slot);
        }
        self.begin(slot, out);
        if let Some(choice) = choice.filter(|choice| self.slots[slot].misses_key_frame_of(choice.layer)) {
            self.want_key_frame(key, usize::from(choice.layer));
        }
    }

    /// Takes seats off the lists of layers they have left for others.
    pub(super) fn let_go_of_layers(&mut self, track: u32) {
        if self.tracks[track].layers.len() == 1 {
            return;
        }
        for (number, layer) in (0u8..).zip(&mut self.tracks[track].layers) {
            layer.slots.retain(|&slot| self.slots[slot].listens_to(number));
        }
        self.touch(track);
    }

    /// Looks at what comes of a track, if it is time: rates, layers that paused or are back, and
    /// layers that nobody watches.
    pub(super) fn look_at(&mut self, now: Time, key: u32) {
        let track = &mut self.tracks[key];
        let is_told = track.home.is_some() && track.layers.len() > 1;
        if now < track.next_look || is_told {
            return;
        }
        track.next_look = now + LOOK_INTERVAL;
        let flow_changed = track.note_flow();
        let mut rates_changed = false;
        track.layers.iter_mut().for_each(|layer| rates_changed |= layer.meter.settle(now));
        if flow_changed || rates_changed {
            self.unsettle_viewers(key, flow_changed);
            self.tell_supplies(key);
        }
        self.steer_taping(now, key);
        self.tell_wanted(now, key);
    }

    /// Looks at all tracks of a publisher: of one whose layers all pause nothing comes, and yet somebody
    /// may have a seat for it again.
    pub(super) fn look_at_all(&mut self, now: Time, link: u32) {
        for place in 0..self.links[link].tracks.len() {
            self.look_at(now, self.links[link].tracks[place]);
        }
    }

    /// The rates of a track changed, or which of its layers there are, or who comes first.
    pub(super) fn unsettle_viewers(&mut self, track: u32, all: bool) {
        for layer in 0..self.tracks[track].layers.len() {
            for place in 0..self.tracks[track].layers[layer].slots.len() {
                let link = self.slots[self.tracks[track].layers[layer].slots[place]].transport();
                if all || self.links[link].budget.is_some() {
                    self.unsettle(link);
                }
            }
        }
    }

    /// Tells signaling which layers of a track anybody watches, when that has changed. The lowest is sent
    /// as long as somebody has a seat for it, shown or not: who begins to speak is to be seen at once.
    fn tell_wanted(&mut self, now: Time, key: u32) {
        let Track { kind, wanted_there, home, taping, .. } = &self.tracks[key];
        if *kind == Kind::Audio || home.is_some() {
            return;
        }
        let there = wanted_there.iter().fold(0, |wanted, (_, layers)| wanted | layers);
        let recorded = taping.as_ref().map_or(0, |taping| taping.wanted());
        // What is cut off is not asked for, whoever would like it.
        let liked = (there | recorded | self.wanted_here(key)) & self.tracks[key].uncut();
        let wanted = u8::from(self.may_be_shown(key)) | liked;
        let track = &mut self.tracks[key];
        let mut told = 0;
        for (number, layer) in track.layers.iter_mut().enumerate() {
            let bit = 1 << number;
            if wanted & bit != 0 || layer.last_wanted == Time::ZERO {
                layer.last_wanted = now;
            }
            // What was paused already stays so until somebody wants it.
            let lingers = track.told_wanted & bit != 0 && now.since(layer.last_wanted) < UNWATCHED;
            told |= if wanted & bit != 0 || lingers { bit } else { 0 };
        }
        let everything = (1 << track.layers.len()) - 1;
        if told != track.told_wanted & everything {
            track.told_wanted = told;
            if told == 0 {
                // What came until now is long past when somebody comes.
                track.layers.iter_mut().for_each(|layer| layer.last_key_frame = None);
            }
            let track = track.id;
            self.tell(Event::Layers { track, wanted: told });
        }
    }

    /// Whether somebody could be shown a track from one moment to the next: there is a seat for pictures, not
    /// hidden, or people of the room on another worker, whose seats are not known here.
    fn may_be_shown(&self, key: u32) -> bool {
        let room = &self.rooms[self.room_of(key)];
        let lines = |slot| self.slot_keys.get(&slot).map(|&key| self.slots[key].max_height());
        let mut seats = room.seats_for_picture(self.tracks[key].participant, self.tracks[key].id);
        !room.workers().is_empty() || seats.any(|slot| lines(slot).is_some_and(|lines| lines != Some(0)))
    }

    /// The layers of a track that somebody on this worker watches, or would if they came; a bit each.
    pub(super) fn wanted_here(&self, track: u32) -> u8 {
        let mut wanted = 0;
        for &slot in self.tracks[track].layers.iter().flat_map(|layer| &layer.slots) {
            let slot = &self.slots[slot];
            let aim = slot.aimed_at().map(|aim| aim.layer);
            for layer in [slot.layer(), aim, slot.desired()].into_iter().flatten() {
                wanted |= 1 << layer;
            }
        }
        wanted
    }

    /// Says again which layers of each track are watched.
    pub(super) fn wanted_layers(&self) -> impl Iterator<Item = Event> {
        let is_told = |track: &Track| track.home.is_none() && track.kind == Kind::Video;
        let pictures = self.tracks.iter().filter(move |(_, track)| is_told(track));
        pictures.map(|(_, track)| {
            let everything = (1 << track.layers.len()) - 1;
            Event::Layers { track: track.id, wanted: track.told_wanted & everything }
        })
    }
}

/// What the sound costs that a receiver is sent.
fn audio_rate(link: &Link, slots: &Slab<Slot>, tracks: &Slab<Track>) -> u64 {
    let sounds = link.slots.iter().map(|&slot| &slots[slot]).filter(|slot| slot.kind() == Kind::Audio);
    let tracks = sounds.filter_map(|slot| tracks.get(slot.track()?));
    tracks.filter_map(|track| track.layers[0].meter.rate(Sublayers::ALL)).sum()
}
