/** Where each tile goes: pure arithmetic, no DOM. */

export interface Area {
  width: number;
  height: number;
}

export interface Rect extends Area {
  x: number;
  y: number;
}

/** What tiles may be: their least, most and usual ratio of width to height. */
interface Shape {
  narrowest: number;
  widest: number;
  typical: number;
}

/** Space between tiles, in CSS pixels. */
export const GAP = 8;

/** No tile is narrower than this: an upright phone's picture is 3:4. */
const NARROWEST = 3 / 4;
/** No tile is wider than this: cameras end at 16:9. */
const WIDEST = 16 / 9;
/** Between 4:3 and 16:9 (their geometric mean), so that both kinds of camera are cropped alike. */
const TYPICAL = Math.sqrt((4 / 3) * (16 / 9));
/** On an upright window people hold upright cameras, too: half of them are cropped either way. */
const TYPICAL_UPRIGHT = 1;
/** A face sits in the middle: losing edges is less bad than being smaller (1 would be as bad). */
const CROP_WEIGHT = 0.4;
/** What most shared screens are; a stage much taller than this would only be black bars. */
const SCREEN_LOWEST = 4 / 3;
const SCREEN_WIDEST = 16 / 9;
/** Smaller than this no face is known; whoever finds no place is on the next page. */
const LEAST: Area = { width: 108, height: 81 };

const FACES: Shape = { narrowest: NARROWEST, widest: WIDEST, typical: TYPICAL };
const FACES_UPRIGHT: Shape = { ...FACES, typical: TYPICAL_UPRIGHT };
/** Screens are shown whole, whatever their shape. */
const SCREENS: Shape = { narrowest: 0, widest: Infinity, typical: SCREEN_WIDEST };

/**
 * Rectangles for `large` tiles followed by `people` tiles, in that order. A large one takes the stage
 * (a shared screen, or whoever speaks or is pinned) and the people move to a strip beside it.
 */
export function arrange(area: Area, people: number, large = 0, gap = GAP): Rect[] {
  if (large === 0) return grid(area, people, gap);
  const { stage, strip } = split(area, people, gap);
  return [
    ...place(stage, grid(stage, large, gap, SCREENS)),
    ...place(strip, grid(strip, people, gap, area.width < area.height ? FACES_UPRIGHT : FACES)),
  ];
}

/** How many people find a place that is large enough for a face: at most so many, at least one. */
export function capacity(area: Area, most: number, large = 0, gap = GAP): number {
  for (let count = most; count > 1; count -= 1) {
    const face = arrange(area, count, large, gap).at(-1);
    if (face && face.width >= LEAST.width && face.height >= LEAST.height) return count;
  }
  return 1;
}

/**
 * The column count whose tiles show the most picture, all tiles of one size, the last row centred.
 */
function grid(area: Area, count: number, gap: number, shape = area.width < area.height ? FACES_UPRIGHT : FACES): Rect[] {
  let best = { score: -1, columns: 1, width: 0, height: 0 };
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const cellWidth = (area.width - gap * (columns - 1)) / columns;
    const cellHeight = (area.height - gap * (rows - 1)) / rows;
    if (cellWidth <= 0 || cellHeight <= 0) continue;
    const width = Math.min(cellWidth, cellHeight * shape.widest);
    const height = Math.min(cellHeight, cellWidth / shape.narrowest);
    const ratio = width / height / shape.typical;
    const score = width * height * Math.min(ratio, 1 / ratio) ** CROP_WEIGHT;
    if (score > best.score) best = { score, columns, width: Math.floor(width), height: Math.floor(height) };
  }
  return rows(area, count, gap, best);
}

function rows(area: Area, count: number, gap: number, { columns, width, height }: Area & { columns: number }): Rect[] {
  const rowCount = Math.ceil(count / columns);
  const top = (area.height - rowCount * height - (rowCount - 1) * gap) / 2;
  return Array.from({ length: count }, (_, index) => {
    const row = Math.floor(index / columns);
    const inRow = Math.min(columns, count - row * columns);
    const left = (area.width - inRow * width - (inRow - 1) * gap) / 2;
    return {
      x: Math.floor(left + (index % columns) * (width + gap)),
      y: Math.floor(top + row * (height + gap)),
      width,
      height,
    };
  });
}

/**
 * The stage and its strip of people: at the right of a wide window, below in a tall one.
 */
function split(area: Area, people: number, gap: number): { stage: Rect; strip: Rect } {
  const share = people > 12 ? 0.4 : people > 5 ? 0.3 : 0.2;
  const { width, height } = area;
  if (people === 0) return { stage: { x: 0, y: 0, width, height }, strip: { x: 0, y: 0, width: 0, height: 0 } };
  if (width >= height) {
    const edge = stageOf(width, share, height * SCREEN_WIDEST, 1 / 2);
    return {
      stage: { x: 0, y: 0, width: edge, height },
      strip: { x: edge + gap, y: 0, width: width - edge - gap, height },
    };
  }
  // Below a screen that is as wide as a phone there is room for several faces, but one alone would be larger.
  const edge = stageOf(height, share, width / SCREEN_LOWEST, people > 2 ? 3 / 8 : 1 / 2);
  return {
    stage: { x: 0, y: 0, width, height: edge },
    strip: { x: 0, y: edge + gap, width, height: height - edge - gap },
  };
}

/**
 * What the stage gets of a length: all but the people's share (never too little for a face), but
 * not more than its picture fills; and never less than its least share, since it is why we are here.
 */
function stageOf(length: number, share: number, filled: number, least: number): number {
  const strip = Math.max(length * share, 120);
  return Math.floor(Math.max(Math.min(length - strip, filled), length * least));
}

function place(into: Rect, rects: Rect[]): Rect[] {
  return rects.map((rect) => ({ ...rect, x: rect.x + into.x, y: rect.y + into.y }));
}
