//! What a worker forwards and sheds a second, beside what its core was seen to carry.

use crate::control::message::ALL_PICTURES as ALL;
use std::time::Duration;

/// Of what a core was seen to carry, this fits it: the rest is for what lies in its socket and for the
/// key frames with which pictures come back.
const FITS: f64 = 0.85;

/// A core that is busier than this tells by what it forwards now what it would carry. That its interrupts
/// also come while it sleeps makes it seem less busy, that trains get longer with the load makes it seem to
/// carry less.
const TELLING: f64 = 0.05;

/// Less busy than this, it has time to spare whatever proved too much before.
const SPARE: f64 = 0.55;

/// What it tells in an interval counts for this much.
const BELIEVED: f64 = 0.05;

/// Share of the old value in packets a second: pictures come in bursts, which a tenth of a second evens out.
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

/// Packets a second.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Load {
    before: Forwarded,
    /// Of pictures, that would leave if all were forwarded.
    pictures: f64,
    /// All others that leave.
    rest: f64,
    /// All that leave.
    sent: f64,
    /// The share of its time that the core works.
    busy: f64,
    /// That leave when there is more than enough to do; 0: never seen.
    carried: f64,
    /// That would leave then, by how busy the core is with what leaves now. More than is carried: it may
    /// have been disturbed when it was late, or the load was another.
    reckoned: f64,
}

impl Load {
    /// Takes in what was done since the last time, and the share of it that the core worked. Where packets
    /// were late it shows what the core carries, and the more so the larger the `share` of the pictures was:
    /// without them trains are shorter.
    pub(super) fn note(
        &mut self,
        done: Forwarded,
        (passed, busy): (Duration, f64),
        late_with_share: Option<u8>,
    ) {
        let before = std::mem::replace(&mut self.before, done);
        let a_second = |now: u64, before: u64| now.wrapping_sub(before) as f64 / passed.as_secs_f64();
        let sent = a_second(done.sent, before.sent);
        let pictures = a_second(done.pictures, before.pictures);
        self.pictures = smooth(self.pictures, pictures + a_second(done.shed, before.shed));
        self.rest = smooth(self.rest, (sent - pictures).max(0.0));
        (self.sent, self.busy) = (smooth(self.sent, sent), smooth(self.busy, busy));
        if let Some(share) = late_with_share {
            let weight = (1.0 - SMOOTHING) * f64::from(share) / f64::from(ALL);
            self.carried =
                if self.carried == 0.0 { sent } else { self.carried + weight * (sent - self.carried) };
            self.reckoned = 0.0;
        } else if self.busy > TELLING {
            self.reckoned += BELIEVED * (self.sent / self.busy - self.reckoned);
        }
    }

    /// Whether the core has time to spare beyond doubt.
    pub(super) fn is_light(&self) -> bool {
        self.busy < SPARE
    }

    /// How many sixteenths of the pictures fit the core, also where that is more than there are.
    pub(super) fn fits(&self) -> u8 {
        self.fit(self.carried)
    }

    /// How many would by how busy it is.
    pub(super) fn may_fit(&self) -> u8 {
        self.fit(self.reckoned.max(self.carried))
    }

    fn fit(&self, carried: f64) -> u8 {
        let sixteenth = self.pictures / f64::from(ALL);
        let room = FITS * carried - self.rest;
        if room <= 0.0 || sixteenth <= 0.0 { 0 } else { (room / sixteenth) as u8 }
    }
}

fn smooth(before: f64, now: f64) -> f64 {
    SMOOTHING * before + (1.0 - SMOOTHING) * now
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(25);

    /// Intervals in which `rest` packets are forwarded, `pictures` of pictures besides, and `shed` are shed.
    fn settle(load: &mut Load, counts: [u64; 3], late_with_share: Option<u8>) {
        settle_busy(load, counts, late_with_share.map_or(0.0, |_| 1.0), late_with_share);
    }

    fn settle_busy(
        load: &mut Load,
        [rest, pictures, shed]: [u64; 3],
        busy: f64,
        late_with_share: Option<u8>,
    ) {
        for _ in 0..100 {
            let before = load.before;
            let done = Forwarded {
                sent: before.sent + rest + pictures,
                pictures: before.pictures + pictures,
                shed: before.shed + shed,
            };
            load.note(done, (INTERVAL, busy), late_with_share);
        }
    }

    #[test]
    fn what_fits_leaves_sound_alone() {
        let mut load = Load::default();
        settle(&mut load, [1_000, 800, 800], Some(8));
        // It carries 1,800, and of 0.85 times as many 530 are left for 1,600 of pictures.
        assert_eq!(load.fits(), 5);
        settle(&mut load, [1_000, 0, 1_600], Some(0));
        assert_eq!(load.fits(), 5, "without pictures nothing is learned");
        settle(&mut load, [1_600, 0, 1_600], None);
        assert_eq!(load.fits(), 0);
    }

    #[test]
    fn a_core_with_time_left_shows_that_it_carries_more_than_was_thought() {
        let mut load = Load::default();
        settle(&mut load, [1_000, 800, 800], Some(8));
        settle_busy(&mut load, [1_000, 800, 800], 0.6, None);
        // 1,800 with 0.6 of its time are 3,000, and of 0.85 times as many 1,550 are left for 1,600.
        assert_eq!((load.fits(), load.may_fit()), (5, 15));
        settle(&mut load, [1_000, 800, 800], Some(8));
        assert_eq!((load.fits(), load.may_fit()), (5, 5), "it has no time left");
    }

    #[test]
    fn before_anything_is_known_nothing_fits() {
        assert_eq!(Load::default().fits(), 0);
    }

    #[test]
    fn what_is_to_be_forwarded_changes_what_fits_at_once_and_what_is_carried_does_not() {
        let mut load = Load::default();
        settle(&mut load, [1_000, 800, 800], Some(8));
        settle_busy(&mut load, [500, 0, 800], 0.4, None);
        assert_eq!(load.fits(), 20);
    }
}
