//! How many temporal and spatial layers of an encoding a seat is shown, and where that may change
//! without a decoder noticing more than another frame rate or size.

use super::choice::Sublayers;
use super::frame::{Frame, Rise};
use super::packet::Packet;
use crate::wire::dependency::{Described, Indication, Structure};

/// Changes that are remembered: what was sent before them may be asked for again. On a link that gave
/// way there were three within the second that a history keeps.
const CHANGES: usize = 6;

/// What is shown, and what is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Selection {
    wanted: Sublayers,
    now: Sublayers,
    /// What was shown from which index on, the newest first.
    changes: [(u64, Sublayers); CHANGES],
    /// The decode target of the last frame that was described.
    target: Option<u8>,
    /// The target shown before does not come any more, and what comes instead needs what was not shown.
    is_broken: bool,
    /// What is wanted could have begun, had what it needs been shown.
    is_stuck: bool,
    shown: Shown,
}

impl Default for Selection {
    fn default() -> Selection {
        let (all, shown) = (Sublayers::ALL, Shown::default());
        let changes = [(0, all); CHANGES];
        Selection { wanted: all, now: all, changes, target: None, is_broken: false, is_stuck: false, shown }
    }
}

impl Selection {
    /// Wants these from the next place on where that may begin.
    pub fn want(&mut self, wanted: Sublayers) {
        self.is_stuck &= wanted == self.wanted;
        self.wanted = wanted;
    }

    /// A run begins with a key frame, from which everything may be shown.
    pub fn begin(&mut self, index: u64) {
        self.change(self.wanted, index);
        self.changes = [(0, self.now); CHANGES];
        (self.target, self.is_broken, self.shown) = (None, false, Shown::default());
    }

    /// Whether only a key frame lets the seat show what it wants.
    pub fn waits_for_key_frame(&self) -> bool {
        self.is_stuck || self.wanted.spatial > self.now.spatial
    }

    /// The packet `index` comes, after all there were so far: changes what is shown, if this is the
    /// place for it.
    pub fn advance(&mut self, index: u64, packet: &Packet<'_>) {
        let frame = &packet.frame;
        // Within a frame nothing changes: one that begins is finished.
        if !frame.begins {
            return;
        }
        let next = match (packet.starts_key_frame, frame.described.zip(packet.structure)) {
            (true, _) => {
                (self.is_broken, self.is_stuck, self.target) = (false, false, None);
                self.wanted
            }
            (false, Some((described, structure))) => {
                self.follow_target(structure);
                self.next_by_descriptor(packet, &described, structure)
            }
            (false, None) if frame.spatial == 0 => self.next_by_payload(frame),
            (false, None) => self.now,
        };
        if next != self.now {
            self.change(next, index);
            self.target = packet.structure.map(|structure| structure.target(next.spatial, next.temporal));
        }
    }

    /// Whether nothing of what comes can be shown before a key frame.
    pub fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Notes when the same layers mean another target, since the encoder has paused the one before.
    fn follow_target(&mut self, structure: &Structure) {
        let target = structure.target(self.now.spatial, self.now.temporal);
        let before = self.target.replace(target);
        let is_left = before.is_some_and(|before| !structure.is_within(target, before));
        self.is_broken |= is_left && structure.has_paused();
    }

    /// All that is wanted, or what of it needs no key frame; size and frame rate change at places of their
    /// own.
    fn next_by_descriptor(
        &mut self,
        packet: &Packet<'_>,
        frame: &Described,
        structure: &Structure,
    ) -> Sublayers {
        let (now, wanted) = (self.now, self.wanted);
        if now == wanted {
            return now;
        }
        let is_met = frame.needs.are_met(self.shown.before(frame.number));
        let target = structure.target(wanted.spatial, wanted.temporal);
        let other_size =
            structure.spatial_of(target) != structure.spatial_of(structure.target(now.spatial, now.temporal));
        self.is_stuck |= other_size && !is_met && frame.indication(target) == Indication::Switch;
        let slower = wanted.temporal.min(now.temporal);
        let rate = if wanted.spatial < now.spatial { slower } else { wanted.temporal };
        let candidates =
            [wanted, Sublayers { temporal: slower, ..wanted }, Sublayers { temporal: rate, ..now }];
        let may_begin = |to: &Sublayers| self.may_begin(*to, packet, is_met);
        candidates.into_iter().find(may_begin).unwrap_or(now)
    }

