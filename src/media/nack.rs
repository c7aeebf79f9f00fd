//! Which packets of a layer are missing, and when they are asked for (RFC 4585 §6.2.1).

use crate::base::Time;
use arrayvec::ArrayVec;
use std::time::Duration;

/// Most missing packets kept in mind: beyond this a key frame is the cheaper way out.
pub const MAX_MISSING: usize = 256;

/// A hole is asked for only after this: reordering within a burst is common and heals by itself.
const REORDERING: Duration = Duration::from_millis(10);

/// A request is repeated after this, well over most round trips.
const REPEAT: Duration = Duration::from_millis(80);

/// A layer's requests are this far apart: what is missed in between is asked for together. In a lossy
/// moment each request by itself would cost a datagram, and those are what a busy core has least of.
const SPACING: Duration = Duration::from_millis(20);

/// Where datagrams lie in the socket for longer than this nothing is asked for: the core has too much to do,
/// what is missing its socket had no room for, and answers would be more of the same.
const TOO_LATE: Duration = Duration::from_millis(40);

/// … for no longer than this: one datagram tells how long they lie, and the next may not.
const MOST_QUIET: Duration = Duration::from_millis(200);

/// A packet is asked for at most this often …
const MAX_REQUESTS: u8 = 10;

/// … and no longer than this, after which nobody waits for it any more.
const GIVE_UP: Duration = Duration::from_millis(1_000);

/// A jump ahead larger than this is a new start, not a loss.
const MAX_GAP: u64 = 1_000;

#[derive(Clone, Copy, Debug)]
struct Missing {
    index: u64,
    noticed: Time,
    next_request: Time,
    requests: u8,
}

/// The missing packets of one layer, in order of their index.
#[derive(Clone, Debug, Default)]
pub struct Nacks {
    highest: Option<u64>,
    missing: ArrayVec<Missing, MAX_MISSING>,
    /// No request before.
    quiet_until: Time,
}

/// What [`Nacks::on_packet`] made of a packet's place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrival {
    /// In order, or closing a hole.
    Fine,
    /// More is missing than can be asked for: a key frame is needed.
    TooMuchLost,
}

impl Nacks {
    /// A packet came.
    pub fn on_packet(&mut self, now: Time, index: u64) -> Arrival {
        let Some(highest) = self.highest else {
            self.highest = Some(index);
            return Arrival::Fine;
        };
        if index <= highest {
            if let Ok(at) = self.missing.binary_search_by_key(&index, |missing| missing.index) {
                self.missing.remove(at);
            }
            return Arrival::Fine;
        }
        self.highest = Some(index);
        let gap = index - highest - 1;
        if gap > MAX_GAP || self.missing.len() + gap as usize > MAX_MISSING {
            self.missing.clear();
            return Arrival::TooMuchLost;
        }
        let next_request = now + REORDERING;
        self.missing.extend((highest + 1..index).map(|index| Missing {
            index,
            noticed: now,
            next_request,
            requests: 0,
        }));
        Arrival::Fine
    }

    /// When something is to be asked for; `Time::NEVER` when nothing is missing.
    pub fn deadline(&self) -> Time {
        let first = self.missing.iter().map(|missing| missing.next_request).min();
        first.map_or(Time::NEVER, |first| first.max(self.quiet_until))
    }

