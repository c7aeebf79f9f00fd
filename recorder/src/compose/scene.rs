//! Who stands where: rectangles that change when somebody comes, goes, shows a screen, or begins to speak.

use super::timeline::{Span, Timeline};
use super::{FRAMES_PER_SECOND, View};
use crate::manifest::Shows;

/// More would not be told apart.
const MOST_IN_GRID: usize = 25;

/// Between tiles, in 720ths of the picture's height.
const GAP_IN_720: usize = 8;

/// What the small ones beside a large one have of the width.
const COLUMN: f64 = 0.2;

/// Of a tile, columns to lines.
const ASPECT: (usize, usize) = (16, 9);

/// Where something stands; all even, for colours have half the resolution.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Rect {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

/// Somebody, or their screen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Tile {
    /// Whose it is.
    pub(super) person: usize,
    /// Which file shows it; `None`: they send no picture.
    pub(super) source: Option<usize>,
}

/// What is seen from some frame on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Scene {
    pub(super) from_frame: i64,
    pub(super) tiles: Vec<(Tile, Rect)>,
}

/// Every scene of a recording, in order; the first begins with frame 0.
pub(super) fn plan(
    timeline: &Timeline,
    speakers: &[(i64, usize)],
    view: View,
    size: (usize, usize),
) -> Vec<Scene> {
    let spans = timeline.sources.iter().flat_map(|source| &source.pictures);
    let spans = spans.chain(timeline.people.iter().map(|person| &person.there));
    let mut cuts: Vec<i64> = spans.flat_map(|span: &Span| [span.from, span.to]).collect();
    if view == View::Speaker {
        cuts.extend(speakers.iter().map(|(ms, _)| *ms));
    }
    let all = 0..frame_at(timeline.length_ms).max(1);
    let mut frames: Vec<i64> =
        cuts.into_iter().map(frame_at).chain([0]).filter(|frame| all.contains(frame)).collect();
    frames.sort_unstable();
    frames.dedup();
    let mut scenes: Vec<Scene> = Vec::new();
    for from_frame in frames {
        let ms = from_frame * 1_000 / FRAMES_PER_SECOND;
        let speaker = speakers.iter().take_while(|(from, _)| *from <= ms).last().map(|(_, who)| *who);
        let tiles = arrange(timeline, ms, speaker.filter(|_| view == View::Speaker), view, size);
        if scenes.last().is_none_or(|last| last.tiles != tiles) {
            scenes.push(Scene { from_frame, tiles });
        }
    }
    scenes
}

/// The first frame at that time or after.
pub(super) fn frame_at(ms: i64) -> i64 {
    (ms * FRAMES_PER_SECOND + 999).div_euclid(1_000)
}

fn arrange(
    timeline: &Timeline,
    ms: i64,
    speaker: Option<usize>,
    view: View,
    size: (usize, usize),
) -> Vec<(Tile, Rect)> {
    let (mut screens, mut people) = (Vec::new(), Vec::new());
    for (person, known) in timeline.people.iter().enumerate() {
        let tiles = |shows| shown(timeline, ms, (person, shows)).into_iter().map(Some);
        let cameras: Vec<_> = tiles(Shows::Camera).collect();
        let has_none = cameras.is_empty() && known.there.has(ms);
        let cameras = cameras.into_iter().chain(has_none.then_some(None));
        people.extend(cameras.map(|source| Tile { person, source }));
        screens.extend(tiles(Shows::Screen).map(|source| Tile { person, source }));
    }
    if !screens.is_empty() {
        let large = screens.remove(0);
        return beside(large, screens.into_iter().chain(people), size);
    }
    if view == View::Grid || people.len() < 2 {
        people.truncate(MOST_IN_GRID);
        let places = grid(people.len(), size);
        return people.into_iter().zip(places).collect();
    }
    let large = people.iter().position(|tile| Some(tile.person) == speaker).unwrap_or(0);
    let large = people.remove(large);
    beside(large, people.into_iter(), size)
}

/// The files that show something of somebody at that time: of each camera, or screen, the first.
fn shown(timeline: &Timeline, ms: i64, (person, shows): (usize, Shows)) -> Vec<usize> {
    let mut found: Vec<(u32, usize)> = Vec::new();
    for (place, source) in timeline.sources.iter().enumerate() {
        let is_theirs = source.owner == person && source.shows == shows;
        let is_new = found.iter().all(|(number, _)| *number != source.number);
        if is_theirs && is_new && source.pictures.iter().any(|span| span.has(ms)) {
            found.push((source.number, place));
        }
    }
    found.sort_unstable();
    found.into_iter().map(|(_, place)| place).collect()
}

fn grid(count: usize, (width, height): (usize, usize)) -> Vec<Rect> {
    if count == 1 {
        return vec![fit(Rect { x: 0, y: 0, width, height })];
    }
    let gap = gap(height);
    let columns = (1..).find(|columns| columns * columns >= count).unwrap_or(1);
    let rows = count.div_ceil(columns.max(1));
    let mut places = Vec::new();
    for row in 0..rows {
        let here = columns.min(count - row * columns);
        let (cell, tall) = ((width - gap * (columns + 1)) / columns, (height - gap * (rows + 1)) / rows);
        let left = (width - here * cell - (here + 1) * gap) / 2;
        places.extend((0..here).map(|column| {
            let (x, y) = (left + gap + column * (cell + gap), gap + row * (tall + gap));
            fit(Rect { x, y, width: cell, height: tall })
        }));
    }
    places
}

/// One large, the others in a column at its right, as many as find room.
fn beside(
    large: Tile,
    others: impl Iterator<Item = Tile>,
    (width, height): (usize, usize),
) -> Vec<(Tile, Rect)> {
    let gap = gap(height);
    let column = (width as f64 * COLUMN) as usize;
    let tall = column * ASPECT.1 / ASPECT.0;
    let others: Vec<Tile> = others.take((height - gap) / (tall + gap)).collect();
    if others.is_empty() {
        return vec![(large, fit(Rect { x: 0, y: 0, width, height }))];
    }
    let room = Rect { x: gap, y: gap, width: width - column - 3 * gap, height: height - 2 * gap };
    let top = (height - others.len() * (tall + gap) + gap) / 2;
    let mut tiles = vec![(large, fit(room))];
    for (place, tile) in others.into_iter().enumerate() {
        let (x, y) = (width - column - gap, top + place * (tall + gap));
        tiles.push((tile, fit(Rect { x, y, width: column, height: tall })));
    }
    tiles
}

fn gap(height: usize) -> usize {
    height * GAP_IN_720 / 720
}

/// The largest tile in the middle of some room.
fn fit(room: Rect) -> Rect {
    let width = room.width.min(room.height * ASPECT.0 / ASPECT.1);
    let height = room.height.min(room.width * ASPECT.1 / ASPECT.0);
    let even = |value: usize| value & !1;
    Rect {
        x: even(room.x + (room.width - width) / 2),
        y: even(room.y + (room.height - height) / 2),
        width: even(width).max(2),
        height: even(height).max(2),
    }
}
