//! When a worker has more to do than its core can: what it takes for a sign of it, and how much of
//! the pictures it then lets go.
//!
//! The sign is how long a datagram lay in the socket before it was looked at. While that is long,
//! pictures are shed, an eighth at a time, down to what the core was seen to carry; when it is short they
//! come back the same way, up to an eighth less than what proved too much. That is tried again after
//! seconds, more of them each time: as much as fits by how busy the core is meanwhile, for what disturbed it
//! may be over. It is tried at once where by what the core was seen to carry more fits: then it is another
//! load. Sound is never shed.

use super::load::{Forwarded, Load};
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

/// Times in a row that packets are late although what is forwarded fits, before more is shed: what a socket
/// buffers at full load takes a quarter of a second to drain.
const PATIENCE_BELOW: u32 = 5;

/// What lies in the socket drains when it is shorter than an interval ago by this.
const DRAINS: Duration = Duration::from_millis(2);

/// Intervals in a row in which there was little to forward before it is taken for another load: who leaves does not leave all at once.
const SPARE_INTERVALS: u32 = 4;

/// Prompt intervals in a row that take a sixteenth off the margin: eight seconds. What was too much may have
/// been something else on the core.
const MARGIN_INTERVALS: u32 = 320;

/// Within so many intervals the key frames with which pictures came back are over: a second.
const KEY_FRAME_INTERVALS: u32 = 40;