    /// Whether `to` may be shown from this frame on. What has been shown as a part of something larger
    /// begins anywhere; something else where the frame says so and what it needs was shown. Of a picture of
    /// which something was sent the rest is to come, and its end is not to be behind it.
    fn may_begin(&self, to: Sublayers, packet: &Packet<'_>, is_met: bool) -> bool {
        let Some((frame, structure)) = packet.frame.described.zip(packet.structure) else { return false };
        let (now, next) = (
            structure.target(self.now.spatial, self.now.temporal),
            structure.target(to.spatial, to.temporal),
        );
        let top = structure.spatial_of(next);
        if frame.spatial > top {
            return false;
        }
        let is_first = self.shown.picture != Some(packet.timestamp);
        let is_part = frame.indication(next) != Indication::NotPresent;
        let opens = is_met && frame.indication(next) == Indication::Switch;
        let is_same_size = structure.spatial_of(now) == top && frame.spatial == top;
        structure.is_within(next, now) && (is_first || is_part) || opens && (is_first || is_same_size)
    }

    fn next_by_payload(&self, frame: &Frame) -> Sublayers {
        let temporal = match frame.rise {
            _ if self.wanted.temporal < self.now.temporal => self.wanted.temporal,
            Rise::ThisLayer if frame.temporal == self.now.temporal.saturating_add(1) => {
                frame.temporal.min(self.wanted.temporal)
            }
            Rise::AllAbove if frame.temporal <= self.now.temporal => self.wanted.temporal,
            _ => self.now.temporal,
        };
        Sublayers { spatial: self.now.spatial.min(self.wanted.spatial), temporal }
    }

    /// Whether the packet `index` is shown.
    pub fn shows(&self, index: u64, packet: &Packet<'_>) -> bool {
        let (shown, frame) = (self.at(index), &packet.frame);
        match frame.described.zip(packet.structure) {
            Some((described, structure)) => {
                let target = structure.target(shown.spatial, shown.temporal);
                described.indication(target) != Indication::NotPresent
            }
            None => frame.temporal <= shown.temporal && frame.spatial <= shown.spatial,
        }
    }

    /// Whether what is smaller begins with a key frame only: not all of it is shown.
    pub fn lacks(&self, smaller: Sublayers, structure: &Structure) -> bool {
        let target = |of: Sublayers| structure.target(of.spatial, of.temporal);
        let slower = Sublayers { temporal: smaller.temporal.min(self.now.temporal), ..smaller };
        smaller.spatial < self.now.spatial && !structure.is_within(target(slower), target(self.now))
    }

    /// The highest spatial layer that is shown now.
    pub fn spatial(&self) -> u8 {
        self.now.spatial
    }

    /// What is shown now.
    pub fn now(&self) -> Sublayers {
        self.now
    }

    /// The packet is sent.
    pub fn note_shown(&mut self, packet: &Packet<'_>) {
        if let Some(described) = packet.frame.described {
            self.shown.note(described.number, packet.timestamp);
        }
    }

    /// Whether the picture ends with this packet for who is shown no more than this.
    pub fn ends_picture(&self, index: u64, packet: &Packet<'_>) -> bool {
        let (shown, frame) = (self.at(index), &packet.frame);
        let highest = match packet.structure.filter(|_| frame.described.is_some()) {
            Some(structure) => structure.spatial_of(structure.target(shown.spatial, shown.temporal)),
            None => shown.spatial,
        };
        frame.ends && frame.spatial == highest
    }

    fn at(&self, index: u64) -> Sublayers {
        let since = |&&(from, _): &&(u64, Sublayers)| from <= index;
        self.changes.iter().find(since).map_or(self.now, |&(_, shown)| shown)
    }

