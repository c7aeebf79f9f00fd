//! What is sent of an encoding with several spatial layers can be decoded: each frame goes out whole, all
//! that it needs before it, and each picture ends where the last frame that is sent of it does.

use super::Violations;
use crate::base::Time;
use crate::base::id::SlotId;
use crate::sim::svc::Read;
use std::collections::{BTreeMap, BTreeSet};

/// Frames that are remembered: a pattern of four pictures has twelve.
const KEPT: usize = 200;

/// Watches the pictures of one viewer.
#[derive(Debug, Default)]
pub struct SvcOracle {
    seats: BTreeMap<SlotId, Stream>,
}

#[derive(Debug, Default)]
struct Stream {
    newest: Option<i64>,
    whole: BTreeSet<i64>,
    /// The frame whose end is still to come.
    open: Option<i64>,
    /// The picture before, by its time stamp, and whether it has ended.
    picture: Option<(u32, bool)>,
}

impl SvcOracle {
    /// A packet leaves, in the order of sending; none that is sent again.
    pub fn on_packet(
        &mut self,
        at: Time,
        slot: SlotId,
        read: &Read,
        (timestamp, marker): (u32, bool),
        violations: &mut Violations,
    ) {
        let stream = self.seats.entry(slot).or_default();
        if let Some(wrong) = stream.wrong(read, timestamp, marker) {
            violations.add(at, "svc", || format!("{slot:?}: {wrong}: {read:?}, {stream:?}"));
        }
        stream.note(read, timestamp, marker);
    }

    /// A packet leaves that has nothing but its number: what it was of is given up.
    pub fn on_empty(&mut self, slot: SlotId) {
        let stream = self.seats.entry(slot).or_default();
        (stream.open, stream.picture) = (None, None);
    }
}

impl Stream {
    fn wrong(&self, read: &Read, timestamp: u32, marker: bool) -> Option<&'static str> {
        let number = self.unwrap(read.number);
        let needs_none = read.needs.is_empty();
        // A run that was broken off goes on with a key frame.
        let goes_on = !needs_none || !read.first;
        let picture = self.picture.filter(|_| goes_on);
        match (self.open, read.first) {
            (Some(_), true) if goes_on => return Some("the frame before was not finished"),
            (open, false) if open != Some(number) => return Some("its frame has not begun"),
            _ => {}
        }
        if picture.is_some_and(|(same, ended)| same != timestamp && !ended) {
            return Some("the picture before had no end");
        }
        if picture.is_some_and(|(same, ended)| same == timestamp && ended) {
            return Some("its picture had ended");
        }
        if marker && !read.last {
            return Some("a picture ends in the middle of a frame");
        }
        let is_sent = |needed: &u16| self.whole.contains(&self.unwrap(*needed));
        (read.first && !read.needs.iter().all(is_sent)).then_some("what it needs was not sent")
    }

    fn note(&mut self, read: &Read, timestamp: u32, marker: bool) {
        let number = self.unwrap(read.number);
        self.newest = self.newest.max(Some(number));
        self.open = Some(number).filter(|_| !read.last && (read.first || self.open == Some(number)));
        if read.last {
            self.whole.insert(number);
        }
        while self.whole.len() > KEPT {
            self.whole.pop_first();
        }
        self.picture = Some((timestamp, marker));
    }

    fn unwrap(&self, number: u16) -> i64 {
        let newest = self.newest.unwrap_or(i64::from(number));
        newest + i64::from(number.wrapping_sub(newest as u16) as i16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(packets: &[(Read, u32, bool)]) -> Vec<String> {
        let (mut oracle, mut violations) = (SvcOracle::default(), Violations::default());
        for (read, timestamp, marker) in packets {
            oracle.on_packet(Time::ZERO, SlotId(1), read, (*timestamp, *marker), &mut violations);
        }
        violations.found().iter().map(|one| one.what.clone()).collect()
    }

    fn frame(number: u16, spatial: u8, needs: &[u16]) -> Read {
        let needs = needs.to_vec();
        Read { first: true, last: true, number, spatial, has_structure: false, needs }
    }

    #[test]
    fn what_cannot_be_decoded_is_seen() {
        let begun = [(frame(0, 0, &[]), 7, false), (frame(1, 1, &[0]), 7, true)];
        let after = |packet| found(&[begun[0].clone(), begun[1].clone(), packet]);
        assert_eq!(after((frame(3, 0, &[0]), 8, true)), Vec::<String>::new());
        assert!(after((frame(3, 0, &[2]), 8, true))[0].contains("needs was not sent"));
        assert!(after((frame(2, 2, &[1]), 7, true))[0].contains("picture had ended"));
        let without_end = [begun[0].clone(), (frame(3, 0, &[0]), 8, true)];
        assert!(found(&without_end)[0].contains("had no end"));
        let open = (Read { last: false, ..frame(3, 0, &[0]) }, 8, false);
        let next = (frame(4, 1, &[3]), 8, true);
        assert!(found(&[begun[0].clone(), begun[1].clone(), open, next])[0].contains("not finished"));
    }
}
