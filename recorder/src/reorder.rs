//! Packets of one encoding put in order, with a bound on how long one is waited for and on how many wait.
//!
//! Knows indices and times, not what is in a packet.

use std::collections::BTreeMap;
use std::time::Duration;
use volley::base::Time;

/// Packets that wait at most: a second of 30 Mbit/s. Beyond that nothing is waited for.
const MAX_WAITING: usize = 4096;

/// A leap larger than this is no loss but a new start.
const MAX_LEAP: u64 = 4096;

/// What comes out, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ordered<P> {
    /// The next packet.
    Packet(P),
    /// So many packets never came.
    Lost(u64),
}

#[derive(Debug)]
struct Waiting<P> {
    received: Time,
    packet: P,
}

/// The buffer of one sequence.
#[derive(Debug)]
pub struct Reorder<P> {
    patience: Duration,
    next: Option<u64>,
    waiting: BTreeMap<u64, Waiting<P>>,
}

impl<P> Reorder<P> {
    /// A buffer in which a packet is waited for as long as `patience`.
    pub fn new(patience: Duration) -> Reorder<P> {
        Reorder { patience, next: None, waiting: BTreeMap::new() }
    }

    /// How long a packet is waited for.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// A packet came. One that came before, or is given up already, is dropped.
    pub fn push(&mut self, received: Time, index: u64, packet: P) {
        let has_room = self.waiting.len() < 2 * MAX_WAITING;
        if has_room && self.next.is_none_or(|next| index >= next) {
            self.waiting.entry(index).or_insert(Waiting { received, packet });
        }
    }

    /// The sequence begins with the packet `index`; those before it are of no use.
    pub fn begin_at(&mut self, index: u64) {
        self.waiting = self.waiting.split_off(&index);
        self.next = Some(index);
    }

    /// Whether it is known where the sequence begins.
    pub fn has_begun(&self) -> bool {
        self.next.is_some()
    }

    /// Forgets everything: a new sequence begins.
    pub fn restart(&mut self) {
        self.next = None;
        self.waiting.clear();
    }

    /// The next in order, as far as it is there or no longer waited for at `now`.
    pub fn pop(&mut self, now: Time) -> Option<Ordered<P>> {
        let next = self.next?;
        let first = self.waiting.first_entry()?;
        let missing = first.key().saturating_sub(next);
        if missing == 0 {
            self.next = Some(next + 1);
            return Some(Ordered::Packet(first.remove().packet));
        }
        let is_over = now.since(first.get().received) >= self.patience || missing > MAX_LEAP;
        if is_over || self.waiting.len() > MAX_WAITING {
            self.next = Some(next + missing);
            return Some(Ordered::Lost(missing));
        }
        None
    }

    /// How many packets wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Before it is known where the sequence begins: drops what has waited for too long.
    pub fn forget_stale(&mut self, now: Time) {
        if self.next.is_none() {
            let patience = self.patience;
            self.waiting.retain(|_, waiting| now.since(waiting.received) < patience);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PATIENCE: Duration = Duration::from_millis(1_000);

    fn at(ms: u64) -> Time {
        Time::from_millis(ms)
    }

    fn all(reorder: &mut Reorder<u64>, now: Time) -> Vec<Ordered<u64>> {
        std::iter::from_fn(|| reorder.pop(now)).collect()
    }

    #[test]
    fn a_packet_that_comes_late_stands_in_its_place() {
        let mut reorder = Reorder::new(PATIENCE);
        reorder.push(at(0), 5, 5);
        assert_eq!(reorder.pop(at(0)), None, "it has not begun");
        reorder.begin_at(5);
        reorder.push(at(10), 7, 7);
        assert_eq!(all(&mut reorder, at(500)), [Ordered::Packet(5)]);
        reorder.push(at(510), 6, 6);
        assert_eq!(all(&mut reorder, at(510)), [Ordered::Packet(6), Ordered::Packet(7)]);
    }

    #[test]
    fn what_never_comes_is_given_up_after_the_patience() {
        let mut reorder = Reorder::new(PATIENCE);
        reorder.begin_at(1);
        reorder.push(at(0), 3, 3);
        assert_eq!(all(&mut reorder, at(999)), []);
        assert_eq!(all(&mut reorder, at(1_000)), [Ordered::Lost(2), Ordered::Packet(3)]);
        reorder.push(at(1_001), 2, 2);
        assert_eq!(all(&mut reorder, at(5_000)), [], "too late");
    }

    #[test]
    fn too_many_that_wait_end_the_waiting() {
        let mut reorder = Reorder::new(PATIENCE);
        reorder.begin_at(0);
        for index in 1..=MAX_WAITING as u64 + 1 {
            reorder.push(at(0), index, index);
        }
        assert_eq!(reorder.pop(at(0)), Some(Ordered::Lost(1)));
        assert!(all(&mut reorder, at(0)).len() > MAX_WAITING && reorder.is_empty());
    }

    proptest! {
        #[test]
        fn every_packet_comes_out_once_in_order_or_is_told_as_lost(
            gone in proptest::collection::hash_set(1u64..400, 0..40),
            late in proptest::collection::vec(0u64..300, 400),
        ) {
            let mut arrivals: Vec<(u64, u64)> =
                (0..400).filter(|index| !gone.contains(index)).map(|index| (index * 10 + late[index as usize], index)).collect();
            arrivals.sort_unstable();
            let mut reorder = Reorder::new(PATIENCE);
            reorder.begin_at(0);
            let (mut next, mut lost) = (0, 0);
            let mut check = |ordered: Ordered<u64>| {
                match ordered {
                    Ordered::Packet(index) => { assert_eq!(index, next); next += 1; }
                    Ordered::Lost(count) => { next += count; lost += count; }
                }
            };
            for (ms, index) in arrivals {
                reorder.push(at(ms), index, index);
                while let Some(ordered) = reorder.pop(at(ms)) { check(ordered); }
            }
            while let Some(ordered) = reorder.pop(at(100_000)) { check(ordered); }
            let tail = gone.iter().filter(|&&index| (index..400).all(|later| gone.contains(&later))).count();
            prop_assert_eq!(lost, (gone.len() - tail) as u64);
        }
    }
}
