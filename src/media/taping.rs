//! Which encoding of a track is recorded: one that a recording can afford, and stays with.
//!
//! Viewers come and go and their links change; a recording has none of that, so it goes up to the best
//! encoding that is not above its rate, and leaves it only when that no longer comes.

use crate::base::Time;
use crate::control::types::MAX_ENCODINGS;
use arrayvec::ArrayVec;
use std::time::Duration;

/// A better encoding has come for so long before the recording goes over to it: a publisher that has
/// just begun tries out its link for some seconds, and each change is a key frame and another size.
const SETTLED: Duration = Duration::from_secs(3);

/// What is known of the encodings of a track, the lowest first.
pub type Supply = ArrayVec<Offered, MAX_ENCODINGS>;

/// One encoding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Offered {
    /// Whether it comes now.
    pub flows: bool,
    /// What publishers are asked to send of it at most.
    pub bits_per_second: u64,
}

/// How a track is recorded.
#[derive(Clone, Debug)]
pub struct Taping {
    most_bps: u64,
    /// The best that may be recorded, whether it comes or not.
    desired: u8,
    /// What is recorded from its next key frame on.
    aim: u8,
    /// What is recorded now.
    current: Option<u8>,
    /// Since when something better than the aim has come.
    better_since: Option<(u8, Time)>,
}

impl Taping {
    /// Begins with the best that comes.
    pub fn new(most_bps: u64, supply: &Supply) -> Taping {
        let mut taping = Taping { most_bps, desired: 0, aim: 0, current: None, better_since: None };
        taping.desired = taping.best(supply, |_| true).unwrap_or(0);
        taping.aim = taping.best(supply, |offered| offered.flows).unwrap_or(0);
        taping
    }

    /// Another limit holds from now on.
    pub fn limit(&mut self, most_bps: u64) {
        self.most_bps = most_bps;
    }

    /// Looks at what comes now. True: the aim has changed.
    pub fn steer(&mut self, now: Time, supply: &Supply) -> bool {
        self.desired = self.best(supply, |_| true).unwrap_or(0);
        let Some(best) = self.best(supply, |offered| offered.flows) else { return false };
        if best == self.aim {
            self.better_since = None;
            return false;
        }
        let flows = supply.get(usize::from(self.aim)).is_some_and(|aim| aim.flows);
        let (_, since) = match self.better_since {
            Some((which, since)) if which == best => (which, since),
            _ => *self.better_since.insert((best, now)),
        };
        let may_go = !flows || now.since(since) >= SETTLED;
        if may_go {
            self.aim = best;
            self.better_since = None;
        }
        may_go
    }

    /// What is recorded from its next key frame on.
    pub fn aim(&self) -> u8 {
        self.aim
    }

    /// A key frame of an encoding came. True: it is recorded from now on, and the others are not.
    pub fn on_key_frame(&mut self, layer: u8) -> bool {
        let begins = layer == self.aim && self.current != Some(layer);
        if begins {
            self.current = Some(layer);
        }
        begins
    }

    /// The encodings whose packets the recorder needs, a bit each.
    pub fn needed(&self) -> u8 {
        1 << self.aim | self.current.map_or(0, |layer| 1 << layer)
    }

    /// The encodings that are to be sent for its sake, a bit each.
    pub fn wanted(&self) -> u8 {
        self.needed() | 1 << self.desired
    }

    /// The highest encoding that costs no more than it may; else the lowest there is.
    fn best(&self, supply: &Supply, counts: impl Fn(&Offered) -> bool) -> Option<u8> {
        let affordable = |offered: &Offered| offered.bits_per_second <= self.most_bps;
        let fits = |offered: &Offered| counts(offered) && affordable(offered);
        let place = supply.iter().rposition(fits).or_else(|| supply.iter().position(&counts));
        place.map(|place| place as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn supply(flows: &[bool]) -> Supply {
        let rates = [150_000, 500_000, 2_500_000];
        flows.iter().zip(rates).map(|(&flows, bits_per_second)| Offered { flows, bits_per_second }).collect()
    }

    fn seconds(seconds: u64) -> Time {
        Time::from_millis(seconds * 1_000)
    }

    #[test]
    fn the_best_that_fits_is_recorded_and_the_others_are_not_asked_for() {
        let all = supply(&[true; 3]);
        assert_eq!(Taping::new(2_500_000, &all).aim(), 2);
        assert_eq!(Taping::new(600_000, &all).wanted(), 0b010);
        assert_eq!(Taping::new(1, &all).aim(), 0, "something is better than nothing");
    }

    #[test]
    fn it_begins_with_what_comes_and_goes_up_once_when_that_is_settled() {
        let mut taping = Taping::new(2_500_000, &supply(&[true, false, false]));
        assert_eq!((taping.aim(), taping.wanted()), (0, 0b101), "the top is asked for");
        assert!(taping.on_key_frame(0) && !taping.on_key_frame(0));
        let mut changes = Vec::new();
        for second in 0..20 {
            let flows = [true, second >= 2, second >= 4];
            if taping.steer(seconds(second), &supply(&flows)) {
                changes.push((second, taping.aim()));
            }
        }
        assert_eq!(changes, [(7, 2)]);
        assert_eq!(taping.needed(), 0b101, "the old one goes on until the key frame");
        assert!(taping.on_key_frame(2));
        assert_eq!(taping.needed(), 0b100);
    }

    #[test]
    fn one_that_comes_and_goes_is_left_at_once_and_waited_for() {
        let mut taping = Taping::new(2_500_000, &supply(&[true; 3]));
        taping.on_key_frame(2);
        assert!(taping.steer(seconds(1), &supply(&[true, true, false])));
        assert_eq!(taping.aim(), 1);
        for second in 2..20 {
            let flows = [true, true, second % 2 == 0];
            assert!(!taping.steer(seconds(second), &supply(&flows)), "second {second}");
        }
    }

    #[test]
    fn when_nothing_comes_it_stays() {
        let mut taping = Taping::new(2_500_000, &supply(&[true; 3]));
        assert!(!taping.steer(seconds(1), &supply(&[false; 3])));
        assert_eq!(taping.aim(), 2);
    }
}
