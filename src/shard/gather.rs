//! What receivers are owed until it is time to send it: the moment between a packet's coming and
//! its train's leaving.
//!
//! A receiver's packets wait for one another for the gathering time and then leave together, so
//! that many of them share one walk through the kernel. What goes into their headers is decided
//! when they come; what is sealed is read from the history when they leave.

use super::Shard;
use super::counters::{Counters, Drop};
use super::link::{Link, Sent, Srtp};
use super::rate::Rate;
use super::redundancy::{Head, Older};
use crate::base::slab::Slab;
use crate::base::{Outbox, Path, Push, Time, TrainId};
use crate::media::pacer::MOST_WAIT;
use crate::media::pictures;
use crate::media::track::Track;
use crate::media::train_plan::{MAX_PLANNED, Wagon, plan};
use crate::transport::srtp::{Payload, SrtpSender};
use crate::wire::extension::{AbsSendTime, Stamp, stamp_send_time, stamp_transport_sequence};
use arrayvec::ArrayVec;
use std::collections::VecDeque;
use std::time::Duration;

/// Bytes of headers one receiver's packets may have in all; most have 20 to 40 each.
const HEADER_BYTES: usize = 8 * 1024;

/// Room for an RTP header we write: 12 bytes, MID and what is carried.
pub(super) const MAX_HEADER: usize = 320;

/// What waits for its link is looked at again between these: not for every packet, and often enough
/// that sound does not notice.
const LEAST_HOLD: Duration = Duration::from_millis(1);
const MOST_HOLD: Duration = Duration::from_millis(10);

/// Departures of one turn that are noted at most; more say nothing more.
const MOST_NOTED: usize = 4096;

/// Lists are kept for as many receivers as waited at once in the last two of these: traffic repeats
/// within seconds, and what a crowd took that has left, 13 KB for each, is given back.
const KEEP_LISTS: Duration = Duration::from_secs(10);

/// One packet somebody is owed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owed {
    /// The shard's key of the seat.
    pub(super) slot: u32,
    /// The shard's key of the track.
    pub(super) track: u32,
    /// Its layer.
    pub(super) layer: u8,
    /// A run begins with it.
    pub(super) begins: bool,
    /// It comes from the history, for somebody late.
    pub(super) replayed: bool,
    /// It is sound, which waits for no pacer.
    pub(super) is_sound: bool,
    /// What is written into its header when it leaves.
    pub(super) stamp: Stamp,
    /// Index in the layer's history.
    pub(super) published: u64,
    /// Index in the seat's sequence.
    pub(super) index: u64,
    header_start: u16,
    header_len: u16,
    /// What goes before it in place of the payload's first bytes.
    pub(super) head: pictures::Head,
    /// Where the rest of the payload lies in the stored packet.
    pub(super) payload: (u16, u16),
    /// What rides in front of the payload.
    pub(super) older: Option<Older>,
}

/// What one receiver is owed, in the order it came.
#[derive(Debug)]
pub(super) struct Waiting {
    owed: ArrayVec<Owed, MAX_PLANNED>,
    /// Bytes of all of them, headers included.
    bytes: u64,
    /// When it leaves.
    due: Time,
    /// Since when some of it is held back for its link's sake.
    held_since: Option<Time>,
    headers: Box<[u8; HEADER_BYTES]>,
    headers_len: usize,
}

impl Waiting {
    fn new() -> Box<Waiting> {
        Box::new(Waiting {
            owed: ArrayVec::new(),
            bytes: 0,
            due: Time::ZERO,
            held_since: None,
            headers: Box::new([0; HEADER_BYTES]),
            headers_len: 0,
        })
    }

    fn clear(&mut self) {
        self.owed.clear();
        (self.bytes, self.held_since) = (0, None);
        self.headers_len = 0;
    }

    fn is_full(&self) -> bool {
        self.owed.is_full() || self.headers_len + MAX_HEADER > HEADER_BYTES
    }

    /// Keeps `owed` with the header that `write` writes; false when that is too long.
    fn push(&mut self, mut owed: Owed, write: impl FnOnce(&mut [u8]) -> Option<usize>) -> bool {
        let room = &mut self.headers[self.headers_len..self.headers_len + MAX_HEADER];
        let Some(len) = write(room) else { return false };
        (owed.header_start, owed.header_len) = (self.headers_len as u16, len as u16);
        self.headers_len += len;
        self.bytes += owed.size();
        self.owed.push(owed);
        true
    }

    /// Leaves here what may go with a grant of `grant` bytes: all sound, and pictures in their order;
    /// the rest goes to `staying`.
    fn split(&mut self, grant: u64, staying: &mut Waiting) {
        let sound: u64 = self.owed.iter().filter(|owed| owed.is_sound).map(Owed::size).sum();
        let mut left = grant.saturating_sub(sound);
        let mut leaving = ArrayVec::<Owed, MAX_PLANNED>::new();
        for owed in &self.owed {
            if owed.is_sound || left > 0 {
                left = if owed.is_sound { left } else { left.saturating_sub(owed.size()) };
                leaving.push(*owed);
            } else {
                let header = self.header(owed);
                staying.push(*owed, |room| {
                    room[..header.len()].copy_from_slice(header);
                    Some(header.len())
                });
            }
        }
        self.keep(leaving);
    }

    fn keep(&mut self, kept: ArrayVec<Owed, MAX_PLANNED>) {
        self.bytes = kept.iter().map(Owed::size).sum();
        self.owed = kept;
    }

    fn header(&self, owed: &Owed) -> &[u8] {
        let start = usize::from(owed.header_start);
        &self.headers[start..start + usize::from(owed.header_len)]
    }
}

