//! How a worker is named in three letters, at the head of our ICE user fragments: whoever sees a
//! check, another worker or a program in the kernel, knows whose it is without having been told.

use super::WorkerId;

/// How many letters a name has.
pub const NAME_LETTERS: usize = 3;

/// What a letter stands for: 16 of them are side by side in the alphabet of ICE (RFC 8839 §5.1), so
/// that a program in the kernel reads them by arithmetic alone.
pub const LETTER_BITS: u32 = 4;

/// The letter for nothing.
pub const FIRST_LETTER: u8 = b'A';

/// As many workers as there are names; configuration allows 1,024.
const NAMES: u16 = 1 << (NAME_LETTERS as u32 * LETTER_BITS);

impl WorkerId {
    /// The letters that user fragments of this worker's transports begin with.
    ///
    /// # Panics
    /// When there are more workers than names, which no configuration allows.
    pub fn name(self) -> [u8; NAME_LETTERS] {
        assert!(self.0 < NAMES, "worker {} has no name", self.0);
        let letter = |place: u32| FIRST_LETTER + (self.0 >> (place * LETTER_BITS) & 0xf) as u8;
        [letter(2), letter(1), letter(0)]
    }

    /// Whom a user fragment names.
    pub fn named_by(fragment: &[u8]) -> Option<WorkerId> {
        let letters = fragment.get(..NAME_LETTERS)?;
        letters.iter().try_fold(WorkerId(0), |WorkerId(number), letter| {
            let value = letter.checked_sub(FIRST_LETTER).filter(|value| *value < 1 << LETTER_BITS)?;
            Some(WorkerId(number << LETTER_BITS | u16::from(value)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_worker_is_known_by_its_name() {
        for number in 0..NAMES {
            let fragment = [&WorkerId(number).name()[..], b"whatever"].concat();
            assert_eq!(WorkerId::named_by(&fragment), Some(WorkerId(number)));
            assert!(fragment.iter().all(u8::is_ascii_alphanumeric));
        }
        assert_eq!((&WorkerId(0).name(), &WorkerId(1).name()), (b"AAA", b"AAB"));
    }

    #[test]
    fn what_names_nobody_is_nobody() {
        for fragment in ["", "AA", "AAQ", "aaa", "A+A", "@AA"] {
            assert_eq!(WorkerId::named_by(fragment.as_bytes()), None, "{fragment:?}");
        }
    }
}
