//! When a worker has more to do than its core can: what it takes for a sign of it, and how much of
//! the pictures it then lets go.
//!
//! The sign is how long a datagram lay in the socket before it was looked at. While that is long,
//! pictures are shed an eighth at a time; when it is short they come back the same way, later each
//! time that what came back proved too much, and at once where the core has much time to spare: then
//! the load is another one. Sound is never shed.

use crate::base::Time;
use crate::control::message::ALL_PICTURES as ALL;
use std::time::Duration;

/// How often the share is thought over.
const INTERVAL: Duration = Duration::from_millis(25);

/// A datagram that waited longer shows that the core does not keep up: a turn at full load takes
/// a few milliseconds, one full of DTLS handshakes a few tens, and what a socket buffers at full load
/// is seventy.
const LATE: Duration = Duration::from_millis(40);

/// Shorter than this, and there is time to spare.
const PROMPT: Duration = Duration::from_millis(15);

/// Sixteenths that are shed, or come back, at a time.
const STEP: u8 = 2;

/// Intervals in a row that must be late before anything is shed: a host that stops the core for a
/// moment is not overload, and longer trains (`gathering`) get a tenth of a second to make up for it.
const LATE_INTERVALS: u32 = 6;

/// Late intervals in a row before more is shed: what lies in the socket must have time to drain.
const LATE_AGAIN: u32 = 2;

/// A core that is used less than this has room for another quarter, whatever was too much before …
const SPARE: f64 = 0.6;

/// … when it was for so many intervals: what came back before must have begun, with key frames that
/// were asked for. So all is back within a second, too.
const SPARE_INTERVALS: u32 = 8;

/// Sixteenths that come back then.
const LARGE_STEP: u8 = 4;

/// What lies in the socket drains when it is shorter than an interval ago by this.
const DRAINS: Duration = Duration::from_millis(2);

/// Prompt intervals in a row before something comes back: all of it within a second.
const PROMPT_INTERVALS: u32 = 3;

/// Prompt intervals in a row after which what came back did no harm: five seconds. It takes key frames to
/// begin, and a load that is little too much takes seconds to fill the socket.
const HARMLESS_INTERVALS: u32 = 200;

/// The most that is waited when what came back proved too much: two seconds.
const MOST_PATIENCE: u32 = 80;

/// How many sixteenths of the pictures are forwarded.
#[derive(Debug)]
pub(super) struct Overload {
    share: u8,
    worst: Duration,
    /// The worst wait of the interval before.
    before: Duration,
    since: Time,
    /// What the worker slept since then.
    slept: Duration,
    /// Intervals in a row in which the core had time to spare.
    spare: u32,
    late: u32,
    prompt: u32,
    /// Prompt intervals before the next step back.
    patience: u32,
    /// Something came back since anything was shed.
    came_back: bool,
}

impl Overload {
    pub(super) fn new() -> Overload {
        Overload {
            share: ALL,
            worst: Duration::ZERO,
            before: Duration::ZERO,
            since: Time::ZERO,
            slept: Duration::ZERO,
            spare: 0,
            late: 0,
            prompt: 0,
            patience: PROMPT_INTERVALS,
            came_back: false,
        }
    }

    /// A datagram had waited for `waited` when it was looked at.
    pub(super) fn note(&mut self, waited: Duration) {
        self.worst = self.worst.max(waited);
    }

    /// The worker slept, or sent and slept, for `slept` at the end of a turn.
    pub(super) fn note_sleep(&mut self, slept: Duration) {
        self.slept += slept;
    }

    /// Whether packets wait longer than they would if there were time to spare.
    pub(super) fn is_late(&self) -> bool {
        self.worst.max(self.before) > PROMPT
    }

    /// The share in sixteenths, when it has just changed.
    pub(super) fn adapt(&mut self, now: Time) -> Option<u8> {
        let passed = now.since(self.since);
        if passed < INTERVAL {
            return None;
        }
        self.since = now;
        let slept = std::mem::take(&mut self.slept);
        let is_spare = slept.as_secs_f64() > (1.0 - SPARE) * passed.as_secs_f64();
        self.spare = if is_spare { self.spare + 1 } else { 0 };
        let worst = std::mem::take(&mut self.worst);
        let drains = worst + DRAINS < std::mem::replace(&mut self.before, worst);
        self.late = if worst > LATE { self.late + 1 } else { 0 };
        self.prompt = if worst < PROMPT { self.prompt + 1 } else { 0 };
        let before = self.share;
        if self.late >= LATE_INTERVALS && !drains {
            self.shed();
        } else if self.spare.min(self.prompt) >= SPARE_INTERVALS {
            self.take_back(LARGE_STEP);
        } else if self.prompt >= self.patience {
            self.take_back(STEP);
        }
        (self.share != before).then_some(self.share)
    }

