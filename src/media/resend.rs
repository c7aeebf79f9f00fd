//! Keeps one receiver from making us send the same packet again and again.

use crate::base::Time;
use std::time::Duration;

/// The same packet is sent again no sooner than this: browsers repeat a NACK after a round trip,
/// and a forged or broken stream of them must not multiply traffic.
const MIN_INTERVAL: Duration = Duration::from_millis(20);

/// Places in the table: the packets one RTCP datagram may ask for. They are made when the first is asked
/// for: of a thousand seats a few lose anything.
const PLACES: usize = 256;

/// Retransmissions of one seat in one [`WINDOW`] at most: 20 % loss of 10 Mbit/s has 200 a second.
const MAX_IN_WINDOW: u32 = 128;

/// See [`MAX_IN_WINDOW`].
const WINDOW: Duration = Duration::from_millis(100);

/// One more than the index of a packet, so that nothing is 0, and microseconds on our clock; of both the
/// last 32 bits, which come again when the packet is long gone.
type Place = (u32, u32);

/// Times of the last retransmissions of one seat, in a small table that newer ones overwrite.
#[derive(Clone, Debug, Default)]
pub struct Resends {
    last: Option<Box<[Place; PLACES]>>,
    window: (Time, u32),
}

impl Resends {
    /// Bytes on the heap.
    pub fn memory(&self) -> usize {
        self.last.as_ref().map_or(0, |_| size_of::<[Place; PLACES]>())
    }

    /// Whether the packet `index` may be sent again now; takes note if so. Allocates once, at the first.
    pub fn allow(&mut self, now: Time, index: u64) -> bool {
        let last = self.last.get_or_insert_with(|| Box::new([(0, 0); PLACES]));
        let place = &mut last[index as usize % PLACES];
        let (name, now_us) = ((index as u32).wrapping_add(1), now.as_micros() as u32);
        if place.0 == name && u128::from(now_us.wrapping_sub(place.1)) < MIN_INTERVAL.as_micros() {
            return false;
        }
        if now.since(self.window.0) >= WINDOW {
            self.window = (now, 0);
        }
        if self.window.1 >= MAX_IN_WINDOW {
            return false;
        }
        self.window.1 += 1;
        *place = (name, now_us);
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
