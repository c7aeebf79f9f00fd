//! What a track can be shown as, from the cheapest to the best: the rungs that an allocation climbs.
//!
//! Knows one track and one seat's limits; budgets and other seats are the allocation's business.

use super::choice::{Choice, Sublayers};
use super::track::{Layer, Track};
use crate::control::types::Source;
use arrayvec::ArrayVec;

/// Most rungs: three encodings of three temporal layers, or one with three spatial ones, and what
/// strange publishers combine.
pub const MAX_RUNGS: usize = 16;

/// One way to show a track.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rung {
    /// Which.
    pub choice: Choice,
    /// What it costs.
    pub bits_per_second: u64,
}

/// All ways, the cheapest first: each costs more and is better than the one before.
pub type Ladder = ArrayVec<Rung, MAX_RUNGS>;

/// The rates publishers are asked for: what an encoding is taken to cost before it was measured, by
/// its place among three.
const ASKED_FOR: [u64; 3] = [150_000, 500_000, 2_500_000];

/// The heights publishers are asked for, as bounding boxes.
const HEIGHTS: [u16; 3] = [240, 480, 720];

/// The ways to show `track` on a seat that needs no more lines than `max_height`; 0 needs none.
/// With `only_flowing` those of encodings that come now, otherwise of all that could come. What is cut
/// off the top is shown only where nothing lower comes.
pub fn ladder(track: &Track, max_height: Option<u16>, only_flowing: bool) -> Ladder {
    let mut ladder = Ladder::new();
    if max_height == Some(0) {
        return ladder;
    }
    let count = track.layers.len();
    let flows = |place: usize| !only_flowing || track.layers[place].flows;
    // Before anything came the lowest is waited for: publishers begin with it.
    let any = (0..count).any(flows);
    for place in (0..count).filter(|&place| if any { flows(place) } else { place == 0 }) {
        let (spatial, temporal) = track.layers[place].meter.layers();
        let top = (count - 1 + usize::from(spatial) - 1).saturating_sub(track.layers_cut.into());
        for level in 0..spatial {
            let is_cut = place + usize::from(level) > top;
            let enough = is_cut || is_enough(below(count, place, spatial, level), max_height);
            if enough && !ladder.is_empty() {
                return ladder;
            }
            let levels = Levels { top: level + 1 == spatial, spatial: level, temporal };
            climb(&mut ladder, track, place, &levels);
        }
    }
    ladder
}

/// One spatial level of an encoding.
struct Levels {
    /// Whether there is none above.
    top: bool,
    spatial: u8,
    /// How many temporal layers there are.
    temporal: u8,
}

/// Adds the temporal levels of one spatial level.
fn climb(ladder: &mut Ladder, track: &Track, place: usize, levels: &Levels) {
    let spatial = if levels.top { Sublayers::ALL.spatial } else { levels.spatial };
    for temporal in first_temporal(track.source, ladder.is_empty(), levels.temporal)..levels.temporal {
        let whole = temporal + 1 == levels.temporal;
        let temporal = if whole { Sublayers::ALL.temporal } else { temporal };
        let sublayers = Sublayers { spatial, temporal };
        let bits_per_second = cost(&track.layers[place], track.layers.len(), place, sublayers);
        // What is better and costs no more leaves no reason for what is worse.
        while ladder.last().is_some_and(|last| last.bits_per_second >= bits_per_second) {
            ladder.pop();
        }
        let rung = Rung { choice: Choice { layer: place as u8, sublayers }, bits_per_second };
        if ladder.try_push(rung).is_err() {
            return;
        }
    }
}

/// A screen is read: its sharpness goes before its frame rate, so every temporal level is a rung. A
/// face moves: a sharper one at a quarter of its frames is worse than the smaller one, so above the
/// lowest rungs at most half of the frames are let go.
fn first_temporal(source: Source, is_lowest: bool, count: u8) -> u8 {
    if is_lowest || source == Source::Screen { 0 } else { count.saturating_sub(2) }
}

fn cost(layer: &Layer, count: usize, place: usize, sublayers: Sublayers) -> u64 {
    // A lone one on another worker comes here, and is measured, only when somebody here is shown it.
    layer.meter.rate(sublayers).unwrap_or(expected_rate(place, count))
}

/// What publishers are asked to send at most of the encoding at `place` among `count`; a lone one is
/// taken for the lowest.
pub fn expected_rate(place: usize, count: usize) -> u64 {
    let asked_for = if count == 1 { 0 } else { (place + ASKED_FOR.len() - count.min(3)).min(2) };
    ASKED_FOR[asked_for]
}

