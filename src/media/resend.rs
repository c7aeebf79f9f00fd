//! Keeps one receiver from making us send the same packet again and again.

use crate::base::Time;
use std::time::Duration;

/// The same packet is sent again no sooner than this: browsers repeat a NACK after a round trip,
/// and a forged or broken stream of them must not multiply traffic.
const MIN_INTERVAL: Duration = Duration::from_millis(20);

/// Places in the table: as many packets as one generic NACK item of each kind can name in a burst.
const PLACES: usize = 64;

/// Times of the last retransmissions of one seat, in a small table that newer ones overwrite.
#[derive(Clone, Debug)]
pub struct Resends {
    last: [(u64, Time); PLACES],
}

impl Default for Resends {
    fn default() -> Resends {
        Resends { last: [(u64::MAX, Time::ZERO); PLACES] }
    }
}

impl Resends {
    /// Whether the packet `index` may be sent again now; takes note if so.
    pub fn allow(&mut self, now: Time, index: u64) -> bool {
        let place = &mut self.last[index as usize % PLACES];
        if place.0 == index && now.since(place.1) < MIN_INTERVAL {
            return false;
        }
        *place = (index, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_sent_again_at_most_once_in_the_interval() {
        let mut resends = Resends::default();
        assert!(resends.allow(Time::from_millis(0), 5));
        assert!(!resends.allow(Time::from_millis(19), 5));
        assert!(resends.allow(Time::from_millis(19), 6));
        assert!(resends.allow(Time::from_millis(20), 5));
    }
}
