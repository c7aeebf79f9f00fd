//! Monotonic time as an argument, and its relation to the wall clock.
//!
//! Only the worker reads a clock. Everything below it is handed a [`Time`].

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

/// Nanoseconds on a monotonic clock with an arbitrary start.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(u64);

impl Time {
    /// The clock's start.
    pub const ZERO: Time = Time(0);
    /// Later than any time that is reached.
    pub const NEVER: Time = Time(u64::MAX);

    /// A time from nanoseconds since the clock's start.
    pub const fn from_nanos(nanos: u64) -> Time {
        Time(nanos)
    }

    /// A time from milliseconds since the clock's start.
    pub const fn from_millis(millis: u64) -> Time {
        Time(millis * 1_000_000)
    }

    /// Nanoseconds since the clock's start.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Whole microseconds since the clock's start.
    pub const fn as_micros(self) -> u64 {
        self.0 / 1_000
    }

    /// Whole milliseconds since the clock's start.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// How long ago `earlier` was; zero when it lies ahead.
    pub const fn since(self, earlier: Time) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Time;

    fn add(self, by: Duration) -> Time {
        Time(self.0.saturating_add(by.as_nanos() as u64))
    }
}

impl AddAssign<Duration> for Time {
    fn add_assign(&mut self, by: Duration) {
        *self = *self + by;
    }
}

impl Sub<Duration> for Time {
    type Output = Time;

    fn sub(self, by: Duration) -> Time {
        Time(self.0.saturating_sub(by.as_nanos() as u64))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}s", self.0 / 1_000_000_000, self.0 / 1_000 % 1_000_000)
    }
}

/// A 64-bit NTP time stamp, 32.32 fixed point (RFC 5905 §6).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct NtpTime(pub u64);

/// Seconds from the NTP epoch (1900) to the Unix epoch (1970).
const NTP_UNIX_OFFSET_S: u64 = 2_208_988_800;

impl NtpTime {
    /// The NTP time of a moment given in nanoseconds since the Unix epoch.
    pub const fn from_unix_nanos(nanos: u64) -> NtpTime {
        let seconds = nanos / 1_000_000_000 + NTP_UNIX_OFFSET_S;
        let fraction = ((nanos % 1_000_000_000) << 32) / 1_000_000_000;
        NtpTime(seconds << 32 | fraction)
    }

    /// The middle 32 bits, as LSR and DLSR use them (RFC 3550 §6.4.1): units of 1/65536 s.
    pub const fn middle(self) -> u32 {
        (self.0 >> 16) as u32
    }

    /// Nanoseconds since the NTP epoch, modulo nothing: fits a u128 and, until 2036, an i128 difference.
    pub const fn as_nanos(self) -> u128 {
        (self.0 >> 32) as u128 * 1_000_000_000 + (((self.0 & 0xffff_ffff) as u128 * 1_000_000_000) >> 32)
    }
}

/// Where the monotonic clock's start lies on the wall clock; fixed for the life of a process, so
/// that every sender report of a server is on one clock.
#[derive(Clone, Copy, Debug)]
pub struct WallClock {
    unix_nanos_at_zero: u64,
}

impl WallClock {
    /// A wall clock that showed `unix_nanos` (nanoseconds since 1970) at `Time::ZERO`.
    pub const fn new(unix_nanos_at_zero: u64) -> WallClock {
        WallClock { unix_nanos_at_zero }
    }

    /// The NTP time at `now`.
    pub const fn ntp(&self, now: Time) -> NtpTime {
        NtpTime::from_unix_nanos(self.unix_nanos_at_zero + now.as_nanos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ntp_counts_from_1900_in_two_to_the_minus_32_seconds() {
        let half_past = NtpTime::from_unix_nanos(1_500_000_000);
        assert_eq!(half_past.0 >> 32, NTP_UNIX_OFFSET_S + 1);
        assert_eq!(half_past.0 & 0xffff_ffff, 1 << 31);
    }

    #[test]
    fn a_time_before_another_is_zero_ago() {
        assert_eq!(Time::ZERO.since(Time::from_millis(5)), Duration::ZERO);
    }
}