    fn change(&mut self, to: Sublayers, index: u64) {
        self.now = to;
        self.changes.rotate_right(1);
        self.changes[0] = (index, to);
        self.is_stuck = false;
    }
}

/// Which of the last frames were shown: what a frame needs must be among them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Shown {
    highest: Option<u16>,
    /// The highest is the lowest bit, those before it the next.
    frames: u64,
    /// The picture of the highest, by its time stamp.
    picture: Option<u32>,
}

impl Shown {
    fn note(&mut self, number: u16, picture: u32) {
        let ahead = self.highest.map_or(64, |highest| number.wrapping_sub(highest) as i16);
        match ahead {
            1.. => {
                self.frames = self.frames.checked_shl(ahead as u32).unwrap_or(0) | 1;
                (self.highest, self.picture) = (Some(number), Some(picture));
            }
            _ => self.frames |= 1u64.checked_shl(u32::from(ahead.unsigned_abs())).unwrap_or(0),
        }
    }

    /// The frames before `number`, the last of them in the lowest bit.
    fn before(&self, number: u16) -> u64 {
        let Some(highest) = self.highest else { return 0 };
        let ahead = number.wrapping_sub(highest) as i16;
        let shift = u32::from(ahead.wrapping_sub(1).unsigned_abs());
        match ahead {
            1.. => self.frames.checked_shl(shift).unwrap_or(0),
            _ => self.frames.checked_shr(shift).unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(temporal: u8, rise: Rise) -> Frame {
        Frame { temporal, rise, begins: true, ends: true, ..Frame::default() }
    }

    fn packet(frame: Frame, starts_key_frame: bool) -> Packet<'static> {
        Packet {
            layer: 0,
            index: 0,
            timestamp: 0,
            marker: false,
            codec: 0,
            starts_key_frame,
            frame,
            structure: None,
            carried: Default::default(),
            payload: &[],
            payload_start: 12,
        }
    }

    fn up_to(temporal: u8) -> Sublayers {
        Sublayers { spatial: 7, temporal }
    }

    fn begun(temporal: u8) -> Selection {
        let mut selection = Selection::default();
        selection.want(up_to(temporal));
        selection.begin(10);
        selection
    }

    /// Lets frames of one packet each come; tells which are shown.
    fn shown(selection: &mut Selection, frames: &[(u8, Rise)]) -> Vec<bool> {
        let mut index = 10;
        frames
            .iter()
            .map(|&(temporal, rise)| {
                index += 1;
                let packet = packet(frame(temporal, rise), false);
                selection.advance(index, &packet);
                selection.shows(index, &packet)
            })
            .collect()
    }

    #[test]
    fn fewer_layers_are_shown_from_the_next_picture_on() {
        let mut selection = begun(2);
        selection.want(up_to(0));
        let rest_of_a_picture = packet(Frame { begins: false, ..frame(2, Rise::None) }, false);
        selection.advance(11, &rest_of_a_picture);
        assert!(selection.shows(11, &rest_of_a_picture), "what began is finished");
        let sequence = [(0, Rise::None), (2, Rise::None), (1, Rise::None), (0, Rise::None)];
        assert_eq!(shown(&mut selection, &sequence), [true, false, false, true]);
    }

    #[test]
    fn with_vp8_more_are_shown_one_by_one_where_the_layer_is_in_sync() {
        let mut selection = begun(0);
        selection.want(up_to(2));
        let none = Rise::None;
        let sync = Rise::ThisLayer;
        let sequence =
            [(2, sync), (1, none), (0, none), (2, none), (1, sync), (2, none), (2, sync), (1, none)];
        assert_eq!(shown(&mut selection, &sequence), [false, false, true, false, true, false, true, true]);
    }

    #[test]
    fn with_vp9_all_are_shown_after_a_switching_point_below() {
        let mut selection = begun(0);
        selection.want(up_to(2));
        let sequence = [(2, Rise::AllAbove), (0, Rise::AllAbove), (2, Rise::None), (1, Rise::None)];
        assert_eq!(shown(&mut selection, &sequence), [false, true, true, true]);
    }

    #[test]
    fn a_late_packet_is_judged_as_it_would_have_been_in_time() {
        let mut selection = begun(0);
        selection.want(up_to(1));
        let late = packet(frame(1, Rise::None), false);
        selection.advance(15, &packet(frame(1, Rise::ThisLayer), false));
        assert!(selection.shows(15, &late) && !selection.shows(14, &late));
    }

    #[test]
    fn spatial_layers_rise_with_a_key_frame_only_and_end_the_picture_where_they_are_cut() {
        let mut selection = Selection::default();
        selection.want(Sublayers { spatial: 0, temporal: 7 });
        selection.begin(10);
        selection.want(Sublayers { spatial: 1, temporal: 7 });
        assert!(selection.waits_for_key_frame());
        let base = packet(frame(0, Rise::AllAbove), false);
        let upper = packet(Frame { spatial: 1, ..base.frame }, false);
        selection.advance(11, &base);
        assert!(!selection.shows(12, &upper) && selection.ends_picture(11, &base));
        selection.advance(13, &packet(base.frame, true));
        assert!(selection.shows(14, &upper) && !selection.ends_picture(13, &base));
        assert!(selection.ends_picture(14, &upper));
    }

    /// One spatial layer for each of two targets; the upper needs the lower in key frames only.
    fn key_svc() -> Structure {
        // Three templates: the lower layer's key frame (with the upper's left to its own), and one
        // delta frame of each, which needs the one of its layer two frames back.
        let bits = concat!(
            "1",
            "1",
            "000000",
            "0000000000000000", // begins and ends, template 0, frame 0
            "10000",
            "000000",
            "00001", // a structure; offset 0; two targets
            "00",
            "10",
            "11", // lower, lower, upper
            "1010",
            "1000",
            "0010", // SS, S-, -S
            "0",
            "100010",
            "100010", // nothing; two frames back; two frames back
            "00",
            "0", // no chains, no resolutions
        );
        structure(bits)
    }

    /// The same where the upper layer always needs the lower one.
    fn full_svc() -> Structure {
        // Four templates: the key frame and a delta frame of each layer.
        structure(concat!(
            "1",
            "1",
            "000000",
            "0000000000000000", // begins and ends, template 0, frame 0
            "10000",
            "000000",
            "00001", // a structure; offset 0; two targets
            "00",
            "10",
            "00",
            "11", // lower, lower, upper, upper
            "1010",
            "1011",
            "0010",
            "0010", // SS, SR, -S, -S
            "0",
            "100010",
            "100000",
            "10001100000", // nothing; two frames back; one; two and one
            "00",
            "0", // no chains, no resolutions
        ))
    }

    fn structure(bits: &str) -> Structure {
        let bits: Vec<u8> = bits.bytes().map(|bit| bit - b'0').collect();
        let byte = |bits: &[u8]| bits.iter().enumerate().fold(0, |byte, (at, bit)| byte | bit << (7 - at));
        Structure::read(&bits.chunks(8).map(byte).collect::<Vec<u8>>()).expect("it is whole")
    }

    fn described(structure: &Structure, template: u8, number: u16, starts_key_frame: bool) -> Packet<'_> {
        let [high, low] = number.to_be_bytes();
        let said = Described::read(&[0xc0 | template, high, low], structure).expect("it is whole");
        let frame = Frame::default().described_as(Some(said));
        let timestamp = u32::from(number / 2);
        Packet { structure: Some(structure), timestamp, ..packet(frame, starts_key_frame) }
    }

