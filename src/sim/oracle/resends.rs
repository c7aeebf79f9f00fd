//! However often a receiver asks, what it is sent again is bounded: each packet now and then, and
//! no more of a seat's packets than a bad network loses.

use super::Violations;
use crate::base::Time;
use crate::base::id::SlotId;
use crate::sim::peer::seat::Heard;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// The same packet is sent again no sooner than this: the 20 ms that are promised, less the longest
/// turn, at whose end packets leave.
const SAME_AGAIN: Duration = Duration::from_millis(17);
/// What is counted together.
const WINDOW: Duration = Duration::from_millis(100);
/// Retransmissions of one seat within a window, wherever it begins: 2,000 a second, some 20 Mbit/s.
const MOST: usize = 256;

/// Watches the retransmissions to one viewer.
#[derive(Debug, Default)]
pub struct ResendsOracle {
    seats: BTreeMap<SlotId, VecDeque<(Time, u64)>>,
    count: u64,
}

impl ResendsOracle {
    /// A packet of media leaves, in the order of sending.
    pub fn on_media(&mut self, at: Time, heard: &Heard, violations: &mut Violations) {
        if !heard.resent {
            return;
        }
        self.count += 1;
        let recent = self.seats.entry(heard.slot).or_default();
        while recent.front().is_some_and(|(before, _)| at.since(*before) >= WINDOW) {
            recent.pop_front();
        }
        let again = |(before, index): &(Time, u64)| *index == heard.index && at.since(*before) < SAME_AGAIN;
        if recent.iter().any(again) {
            violations.add(at, "resends", || format!("sent again twice at once: {heard:?}"));
        }
        recent.push_back((at, heard.index));
        if recent.len() > MOST {
            violations.add(at, "resends", || format!("{} sent again in {WINDOW:?}: {heard:?}", recent.len()));
        }
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{RoomId, TrackId};
    use crate::control::types::Kind;
    use crate::sim::payload::Tag;

    fn found(packets: impl Iterator<Item = (u64, u64)>) -> usize {
        let (mut oracle, mut violations) = (ResendsOracle::default(), Violations::default());
        for (ms, index) in packets {
            let at = Time::from_millis(ms);
            let tag = Tag {
                room: RoomId(1),
                track: TrackId(1),
                index,
                captured: Time::ZERO,
                frame: 0,
                key: true,
                first: true,
                last: true,
                kind: Kind::Video,
                corrected: false,
                layer: 0,
                svc: None,
            };
            let heard = Heard { slot: SlotId(1), index, timestamp: 0, tag, picture: None, resent: true };
            oracle.on_media(at, &heard, &mut violations);
        }
        violations.found().len()
    }

    #[test]
    fn the_same_at_once_and_many_in_a_moment_are_seen() {
        assert_eq!(found((0..100).map(|n| (20 * n, 7))), 0);
        assert_eq!(found([(0, 7), (5, 8), (10, 7)].into_iter()), 1);
        assert_eq!(found((0..257).map(|n| (n / 3, n))), 1);
        assert_eq!(found((0..1_000).map(|n| (n, n))), 0);
    }
}