/// The height of the level below this one, if there is one.
fn below(count: usize, place: usize, spatial: u8, level: u8) -> Option<u16> {
    let (levels, at) = (count.max(1) - 1 + usize::from(spatial), place + usize::from(level));
    let lower = at.checked_sub(1)?;
    // Two are half and whole; of more than three, those below the lowest are as small as it.
    if levels == 2 { Some(360) } else { Some(HEIGHTS[(lower + 3).saturating_sub(levels).min(2)]) }
}

/// Whether `height` lines, of the level below, are all that is needed.
fn is_enough(height: Option<u16>, max_height: Option<u16>) -> bool {
    height.zip(max_height).is_some_and(|(height, needed)| height >= needed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Time;
    use crate::media::frame::Frame;
    use crate::media::meter::AROUND;
    use crate::media::track::testing::track_of;

    fn costs(ladder: &Ladder) -> Vec<(u8, u64)> {
        ladder.iter().map(|rung| (rung.choice.layer, rung.bits_per_second / 1_000)).collect()
    }

    /// Half a second of `kbits` in each of `temporal` layers.
    fn measured(track: &mut Track, place: usize, temporal: u8, kbits: u64) {
        let layer = &mut track.layers[place];
        layer.flows = true;
        for temporal in 0..temporal {
            let frame = Frame { temporal, ..Frame::default() };
            layer.meter.on_packet(Time::ZERO, (kbits * 1_000 / 16) as usize - AROUND, &frame, false);
        }
        assert!(layer.meter.settle(Time::from_millis(500)));
    }

    #[test]
    fn before_anything_came_the_lowest_encoding_is_waited_for() {
        let track = track_of(3, Source::Camera);
        assert_eq!(costs(&ladder(&track, None, true)), [(0, 150)]);
        assert_eq!(costs(&ladder(&track, None, false)), [(0, 150), (1, 500), (2, 2_500)]);
    }

    #[test]
    fn a_seat_gets_no_more_lines_than_it_needs() {
        let track = track_of(3, Source::Camera);
        let best = |needed| ladder(&track, Some(needed), false).last().map(|rung| rung.choice.layer);
        assert_eq!(
            [0, 100, 240, 241, 480, 481, 2_000].map(best),
            [None, Some(0), Some(0), Some(1), Some(1), Some(2), Some(2)]
        );
    }

    #[test]
    fn a_paused_encoding_is_no_rung_and_the_next_below_or_above_is() {
        let mut track = track_of(3, Source::Camera);
        measured(&mut track, 0, 1, 150);
        measured(&mut track, 2, 1, 2_000);
        assert_eq!(costs(&ladder(&track, None, true)), [(0, 150), (2, 2_000)]);
        assert_eq!(costs(&ladder(&track, Some(300), true)), [(0, 150)], "nothing above what is needed");
        track.layers[0].flows = false;
        assert_eq!(costs(&ladder(&track, Some(200), true)), [(2, 2_000)], "better too much than nothing");
    }

    #[test]
    fn what_is_cut_off_the_top_is_shown_only_until_something_lower_comes() {
        let mut track = track_of(3, Source::Camera);
        let best = |track: &Track, flowing| ladder(track, None, flowing).last().map(|rung| rung.choice.layer);
        track.layers_cut = 1;
        assert_eq!(best(&track, false), Some(1));
        track.layers_cut = 9;
        assert_eq!(best(&track, false), Some(0), "the lowest stays");
        measured(&mut track, 2, 1, 2_000);
        assert_eq!((best(&track, true), best(&track, false)), (Some(2), Some(0)));
        measured(&mut track, 0, 1, 150);
        assert_eq!(best(&track, true), Some(0));
    }

    #[test]
    fn a_face_gives_up_lines_before_most_of_its_frames_and_a_screen_the_other_way_round() {
        for (source, expected) in [
            (Source::Camera, &[(0, 50), (0, 100), (0, 150), (1, 400), (1, 600)][..]),
            (Source::Screen, &[(0, 50), (0, 100), (0, 150), (1, 200), (1, 400), (1, 600)][..]),
        ] {
            let mut track = track_of(2, source);
            measured(&mut track, 0, 3, 50);
            measured(&mut track, 1, 3, 200);
            assert_eq!(costs(&ladder(&track, None, true)), expected, "{source:?}");
        }
    }

    #[test]
    fn what_is_better_and_cheaper_takes_the_place_of_what_is_worse() {
        let mut track = track_of(2, Source::Camera);
        measured(&mut track, 0, 1, 300);
        measured(&mut track, 1, 1, 200);
        assert_eq!(costs(&ladder(&track, None, true)), [(1, 200)]);
    }
}