    /// A packet comes; tells whether it is shown.
    fn comes(selection: &mut Selection, index: u64, packet: &Packet<'_>) -> bool {
        selection.advance(index, packet);
        let shows = selection.shows(index, packet);
        if shows {
            selection.note_shown(packet);
        }
        shows
    }

    #[test]
    fn what_was_shown_as_a_part_of_something_larger_is_shown_alone_from_the_next_picture_on() {
        let structure = full_svc();
        let frame = |template, number, key| described(&structure, template, number, key);
        let mut selection = Selection::default();
        selection.begin(0);
        assert!(
            comes(&mut selection, 0, &frame(0, 0, true)) && comes(&mut selection, 1, &frame(2, 1, false))
        );
        assert!(comes(&mut selection, 2, &frame(1, 2, false)));
        selection.want(Sublayers { spatial: 0, temporal: 7 });
        let upper = frame(3, 3, false);
        assert!(comes(&mut selection, 3, &upper) && selection.ends_picture(3, &upper), "it has begun");
        assert!(!selection.lacks(Sublayers { spatial: 0, temporal: 7 }, &structure));

        let lower = frame(1, 4, false);
        assert!(comes(&mut selection, 4, &lower) && selection.ends_picture(4, &lower));
        assert!(!comes(&mut selection, 5, &frame(3, 5, false)) && !selection.waits_for_key_frame());
        assert!(!selection.ends_picture(2, &frame(1, 2, false)), "that one had an upper layer");

        selection.want(Sublayers::ALL);
        assert!(
            comes(&mut selection, 6, &frame(1, 6, false)) && !comes(&mut selection, 7, &frame(3, 7, false))
        );
        assert!(selection.waits_for_key_frame(), "the upper layer was not shown");
        assert!(
            comes(&mut selection, 8, &frame(0, 8, true)) && comes(&mut selection, 9, &frame(2, 9, false))
        );
    }

