//! When a worker has more to do than its core can: what it takes for a sign of it, and how much of
//! the pictures it then lets go.
//!
//! The sign is how long a datagram lay in the socket before it was looked at. While that is long,
//! pictures are shed a sixteenth at a time; when it is short they come back the same way, twice as
//! fast. Sound is never shed.

use crate::base::Time;
use crate::control::message::ALL_PICTURES as ALL;
use std::time::Duration;

/// How often the share is thought over.
const INTERVAL: Duration = Duration::from_millis(25);

/// A datagram that waited longer shows that the core does not keep up: a turn at full load takes
/// a few milliseconds, and a voice bears twenty.
const LATE: Duration = Duration::from_millis(15);

/// Shorter than this, and there is time to spare.
const PROMPT: Duration = Duration::from_millis(5);

/// Intervals in a row that must be late before anything is shed: a host that stops the core for a
/// moment is not overload.
const LATE_INTERVALS: u32 = 3;

/// Prompt intervals in a row before something comes back.
const PROMPT_INTERVALS: u32 = 4;

/// How many sixteenths of the pictures are forwarded.
#[derive(Debug)]
pub(super) struct Overload {
    share: u8,
    worst: Duration,
    since: Time,
    late: u32,
    prompt: u32,
}

impl Overload {
    pub(super) fn new() -> Overload {
        Overload { share: ALL, worst: Duration::ZERO, since: Time::ZERO, late: 0, prompt: 0 }
    }

    /// A datagram had waited for `waited` when it was looked at.
    pub(super) fn note(&mut self, waited: Duration) {
        self.worst = self.worst.max(waited);
    }

    /// The share in sixteenths, when it has just changed.
    pub(super) fn adapt(&mut self, now: Time) -> Option<u8> {
        if now.since(self.since) < INTERVAL {
            return None;
        }
        self.since = now;
        let worst = std::mem::take(&mut self.worst);
        self.late = if worst > LATE { self.late + 1 } else { 0 };
        self.prompt = if worst < PROMPT { self.prompt + 1 } else { 0 };
        let share = if self.late >= LATE_INTERVALS {
            self.share.saturating_sub(1)
        } else if self.prompt >= PROMPT_INTERVALS {
            (self.share + 2).min(ALL)
        } else {
            self.share
        };
        (std::mem::replace(&mut self.share, share) != share).then_some(share)
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
        pass(&mut overload, &mut now, 2, Duration::from_millis(60));
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
    fn all_is_back_within_a_second_of_the_load_being_gone() {
        let (mut overload, mut now) = (Overload::new(), Time::ZERO);
        pass(&mut overload, &mut now, 20, Duration::from_millis(60));
        let gone = now;
        while overload.share < ALL {
            pass(&mut overload, &mut now, 1, Duration::from_millis(1));
        }
        assert!(now.since(gone) < Duration::from_millis(500), "{:?}", now.since(gone));
    }
}
