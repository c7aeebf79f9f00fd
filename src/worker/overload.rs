//! When a worker has more to do than its core can: what it takes for a sign of it, and how much of
//! the pictures it then lets go.
//!
//! The sign is how long a datagram lay in the socket before it was looked at. While that is long,
//! pictures are shed an eighth at a time; when it is short they come back the same way, up to an
//! eighth less than what proved too much. That is tried again after seconds, more of them each time.
//! Where the core has much time to spare the load is another one, and all comes back. Sound is never
//! shed.

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

/// What lies in the socket drains when it is shorter than an interval ago by this.
const DRAINS: Duration = Duration::from_millis(2);

/// A core that would be used less than this with all pictures carries another load than before …
const SPARE: f64 = 0.6;

/// … when it was so for so many intervals: what came back before must have begun, with key frames that
/// were asked for.
const SPARE_INTERVALS: u32 = 8;

/// Prompt intervals in a row before something comes back: all of it within a second.
const PROMPT_INTERVALS: u32 = 3;

/// The most that is waited between steps when coming back itself was too much: the key frames that it
/// asks for are over by then. What fails so slowly is too much by itself.
const MOST_PATIENCE: u32 = 24;

/// Intervals after which what proved too much is tried again: two seconds, a minute at most.
const HOLD: (u32, u32) = (80, 2_400);

/// Prompt intervals in a row after which what came back did no harm: five seconds. It takes key frames to
/// begin, and a load that is little too much takes seconds to fill the socket.
const HARMLESS_INTERVALS: u32 = 200;

/// How many sixteenths of the pictures are forwarded.
#[derive(Debug)]
pub(super) struct Overload {
    share: u8,
    /// No more comes back for now.
    ceiling: u8,
    /// Prompt intervals before the ceiling is raised.
    hold: u32,
    /// Prompt intervals since it was raised, or lowered.
    held: u32,
    /// Prompt intervals before the next step back.
    patience: u32,
    /// What was done last was shedding.
    sheds: bool,
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
    /// Intervals since that was asked last, and those of them in which something was not prompt.
    intervals: (u32, u32),
}

