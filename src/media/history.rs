//! The one store of a layer's recent packets, shared by all who receive it.
//!
//! A packet is decrypted straight into it; from here it is sealed for every subscriber, sealed
//! again when one asks for it, and again for a late joiner. Packets lie one behind another in a
//! ring of bytes, found by their index. The ring doubles while it holds less than
//! [`KEEP`] of the layer, so it allocates while a track warms up and never after.

use crate::base::Time;
use std::collections::VecDeque;
use std::time::Duration;

/// How long packets are kept: a retransmission is asked for within a round trip or two, and a
/// second of each published layer is the memory that is promised.
pub const KEEP: Duration = Duration::from_secs(1);

/// Largest packet taken: an Ethernet frame's worth.
pub const MAX_PACKET: usize = 1500;

/// Bytes a ring starts with: two packets for sound, which seldom needs more than 8 KiB a second.
const FIRST_BYTES: usize = 8 * 1024;

/// Bytes a ring never passes: a second of 32 Mbit/s.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Packets a table starts with; it doubles with the ring.
const FIRST_PACKETS: usize = 64;

/// Packets a table never passes.
const MAX_PACKETS: usize = 8192;

const _: () = assert!(FIRST_BYTES >= 2 * MAX_PACKET, "a reservation must fit beside what it was made for");
const _: () = assert!(FIRST_PACKETS.is_power_of_two() && MAX_PACKETS.is_power_of_two());

/// What the history knows of a packet besides its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The packet's index: its sequence number, unwrapped.
    pub index: u64,
    /// When it came in.
    pub received: Time,
    /// Whether a key frame starts with it.
    pub starts_key_frame: bool,
    /// Whether every byte of it is as its sender wrote it first; a retransmission has other extensions.
    pub is_as_sent: bool,
    /// When it was put here: later than it came in, when another worker's history gave it.
    kept: Time,
    offset: u32,
    len: u16,
}

/// What is to be known of a packet that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// When it came in.
    pub received: Time,
    /// Whether a key frame starts with it.
    pub starts_key_frame: bool,
    /// Whether every byte of it is as its sender wrote it first.
    pub is_as_sent: bool,
}

/// Recent packets of one layer.
#[derive(Debug)]
pub struct History {
    bytes: Vec<u8>,
    head: usize,
    reserved: Time,
    table: Vec<Option<Stored>>,
    order: VecDeque<u64>,
}

impl Default for History {
    fn default() -> History {
        History {
            bytes: vec![0; FIRST_BYTES],
            head: 0,
            reserved: Time::ZERO,
            table: vec![None; FIRST_PACKETS],
            order: VecDeque::with_capacity(FIRST_PACKETS),
        }
    }
}

impl History {
    /// Room for a packet of at most [`MAX_PACKET`] bytes, to be filled and then committed; packets
    /// that lay there are forgotten. A reservation that is not committed costs nothing more.
    pub fn reserve(&mut self, now: Time) -> &mut [u8] {
        self.grow_if_too_young(now);
        self.reserved = now;
        if self.head + MAX_PACKET > self.bytes.len() {
            self.forget_range(self.head, self.bytes.len());
            self.head = 0;
        }
        self.forget_range(self.head, self.head + MAX_PACKET);
        &mut self.bytes[self.head..self.head + MAX_PACKET]
    }

    /// Keeps the first `len` bytes of the last reservation under `index`.
    ///
    /// Returns false, and keeps nothing, when a packet of that index is there already.
    pub fn commit(&mut self, index: u64, len: usize, about: About) -> bool {
        assert!(len <= MAX_PACKET, "a commit never passes its reservation");
        if self.get(index).is_some() {
            return false;
        }
        if self.order.len() == self.table.len() {
            self.forget_oldest();
        }
        if !self.make_place(index) {
            return false;
        }
        let slot = self.slot_of(index);
        self.table[slot] = Some(Stored {
            index,
            received: about.received,
            starts_key_frame: about.starts_key_frame,
            is_as_sent: about.is_as_sent,
            kept: self.reserved,
            offset: self.head as u32,
            len: len as u16,
        });
        self.order.push_back(index);
        self.head += len;
        true
    }

