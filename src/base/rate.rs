//! How fast bytes go: bits a second, as a type.

use std::fmt;
use std::time::Duration;

/// What a link carries of a datagram beside its payload: the headers of UDP and IPv4. IPv6 has 20 bytes
/// more, and Ethernet 14 to 18, which few links are sold by.
pub const DATAGRAM_HEADERS: usize = 28;

/// Bits a second.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Bitrate(u64);

impl Bitrate {
    /// Nothing at all.
    pub const ZERO: Bitrate = Bitrate(0);

    /// From bits a second.
    pub const fn from_bps(bps: u64) -> Bitrate {
        Bitrate(bps)
    }

    /// From thousands of bits a second.
    pub const fn from_kbps(kbps: u64) -> Bitrate {
        Bitrate(kbps * 1_000)
    }

    /// The rate at which `bytes` take `time`; [`Bitrate::ZERO`] when no time passed.
    pub fn of(bytes: u64, time: Duration) -> Bitrate {
        let nanos = time.as_nanos() as u64;
        Bitrate((u128::from(bytes) * 8_000_000_000).checked_div(u128::from(nanos)).unwrap_or(0) as u64)
    }

    /// Bits a second.
    pub const fn bps(self) -> u64 {
        self.0
    }

    /// Bytes that go by in `time`.
    pub const fn bytes_in(self, time: Duration) -> u64 {
        (self.0 as u128 * time.as_nanos() / 8_000_000_000) as u64
    }

    /// How long `bytes` take; for ever at no rate.
    pub fn time_for(self, bytes: u64) -> Duration {
        let nanos = (u128::from(bytes) * 8_000_000_000).checked_div(u128::from(self.0));
        nanos.map_or(Duration::MAX, |nanos| Duration::from_nanos(nanos.min(u128::from(u64::MAX)) as u64))
    }

    /// This rate times `factor`, which must not be negative.
    pub fn times(self, factor: f64) -> Bitrate {
        debug_assert!(factor >= 0.0, "a rate does not turn round");
        Bitrate((self.0 as f64 * factor) as u64)
    }

    /// This rate and another together.
    pub const fn plus(self, other: Bitrate) -> Bitrate {
        Bitrate(self.0.saturating_add(other.0))
    }

    /// What is left of this rate beside another.
    pub const fn less(self, other: Bitrate) -> Bitrate {
        Bitrate(self.0.saturating_sub(other.0))
    }
}

impl fmt::Debug for Bitrate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03} kbit/s", self.0 / 1_000, self.0 % 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_bytes_and_time_agree() {
        let rate = Bitrate::from_kbps(800);
        assert_eq!(rate.bytes_in(Duration::from_millis(10)), 1_000);
        assert_eq!(rate.time_for(1_000), Duration::from_millis(10));
        assert_eq!(Bitrate::of(1_000, Duration::from_millis(10)), rate);
    }

    #[test]
    fn nothing_takes_for_ever_and_no_time_is_no_rate() {
        assert_eq!(Bitrate::ZERO.time_for(1), Duration::MAX);
        assert_eq!(Bitrate::of(1_000, Duration::ZERO), Bitrate::ZERO);
    }
}
