//! What a worker forwards and sheds a second, beside what its core was seen to carry.

use crate::control::message::ALL_PICTURES as ALL;
use std::time::Duration;

/// Of what a core was seen to carry, this fits it: the rest is for what lies in its socket and for the
/// key frames with which pictures come back.
const FITS: f64 = 0.85;

/// Less than this of what the core was seen to carry, with all pictures, is another load than before.
const SPARE: f64 = 0.75;

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
    /// That leave when there is more than enough to do; 0: never seen.
    carried: f64,
}

impl Load {
    pub(super) fn note(&mut self, done: Forwarded, passed: Duration, is_late: bool) {
        let before = std::mem::replace(&mut self.before, done);
        let a_second = |now: u64, before: u64| now.wrapping_sub(before) as f64 / passed.as_secs_f64();
        let sent = a_second(done.sent, before.sent);
        let pictures = a_second(done.pictures, before.pictures);
        self.pictures = smooth(self.pictures, pictures + a_second(done.shed, before.shed));
        self.rest = smooth(self.rest, (sent - pictures).max(0.0));
        if is_late {
            self.carried = if self.carried == 0.0 { sent } else { smooth(self.carried, sent) };
        }
    }

    /// How many sixteenths of the pictures fit the core.
    pub(super) fn fits(&self) -> u8 {
        let sixteenth = self.pictures / f64::from(ALL);
        let room = FITS * self.carried - self.rest;
        if room <= 0.0 || sixteenth <= 0.0 { 0 } else { (room / sixteenth).min(f64::from(ALL)) as u8 }
    }

    /// Whether all there is to forward is little beside what the core carries.
    pub(super) fn is_little(&self) -> bool {
        self.rest + self.pictures < SPARE * self.carried
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
    fn settle(load: &mut Load, [rest, pictures, shed]: [u64; 3], is_late: bool) {
        for _ in 0..100 {
            let before = load.before;
            let done = Forwarded {
                sent: before.sent + rest + pictures,
                pictures: before.pictures + pictures,
                shed: before.shed + shed,
            };
            load.note(done, INTERVAL, is_late);
        }
    }

    #[test]
    fn what_fits_leaves_sound_alone() {
        let mut load = Load::default();
        settle(&mut load, [1_000, 800, 800], true);
        // It carries 1,800, and of 0.85 times as many 530 are left for 1,600 of pictures.
        assert_eq!(load.fits(), 5);
        settle(&mut load, [1_000, 0, 1_600], true);
        assert_eq!(load.fits(), 0);
    }

    #[test]
    fn before_anything_is_known_nothing_fits() {
        assert_eq!(Load::default().fits(), 0);
    }

    #[test]
    fn a_load_is_little_when_it_is_with_all_pictures() {
        let mut load = Load::default();
        settle(&mut load, [1_000, 800, 800], true);
        settle(&mut load, [500, 0, 900], false);
        assert!(!load.is_little());
        settle(&mut load, [500, 0, 800], false);
        assert!(load.is_little());
    }
}
