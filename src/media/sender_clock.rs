//! A publisher's sender reports carried over to the server's clock, so that lips stay in sync.
//!
//! Every publisher counts NTP time on a clock of its own. A receiver plays sound and picture of
//! one stream in step by comparing their sender reports, and a seat may show one publisher after
//! another: so all reports that leave the server are on one clock, its own. The difference of the
//! clocks is estimated once per publishing transport, not per track, so an error in it shifts
//! sound and picture together and is not seen.

use crate::base::{NtpTime, Time, WallClock};
use std::time::Duration;

/// How fast the least delay seen may grow again, in nanoseconds a second, when a clock falls
/// behind: the 500 ppm that RFC 3550-era quartz never reaches.
const MAX_DRIFT_NS_PER_S: i64 = 500_000;

/// How fast the offset in use follows the estimate. A receiver fits a line through the last twenty
/// or so reports of each stream, and not through the same ones for sound and picture; a step in the
/// offset would bend those lines apart for as long, a slope this small does not.
const MAX_SLEW_NS_PER_S: i64 = 1_000_000;

/// Beyond this the publisher's clock was set forward, and following it slowly would take minutes.
const CLOCK_WAS_SET: i128 = 1_000_000_000;

/// A report that seems this late is not late: the publisher's clock was set back.
const CLOCK_WAS_SET_BACK: i128 = 10_000_000_000;

/// The offset from a publisher's NTP clock to the server's: the least seen, since delay only adds.
///
/// An error in it is seen by nobody, a step in it by everybody, so it begins with the first report
/// and only slews from there.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClockOffset {
    estimate: Option<Estimate>,
}

/// All in nanoseconds to add to the publisher's clock.
#[derive(Clone, Copy, Debug)]
struct Estimate {
    least: i128,
    in_use: i128,
    at: Time,
}

impl ClockOffset {
    /// A sender report with the publisher's time `theirs` came at `now`.
    pub fn on_sender_report(&mut self, now: Time, wall: &WallClock, theirs: NtpTime) {
        let seen = wall.ntp(now).as_nanos() as i128 - theirs.as_nanos() as i128;
        let (least, in_use) = match self.estimate {
            None => (seen, seen),
            Some(before) if seen - before.least > CLOCK_WAS_SET_BACK => (seen, seen),
            Some(before) => {
                let least = seen.min(before.least + growth(MAX_DRIFT_NS_PER_S, before.at, now));
                let slew = growth(MAX_SLEW_NS_PER_S, before.at, now);
                let behind = least - before.in_use;
                let step = if behind.abs() > CLOCK_WAS_SET { behind } else { behind.clamp(-slew, slew) };
                (least, before.in_use + step)
            }
        };
        self.estimate = Some(Estimate { least, in_use, at: now });
    }

    /// Nanoseconds to add to the publisher's clock to get the server's.
    pub fn nanos(&self) -> Option<i128> {
        self.estimate.map(|estimate| estimate.in_use)
    }
}

fn growth(ns_per_s: i64, from: Time, to: Time) -> i128 {
    i128::from(ns_per_s) * to.since(from).as_millis() as i128 / 1_000
}

/// The last sender report of one layer: which time stamp belongs to which moment of its clock.
#[derive(Clone, Copy, Debug)]
pub struct SenderReference {
    /// The publisher's NTP time.
    pub ntp: NtpTime,
    /// The time stamp at that moment.
    pub timestamp: u32,
}

impl SenderReference {
    /// The layer's time stamp at `now`, by the server's clock.
    pub fn timestamp_at(
        &self,
        now: Time,
        wall: &WallClock,
        offset: &ClockOffset,
        clock_rate: u32,
    ) -> Option<u32> {
        let theirs_on_ours = self.ntp.as_nanos() as i128 + offset.nanos()?;
        let elapsed = wall.ntp(now).as_nanos() as i128 - theirs_on_ours;
        let ticks = elapsed * i128::from(clock_rate) / 1_000_000_000;
        Some(self.timestamp.wrapping_add(ticks as u32))
    }
}

/// Time stamp ticks in `duration`.
pub fn ticks(duration: Duration, clock_rate: u32) -> u32 {
    (duration.as_nanos() * u128::from(clock_rate) / 1_000_000_000) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_and_picture_keep_their_distance_whatever_the_publishers_clock_says() {
        let wall = WallClock::new(1_700_000_000_000_000_000);
        let theirs = |at_ms: u64| NtpTime::from_unix_nanos(5_000_000_000 + at_ms * 1_000_000);
        let mut offset = ClockOffset::default();
        offset.on_sender_report(Time::from_millis(130), &wall, theirs(100));
        let picture = SenderReference { ntp: theirs(100), timestamp: 9_000 };
        offset.on_sender_report(Time::from_millis(260), &wall, theirs(250));
        let sound = SenderReference { ntp: theirs(250), timestamp: 12_000 };

        let now = Time::from_millis(1_260);
        let picture_ticks = picture.timestamp_at(now, &wall, &offset, 90_000).expect("reports came") - 9_000;
        let sound_ticks = sound.timestamp_at(now, &wall, &offset, 48_000).expect("reports came") - 12_000;
        let picture_ms = f64::from(picture_ticks) / 90.0 + 100.0;
        let sound_ms = f64::from(sound_ticks) / 48.0 + 250.0;
        assert!((picture_ms - sound_ms).abs() < 0.1, "{picture_ms} against {sound_ms}");
        assert!((picture_ms - 1_230.0).abs() < 1.0, "the first delay was 30 ms: {picture_ms}");
    }

    #[test]
    fn one_late_report_does_not_move_the_clock() {
        let wall = WallClock::new(0);
        let mut offset = ClockOffset::default();
        offset.on_sender_report(Time::from_millis(1_000), &wall, wall.ntp(Time::from_millis(1_000)));
        offset.on_sender_report(Time::from_millis(2_400), &wall, wall.ntp(Time::from_millis(2_000)));
        let moved = offset.nanos().expect("reports came");
        assert!(moved.abs() <= 700_000, "{moved} ns");
    }

    #[test]
    fn a_first_report_that_came_late_is_made_good_slowly() {
        let wall = WallClock::new(0);
        let mut offset = ClockOffset::default();
        offset.on_sender_report(Time::from_millis(1_150), &wall, wall.ntp(Time::from_millis(1_000)));
        let mut before = offset.nanos().expect("reports came");
        for second in 2..200 {
            let at = Time::from_millis(second * 1_000);
            offset.on_sender_report(at, &wall, wall.ntp(at));
            let now = offset.nanos().expect("reports came");
            assert!((0..=1_000_000).contains(&(before - now)), "second {second}: {before} to {now}");
            before = now;
        }
        assert_eq!(before, 0, "after 150 s it is made good");
    }

    #[test]
    fn a_publishers_clock_that_was_set_is_followed_at_once() {
        let wall = WallClock::new(0);
        let mut offset = ClockOffset::default();
        offset.on_sender_report(Time::from_millis(5_000), &wall, wall.ntp(Time::from_millis(5_000)));
        offset.on_sender_report(Time::from_millis(6_000), &wall, wall.ntp(Time::from_millis(9_000)));
        assert_eq!(offset.nanos(), Some(-3_000_000_000));
        offset.on_sender_report(Time::from_millis(70_000), &wall, wall.ntp(Time::from_millis(7_000)));
        assert_eq!(offset.nanos(), Some(63_000_000_000));
    }
}
