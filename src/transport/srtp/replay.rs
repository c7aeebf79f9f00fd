//! Which indices of a stream were seen (RFC 3711 §3.3.2), as a ring of bits (RFC 6479).

use super::SrtpError;

/// A replay window of `WORDS`·64 − 64 indices or a few more.
#[derive(Clone, Debug)]
pub(super) struct ReplayWindow<const WORDS: usize> {
    /// One above the highest index seen; 0 before the first.
    next: u64,
    /// Bit `index` modulo the ring's size says whether it was seen.
    seen: [u64; WORDS],
}

impl<const WORDS: usize> ReplayWindow<WORDS> {
    /// How far behind the highest index a new one may lie: one word of the ring may be partly used
    /// by what comes next.
    pub(super) const SPAN: u64 = (WORDS as u64 - 1) * 64;

    pub(super) const fn new() -> ReplayWindow<WORDS> {
        ReplayWindow { next: 0, seen: [0; WORDS] }
    }

    /// A window as [`parts`](Self::parts) gave it.
    pub(super) fn from_parts(next: u64, seen: &[u64]) -> Option<ReplayWindow<WORDS>> {
        Some(ReplayWindow { next, seen: seen.try_into().ok()? })
    }

    pub(super) fn parts(&self) -> (u64, &[u64]) {
        (self.next, &self.seen)
    }

    /// The highest index seen.
    pub(super) fn highest(&self) -> Option<u64> {
        self.next.checked_sub(1)
    }

    /// Whether `index` may be taken.
    pub(super) fn check(&self, index: u64) -> Result<(), SrtpError> {
        if index >= self.next {
            return Ok(());
        }
        if self.next - index > Self::SPAN {
            return Err(SrtpError::TooOld);
        }
        let (word, bit) = Self::place(index);
        if self.seen[word] & bit != 0 { Err(SrtpError::Replayed) } else { Ok(()) }
    }

    /// Takes note of an index that [`check`](Self::check) let pass.
    pub(super) fn commit(&mut self, index: u64) {
        if index >= self.next {
            if let Some(highest) = self.highest() {
                let fresh = (index / 64 - highest / 64).min(WORDS as u64);
                for ahead in 1..=fresh {
                    self.seen[((highest / 64 + ahead) % WORDS as u64) as usize] = 0;
                }
            }
            self.next = index + 1;
        }
        let (word, bit) = Self::place(index);
        self.seen[word] |= bit;
    }

    fn place(index: u64) -> (usize, u64) {
        ((index / 64 % WORDS as u64) as usize, 1 << (index % 64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Random;
    use std::collections::BTreeSet;

    #[test]
    fn the_ring_agrees_with_a_set_of_all_indices() {
        let mut random = Random::new(3);
        let mut window = ReplayWindow::<4>::new();
        let (mut seen, mut highest) = (BTreeSet::new(), 0u64);
        for _ in 0..50_000 {
            let jump = if random.chance(0.01) { 2_000 } else { 300 };
            let index = (highest + random.below(jump)).saturating_sub(jump * 4 / 5);
            let expected = if seen.is_empty() || index > highest {
                Ok(())
            } else if highest - index >= ReplayWindow::<4>::SPAN {
                Err(SrtpError::TooOld)
            } else if seen.contains(&index) {
                Err(SrtpError::Replayed)
            } else {
                Ok(())
            };
            assert_eq!(window.check(index), expected);
            if expected.is_ok() {
                window.commit(index);
                seen.insert(index);
                highest = highest.max(index);
            }
        }
        assert!(seen.len() > 1_000, "the walk must get somewhere");
    }

    #[test]
    fn a_look_does_not_move_the_window() {
        let mut window = ReplayWindow::<2>::new();
        window.commit(10);
        assert_eq!(window.check(5_000), Ok(()));
        assert_eq!(window.check(11), Ok(()));
        assert_eq!(window.highest(), Some(10));
        assert_eq!(window.check(10), Err(SrtpError::Replayed));
    }
}
