//! Which packets of a stream have come: loss, reordering, duplicates.
//!
//! Counts by the stream's own number, which no server changes, so that what a server lost before it
//! forwarded counts like what the wire lost. Knows nothing of time.

/// Packets behind the newest that are told apart: 0.8 s of a 3 Mbit/s picture, longer than any
/// retransmission is of use.
const WINDOW: u32 = 256;

/// What a number says about its stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Seen {
    /// Newer than all before, with so many missing in between.
    Newest {
        /// Numbers that were passed over.
        missing: u32,
    },
    /// One that had been counted as missing.
    Late,
    /// It was here before.
    Duplicate,
    /// So old that nobody knows, or from before the first.
    TooOld,
}

/// The last [`WINDOW`] numbers of a stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    highest: Option<u32>,
    first: u32,
    /// So many before the first may come late.
    hole: u32,
    /// Bit `n` stands for `highest - n`.
    seen: [u64; WINDOW as usize / 64],
}

impl Window {
    /// A window for a stream of which the first packet to come may have overtaken so many.
    pub(super) fn after_hole(hole: u32) -> Window {
        Window { hole, ..Window::default() }
    }

    /// Takes note of a number.
    pub(super) fn note(&mut self, number: u32) -> Seen {
        let Some(highest) = self.highest else {
            self.begin(number);
            return Seen::Newest { missing: 0 };
        };
        if number > highest {
            self.shift(number - highest);
            self.highest = Some(number);
            self.seen[0] |= 1;
            return Seen::Newest { missing: number - highest - 1 };
        }
        let behind = highest - number;
        if behind >= WINDOW || number < self.first {
            return Seen::TooOld;
        }
        let (word, bit) = (behind as usize / 64, behind % 64);
        if self.seen[word] >> bit & 1 == 1 {
            return Seen::Duplicate;
        }
        self.seen[word] |= 1 << bit;
        Seen::Late
    }

    fn begin(&mut self, number: u32) {
        (self.highest, self.first) = (Some(number), number.saturating_sub(self.hole));
        self.seen[0] = 1;
    }

    fn shift(&mut self, by: u32) {
        let (words, bits) = (by as usize / 64, by % 64);
        for place in (0..self.seen.len()).rev() {
            let from = |place: Option<usize>| place.map_or(0, |place| self.seen[place]);
            let whole = from(place.checked_sub(words));
            let carried = from(place.checked_sub(words + 1));
            self.seen[place] = if bits == 0 { whole } else { whole << bits | carried >> (64 - bits) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use volley::base::random::Random;

    #[test]
    fn holes_are_missing_until_they_are_filled() {
        let mut window = Window::default();
        assert_eq!(window.note(10), Seen::Newest { missing: 0 });
        assert_eq!(window.note(11), Seen::Newest { missing: 0 });
        assert_eq!(window.note(15), Seen::Newest { missing: 3 });
        assert_eq!(window.note(13), Seen::Late);
        assert_eq!(window.note(13), Seen::Duplicate);
        assert_eq!(window.note(15), Seen::Duplicate);
        assert_eq!(window.note(9), Seen::TooOld, "from before the first");
    }

    #[test]
    fn what_the_first_has_overtaken_comes_late() {
        let mut window = Window::after_hole(2);
        let seen = [10, 8, 9, 9, 7].map(|number| window.note(number));
        assert_eq!(
            seen,
            [Seen::Newest { missing: 0 }, Seen::Late, Seen::Late, Seen::Duplicate, Seen::TooOld]
        );
    }

    #[test]
    fn what_fell_out_of_the_window_is_too_old() {
        let mut window = Window::default();
        window.note(0);
        assert_eq!(window.note(WINDOW), Seen::Newest { missing: WINDOW - 1 });
        assert_eq!(window.note(0), Seen::TooOld);
        assert_eq!(window.note(1), Seen::Late);
    }

    #[test]
    fn random_orders_are_counted_as_a_set_counts_them() {
        let mut random = Random::new(5);
        let (mut window, mut all) = (Window::default(), BTreeSet::new());
        let (mut missing, mut late) = (0, 0);
        for step in 0..20_000u32 {
            let number = 1000 + step + random.below(200) as u32;
            let fresh = all.insert(number);
            match window.note(number) {
                Seen::Newest { missing: more } => missing += more,
                Seen::Late => late += 1,
                Seen::Duplicate => assert!(!fresh, "{number}"),
                Seen::TooOld => {
                    assert!(number < window.first, "{number}");
                    all.remove(&number);
                }
            }
        }
        let first = window.first;
        let known = all.range(first..).count() as u32;
        let span = window.highest.expect("it was used") - first + 1;
        assert_eq!(span - known, missing - late);
    }

    #[test]
    fn a_leap_beyond_the_window_leaves_nothing_of_the_old_numbers() {
        let mut window = Window::default();
        for number in 0..300 {
            window.note(number);
        }
        window.note(100_000);
        for number in 100_000 - WINDOW + 1..100_000 {
            assert_eq!(window.note(number), Seen::Late, "{number}");
        }
    }
}
