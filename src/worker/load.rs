//! What a worker forwards and sheds a second, and how busy its core is with that.

use crate::control::message::ALL_PICTURES as ALL;
use std::time::Duration;

/// Share of the old value: pictures come in bursts, which a tenth of a second evens out.
const SMOOTHING: f64 = 0.8;

/// What a worker has forwarded, and what it has not, ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Forwarded {
    /// Packets that left.
    pub(super) sent: u64,
    /// Of those, of pictures.
    pub(super) pictures: u64,
    /// Packets of pictures that were shed.
    pub(super) shed: u64,
}

/// Shares of the time that has passed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Busy {
    /// In which the worker did not sleep, whoever had the core.
    pub(super) all: f64,
    /// In which the core worked for it.
    pub(super) own: f64,
}

/// Packets a second.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Load {
    before: Forwarded,
    /// Of pictures, that would leave if all were forwarded.
    pictures: f64,
    /// All others that leave.
    rest: f64,
    busy: Busy,
}

impl Load {
    /// Takes in what was done in the time that has passed since the last call, and how busy the core was with it.
    pub(super) fn note(&mut self, done: Forwarded, passed: Duration, busy: Busy) {
        let before = std::mem::replace(&mut self.before, done);
        let a_second = |now: u64, before: u64| now.wrapping_sub(before) as f64 / passed.as_secs_f64();
        let (sent, pictures) = (a_second(done.sent, before.sent), a_second(done.pictures, before.pictures));
        self.pictures = smooth(self.pictures, pictures + a_second(done.shed, before.shed));
        self.rest = smooth(self.rest, (sent - pictures).max(0.0));
        self.busy = Busy { all: smooth(self.busy.all, busy.all), own: smooth(self.busy.own, busy.own) };
    }

    /// The share of its time that the worker does not sleep, lately.
    pub(super) fn busy(&self) -> f64 {
        self.busy.all
    }

    /// The share of the time that the core works for it, lately.
    pub(super) fn own(&self) -> f64 {
        self.busy.own
    }

    /// The sixteenths of the pictures with which `times` as much leaves as with `share` of them. Only the
    /// parts that pictures and all else have in what leaves count: how much it is sinks where packets are
    /// lost in the socket.
    pub(super) fn share_for(&self, share: u8, times: f64) -> u8 {
        let sixteenth = self.pictures / f64::from(ALL);
        if sixteenth <= 0.0 {
            return if times < 1.0 { 0 } else { ALL };
        }
        let now = self.rest + sixteenth * f64::from(share);
        ((times * now - self.rest) / sixteenth).clamp(0.0, f64::from(ALL)) as u8
    }
}

fn smooth(before: f64, now: f64) -> f64 {
    SMOOTHING * before + (1.0 - SMOOTHING) * now
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(25);

    /// What is known after many intervals in which so many packets of sound, and of pictures, left, and so
    /// many were shed.
    fn settled([rest, pictures, shed]: [u64; 3]) -> Load {
        let (mut load, mut done) = (Load::default(), Forwarded::default());
        for _ in 0..100 {
            done.sent += rest + pictures;
            done.pictures += pictures;
            done.shed += shed;
            load.note(done, INTERVAL, Busy { all: 0.5, own: 0.4 });
        }
        load
    }

    #[test]
    fn a_smaller_load_is_taken_from_pictures_alone() {
        // 1,000 and 1,600 of pictures; nine tenths of that are 1,000 and 1,340.
        assert_eq!(settled([1_000, 1_600, 0]).share_for(ALL, 0.9), 13);
        // With half of them, 1,800: nine tenths are 1,000 and 620 of 1,600.
        assert_eq!(settled([1_000, 800, 800]).share_for(ALL / 2, 0.9), 6);
        assert_eq!(settled([1_000, 100, 1_500]).share_for(1, 0.5), 0);
    }

    #[test]
    fn a_greater_load_is_all_pictures_at_most() {
        assert_eq!(settled([1_000, 800, 800]).share_for(ALL / 2, 1.2), 11);
        assert_eq!(settled([1_000, 800, 800]).share_for(ALL / 2, 3.0), ALL);
    }

    #[test]
    fn where_there_are_no_pictures_all_fit_or_none() {
        let load = settled([1_000, 0, 0]);
        assert_eq!((load.share_for(ALL, 0.9), load.share_for(0, 1.1)), (0, ALL));
    }

    #[test]
    fn how_busy_it_is_follows_in_a_few_intervals() {
        let mut load = Load::default();
        (0..10).for_each(|_| load.note(Forwarded::default(), INTERVAL, Busy { all: 0.9, own: 0.0 }));
        assert!((0.75..0.9).contains(&load.busy()));
    }
}
