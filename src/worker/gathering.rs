//! How long packets wait for one another: as long as the core is busy enough to need it.
//!
//! A longer wait makes longer trains, and those make a forwarded packet cheaper: at 5 ms several
//! times cheaper than at none. A core that has time sends at once, and so does one whose receivers are
//! owed so little that waiting would not make trains.

use crate::base::Time;
use crate::control::handover::GatheringRange;
use std::time::Duration;

/// How often the window is thought over: two hundred datagrams at 20,000 a second.
const INTERVAL: Duration = Duration::from_millis(10);

/// Busier than this, and the window grows. What is left is for bursts: in a webinar of a thousand each
/// packet is one of a thousand trains, and those in the end wait for the others.
const BUSY: f64 = 0.70;

/// Less busy than this, and it shrinks. Far enough below, so that a window that helped is kept.
const IDLE: f64 = 0.55;

/// The first step up from nothing, and what is too little to wait for.
const LEAST_STEP: Duration = Duration::from_micros(200);

/// A receiver that is owed so many packets a second waits for this long for each of them: of 200 a
/// second (a picture of 1.5 Mbit/s and sound) two come in the 10 ms that this allows, of 50 (sound
/// alone) one, and then waiting costs delay and gives nothing.
const WORTH: Duration = Duration::from_micros(50);

/// However little that is, a datagram may wake the worker together with the next one.
const LEAST_MOST: Duration = Duration::from_millis(1);

/// Share of the old value in what is known of that: a picture comes every three intervals.
const SMOOTHING: f64 = 0.9;

/// How far beyond its range the window may grow before anything is shed, in multiples of its most: at
/// 20 ms, trains of a small meeting are four times as long as at 5 ms and packets half as dear, and
/// packets that come late by less are better than pictures that do not come.
const STRETCH: u32 = 3;

/// Less busy than this, and a window beyond its range shrinks, by one part in so many an interval: what
/// helped is not taken away at once. With more time to spare it goes faster.
const FULL: f64 = 0.92;
const SLOWLY: u32 = 64;
const SOON: u32 = 16;

/// What answers to checks and handshakes may be late by.
const MOST_PATIENCE: Duration = Duration::from_millis(1);

/// The window's size, by how much of its core the worker uses.
#[derive(Debug)]
pub(super) struct GatheringControl {
    range: GatheringRange,
    window: Duration,
    since: Time,
    slept: Duration,
    /// The window's limit now: beyond its range while packets are late nevertheless.
    limit: Duration,
    /// Packets that left, ever.
    sent: u64,
    /// Packets a second that a receiver is owed.
    owed: f64,
}

/// What a worker has to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Work {
    /// Packets that left, ever.
    pub(super) sent: u64,
    /// Who may receive.
    pub(super) receivers: usize,
    /// Packets lay in their socket for long although the window is as large as it is, or pictures are shed.
    pub(super) is_pressed: bool,
}

impl GatheringControl {
    pub(super) fn new(range: GatheringRange) -> GatheringControl {
        GatheringControl {
            range,
            window: range.least,
            since: Time::ZERO,
            slept: Duration::ZERO,
            limit: range.most,
            sent: 0,
            owed: 0.0,
        }
    }

    pub(super) fn window(&self) -> Duration {
        self.window
    }

    /// How long a datagram may lie before it wakes the worker: nothing leaves before the window is
    /// over anyway, and each waking costs as much as sealing a dozen packets.
    pub(super) fn patience(&self) -> Duration {
        (self.window / 4).min(MOST_PATIENCE)
    }

    /// The worker slept, or sent and slept, for `slept` at the end of a turn.
    pub(super) fn note_sleep(&mut self, slept: Duration) {
        self.slept += slept;
    }

    /// Thinks the window over when it is time; true when it has changed. What the worker did not
    /// sleep counts as use, whoever had the core: a thread's own clock leaves out interrupts, and
    /// what others on the core take.
    pub(super) fn adapt(&mut self, now: Time, work: Work) -> bool {
        let passed = now.since(self.since);
        if passed < INTERVAL || self.range.least == self.range.most {
            return false;
        }
        let slept = std::mem::take(&mut self.slept);
        let share = 1.0 - slept.as_secs_f64() / passed.as_secs_f64();
        self.since = now;
        let sent = work.sent.wrapping_sub(std::mem::replace(&mut self.sent, work.sent));
        let owed = sent as f64 / passed.as_secs_f64() / work.receivers.max(1) as f64;
        self.owed = SMOOTHING * self.owed + (1.0 - SMOOTHING) * owed;
        let most = WORTH.mul_f64(self.owed).max(LEAST_MOST).min(self.range.most);
        // Only what lateness has made of it is kept for a while.
        let kept = work.is_pressed || self.limit > self.range.most;
        let before = if kept { self.limit } else { most };
        self.limit = limit(before, work.is_pressed, share).clamp(most, self.range.most * STRETCH);
        let window = next(self.window, share).clamp(self.range.least, self.limit.max(self.range.least));
        std::mem::replace(&mut self.window, window) != window
    }
}

