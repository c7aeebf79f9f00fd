//! What receivers are owed until it is time to send it: the moment between a packet's coming and
//! its train's leaving.
//!
//! A receiver's packets wait for one another for the gathering time and then leave together, so
//! that many of them share one walk through the kernel. What goes into their headers is decided
//! when they come; what is sealed is read from the history when they leave.

use super::Shard;
use super::counters::{Counters, Drop};
use super::link::Link;
use super::train::{MOST_NOTED, Train};
use super::waiting::{Owed, Waiting};
use crate::base::slab::Slab;
use crate::base::{Outbox, Time};
use crate::media::pacer::MOST_WAIT;
use crate::media::track::Track;
use std::collections::VecDeque;
use std::time::Duration;

/// What waits for its link is looked at again between these: not for every packet, and often enough
/// that sound does not notice.
const LEAST_HOLD: Duration = Duration::from_millis(1);
const MOST_HOLD: Duration = Duration::from_millis(10);

/// Lists are kept for as many receivers as waited at once in the last two of these: traffic repeats
/// within seconds, and what a crowd took that has left, a kilobyte for each and more, is given back.
const KEEP_LISTS: Duration = Duration::from_secs(10);

/// What leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Departure {
    /// What the pacer grants; the rest waits on.
    Granted,
    /// Everything: what it was made from is about to go.
    All,
}

/// Who waits, and for how long.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    window: Duration,
    /// Receivers that are owed something, with the moment it leaves at the latest. Who has departed
    /// before that stays here until then, and what they are owed by now has a moment of its own.
    due: VecDeque<(Time, u32)>,
    /// Lists that are not in use.
    #[expect(clippy::vec_box, reason = "a box goes to its receiver and comes back as it is")]
    spare: Vec<Box<Waiting>>,
    /// Receivers that waited at once, at most: since then, and in the interval before.
    most: (Time, usize, usize),
    /// Seats that began to show something and are not told yet what it is in step with.
    begun: Vec<u32>,
    /// The time of what goes on now.
    pub(super) now: Time,
    /// When what has departed had come, for turns that are looked at.
    noted: Option<Vec<Time>>,
}

impl Gathering {
    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.due.front().map(|&(at, _)| at)
    }

    /// A receiver that is gone waits no longer.
    pub(super) fn forget(&mut self, link: u32, waiting: Option<Box<Waiting>>) {
        self.due.retain(|&(_, waits)| waits != link);
        if let Some(waiting) = waiting {
            self.give_back(waiting);
        }
    }

    /// The receiver `link` is owed something that leaves at `at`.
    fn wait_until(&mut self, at: Time, link: u32) {
        let place = match self.due.back() {
            Some(&(last, _)) if last > at => self.due.partition_point(|&(other, _)| other <= at),
            _ => self.due.len(),
        };
        self.due.insert(place, (at, link));
    }

    /// Frees lists that nobody has needed for a while.
    fn tidy(&mut self, now: Time) {
        let (since, most, before) = &mut self.most;
        *most = (*most).max(self.due.len());
        if now.since(*since) >= KEEP_LISTS {
            self.spare.truncate((*most).max(*before));
            self.most = (now, 0, *most);
        }
    }

    fn give_back(&mut self, mut waiting: Box<Waiting>) {
        waiting.clear();
        self.spare.push(waiting);
    }
}

/// Everything a train is made from.
pub(super) struct Yard<'a> {
    pub(super) tracks: &'a Slab<Track>,
    pub(super) links: &'a mut Slab<Link>,
    pub(super) gathering: &'a mut Gathering,
    pub(super) counters: &'a mut Counters,
}

impl Yard<'_> {
    /// Puts one packet on the list of the receiver `link`. Allocates when more receivers wait at
    /// once than in the last ten seconds, or one for more than its list has held since.
    pub(super) fn owe(
        &mut self,
        now: Time,
        link: u32,
        owed: Owed,
        write_header: impl FnOnce(&mut [u8]) -> Option<usize>,
        out: &mut impl Outbox,
    ) -> bool {
        let is_full =
            |links: &Slab<Link>| links[link].waiting.as_ref().is_some_and(|waiting| waiting.is_full());
        if is_full(self.links) {
            self.depart(link, Departure::Granted, out);
        }
        if is_full(self.links) {
            self.depart(link, Departure::All, out);
        }
        let gathering = &mut *self.gathering;
        let waiting = self.links[link].waiting.get_or_insert_with(|| {
            let mut waiting = gathering.spare.pop().unwrap_or_else(Waiting::new);
            waiting.due = now + gathering.window;
            gathering.wait_until(waiting.due, link);
            waiting
        });
        if owed.begins && waiting.held_since.is_some() {
            // Of another layer, and too much for the link: it would only make a key frame wait.
            self.counters.emptied += waiting.empty(owed.slot);
        }
        let kept = waiting.push(owed, write_header);
        if kept {
            self.counters.waiting += 1;
        } else {
            self.counters.drop(Drop::NotSealed);
        }
        kept
    }

    /// Seals what `link` is owed into trains of equal packets: all of it, or what its pacer grants.
    pub(super) fn depart(&mut self, link: u32, departure: Departure, out: &mut impl Outbox) {
        let Some(entry) = self.links.get_mut(link) else { return };
        let Some(mut waiting) = entry.waiting.take() else { return };
        let now = self.gathering.now;
        if departure != Departure::All
            && let Some(grant) = entry.rate.as_mut().and_then(|rate| rate.grant(now))
            && waiting.bytes > grant
        {
            self.hold_back(link, &mut waiting, grant);
        }
        match Train::to(now, link, &mut self.links[link]) {
            Some(mut train) => {
                train.load(&waiting, self.tracks, self.counters, &mut self.gathering.noted, out);
                train.end();
                self.gathering
                    .begun
                    .extend(waiting.owed.iter().filter(|owed| owed.begins).map(|owed| owed.slot));
            }
            None => waiting.owed.iter().for_each(|_| self.counters.drop(Drop::NotConnected)),
        }
        self.counters.waiting -= waiting.owed.len() as u64;
        self.gathering.give_back(waiting);
    }

    /// Takes out of `waiting` what its link cannot carry yet, and has it wait on. What has waited too
    /// long leaves all the same: it is for the estimate to shrink and for allocation to send less.
    fn hold_back(&mut self, link: u32, waiting: &mut Waiting, grant: u64) {
        let now = self.gathering.now;
        let since = waiting.held_since.unwrap_or(now);
        if now.since(since) >= MOST_WAIT {
            return;
        }
        let mut staying = self.gathering.spare.pop().unwrap_or_else(Waiting::new);
        waiting.split(grant, &mut staying);
        if staying.owed.is_empty() {
            return self.gathering.give_back(staying);
        }
        staying.held_since = Some(since);
        self.counters.held += 1;
        let entry = &mut self.links[link];
        let ready = entry.rate.as_ref().map_or(now, |rate| rate.ready_at());
        staying.due = ready.clamp(now + LEAST_HOLD, now + MOST_HOLD);
        self.gathering.wait_until(staying.due, link);
        entry.waiting = Some(staying);
    }
}

