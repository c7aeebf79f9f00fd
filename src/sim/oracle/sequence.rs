//! What one seat sends is one sane stream, whatever moves beneath it: order is kept, numbers go on
//! without holes of the server's making, time stamps go on with real time.

use super::Violations;
use crate::base::id::SlotId;
use crate::base::{Time, TrackId};
use crate::control::types::Kind;
use crate::sim::peer::seat::Heard;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Packets whose neighbours are still compared.
const KEPT: usize = 600;
/// How far a seat's clock may run from real time when it moves to another track.
const CLOCK_SLACK: Duration = Duration::from_millis(1_500);

/// Watches the streams of one viewer.
#[derive(Debug, Default)]
pub struct SequenceOracle {
    seats: BTreeMap<SlotId, Stream>,
}

#[derive(Debug, Default)]
struct Stream {
    sent: BTreeMap<u64, Sent>,
    /// Numbers that left with nothing in them: of what was given up, whatever layer it was of.
    empty: BTreeSet<u64>,
    lowest: Option<u64>,
    highest: Option<u64>,
    count: u64,
    sent_before_renewal: Option<u64>,
    switches: u64,
    last: Option<(TrackId, u8)>,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    at: Time,
    source: (TrackId, u8),
    place: u64,
    captured: Time,
    timestamp: u32,
}

impl SequenceOracle {
    /// A packet of media leaves, in the order of sending.
    pub fn on_media(&mut self, at: Time, heard: &Heard, violations: &mut Violations) {
        let stream = self.seats.entry(heard.slot).or_default();
        if heard.resent {
            return stream.check_resent(at, heard, violations);
        }
        let sent = Sent {
            at,
            source: heard.tag.source(),
            place: place_of(heard),
            captured: heard.tag.captured,
            timestamp: heard.timestamp,
        };
        let kind = heard.tag.kind;
        let fresh = |index: &u64| Some(*index) > stream.sent_before_renewal;
        let before = stream.sent.range(..heard.index).next_back().filter(|(index, _)| fresh(index));
        let after = stream.sent.range(heard.index + 1..).next();
        if let Some(wrong) = before
            .and_then(|(&index, before)| conflict(before, &sent, stream.apart(index, heard.index), kind))
        {
            violations.add(at, "sequence", || format!("{wrong} after {before:?}: {heard:?}"));
        }
        if let Some(wrong) =
            after.and_then(|(&index, after)| conflict(&sent, after, stream.apart(heard.index, index), kind))
        {
            violations.add(at, "sequence", || format!("{wrong} before {after:?}: {heard:?}"));
        }
        let last = stream.last.replace(heard.tag.source());
        stream.switches += u64::from(
            last.is_some_and(|(track, layer)| track == heard.tag.track && layer != heard.tag.layer),
        );
        stream.note(heard.index, sent);
    }

    /// A packet leaves that has nothing but its number.
    pub fn on_empty(&mut self, slot: SlotId, index: u64) {
        let stream = self.seats.entry(slot).or_default();
        if stream.empty.insert(index) && !stream.sent.contains_key(&index) {
            stream.count(index);
        }
        if stream.empty.len() > KEPT {
            stream.empty.pop_first();
        }
    }

    /// How often a seat went from one layer of a track to another.
    pub fn switches(&self) -> u64 {
        self.seats.values().map(|stream| stream.switches).sum()
    }

    /// The shard was renewed. It remembers the numbers it used and not the packets: a late one may
    /// come once more, under a new number.
    pub fn on_renewal(&mut self) {
        self.seats.values_mut().for_each(|stream| stream.sent_before_renewal = stream.highest);
    }

    /// Numbers never sent, over all seats whose shard was not renewed: each is a packet that never
    /// came, not one left out.
    pub fn holes(&self) -> u64 {
        self.seats.values().map(Stream::holes).sum()
    }
}

impl Stream {
    fn note(&mut self, index: u64, sent: Sent) {
        if self.sent.insert(index, sent).is_none() && !self.empty.contains(&index) {
            self.count(index);
        }
        if self.sent.len() > KEPT {
            self.sent.pop_first();
        }
    }

    /// Numbers from one packet to a later one; none where something between them was given up: it may have
    /// been of another layer, of which more was still to come.
    fn apart(&self, before: u64, after: u64) -> u64 {
        let is_whole = self.empty.range(before..after).next().is_none();
        if is_whole { after - before } else { 0 }
    }

    fn count(&mut self, index: u64) {
        self.lowest = Some(self.lowest.map_or(index, |lowest| lowest.min(index)));
        self.highest = self.highest.max(Some(index));
        self.count += 1;
    }

    fn holes(&self) -> u64 {
        match (self.lowest, self.highest) {
            (Some(lowest), Some(highest)) if self.sent_before_renewal.is_none() => {
                highest + 1 - lowest - self.count
            }
            _ => 0,
        }
    }