/// The window's limit after an interval: it grows while the core is pressed, and shrinks when it is not.
fn limit(limit: Duration, pressed: bool, busy: f64) -> Duration {
    if pressed {
        limit + limit / 4
    } else if busy < BUSY {
        limit - limit / SOON
    } else if busy < FULL {
        limit - limit / SLOWLY
    } else {
        limit
    }
}

/// The window after an interval in which the share `busy` of the core was used.
fn next(window: Duration, busy: f64) -> Duration {
    if busy > BUSY {
        window + LEAST_STEP.max(window / 4)
    } else if busy < IDLE {
        let shrunk = window - window / 8;
        if shrunk < LEAST_STEP { Duration::ZERO } else { shrunk }
    } else {
        window
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_with_time_does_not_let_packets_wait() {
        let mut window = Duration::from_millis(5);
        for _ in 0..40 {
            window = next(window, 0.3);
        }
        assert_eq!(window, Duration::ZERO);
    }

    #[test]
    fn a_busy_core_reaches_five_milliseconds_within_a_fifth_of_a_second() {
        let mut window = Duration::ZERO;
        for _ in 0..20 {
            window = next(window, 1.0);
        }
        assert!(window >= Duration::from_millis(5), "{window:?}");
    }

    #[test]
    fn in_between_the_window_stays() {
        assert_eq!(next(Duration::from_millis(2), 0.6), Duration::from_millis(2));
    }

    #[test]
    fn while_packets_are_late_they_may_wait_longer_than_the_range_says_and_no_longer_afterwards() {
        let (least, most) = (Duration::ZERO, Duration::from_millis(5));
        let mut control = GatheringControl::new(GatheringRange { least, most });
        let mut now = Time::ZERO;
        let mut sent = 0;
        let mut pass = |control: &mut GatheringControl, intervals: u32, is_pressed: bool, busy: f64| {
            for _ in 0..intervals {
                now += INTERVAL;
                sent += 1_000;
                control.note_sleep(INTERVAL.mul_f64(1.0 - busy));
                control.adapt(now, Work { sent, receivers: 100, is_pressed });
            }
        };
        pass(&mut control, 30, false, 1.0);
        assert_eq!(control.window(), most);
        pass(&mut control, 10, true, 1.0);
        assert_eq!(control.window(), most * STRETCH);
        pass(&mut control, 10, false, 0.95);
        assert_eq!(control.window(), most * STRETCH, "it is still needed");
        pass(&mut control, 120, false, 0.8);
        assert_eq!(control.window(), most, "with a fifth of its time left it goes back slowly");
        pass(&mut control, 10, true, 1.0);
        pass(&mut control, 30, false, 0.6);
        assert_eq!(control.window(), most);
    }

    #[test]
    fn where_waiting_makes_no_trains_nobody_waits_for_long() {
        let (least, most) = (Duration::ZERO, Duration::from_millis(10));
        let window = |per_receiver_and_second: u64| {
            let mut control = GatheringControl::new(GatheringRange { least, most });
            for interval in 1..200 {
                let sent = per_receiver_and_second * interval;
                control.adapt(
                    Time::ZERO + INTERVAL * interval as u32,
                    Work { sent, receivers: 100, is_pressed: false },
                );
            }
            control.window()
        };
        assert_eq!(window(5), LEAST_MOST);
        assert!((3_400..3_600).contains(&window(70).as_micros()), "{:?}", window(70));
        assert_eq!(window(300), most);
    }

    #[test]
    fn a_fixed_window_is_never_thought_over() {
        let fixed = Duration::from_millis(3);
        let mut control = GatheringControl::new(GatheringRange { least: fixed, most: fixed });
        let work = Work { sent: 1_000, receivers: 1, is_pressed: true };
        assert!(!control.adapt(Time::from_millis(10_000), work));
        assert_eq!(control.window(), fixed);
    }
}