impl Overload {
    pub(super) fn new() -> Overload {
        Overload {
            share: ALL,
            ceiling: ALL,
            hold: HOLD.0,
            held: HARMLESS_INTERVALS,
            patience: PROMPT_INTERVALS,
            sheds: false,
            worst: Duration::ZERO,
            before: Duration::ZERO,
            since: Time::ZERO,
            slept: Duration::ZERO,
            spare: 0,
            late: 0,
            prompt: 0,
            intervals: (0, 0),
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

    /// Whether the core has been short of time since this was asked last: packets waited in half of all
    /// intervals, or pictures are shed.
    pub(super) fn was_short(&mut self) -> bool {
        let (all, late) = std::mem::take(&mut self.intervals);
        self.share < ALL || late > 0 && late * 2 >= all
    }

    /// The share in sixteenths, when it has just changed.
    pub(super) fn adapt(&mut self, now: Time) -> Option<u8> {
        let passed = now.since(self.since);
        if passed < INTERVAL {
            return None;
        }
        self.since = now;
        let slept = std::mem::take(&mut self.slept);
        self.spare = if self.has_spare(slept, passed) { self.spare + 1 } else { 0 };
        let worst = std::mem::take(&mut self.worst);
        let drains = worst + DRAINS < std::mem::replace(&mut self.before, worst);
        self.intervals.0 += 1;
        self.intervals.1 += u32::from(worst > PROMPT);
        self.late = if worst > LATE { self.late + 1 } else { 0 };
        self.prompt = if worst < PROMPT { self.prompt + 1 } else { 0 };
        let before = self.share;
        if self.late >= LATE_INTERVALS && !drains {
            self.shed();
        } else if self.prompt > 0 {
            self.rise();
        }
        (self.share != before).then_some(self.share)
    }

    /// Whether the core would have time to spare with all pictures, if all it does were pictures.
    fn has_spare(&self, slept: Duration, passed: Duration) -> bool {
        let busy = 1.0 - slept.as_secs_f64() / passed.as_secs_f64();
        busy * f64::from(ALL) < SPARE * f64::from(self.share.max(STEP))
    }

    fn shed(&mut self) {
        self.late = LATE_INTERVALS - LATE_AGAIN;
        if !std::mem::replace(&mut self.sheds, true) {
            self.note_too_much();
        }
        self.share = self.share.saturating_sub(STEP);
    }

    /// Shedding begins: what is forwarded now is too much, or coming back to it was.
    fn note_too_much(&mut self) {
        if self.share < self.ceiling && self.patience < MOST_PATIENCE {
            self.patience *= 2;
            return;
        }
        if self.held < HARMLESS_INTERVALS {
            self.hold = (self.hold * 2).min(HOLD.1);
        }
        self.ceiling = self.share.saturating_sub(STEP);
        self.held = 0;
    }

    /// Datagrams are prompt: a step back to the ceiling, or the ceiling itself a step up.
    fn rise(&mut self) {
        if self.spare >= SPARE_INTERVALS {
            (self.ceiling, self.patience) = (ALL, PROMPT_INTERVALS);
        }
        if self.share < self.ceiling {
            if self.prompt >= self.patience {
                self.share += STEP;
                (self.prompt, self.sheds) = (0, false);
            }
            return;
        }
        self.sheds = false;
        self.held += 1;
        if self.held >= HARMLESS_INTERVALS {
            self.patience = PROMPT_INTERVALS;
        }
        if self.ceiling == ALL {
            self.hold = if self.held >= HARMLESS_INTERVALS { HOLD.0 } else { self.hold };
        } else if self.held >= self.hold {
            (self.ceiling, self.held) = (self.ceiling + STEP, 0);
        }
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

    /// A core that carries `capacity` of what all pictures need, and what lies in its socket.
    struct Core {
        capacity: f64,
        /// What a step back costs more for a while, as a share of what is forwarded, and how long.
        key_frames: (f64, u32),
        waiting: Duration,
        key_frames_left: u32,
    }

    impl Core {
        fn new(capacity: f64, key_frames: (f64, u32)) -> Core {
            Core { capacity, key_frames, waiting: Duration::ZERO, key_frames_left: 0 }
        }

        /// One interval of it.
        fn pass(&mut self, overload: &mut Overload, now: &mut Time) {
            let share = f64::from(overload.share) / f64::from(ALL);
            let more = if self.key_frames_left > 0 { self.key_frames.0 } else { 0.0 };
            self.key_frames_left = self.key_frames_left.saturating_sub(1);
            let load = share * (1.0 + more) / self.capacity;
            let excess = INTERVAL.as_secs_f64() * (load - 1.0);
            let waiting = (self.waiting.as_secs_f64() + excess).clamp(0.0, 0.1);
            self.waiting = Duration::from_secs_f64(waiting);
            overload.note_sleep(INTERVAL.mul_f64((1.0 - load).max(0.0)));
            let before = overload.share;
            pass(overload, now, 1, self.waiting);
            if overload.share > before {
                self.key_frames_left = self.key_frames.1;
            }
        }
    }

    #[test]
    fn under_a_load_that_stays_too_much_what_is_forwarded_does_not_swing() {
        for capacity in [0.97, 0.85, 0.7, 0.5] {
            for key_frames in [(0.25, 8), (0.25, 24), (0.8, 8), (0.8, 16)] {
                let (mut overload, mut now) = (Overload::new(), Time::ZERO);
                let mut core = Core::new(capacity, key_frames);
                let share = |_| {
                    core.pass(&mut overload, &mut now);
                    overload.share
                };
                let shares: Vec<u8> = (0..2_400).map(share).collect();
                let settled = &shares[800..];
                let sheddings = settled.windows(2).filter(|pair| pair[1] < pair[0]).count();
                assert!(sheddings <= 5, "{sheddings} in 40 s, {capacity} {key_frames:?}");
                let mean = settled.iter().map(|&share| f64::from(share)).sum::<f64>() / 1_600.0;
                let least = capacity / (1.0 + key_frames.0) - 0.2;
                assert!(mean / f64::from(ALL) > least, "{mean} of 16, {capacity} {key_frames:?}");
            }
        }
    }

    #[test]
    fn a_core_is_short_of_time_when_packets_wait_often_or_pictures_are_shed() {
        let (mut overload, mut now) = (Overload::new(), Time::ZERO);
        assert!(!overload.was_short(), "nothing was seen yet");
        pass(&mut overload, &mut now, 25, Duration::from_millis(2));
        pass(&mut overload, &mut now, 15, Duration::from_millis(25));
        assert!(!overload.was_short(), "less than half of the time");
        pass(&mut overload, &mut now, 15, Duration::from_millis(2));
        pass(&mut overload, &mut now, 25, Duration::from_millis(25));
        assert!(overload.was_short() && overload.share == ALL);
        pass(&mut overload, &mut now, 20, Duration::from_millis(60));
        overload.was_short();
        pass(&mut overload, &mut now, 1, Duration::from_millis(2));
        assert!(overload.was_short(), "it is prompt because pictures are shed");
    }

    #[test]
    fn a_core_that_can_carry_all_again_does_so_within_a_second() {
        let (mut overload, mut now) = (Overload::new(), Time::ZERO);
        let mut core = Core::new(0.66, (0.25, 8));
        for _ in 0..1_200 {
            core.pass(&mut overload, &mut now);
        }
        assert!(overload.share < ALL);
        core.capacity = 2.0;
        let gone = now;
        while overload.share < ALL {
            core.pass(&mut overload, &mut now);
            assert!(now.since(gone) <= Duration::from_secs(1), "{overload:?}");
        }
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
            let share = f64::from(overload.share) / f64::from(ALL);
            overload.note_sleep(INTERVAL.mul_f64(1.0 - 0.5 * share));
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
            overload.note_sleep(INTERVAL);
            pass(&mut overload, &mut now, 1, Duration::from_millis(1));
        }
        assert!(now.since(gone) <= Duration::from_millis(900), "{:?}", now.since(gone));
    }
}