    /// The packet under `index`, while it is kept.
    pub fn get(&self, index: u64) -> Option<(&[u8], Stored)> {
        let stored = self.table[self.slot_of(index)].filter(|stored| stored.index == index)?;
        let start = stored.offset as usize;
        Some((&self.bytes[start..start + usize::from(stored.len)], stored))
    }

    /// Forgets everything and gives the memory back that it grew to. False: it has not grown, and nothing
    /// is done.
    pub fn give_back(&mut self) -> bool {
        let has_grown = self.bytes.len() > FIRST_BYTES || self.table.len() > FIRST_PACKETS;
        if has_grown {
            *self = History::default();
        }
        has_grown
    }

    /// Bytes the history occupies.
    pub fn memory(&self) -> usize {
        self.bytes.len() + self.table.len() * size_of::<Option<Stored>>() + self.order.capacity() * 8
    }

    fn slot_of(&self, index: u64) -> usize {
        index as usize & (self.table.len() - 1)
    }

    /// Sees to it that nothing worth keeping lies where `index` is to lie. After a burst of loss what is
    /// sent again is far behind the newest, which somebody may be owed; false when there is no place for
    /// both, and the newer stays.
    fn make_place(&mut self, index: u64) -> bool {
        while let Some(other) = self.table[self.slot_of(index)] {
            let is_young = self.reserved.since(other.kept) < KEEP;
            if !is_young || self.table.len() == MAX_PACKETS {
                return other.index < index;
            }
            let larger = vec![None; self.table.len() * 2];
            for stored in std::mem::replace(&mut self.table, larger).into_iter().flatten() {
                let slot = self.slot_of(stored.index);
                self.table[slot] = Some(stored);
            }
        }
        true
    }

    fn oldest(&self) -> Option<Stored> {
        let &index = self.order.front()?;
        self.table[self.slot_of(index)].filter(|stored| stored.index == index)
    }

    /// Takes the oldest packet out of the order, and out of the table unless a newer one whose
    /// index shares its place has pushed it out already.
    fn forget_oldest(&mut self) {
        let Some(index) = self.order.pop_front() else { return };
        let slot = self.slot_of(index);
        if self.table[slot].is_some_and(|stored| stored.index == index) {
            self.table[slot] = None;
        }
    }

    /// Forgets the packets from the oldest on that touch `start..end`. The ring is written in one
    /// direction only, so those are the oldest.
    fn forget_range(&mut self, start: usize, end: usize) {
        while let Some(&index) = self.order.front() {
            let touches =
                self.table[self.slot_of(index)].filter(|stored| stored.index == index).is_none_or(|stored| {
                    let offset = stored.offset as usize;
                    offset < end && offset + usize::from(stored.len) > start
                });
            if !touches {
                return;
            }
            self.forget_oldest();
        }
    }

    fn grow_if_too_young(&mut self, now: Time) {
        let Some(oldest) = self.oldest() else { return };
        if now.since(oldest.kept) >= KEEP {
            return;
        }
        let bytes_short = self.bytes.len() < MAX_BYTES && self.would_touch(oldest);
        let table_short = self.table.len() < MAX_PACKETS && self.order.len() == self.table.len();
        if bytes_short || table_short {
            let bytes = if bytes_short { self.bytes.len() * 2 } else { self.bytes.len() };
            let packets = if table_short { self.table.len() * 2 } else { self.table.len() };
            self.rebuild(bytes, packets);
        }
    }

    fn would_touch(&self, oldest: Stored) -> bool {
        let offset = oldest.offset as usize;
        let end = offset + usize::from(oldest.len);
        if self.head + MAX_PACKET > self.bytes.len() {
            return offset < MAX_PACKET || end > self.head;
        }
        offset < self.head + MAX_PACKET && end > self.head
    }