    /// Sheds a step. What came back before was too much: the next time waits longer.
    fn shed(&mut self) {
        self.share = self.share.saturating_sub(STEP);
        self.late = LATE_INTERVALS - LATE_AGAIN;
        if std::mem::take(&mut self.came_back) {
            self.patience = (self.patience * 2).min(MOST_PATIENCE);
        }
    }

    /// Takes a step back, or notes that everything has been back for a while without harm.
    fn take_back(&mut self, step: u8) {
        if self.share == ALL {
            if self.prompt >= HARMLESS_INTERVALS {
                (self.patience, self.came_back) = (PROMPT_INTERVALS, false);
            }
            return;
        }
        (self.prompt, self.spare) = (0, 0);
        self.share = (self.share + step).min(ALL);
        self.came_back = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets 25 ms intervals go by in which datagrams wait for `waited`.
    fn pass(overload: &mut Overload, now: &mut Time, intervals: u32, waited: Duration) {
        for _ in 0..intervals {
            *now += INTERVAL;
            overload.note(waited);
            overload.adapt(*now);
        }
    }

    #[test]
    fn one_pause_of_the_host_sheds_nothing() {
        let (mut overload, mut now) = (Overload::new(), Time::ZERO);
        pass(&mut overload, &mut now, 3, Duration::from_millis(60));
        pass(&mut overload, &mut now, 1, Duration::ZERO);
        assert_eq!(overload.share, ALL);
    }

    #[test]
    fn lasting_lateness_sheds_all_pictures_in_half_a_second_and_no_more() {
        let (mut overload, mut now) = (Overload::new(), Time::ZERO);
        pass(&mut overload, &mut now, 20, Duration::from_millis(60));
        assert_eq!(overload.share, 0);
        pass(&mut overload, &mut now, 20, Duration::from_millis(60));
        assert_eq!(overload.share, 0);
    }

    #[test]
    fn what_proves_too_much_again_and_again_is_tried_less_and_less_often() {
        let (mut overload, mut now) = (Overload::new(), Time::ZERO);
        let mut tries = 0;
        for _ in 0..400 {
            // The core carries three quarters of the pictures.
            let waited = if overload.share > 12 { 60 } else { 1 };
            let before = overload.share;
            pass(&mut overload, &mut now, 1, Duration::from_millis(waited));
            tries += u32::from(overload.share > before);
        }
        assert!(tries < 12, "{tries} tries in ten seconds");
    }

    #[test]
    fn what_proved_too_much_comes_back_at_once_when_the_core_has_time_to_spare() {
        let (mut overload, mut now) = (Overload::new(), Time::ZERO);
        for _ in 0..400 {
            let waited = if overload.share > 12 { 60 } else { 1 };
            pass(&mut overload, &mut now, 1, Duration::from_millis(waited));
        }
        pass(&mut overload, &mut now, 20, Duration::from_millis(60));
        let gone = now;
        while overload.share < ALL {
            overload.note_sleep(INTERVAL.mul_f64(0.5));
            pass(&mut overload, &mut now, 1, Duration::from_millis(1));
        }
        assert!(now.since(gone) <= Duration::from_millis(900), "{:?}", now.since(gone));
    }

    #[test]
    fn while_what_lies_in_the_socket_drains_nothing_more_is_shed() {
        let (mut overload, mut now) = (Overload::new(), Time::ZERO);
        pass(&mut overload, &mut now, 6, Duration::from_millis(120));
        let shed = overload.share;
        assert!(shed < ALL);
        for waited in (45..120).rev().step_by(10) {
            pass(&mut overload, &mut now, 1, Duration::from_millis(waited));
        }
        assert_eq!(overload.share, shed);
    }

    #[test]
    fn all_is_back_within_a_second_of_the_load_being_gone() {
        let (mut overload, mut now) = (Overload::new(), Time::ZERO);
        pass(&mut overload, &mut now, 20, Duration::from_millis(60));
        let gone = now;
        while overload.share < ALL {
            pass(&mut overload, &mut now, 1, Duration::from_millis(1));
        }
        assert!(now.since(gone) <= Duration::from_millis(700), "{:?}", now.since(gone));
    }
}