/// The margin's limit: pictures that take half as much again while they come back.
const MOST_MARGIN: u8 = ALL / 4;

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
    /// How often in a row packets were late although what is forwarded fits.
    below: u32,
    worst: Duration,
    /// The worst wait of the interval before.
    before: Duration,
    since: Time,
    /// How long the worker slept since then.
    slept: Duration,
    load: Load,
    /// Intervals in a row in which more fits than the ceiling.
    spare: u32,
    /// Sixteenths that what fits is less than it is reckoned to be: the key frames with which pictures come
    /// back may cost more than there is room for.
    margin: u8,
    late: u32,
    /// Prompt intervals in a row since something came back, and since something was late.
    prompt: u32,
    calm: u32,
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
            below: 0,
            worst: Duration::ZERO,
            before: Duration::ZERO,
            since: Time::ZERO,
            slept: Duration::ZERO,
            load: Load::default(),
            spare: 0,
            margin: 0,
            late: 0,
            prompt: 0,
            calm: 0,
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

    /// Whether packets wait longer than they would if there were time to spare, or only do not because
    /// pictures are shed.
    pub(super) fn is_pressed(&self) -> bool {
        self.share < ALL || self.worst.max(self.before) > PROMPT
    }

    /// Whether the core has been short of time since this was asked last: packets waited in half of all
    /// intervals, or pictures are shed.
    pub(super) fn was_short(&mut self) -> bool {
        let (all, late) = std::mem::take(&mut self.intervals);
        self.share < ALL || late > 0 && late * 2 >= all
    }

    /// The share in sixteenths, when it has just changed.
    pub(super) fn adapt(&mut self, now: Time, done: Forwarded) -> Option<u8> {
        let passed = now.since(self.since);
        if passed < INTERVAL {
            return None;
        }
        self.since = now;
        let worst = std::mem::take(&mut self.worst);
        let drains = worst + DRAINS < std::mem::replace(&mut self.before, worst);
        self.intervals.0 += 1;
        self.intervals.1 += u32::from(worst > PROMPT);
        let busy = 1.0 - std::mem::take(&mut self.slept).as_secs_f64() / passed.as_secs_f64();
        self.load.note(done, (passed, busy), (worst > LATE).then_some(self.share));
        let fits_more = self.allows(self.fits_now()) >= self.ceiling + STEP;
        self.spare = if fits_more { self.spare + 1 } else { 0 };
        self.late = if worst > LATE { self.late + 1 } else { 0 };
        self.prompt = if worst < PROMPT { self.prompt + 1 } else { 0 };
        self.calm = if worst < PROMPT { self.calm + 1 } else { 0 };
        let before = self.share;
        if self.late >= LATE_INTERVALS && !drains {
            self.shed();
        } else if self.prompt > 0 {
            self.rise();
        }
        (self.share != before).then_some(self.share)
    }

    /// What fits by what the core was seen to carry, or by how busy it is when that leaves no doubt.
    fn fits_now(&self) -> u8 {
        if self.load.is_light() { self.load.may_fit() } else { self.load.fits() }
    }

    /// The ceiling where `fits` of the pictures fit.
    fn allows(&self, fits: u8) -> u8 {
        fits.saturating_sub(self.margin).min(ALL) / STEP * STEP
    }

    fn shed(&mut self) {
        self.late = LATE_INTERVALS - LATE_AGAIN;
        if self.share <= self.load.fits() && self.below < PATIENCE_BELOW {
            self.below += 1;
            return;
        }
        self.below = 0;
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
        if self.held < KEY_FRAME_INTERVALS {
            self.margin = (self.margin + 2 * STEP).min(MOST_MARGIN);
        }
        self.ceiling = self.share.saturating_sub(STEP);
        self.held = 0;
    }

    /// Datagrams are prompt: a step back to the ceiling, or the ceiling itself a step up.
    fn rise(&mut self) {
        self.below = 0;
        if self.calm.is_multiple_of(MARGIN_INTERVALS) {
            self.margin = self.margin.saturating_sub(1);
        }
        if self.spare >= SPARE_INTERVALS {
            self.ceiling = self.allows(self.fits_now());
            (self.spare, self.patience, self.held) = (0, PROMPT_INTERVALS, 0);
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
            if self.held >= HARMLESS_INTERVALS {
                (self.hold, self.margin) = (HOLD.0, 0);
            }
        } else if self.held >= self.hold {
            let ceiling = self.allows(self.load.may_fit()).max(self.ceiling + STEP);
            (self.ceiling, self.held) = (ceiling, 0);
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
            overload.adapt(*now, Forwarded::default());
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
    fn one_pause_of_the_host_sheds_nothing() {
        let (mut overload, mut now) = (Overload::new(), Time::ZERO);
        pass(&mut overload, &mut now, 3, Duration::from_millis(60));
        pass(&mut overload, &mut now, 1, Duration::ZERO);
        assert_eq!(overload.share, ALL);
    }

    #[test]
    fn lateness_that_nothing_helps_sheds_all_pictures_in_half_a_second_and_no_more() {
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

    /// Packets a second in the socket of a core that carries `carries` of them, and what it makes of them.
    struct Core {
        carries: f64,
        sound: f64,
        /// With all of them shown.
        pictures: f64,
        /// What a step back costs more for a while, as a share of the pictures, and for how many intervals.
        key_frames: (f64, u32),
        key_frames_left: u32,
        /// Packets that lie in the socket.
        waiting: f64,
        done: Forwarded,
    }

    impl Core {
        /// Of what it is to forward it carries this share; a quarter of that is sound.
        fn that_carries(share: f64, key_frames: (f64, u32)) -> Core {
            let (sound, pictures) = (50_000.0, 150_000.0);
            let carries = share * (sound + pictures);
            let (waiting, done) = (0.0, Forwarded::default());
            Core { carries, sound, pictures, key_frames, key_frames_left: 0, waiting, done }
        }

        /// One interval of it.
        fn pass(&mut self, overload: &mut Overload, now: &mut Time) {
            let share = f64::from(overload.share) / f64::from(ALL);
            let more = if self.key_frames_left > 0 { self.key_frames.0 } else { 0.0 };
            self.key_frames_left = self.key_frames_left.saturating_sub(1);
            let seconds = INTERVAL.as_secs_f64();
            let there = self.waiting + seconds * (self.sound + self.pictures * share * (1.0 + more));
            let sent = there.min(seconds * self.carries);
            // A socket holds a tenth of a second, what comes then is lost.
            self.waiting = (there - sent).min(0.1 * self.carries);
            let all = self.sound + self.pictures * share * (1.0 + more);
            self.done.sent += sent as u64;
            self.done.pictures += (sent * (1.0 - self.sound / all)) as u64;
            self.done.shed += (seconds * self.pictures * (1.0 - share)) as u64;
            *now += INTERVAL;
            overload.note(Duration::from_secs_f64(self.waiting / self.carries));
            overload.note_sleep(INTERVAL.mul_f64(1.0 - sent / (seconds * self.carries)));
            let before = overload.share;
            overload.adapt(*now, self.done);
            if overload.share > before {
                self.key_frames_left = self.key_frames.1;
            }
        }

        /// The shares after each of so many intervals.
        fn shares(&mut self, overload: &mut Overload, now: &mut Time, intervals: u32) -> Vec<u8> {
            let share = |_| {
                self.pass(overload, now);
                overload.share
            };
            (0..intervals).map(share).collect()
        }

        /// Sixteenths of the pictures that would just fit.
        fn fits(&self) -> f64 {
            (self.carries - self.sound) / self.pictures * f64::from(ALL)
        }
    }

    const KEY_FRAMES: [(f64, u32); 4] = [(0.25, 8), (0.25, 24), (0.8, 8), (0.8, 16)];

    #[test]
    fn under_a_load_that_stays_too_much_what_is_forwarded_does_not_swing() {
        for carried in [0.97, 0.85, 0.7, 0.5] {
            for key_frames in KEY_FRAMES {
                let (mut overload, mut now) = (Overload::new(), Time::ZERO);
                let mut core = Core::that_carries(carried, key_frames);
                let shares = core.shares(&mut overload, &mut now, 2_400);
                let settled = &shares[800..];
                let sheddings = settled.windows(2).filter(|pair| pair[1] < pair[0]).count();
                assert!(sheddings <= 5, "{sheddings} in 40 s, {carried} {key_frames:?}");
                let mean = settled.iter().map(|&share| f64::from(share)).sum::<f64>() / 1_600.0;
                let least = core.fits() / (1.0 + key_frames.0) - 3.2;
                assert!(mean > least, "{mean} of 16, {least} wanted, {carried} {key_frames:?}");
            }
        }
    }

    #[test]
    fn no_more_is_shed_than_what_lies_in_the_socket_asks_for() {
        for carried in [0.9, 0.7, 0.5] {
            for key_frames in KEY_FRAMES {
                let (mut overload, mut now) = (Overload::new(), Time::ZERO);
                let mut core = Core::that_carries(carried, key_frames);
                let shares = core.shares(&mut overload, &mut now, 2_400);
                let least = f64::from(*shares.iter().min().expect("there are shares"));
                let wanted = 0.85 * core.fits() / (1.0 + key_frames.0) - f64::from(STEP);
                assert!(least >= wanted, "{least} of 16, {wanted} wanted, {carried} {key_frames:?}");
            }
        }
    }

    #[test]
    fn all_is_back_within_seconds_of_others_having_left_the_core() {
        for (carried, within) in [(1.2, 780), (1.5, 120), (3.0, 120)] {
            let (mut overload, mut now) = (Overload::new(), Time::ZERO);
            let mut core = Core::that_carries(carried, (0.25, 8));
            let alone = core.carries;
            for _ in 0..5 {
                core.carries = 0.6 * alone / carried;
                core.shares(&mut overload, &mut now, 200);
                assert!(overload.share < ALL);
                core.carries = alone;
                let shares = core.shares(&mut overload, &mut now, 800);
                assert!(shares[within..].iter().all(|&share| share == ALL), "{carried}: {shares:?}");
            }
        }
    }

    #[test]
    fn all_is_back_within_a_second_of_half_of_the_people_having_left() {
        for carried in [0.9, 0.66, 0.55] {
            let (mut overload, mut now) = (Overload::new(), Time::ZERO);
            let mut core = Core::that_carries(carried, (0.25, 8));
            core.shares(&mut overload, &mut now, 1_200);
            assert!(overload.share < ALL);
            let left = core.carries / (core.sound + core.pictures) * 0.6;
            (core.sound, core.pictures) = (core.sound * left, core.pictures * left);
            let gone = now;
            while overload.share < ALL {
                core.pass(&mut overload, &mut now);
                assert!(now.since(gone) <= Duration::from_secs(1), "{carried}: {overload:?}");
            }
        }
    }
}