    /// Appends the sequence numbers to be asked for now to `due`, in order, as many as it holds;
    /// forgets what is not worth asking for any more. An answer lies in the socket for `waits` before it
    /// is seen: where that is long all is asked for later.
    pub fn take_due<const N: usize>(&mut self, now: Time, waits: Duration, due: &mut ArrayVec<u16, N>) {
        self.missing
            .retain(|missing| missing.requests < MAX_REQUESTS && now.since(missing.noticed) < GIVE_UP);
        if waits > TOO_LATE {
            self.quiet_until = now + waits.min(MOST_QUIET);
        }
        if now < self.quiet_until {
            return;
        }
        for missing in &mut self.missing {
            if missing.next_request > now {
                continue;
            }
            if due.try_push(missing.index as u16).is_err() {
                break;
            }
            missing.requests += 1;
            missing.next_request = now + REPEAT + waits;
            self.quiet_until = now + SPACING;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(nacks: &mut Nacks, at: u64) -> Vec<u16> {
        let mut due = ArrayVec::<u16, MAX_MISSING>::new();
        nacks.take_due(Time::from_millis(at), Duration::ZERO, &mut due);
        due.to_vec()
    }

    #[test]
    fn a_hole_is_asked_for_after_the_reordering_time_and_again_until_it_closes() {
        let mut nacks = Nacks::default();
        nacks.on_packet(Time::from_millis(0), 100);
        nacks.on_packet(Time::from_millis(1), 103);
        assert_eq!(due(&mut nacks, 5), []);
        assert_eq!(due(&mut nacks, 11), [101, 102]);
        assert_eq!(due(&mut nacks, 50), []);
        nacks.on_packet(Time::from_millis(60), 101);
        assert_eq!(due(&mut nacks, 100), [102]);
        nacks.on_packet(Time::from_millis(101), 102);
        assert_eq!(nacks.deadline(), Time::NEVER);
    }

    #[test]
    fn what_is_missed_soon_after_a_request_is_asked_for_together() {
        let mut nacks = Nacks::default();
        for (at, index) in [(0, 1), (0, 3), (8, 5), (14, 7)] {
            nacks.on_packet(Time::from_millis(at), index);
        }
        assert_eq!(due(&mut nacks, 10), [2]);
        assert_eq!(nacks.deadline(), Time::from_millis(10) + SPACING);
        assert_eq!(due(&mut nacks, 25), []);
        assert_eq!(due(&mut nacks, 30), [4, 6]);
    }

    #[test]
    fn the_same_is_asked_again_later_by_as_long_as_answers_lie_in_the_socket() {
        let mut nacks = Nacks::default();
        nacks.on_packet(Time::ZERO, 1);
        nacks.on_packet(Time::ZERO, 3);
        let mut asked = ArrayVec::<u16, MAX_MISSING>::new();
        nacks.take_due(Time::from_millis(10), Duration::from_millis(30), &mut asked);
        assert_eq!(asked[..], [2]);
        assert_eq!(due(&mut nacks, 119), []);
        assert_eq!(due(&mut nacks, 120), [2]);
    }

    #[test]
    fn a_core_that_is_far_behind_asks_for_nothing_until_it_has_caught_up() {
        let mut nacks = Nacks::default();
        nacks.on_packet(Time::ZERO, 1);
        nacks.on_packet(Time::ZERO, 3);
        let mut asked = ArrayVec::<u16, MAX_MISSING>::new();
        nacks.take_due(Time::from_millis(10), Duration::from_millis(150), &mut asked);
        assert_eq!((asked.len(), nacks.deadline()), (0, Time::from_millis(160)));
        assert_eq!(due(&mut nacks, 160), [2]);
    }

    #[test]
    fn reordered_packets_are_not_asked_for() {
        let mut nacks = Nacks::default();
        for (at, index) in [(0, 10), (1, 12), (2, 11), (3, 13)] {
            nacks.on_packet(Time::from_millis(at), index);
        }
        assert_eq!(nacks.deadline(), Time::NEVER);
    }

    #[test]
    fn what_never_comes_is_given_up() {
        let mut nacks = Nacks::default();
        nacks.on_packet(Time::from_millis(0), 1);
        nacks.on_packet(Time::from_millis(0), 3);
        let asked = (0..20).filter(|n| !due(&mut nacks, 10 + n * 100).is_empty()).count();
        assert!((8..=10).contains(&asked), "asked {asked} times");
        assert_eq!(nacks.deadline(), Time::NEVER);
    }

    #[test]
    fn a_great_loss_calls_for_a_key_frame_instead() {
        let mut nacks = Nacks::default();
        nacks.on_packet(Time::ZERO, 1);
        assert_eq!(nacks.on_packet(Time::ZERO, 400), Arrival::TooMuchLost);
        assert_eq!(nacks.deadline(), Time::NEVER);
    }
}