    /// Lays the packets out anew, oldest first, in a ring of another size.
    fn rebuild(&mut self, bytes: usize, packets: usize) {
        let old = std::mem::replace(
            self,
            History {
                bytes: vec![0; bytes],
                head: 0,
                reserved: Time::ZERO,
                table: vec![None; packets],
                order: VecDeque::with_capacity(packets),
            },
        );
        for &index in &old.order {
            let Some((packet, stored)) = old.get(index) else { continue };
            self.bytes[self.head..self.head + packet.len()].copy_from_slice(packet);
            self.reserved = stored.kept;
            let Stored { received, starts_key_frame, is_as_sent, .. } = stored;
            self.commit(index, packet.len(), About { received, starts_key_frame, is_as_sent });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Random;

    fn plain(received: Time) -> About {
        About { received, starts_key_frame: false, is_as_sent: true }
    }

    fn store(history: &mut History, index: u64, len: usize, now: Time) -> bool {
        let room = history.reserve(now);
        room[..len].fill(index as u8);
        history.commit(index, len, plain(now))
    }

    #[test]
    fn what_comes_late_pushes_out_nothing_newer() {
        let mut history = History::default();
        for index in [1_000, 1_001, 936, 937, 10] {
            assert!(store(&mut history, index, 100, Time::from_millis(5)));
        }
        for index in [1_000, 1_001, 936, 937, 10] {
            assert!(history.get(index).is_some_and(|(packet, _)| packet[0] == index as u8), "{index}");
        }
        assert!(store(&mut history, 1_000_000, 100, Time::from_millis(6)));
        assert!(!store(&mut history, 1_000_000 - MAX_PACKETS as u64, 100, Time::from_millis(6)));
        assert!(history.get(1_000_000).is_some(), "where there is no place for both the newer stays");
    }

    #[test]
    fn a_second_of_a_fast_layer_is_kept_whole() {
        let mut history = History::default();
        for index in 0..3_000 {
            store(&mut history, index, 1_200, Time::from_nanos(index * 2_000_000));
        }
        for index in 2_510..3_000 {
            let (packet, _) = history.get(index).expect("a packet younger than a second is kept");
            assert!(packet.len() == 1_200 && packet.iter().all(|&byte| byte == index as u8));
        }
        assert!(history.memory() < 2 * 1024 * 1024, "memory stays near what is kept: {}", history.memory());
    }

    #[test]
    fn packets_that_came_in_long_ago_are_kept_as_long_as_others() {
        let mut history = History::default();
        for index in 0..60 {
            let room = history.reserve(Time::from_millis(5_000));
            room[..1_200].fill(index as u8);
            assert!(history.commit(index, 1_200, plain(Time::from_millis(index))));
        }
        assert!((0..60).all(|index| history.get(index).is_some()));
    }

    #[test]
    fn sound_needs_little_memory() {
        let mut history = History::default();
        for index in 0..3_000 {
            store(&mut history, index, 100, Time::from_millis(index * 20));
        }
        assert!(history.get(2_951).is_some());
        assert!(history.memory() < 24 * 1024, "{}", history.memory());
    }

    #[test]
    fn a_packet_that_is_there_already_is_refused() {
        let mut history = History::default();
        assert!(store(&mut history, 7, 10, Time::ZERO));
        assert!(!store(&mut history, 7, 10, Time::ZERO));
    }

    #[test]
    fn whatever_is_found_is_what_was_stored_whatever_came() {
        let mut random = Random::new(3);
        let mut history = History::default();
        let mut now = Time::ZERO;
        for _ in 0..30_000 {
            now += Duration::from_micros(random.below(3_000));
            let index = now.as_millis() + random.below(900);
            store(&mut history, index, 1 + random.below(1_400) as usize, now);
            let probe = now.as_millis() + random.below(900);
            if let Some((packet, stored)) = history.get(probe) {
                assert_eq!(stored.index, probe);
                assert!(packet.iter().all(|&byte| byte == probe as u8));
            }
        }
    }

    #[test]
    fn a_reservation_that_is_dropped_leaves_nothing() {
        let mut history = History::default();
        history.reserve(Time::ZERO)[0] = 9;
        assert!(history.get(0).is_none());
        assert!(store(&mut history, 0, 1, Time::ZERO));
    }
}