impl Shard {
    /// How long a receiver's packets wait for one another, from when the first of them came.
    pub fn set_gathering_window(&mut self, window: Duration) {
        self.gathering.window = window;
    }

    /// Notes in `noted`, which is cleared, when each packet came that leaves until
    /// [`noted_departures`](Self::noted_departures) takes it back.
    pub fn note_departures(&mut self, mut noted: Vec<Time>) {
        noted.clear();
        noted.reserve_exact(MOST_NOTED);
        self.gathering.noted = Some(noted);
    }

    /// See [`note_departures`](Self::note_departures).
    pub fn noted_departures(&mut self) -> Option<Vec<Time>> {
        self.gathering.noted.take()
    }

    /// Sends what is due at the end of a turn. Allocates nothing.
    pub fn depart(&mut self, now: Time, out: &mut impl Outbox) {
        self.depart_until(now, now, out);
    }

    /// Sends everything that waits, due or not.
    pub(super) fn depart_all(&mut self, now: Time, out: &mut impl Outbox) {
        self.depart_until(now, Time::NEVER, out);
    }

    fn depart_until(&mut self, now: Time, limit: Time, out: &mut impl Outbox) {
        self.gathering.now = now;
        self.gathering.tidy(now);
        let departure = if limit == Time::NEVER { Departure::All } else { Departure::Granted };
        while let Some(&(at, link)) = self.gathering.due.front()
            && at <= limit
        {
            self.gathering.due.pop_front();
            let waiting = self.links.get(link).and_then(|link| link.waiting.as_ref());
            if waiting.is_some_and(|waiting| waiting.due == at) {
                self.yard().depart(link, departure, out);
            }
        }
        // Reports are asked for by those who have just been shown something: few, and rarely.
        while let Some(slot) = self.gathering.begun.pop() {
            if self.slots.get(slot).is_some() {
                self.send_pair_reports(now, slot, out);
            }
        }
    }

    /// Sends what waits for the viewers of a track that is about to go or to begin anew.
    pub(super) fn depart_viewers(&mut self, track: u32, out: &mut impl Outbox) {
        let slots = self.tracks[track].layers.iter().flat_map(|layer| &layer.slots);
        let viewers: Vec<u32> = slots.map(|&slot| self.slots[slot].transport()).collect();
        for link in viewers {
            self.yard().depart(link, Departure::All, out);
        }
    }

    /// A seat gives up what it showed: of that, what is held back for its link's sake leaves empty.
    pub(super) fn empty_held(&mut self, slot: u32) {
        let waiting = self.links[self.slots[slot].transport()].waiting.as_mut();
        if let Some(waiting) = waiting.filter(|waiting| waiting.held_since.is_some()) {
            self.counters.emptied += waiting.empty(slot);
        }
    }

    pub(super) fn yard(&mut self) -> Yard<'_> {
        Yard {
            tracks: &self.tracks,
            links: &mut self.links,
            gathering: &mut self.gathering,
            counters: &mut self.counters,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_a_crowd_that_has_left_are_freed_and_those_in_use_are_kept() {
        let mut gathering = Gathering::default();
        let wait = |gathering: &mut Gathering, receivers: u32, now: Time| {
            for link in 0..receivers {
                gathering.due.push_back((now, link));
                let list = gathering.spare.pop().unwrap_or_else(Waiting::new);
                gathering.give_back(list);
            }
            while gathering.spare.len() < receivers as usize {
                gathering.give_back(Waiting::new());
            }
            gathering.tidy(now);
            gathering.due.clear();
        };
        wait(&mut gathering, 100, Time::from_millis(1));
        for second in 1..60 {
            wait(&mut gathering, 3, Time::from_millis(second * 1_000));
            assert!(gathering.spare.len() >= 3, "what is used every second is there");
            assert!(gathering.spare.len() == 100 || second >= 20, "nothing is freed in haste");
        }
        assert_eq!(gathering.spare.len(), 3);
    }
}