    #[test]
    fn where_the_lower_layer_was_not_shown_a_pause_of_the_upper_one_takes_a_key_frame() {
        for (mut structure, lower, is_broken) in [(key_svc(), 1, true), (full_svc(), 1, false)] {
            let mut selection = Selection::default();
            selection.begin(0);
            assert!(comes(&mut selection, 0, &described(&structure, 0, 0, true)));
            comes(&mut selection, 1, &described(&structure, lower, 2, false));
            assert!(selection.lacks(Sublayers { spatial: 0, temporal: 7 }, &structure) == is_broken);
            structure.activate(0b01, 2);
            assert!(comes(&mut selection, 2, &described(&structure, lower, 4, false)));
            assert_eq!(selection.is_broken(), is_broken);
            assert!(comes(&mut selection, 3, &described(&structure, 0, 6, true)) && !selection.is_broken());
            assert!(comes(&mut selection, 4, &described(&structure, lower, 8, false)));
        }
    }

    #[test]
    fn by_the_descriptor_a_size_begins_only_where_what_it_needs_was_shown() {
        let structure = key_svc();
        let frame = |template, number, key| described(&structure, template, number, key);
        let shown = comes;
        let mut selection = Selection::default();
        selection.begin(0);
        assert!(
            shown(&mut selection, 0, &frame(0, 0, true)) && shown(&mut selection, 1, &frame(2, 1, false))
        );
        assert!(!shown(&mut selection, 2, &frame(1, 2, false)), "the upper layer does not need the lower");
        assert!(
            shown(&mut selection, 3, &frame(2, 3, false)) && selection.ends_picture(3, &frame(2, 3, false))
        );

        selection.want(Sublayers { spatial: 0, temporal: 7 });
        assert!(!selection.waits_for_key_frame());
        assert!(!shown(&mut selection, 4, &frame(1, 4, false)), "it needs a frame that was not shown");
        assert!(selection.waits_for_key_frame() && shown(&mut selection, 5, &frame(2, 5, false)));

        assert!(shown(&mut selection, 6, &frame(0, 6, true)) && !selection.waits_for_key_frame());
        assert!(!shown(&mut selection, 7, &frame(2, 7, false)));
        assert!(
            shown(&mut selection, 8, &frame(1, 8, false)) && selection.ends_picture(8, &frame(1, 8, false))
        );
    }

    #[test]
    fn what_was_shown_is_remembered_for_the_last_frames_across_a_wrap() {
        let mut shown = Shown::default();
        assert_eq!(shown.before(7), 0);
        [65_534, 0, 65_535].into_iter().for_each(|number| shown.note(number, 0));
        assert_eq!((shown.before(1), shown.before(3), shown.before(0)), (0b111, 0b11100, 0b11));
        shown.note(500, 0);
        assert_eq!((shown.before(501), shown.before(40_000)), (1, 0));
    }
}
