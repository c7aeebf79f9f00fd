import { expect, test } from "vitest";
import { type Area, arrange, capacity, GAP, type Rect } from "../src/state/layout.ts";

const WINDOWS = [
  { name: "a laptop", width: 1256, height: 670 },
  { name: "a large screen", width: 2536, height: 1300 },
  { name: "an upright phone", width: 374, height: 716 },
  { name: "a phone held sideways", width: 760, height: 340 },
  { name: "a square window", width: 700, height: 700 },
];

for (const area of WINDOWS) {
  test(`1 to 49 tiles lie inside ${area.name} and never on each other`, () => {
    for (let count = 1; count <= 49; count += 1) assertTidy(arrange(area, count), area, count);
  });

  test(`1 to 49 tiles use ${area.name} well`, () => {
    for (let count = 1; count <= 49; count += 1) {
      const { width, height } = first(arrange(area, count));
      const share = (width * height * count) / (area.width * area.height);
      const least = count === 1 ? 0.45 : 0.54;
      expect(share >= least, `${count} tiles of ${width}×${height} cover only ${share.toFixed(2)}`).toBe(true);
    }
  });

  test(`a shared screen takes most of ${area.name} and leaves room for every face`, () => {
    for (let people = 1; people <= 48; people += 1) {
      const rects = arrange(area, people, 1);
      assertTidy(rects, area, people + 1);
      const [screen, face] = [first(rects), first(rects.slice(1))];
      expect(screen.width * screen.height > face.width * face.height, `${people} people: the screen is the largest`).toBe(true);
      expect(face.width >= 24, `${people} people: ${face.width} px is no face`).toBe(true);
    }
  });
}

test("all faces are of one size and a shape that cameras have", () => {
  for (const area of WINDOWS) {
    for (let count = 1; count <= 49; count += 1) {
      const rects = arrange(area, count);
      const { width, height } = first(rects);
      expect(rects.every((rect) => rect.width === width && rect.height === height)).toBe(true);
      expect(width / height > 0.74 && width / height < 1.82, `${width}×${height}`).toBe(true);
    }
  }
});

test("a last row that is not full stands in the middle", () => {
  const area = { width: 1256, height: 670 };
  const [fourth, fifth] = arrange(area, 5).slice(3);
  const left = fourth?.x ?? NaN;
  const right = area.width - ((fifth?.x ?? NaN) + (fifth?.width ?? NaN));
  expect(Math.abs(left - right) <= 1, `${left} left, ${right} right`).toBe(true);
});

test("two people share a wide window side by side and a tall one above each other", () => {
  const [a, b] = arrange({ width: 1200, height: 600 }, 2);
  expect(a?.y).toBe(b?.y);
  const [c, d] = arrange({ width: 380, height: 700 }, 2);
  expect(c?.x).toBe(d?.x);
});

test("five people on an upright phone stand in two columns", () => {
  const columns = new Set(arrange({ width: 374, height: 716 }, 4 + 1).slice(0, 4).map(({ x }) => x));
  expect(columns.size).toBe(2);
});

test("as many people stand on a page as have room for a face", () => {
  const places = (area: Area, large = 0) => capacity(area, 49, large);
  expect(places({ width: 1256, height: 670 })).toBe(49);
  for (const area of WINDOWS) {
    for (const large of [0, 1]) {
      const count = places(area, large);
      expect(count >= 1 && count <= 49).toBe(true);
      const face = arrange(area, count, large).at(-1);
      expect(count === 1 || ((face?.width ?? 0) >= 108 && (face?.height ?? 0) >= 81), `${area.name}: ${JSON.stringify(face)}`).toBe(true);
    }
  }
  expect(places({ width: 374, height: 640 })).toBeLessThan(25);
  expect(places({ width: 40, height: 40 })).toBe(1);
});

test("several shared screens share the stage", () => {
  const area = { width: 1256, height: 670 };
  const rects = arrange(area, 4, 2);
  assertTidy(rects, area, 6);
});

test("a window without room breaks nothing", () => {
  for (const area of [{ width: 0, height: 0 }, { width: 30, height: 5 }]) {
    for (const rect of [...arrange(area, 9), ...arrange(area, 3, 1)]) {
      expect(Object.values(rect).every(Number.isFinite)).toBe(true);
    }
  }
  expect(arrange({ width: 800, height: 600 }, 0)).toEqual([]);
});

function first(rects: Rect[]): Rect {
  const [rect] = rects;
  if (!rect) throw new Error("there is no tile");
  return rect;
}

function assertTidy(rects: Rect[], area: Area, count: number): void {
  expect(rects.length).toBe(count);
  for (const [index, a] of rects.entries()) {
    expect(a.width > 0 && a.height > 0, `${count}: empty ${JSON.stringify(a)}`).toBe(true);
    expect(a.x >= 0 && a.y >= 0, `${count}: outside ${JSON.stringify(a)}`).toBe(true);
    expect(a.x + a.width <= area.width && a.y + a.height <= area.height, `${count}: outside ${JSON.stringify(a)}`).toBe(true);
    for (const b of rects.slice(index + 1)) {
      const apartX = Math.max(b.x - (a.x + a.width), a.x - (b.x + b.width));
      const apartY = Math.max(b.y - (a.y + a.height), a.y - (b.y + b.height));
      expect(Math.max(apartX, apartY) >= GAP - 1, `${count}: ${JSON.stringify(a)} and ${JSON.stringify(b)}`).toBe(true);
    }
  }
}
