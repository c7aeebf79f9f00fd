//! A publisher's sender reports carried over to the server's clock, so that lips stay in sync.
//!
//! Every publisher counts NTP time on a clock of its own. A receiver plays sound and picture of
//! one stream in step by comparing their sender reports, and a seat may show one publisher after
//! another: so all reports that leave the server are on one clock, its own. The difference of the
//! clocks is estimated once per publishing transport, not per track, so an error in it shifts
//! sound and picture together and is not seen.

use crate::base::{NtpTime, Time, WallClock};
use std::time::Duration;

/// How fast the estimate may follow a clock that falls behind, in nanoseconds a second: the
/// 500 ppm that RFC 3550-era quartz never reaches.
const MAX_DRIFT_NS_PER_S: i64 = 500_000;

/// The offset from a publisher's NTP clock to the server's: the least seen, since delay only adds.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClockOffset {
    estimate: Option<(i128, Time)>,
}

impl ClockOffset {
    /// A sender report with the publisher's time `theirs` came at `now`.
    pub fn on_sender_report(&mut self, now: Time, wall: &WallClock, theirs: NtpTime) {
        let seen = wall.ntp(now).as_nanos() as i128 - theirs.as_nanos() as i128;
        let estimate = match self.estimate {
            None => seen,
            Some((before, at)) => {
                let drift = i128::from(MAX_DRIFT_NS_PER_S) * now.since(at).as_millis() as i128 / 1_000;
                seen.min(before + drift)
            }
        };
        self.estimate = Some((estimate, now));
    }

    /// Nanoseconds to add to the publisher's clock to get the server's.
    pub fn nanos(&self) -> Option<i128> {
        self.estimate.map(|(estimate, _)| estimate)
    }
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
        assert!((picture_ms - 1_250.0).abs() < 1.0, "the least delay seen was 10 ms: {picture_ms}");
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
}