impl Owed {
    /// Bytes of header and payload.
    fn size(&self) -> u64 {
        let front = self.head.bytes().len() as u16 + self.older.map_or(0, Older::len);
        u64::from(self.header_len + front + self.payload.1)
    }

    /// A packet of `track` for `slot`; the rest is filled in when it is kept.
    pub(super) fn new(slot: u32, track: u32, layer: usize, published: u64) -> Owed {
        Owed {
            slot,
            track,
            layer: layer as u8,
            begins: false,
            replayed: false,
            is_sound: false,
            stamp: Stamp::None,
            published,
            index: 0,
            header_start: 0,
            header_len: 0,
            head: pictures::Head::default(),
            payload: (0, 0),
            older: None,
        }
    }
}

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
    /// once than in the last ten seconds.
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

/// One receiver's train.
pub(super) struct Train<'a> {
    id: TrainId,
    path: Path,
    sender: &'a SrtpSender,
    rate: Option<&'a mut Rate>,
    sent: &'a mut Sent,
    /// When it leaves.
    at: Time,
}

impl<'a> Train<'a> {
    /// The train of the receiver under `key` that leaves at `now`, once it is connected.
    pub(super) fn to(now: Time, key: u32, link: &'a mut Link) -> Option<Train<'a>> {
        let Link { srtp, transport, rate, sent, .. } = link;
        let Some(Srtp { sender, .. }) = srtp else { return None };
        Some(Train {
            id: TrainId(key),
            path: transport.path()?,
            sender,
            rate: rate.as_deref_mut(),
            sent,
            at: now,
        })
    }

    /// All of it was media.
    pub(super) fn end(self) {
        if let Some(rate) = self.rate {
            rate.on_train(self.at);
        }
    }

    fn load(
        &mut self,
        waiting: &Waiting,
        tracks: &Slab<Track>,
        counters: &mut Counters,
        noted: &mut Option<Vec<Time>>,
        out: &mut impl Outbox,
    ) {
        let size = |owed: &Owed| owed.size() as u16;
        let wagons: ArrayVec<Wagon, MAX_PLANNED> =
            waiting.owed.iter().map(|owed| Wagon { size: size(owed), stream: owed.slot }).collect();
        for place in plan(&wagons) {
            let owed = &waiting.owed[usize::from(place.wagon)];
            let Some((payload, received)) = payload_of(owed, tracks) else {
                counters.drop(Drop::NotKept);
                continue;
            };
            if let Some(noted) = noted.as_mut().filter(|noted| !owed.replayed && noted.len() < MOST_NOTED) {
                noted.push(received);
            }
            let older = owed.older.map(|older| head_of(older, owed, tracks));
            let head = match &older {
                None => owed.head.bytes(),
                Some(Some(head)) => head,
                // The header says that there is one.
                Some(None) => {
                    counters.drop(Drop::NotKept);
                    continue;
                }
            };
            let payload = Payload { head, body: payload, padding: place.padding };
            if self.seal(owed.index, waiting.header(owed), payload, owed.stamp, counters, out) {
                counters.padding += u64::from(place.padding);
                counters.redundant += u64::from(owed.older.is_some());
                let sent =
                    if owed.replayed { &mut counters.replayed_from_history } else { &mut counters.forwarded };
                *sent += 1;
            }
        }
    }

    /// Reserves room in the train and seals header and payload into it.
    pub(super) fn seal(
        &mut self,
        index: u64,
        header: &[u8],
        payload: Payload<'_>,
        stamp: Stamp,
        counters: &mut Counters,
        out: &mut impl Outbox,
    ) -> bool {
        let capacity = header.len() + payload.len() + self.sender.overhead();
        let rate = self.rate.as_deref_mut();
        let numbered = rate.as_ref().filter(|_| stamp == Stamp::Sequence);
        let number = numbered.map(|rate| rate.estimator.next_sequence());
        let leaves = AbsSendTime::from_nanos(self.at.as_nanos());
        let pushed = out.push(self.id, &self.path, capacity, |room| {
            room[..header.len()].copy_from_slice(header);
            if let Some(number) = number {
                stamp_transport_sequence(&mut room[..header.len()], number);
            } else if stamp == Stamp::SendTime {
                stamp_send_time(&mut room[..header.len()], leaves);
            }
            self.sender.seal_rtp(index, header.len(), payload, room).ok()
        });
        match pushed {
            Push::Committed => {
                self.sent.packets += 1;
                self.sent.bytes += capacity as u64;
                match (rate, number) {
                    (Some(rate), Some(_)) => rate.on_sent(self.at, capacity),
                    (Some(rate), None) => rate.on_unnumbered(capacity),
                    (None, _) => {}
                }
                return true;
            }
            Push::RolledBack => counters.drop(Drop::NotSealed),
            Push::Full => counters.drop(Drop::NoBuffer),
        }
        false
    }
}

fn payload_of<'a>(owed: &Owed, tracks: &'a Slab<Track>) -> Option<(&'a [u8], Time)> {
    let (bytes, stored) =
        tracks.get(owed.track)?.layers[usize::from(owed.layer)].history.get(owed.published)?;
    let (start, len) = (usize::from(owed.payload.0), usize::from(owed.payload.1));
    Some((bytes.get(start..start + len)?, stored.received))
}

fn head_of(older: Older, owed: &Owed, tracks: &Slab<Track>) -> Option<Head> {
    let track = tracks.get(owed.track)?;
    let layer = &track.layers[usize::from(owed.layer)];
    older.head(layer, owed.published)
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
