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
    /// What is wanted could have begun, had what it needs been shown.
    is_stuck: bool,
    shown: Shown,
}

impl Default for Selection {
    fn default() -> Selection {
        let all = Sublayers::ALL;
        let shown = Shown::default();
        Selection { wanted: all, now: all, changes: [(0, all); CHANGES], is_stuck: false, shown }
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
        self.shown = Shown::default();
    }

    /// Whether only a key frame lets the seat show what it wants.
    pub fn waits_for_key_frame(&self) -> bool {
        self.is_stuck || self.wanted.spatial > self.now.spatial
    }

    /// The packet `index` comes, after all there were so far: changes what is shown, if this is the
    /// place for it.
    pub fn advance(&mut self, index: u64, packet: &Packet<'_>) {
        let frame = &packet.frame;
        // Within a picture nothing changes: one that begins is finished, in all its layers.
        if self.now == self.wanted || !frame.begins || frame.spatial != 0 {
            return;
        }
        let next = match (packet.starts_key_frame, frame.described.zip(packet.structure)) {
            (true, _) => self.wanted,
            (false, Some((described, structure))) => self.next_by_descriptor(&described, structure),
            (false, None) => self.next_by_payload(frame),
        };
        if next != self.now {
            self.change(next, index);
        }
    }

    /// Where the frame says that a target may begin, and what it needs was shown. Frame rate may
    /// change where size cannot.
    fn next_by_descriptor(&mut self, frame: &Described, structure: &Structure) -> Sublayers {
        let met = frame.needs.are_met(self.shown.before(frame.number));
        let may_begin = |to: &Sublayers| {
            frame.indication(structure.target(to.spatial, to.temporal)) == Indication::Switch
        };
        let rate_only = Sublayers { temporal: self.wanted.temporal, ..self.now };
        self.is_stuck = may_begin(&self.wanted) && !met;
        [self.wanted, rate_only].into_iter().find(|to| met && may_begin(to)).unwrap_or(self.now)
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

    /// The highest spatial layer that is shown now.
    pub fn spatial(&self) -> u8 {
        self.now.spatial
    }

    /// The packet is sent.
    pub fn note_shown(&mut self, packet: &Packet<'_>) {
        if let Some(described) = packet.frame.described {
            self.shown.note(described.number);
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
}

impl Shown {
    fn note(&mut self, number: u16) {
        let ahead = self.highest.map_or(64, |highest| number.wrapping_sub(highest) as i16);
        match ahead {
            1.. => {
                self.frames = self.frames.checked_shl(ahead as u32).unwrap_or(0) | 1;
                self.highest = Some(number);
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
        let bits: Vec<u8> = bits.bytes().map(|bit| bit - b'0').collect();
        let byte = |bits: &[u8]| bits.iter().enumerate().fold(0, |byte, (at, bit)| byte | bit << (7 - at));
        Structure::read(&bits.chunks(8).map(byte).collect::<Vec<u8>>()).expect("it is whole")
    }

    fn described(structure: &Structure, template: u8, number: u16, starts_key_frame: bool) -> Packet<'_> {
        let [high, low] = number.to_be_bytes();
        let said = Described::read(&[0xc0 | template, high, low], structure).expect("it is whole");
        let frame = Frame::default().described_as(Some(said));
        Packet { structure: Some(structure), ..packet(frame, starts_key_frame) }
    }

    #[test]
    fn by_the_descriptor_a_size_begins_only_where_what_it_needs_was_shown() {
        let structure = key_svc();
        let frame = |template, number, key| described(&structure, template, number, key);
        let mut selection = Selection::default();
        selection.begin(0);
        let shown = |selection: &mut Selection, index, packet: &Packet<'_>| {
            selection.advance(index, packet);
            let shows = selection.shows(index, packet);
            if shows {
                selection.note_shown(packet);
            }
            shows
        };
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
        [65_534, 0, 65_535].into_iter().for_each(|number| shown.note(number));
        assert_eq!((shown.before(1), shown.before(3), shown.before(0)), (0b111, 0b11100, 0b11));
        shown.note(500);
        assert_eq!((shown.before(501), shown.before(40_000)), (1, 0));
    }
}
