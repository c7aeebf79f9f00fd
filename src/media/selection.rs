//! How many temporal and spatial layers of an encoding a seat is shown, and where that may change
//! without a decoder noticing more than another frame rate or size.

use super::choice::Sublayers;
use super::frame::{Frame, Rise};

/// What is shown, and what is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Selection {
    wanted: Sublayers,
    now: Sublayers,
    before: Sublayers,
    /// Packets below this index were judged by what was shown before.
    changed_at: u64,
}

impl Default for Selection {
    fn default() -> Selection {
        let all = Sublayers::ALL;
        Selection { wanted: all, now: all, before: all, changed_at: 0 }
    }
}

impl Selection {
    /// Wants these from the next place on where that may begin.
    pub fn want(&mut self, wanted: Sublayers) {
        self.wanted = wanted;
    }

    /// A run begins with a key frame, from which everything may be shown.
    pub fn begin(&mut self, index: u64) {
        self.change(self.wanted, index);
        self.before = self.now;
    }

    /// Whether only a key frame lets the seat show what it wants.
    pub fn waits_for_key_frame(&self) -> bool {
        self.wanted.spatial > self.now.spatial
    }

    /// The packet `index` comes, after all there were so far: changes what is shown, if this is the
    /// place for it.
    pub fn advance(&mut self, index: u64, frame: &Frame, starts_key_frame: bool) {
        // Within a picture nothing changes: one that begins is finished, in all its layers.
        if self.now == self.wanted || !frame.begins || frame.spatial != 0 {
            return;
        }
        if starts_key_frame {
            return self.change(self.wanted, index);
        }
        let temporal = match frame.rise {
            _ if self.wanted.temporal < self.now.temporal => self.wanted.temporal,
            Rise::ThisLayer if frame.temporal == self.now.temporal.saturating_add(1) => {
                frame.temporal.min(self.wanted.temporal)
            }
            Rise::AllAbove if frame.temporal <= self.now.temporal => self.wanted.temporal,
            _ => self.now.temporal,
        };
        let next = Sublayers { spatial: self.now.spatial.min(self.wanted.spatial), temporal };
        if next != self.now {
            self.change(next, index);
        }
    }

    /// Whether the packet `index` of `frame` is shown.
    pub fn shows(&self, index: u64, frame: &Frame) -> bool {
        let shown = self.at(index);
        frame.temporal <= shown.temporal && frame.spatial <= shown.spatial
    }

    /// Whether the picture ends with this packet for who is shown no more than this.
    pub fn ends_picture(&self, index: u64, frame: &Frame) -> bool {
        frame.ends && frame.spatial == self.at(index).spatial
    }

    fn at(&self, index: u64) -> Sublayers {
        if index < self.changed_at { self.before } else { self.now }
    }

    fn change(&mut self, to: Sublayers, index: u64) {
        self.before = self.now;
        self.now = to;
        self.changed_at = index;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(temporal: u8, rise: Rise) -> Frame {
        Frame { temporal, rise, begins: true, ends: true, ..Frame::default() }
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
                let frame = frame(temporal, rise);
                selection.advance(index, &frame, false);
                selection.shows(index, &frame)
            })
            .collect()
    }

    #[test]
    fn fewer_layers_are_shown_from_the_next_picture_on() {
        let mut selection = begun(2);
        selection.want(up_to(0));
        let rest_of_a_picture = Frame { begins: false, ..frame(2, Rise::None) };
        selection.advance(11, &rest_of_a_picture, false);
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
        let late = frame(1, Rise::None);
        selection.advance(15, &frame(1, Rise::ThisLayer), false);
        assert!(selection.shows(15, &late) && !selection.shows(14, &late));
    }

    #[test]
    fn spatial_layers_rise_with_a_key_frame_only_and_end_the_picture_where_they_are_cut() {
        let mut selection = Selection::default();
        selection.want(Sublayers { spatial: 0, temporal: 7 });
        selection.begin(10);
        selection.want(Sublayers { spatial: 1, temporal: 7 });
        assert!(selection.waits_for_key_frame());
        let base = frame(0, Rise::AllAbove);
        let upper = Frame { spatial: 1, ..base };
        selection.advance(11, &base, false);
        assert!(!selection.shows(12, &upper) && selection.ends_picture(11, &base));
        selection.advance(13, &base, true);
        assert!(selection.shows(14, &upper) && !selection.ends_picture(13, &base));
        assert!(selection.ends_picture(14, &upper));
    }
}
