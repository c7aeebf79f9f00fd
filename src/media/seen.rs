//! Which packets of a layer have come, whichever way: each index is taken once.
//!
//! A seat derives its SRTP index from the packet's, so a packet that were taken twice would be
//! sealed twice under one index, perhaps with another content. SRTP's own replay window does not
//! help: a retransmission comes under an index of its own.

/// Packets behind the newest that may still come. History keeps a second; at 2,000 packets a
/// second (20 Mbit/s) that is as much, and what is older than this is of no use to anybody.
const WINDOW: u64 = 2048;

const WORDS: usize = WINDOW as usize / 64;

/// The packets that have come, among the newest [`WINDOW`].
#[derive(Clone, Debug)]
pub struct Seen {
    highest: Option<u64>,
    bits: [u64; WORDS],
}

impl Default for Seen {
    fn default() -> Seen {
        Seen { highest: None, bits: [0; WORDS] }
    }
}

impl Seen {
    /// Takes note of a packet; false when it came before or is too old to tell.
    pub fn accept(&mut self, index: u64) -> bool {
        let highest = *self.highest.get_or_insert(index);
        if index > highest {
            self.forget(highest + 1, index.min(highest + WINDOW));
            self.highest = Some(index);
        } else if highest - index >= WINDOW {
            return false;
        }
        let (word, bit) = place(index);
        let fresh = self.bits[word] & bit == 0;
        self.bits[word] |= bit;
        fresh
    }

    /// Whether a packet has come, or is too old to tell.
    pub fn knows(&self, index: u64) -> bool {
        let Some(highest) = self.highest.filter(|&highest| index <= highest) else { return false };
        let (word, bit) = place(index);
        highest - index >= WINDOW || self.bits[word] & bit != 0
    }

    fn forget(&mut self, from: u64, to: u64) {
        for index in from..=to {
            let (word, bit) = place(index);
            self.bits[word] &= !bit;
        }
    }
}

fn place(index: u64) -> (usize, u64) {
    ((index / 64) as usize % WORDS, 1 << (index % 64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Random;

    #[test]
    fn every_index_is_taken_at_most_once_whatever_the_order() {
        let mut random = Random::new(11);
        let (mut seen, mut taken) = (Seen::default(), std::collections::HashSet::new());
        let mut base = 100_000;
        for _ in 0..100_000 {
            base += if random.chance(0.001) { random.below(10_000) } else { random.below(3) };
            let index = base - random.below(3_000);
            if seen.accept(index) {
                assert!(taken.insert(index), "{index} was taken twice");
            }
        }
    }

    #[test]
    fn what_is_new_is_taken_and_what_is_far_behind_is_not() {
        let mut seen = Seen::default();
        assert!(seen.accept(10_000));
        assert!(seen.accept(9_000), "late, but within the window");
        assert!(!seen.accept(9_000));
        assert!(seen.accept(20_000));
        assert!(!seen.accept(10_001), "too far behind");
        assert!(!seen.knows(19_999));
        assert!(seen.accept(19_999));
        assert!(seen.knows(19_999) && seen.knows(10_001) && !seen.knows(20_001));
    }
}
