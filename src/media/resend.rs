//! Keeps one receiver from making us send the same packet again and again.

use crate::base::Time;
use std::time::Duration;

/// The same packet is sent again no sooner than this: browsers repeat a NACK after a round trip,
/// and a forged or broken stream of them must not multiply traffic.
const MIN_INTERVAL: Duration = Duration::from_millis(20);

/// Places in the table: the packets one RTCP datagram may ask for.
const PLACES: usize = 256;

/// Retransmissions of one seat in one [`WINDOW`] at most: 20 % loss of 10 Mbit/s has 200 a second.
const MAX_IN_WINDOW: u32 = 128;

/// See [`MAX_IN_WINDOW`].
const WINDOW: Duration = Duration::from_millis(100);

/// Times of the last retransmissions of one seat, in a small table that newer ones overwrite.
#[derive(Clone, Debug)]
pub struct Resends {
    last: Box<[(u64, Time); PLACES]>,
    window: (Time, u32),
}

impl Default for Resends {
    fn default() -> Resends {
        Resends { last: Box::new([(u64::MAX, Time::ZERO); PLACES]), window: (Time::ZERO, 0) }
    }
}

impl Resends {
    /// Bytes they occupy, wherever they stand.
    pub const MEMORY: usize = size_of::<Resends>() + size_of::<[(u64, Time); PLACES]>();

    /// Whether the packet `index` may be sent again now; takes note if so.
    pub fn allow(&mut self, now: Time, index: u64) -> bool {
        let place = &mut self.last[index as usize % PLACES];
        if place.0 == index && now.since(place.1) < MIN_INTERVAL {
            return false;
        }
        if now.since(self.window.0) >= WINDOW {
            self.window = (now, 0);
        }
        if self.window.1 >= MAX_IN_WINDOW {
            return false;
        }
        self.window.1 += 1;
        *place = (index, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_stream_of_requests_makes_more_than_the_windows_share() {
        let mut resends = Resends::default();
        let sent = (0..10_000).filter(|n| resends.allow(Time::from_millis(1), n % 300)).count();
        assert_eq!(sent, MAX_IN_WINDOW as usize);
        assert!(resends.allow(Time::from_millis(200), 7));
    }

    #[test]
    fn a_packet_is_sent_again_at_most_once_in_the_interval() {
        let mut resends = Resends::default();
        assert!(resends.allow(Time::from_millis(0), 5));
        assert!(!resends.allow(Time::from_millis(19), 5));
        assert!(resends.allow(Time::from_millis(19), 6));
        assert!(resends.allow(Time::from_millis(20), 5));
    }
}