    /// RFC 4588 §4: a retransmission is the packet it says it is.
    fn check_resent(&self, at: Time, heard: &Heard, violations: &mut Violations) {
        let Some(original) = self.sent.get(&heard.index) else { return };
        let same = (original.source, original.place, original.timestamp)
            == (heard.tag.source(), place_of(heard), heard.timestamp);
        if !same {
            violations.add(at, "sequence", || format!("resent as another packet: {heard:?}"));
        }
    }
}

/// Its place in the track; packets of FEC have numbers as well, and the shard may leave those out.
fn place_of(heard: &Heard) -> u64 {
    heard.tag.index + if heard.tag.corrected { u64::from(heard.tag.frame) } else { 0 }
}

/// What is wrong between two packets `apart` numbers apart, the earlier first.
fn conflict(before: &Sent, after: &Sent, apart: u64, kind: Kind) -> Option<String> {
    let clock_rate = if kind == Kind::Audio { 48_000 } else { 90_000 };
    let ticks = i64::from(after.timestamp.wrapping_sub(before.timestamp) as i32);
    let as_ticks = |span: Duration| (span.as_micros() as u64 * clock_rate / 1_000_000) as i64;
    if before.source == after.source {
        let captured = as_ticks(after.captured.since(before.captured));
        if after.place <= before.place {
            return Some("order is turned round".to_owned());
        }
        if apart > after.place - before.place {
            return Some(format!("{apart} numbers for {} packets", after.place - before.place));
        }
        // A run that was broken off goes on with real time instead.
        let sent = as_ticks(after.at.since(before.at));
        let close = |span: i64, slack: i64| (ticks - span).abs() <= slack;
        let sane = close(captured, 2) || close(sent.max(captured), as_ticks(CLOCK_SLACK));
        return (!sane || ticks < 0).then(|| format!("{ticks} ticks for {captured}"));
    }
    let passed = as_ticks(after.at.since(before.at));
    let sane = ticks > 0 && (ticks - passed).abs() <= as_ticks(CLOCK_SLACK);
    (!sane).then(|| format!("{ticks} ticks for {passed} at a move"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::RoomId;
    use crate::sim::payload::Tag;

    fn heard(index: u64, track: u64, place: u64, ms: u64, timestamp: u32) -> Heard {
        let tag = Tag {
            room: RoomId(1),
            track: TrackId(track),
            index: place,
            captured: Time::from_millis(ms),
            frame: 0,
            key: true,
            first: true,
            last: true,
            kind: Kind::Video,
            corrected: false,
            layer: 0,
            svc: None,
        };
        Heard { slot: SlotId(1), index, timestamp, tag, picture: None, resent: false }
    }

    fn found(packets: &[Heard]) -> usize {
        let (mut oracle, mut violations) = (SequenceOracle::default(), Violations::default());
        packets.iter().for_each(|packet| oracle.on_media(packet.tag.captured, packet, &mut violations));
        violations.found().len()
    }

    #[test]
    fn numbers_of_what_was_given_up_are_no_packets_left_out() {
        let (mut oracle, mut violations) = (SequenceOracle::default(), Violations::default());
        for packet in [heard(10, 1, 5, 0, 1_000), heard(14, 1, 6, 100, 10_000)] {
            oracle.on_media(packet.tag.captured, &packet, &mut violations);
            (11..=13).for_each(|index| oracle.on_empty(packet.slot, index));
        }
        assert_eq!(violations.found().len(), 0);
        oracle.on_media(Time::from_millis(200), &heard(17, 1, 7, 200, 19_000), &mut violations);
        assert_eq!(violations.found().len(), 1);
    }

    #[test]
    fn a_stream_that_moves_between_tracks_without_a_jump_is_sane() {
        let packets = [
            heard(10, 1, 5, 0, 1_000),
            heard(12, 1, 7, 200, 19_000),
            heard(11, 1, 6, 100, 10_000),
            heard(13, 2, 900, 300, 28_000),
        ];
        assert_eq!(found(&packets), 0);
    }

    #[test]
    fn turned_order_stretched_numbers_and_jumping_clocks_are_seen() {
        let start = heard(10, 1, 5, 0, 1_000);
        assert_eq!(found(&[start, heard(11, 1, 4, 0, 1_000)]), 1, "an older packet under a newer number");
        assert_eq!(found(&[start, heard(15, 1, 6, 0, 1_000)]), 1, "a hole of the server's making");
        assert_eq!(found(&[start, heard(11, 1, 6, 100, 900_000)]), 1, "a clock that jumps");
        assert_eq!(found(&[start, heard(11, 2, 0, 100, 1_000)]), 1, "a clock that stands at a move");
    }
}
