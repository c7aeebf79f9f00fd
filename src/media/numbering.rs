//! Numbers without holes of our making: what a receiver counts when some of a sequence is left out.
//!
//! Serves packets and pictures alike. Knows nothing of what is numbered, nor why it is left out.

use std::collections::VecDeque;

/// Stretches left out that are remembered. Of 30 pictures a second at most as many stretches are
/// left out, so this is two seconds: twice what a history keeps to be asked for again.
const REMEMBERED: usize = 64;

/// Consecutive members of the sequence that are left out.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    first: u64,
    end: u64,
    /// How many were left out up to its end.
    left_out: u64,
}

/// How the members of one run are numbered.
#[derive(Clone, Debug, Default)]
pub struct Numbering {
    first: u64,
    highest: u64,
    /// Number of the first member.
    start: u64,
    left_out: u64,
    /// Below this it is not known any more what was left out.
    known_from: u64,
    stretches: VecDeque<Stretch>,
}

/// What becomes of a member that is not wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Skipped {
    /// It is left out, and the next one has its number.
    LeftOut,
    /// Later ones went before it, so its number is given to nobody else.
    Reserved(u64),
    /// It is too old for its number to be known.
    TooOld,
}

impl Numbering {
    /// Takes the memory that leaving out needs, so that it allocates nothing when it is done.
    pub fn prepare_to_skip(&mut self) {
        self.stretches.reserve_exact(REMEMBERED - self.stretches.len());
    }

    /// Bytes it occupies beyond its own.
    pub fn memory(&self) -> usize {
        self.stretches.capacity() * size_of::<Stretch>()
    }

    /// Begins anew: `member` has the number `start`. Allocates nothing.
    pub fn begin(&mut self, member: u64, start: u64) {
        self.stretches.clear();
        (self.first, self.highest, self.start) = (member, member, start);
        (self.left_out, self.known_from) = (0, member);
    }

    /// The first member.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// The highest member there was.
    pub fn highest(&self) -> u64 {
        self.highest
    }

    /// The number of `member`, which is wanted; `None` when it was left out, is too old to tell, or
    /// lies before the first. Members between the highest and a higher one keep their numbers.
    pub fn number(&mut self, member: u64) -> Option<u64> {
        if member > self.highest {
            self.highest = member;
            return Some(member - self.first + self.start - self.left_out);
        }
        self.known(member)
    }

    /// The number of `member` without taking note of it; `None` also above the highest.
    pub fn known(&self, member: u64) -> Option<u64> {
        let left_out = self.left_out_before(member).filter(|_| member <= self.highest)?;
        Some(member - self.first + self.start - left_out)
    }

    /// Leaves `member` out.
    pub fn skip(&mut self, member: u64) -> Skipped {
        if member <= self.highest {
            if self.is_left_out(member) {
                return Skipped::LeftOut;
            }
            let number = self.number(member);
            return number.map_or(Skipped::TooOld, Skipped::Reserved);
        }
        self.highest = member;
        self.left_out += 1;
        match self.stretches.back_mut() {
            Some(last) if last.end == member => {
                (last.end, last.left_out) = (member + 1, self.left_out);
            }
            _ => self.remember(Stretch { first: member, end: member + 1, left_out: self.left_out }),
        }
        Skipped::LeftOut
    }

    /// Which member has this number, if that is still known.
    pub fn member(&self, number: u64) -> Option<u64> {
        let place = number.checked_sub(self.start)?;
        let of = |left_out: u64| self.first + place + left_out;
        for stretch in self.stretches.iter().rev() {
            if of(stretch.left_out) >= stretch.end {
                return Some(of(stretch.left_out));
            }
        }
        let forgotten = self
            .stretches
            .front()
            .map_or(self.left_out, |oldest| oldest.left_out - (oldest.end - oldest.first));
        Some(of(forgotten)).filter(|&member| member >= self.known_from)
    }

    fn remember(&mut self, stretch: Stretch) {
        if self.stretches.len() == REMEMBERED
            && let Some(oldest) = self.stretches.pop_front()
        {
            self.known_from = oldest.end;
        }
        self.stretches.push_back(stretch);
    }

    fn is_left_out(&self, member: u64) -> bool {
        let last = self.stretches.iter().rev().find(|stretch| stretch.first <= member);
        last.is_some_and(|stretch| member < stretch.end)
    }

    /// How many were left out before `member`, which was not left out itself.
    fn left_out_before(&self, member: u64) -> Option<u64> {
        if member < self.known_from {
            return None;
        }
        let Some(place) = self.stretches.iter().rposition(|stretch| stretch.first <= member) else {
            let oldest = self.stretches.front();
            return Some(
                oldest.map_or(self.left_out, |oldest| oldest.left_out - (oldest.end - oldest.first)),
            );
        };
        let stretch = self.stretches[place];
        (member >= stretch.end).then_some(stretch.left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn begun() -> Numbering {
        let mut numbering = Numbering::default();
        numbering.begin(100, 7);
        assert_eq!(numbering.number(100), Some(7));
        numbering
    }

    #[test]
    fn what_is_left_out_leaves_no_hole() {
        let mut numbering = begun();
        assert_eq!(numbering.skip(101), Skipped::LeftOut);
        assert_eq!(numbering.skip(102), Skipped::LeftOut);
        assert_eq!(numbering.number(103), Some(8));
        assert_eq!(numbering.number(105), Some(10), "104 may still come");
        assert_eq!(numbering.number(104), Some(9));
        assert_eq!([7, 8, 9, 10].map(|number| numbering.member(number)), [100, 103, 104, 105].map(Some));
    }

    #[test]
    fn what_comes_late_and_is_not_wanted_has_a_number_to_itself() {
        let mut numbering = begun();
        assert_eq!(numbering.number(102), Some(9));
        assert_eq!(numbering.skip(101), Skipped::Reserved(8));
        assert_eq!(numbering.number(103), Some(10));
    }

    #[test]
    fn what_lies_before_the_start_has_no_number() {
        let mut numbering = begun();
        assert_eq!(numbering.number(99), None);
        assert_eq!(numbering.member(6), None);
    }

    proptest! {
        #[test]
        fn numbers_are_unique_in_order_and_lead_back(
            steps in prop::collection::vec((0u64..4, any::<bool>()), 1..600),
        ) {
            let mut numbering = begun();
            let mut given = BTreeMap::from([(100u64, 7u64)]);
            let mut seen = std::collections::BTreeSet::from([100u64]);
            for (base, (ahead, wanted)) in (100u64..).zip(steps) {
                let member = (base + ahead).max(101);
                if !seen.insert(member) {
                    continue;
                }
                let number = match wanted {
                    true => numbering.number(member),
                    false => match numbering.skip(member) {
                        Skipped::Reserved(number) => Some(number),
                        _ => None,
                    },
                };
                if let Some(number) = number {
                    prop_assert_eq!(numbering.member(number), Some(member));
                    given.insert(member, number);
                }
            }
            let numbers: Vec<u64> = given.values().copied().collect();
            prop_assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
        }
    }
}
