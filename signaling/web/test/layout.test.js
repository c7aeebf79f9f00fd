import assert from "node:assert/strict";
import { test } from "node:test";
import { arrange, GAP } from "../layout.js";

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
      const [{ width, height }] = arrange(area, count);
      const share = (width * height * count) / (area.width * area.height);
      const least = count === 1 ? 0.45 : 0.54;
      assert.ok(share >= least, `${count} tiles of ${width}×${height} cover only ${share.toFixed(2)}`);
    }
  });

  test(`a shared screen takes most of ${area.name} and leaves room for every face`, () => {
    for (let people = 1; people <= 48; people += 1) {
      const rects = arrange(area, people, 1);
      assertTidy(rects, area, people + 1);
      const [screen, ...faces] = rects;
      const faceArea = faces[0].width * faces[0].height;
      assert.ok(screen.width * screen.height > faceArea, `${people} people: the screen is the largest`);
      assert.ok(faces[0].width >= 24, `${people} people: ${faces[0].width} px is no face`);
    }
  });
}

test("all faces are of one size and a shape that cameras have", () => {
  for (const area of WINDOWS) {
    for (let count = 1; count <= 49; count += 1) {
      const rects = arrange(area, count);
      const { width, height } = rects[0];
      assert.ok(rects.every((rect) => rect.width === width && rect.height === height));
      assert.ok(width / height > 0.74 && width / height < 1.82, `${width}×${height}`);
    }
  }
});

test("a last row that is not full stands in the middle", () => {
  const area = { width: 1256, height: 670 };
  const last = arrange(area, 5).slice(3);
  const left = last[0].x;
  const right = area.width - (last[1].x + last[1].width);
  assert.ok(Math.abs(left - right) <= 1, `${left} left, ${right} right`);
});

test("two people share a wide window side by side and a tall one above each other", () => {
  const [a, b] = arrange({ width: 1200, height: 600 }, 2);
  assert.equal(a.y, b.y);
  const [c, d] = arrange({ width: 380, height: 700 }, 2);
  assert.equal(c.x, d.x);
});

test("five people on an upright phone stand in two columns", () => {
  const columns = new Set(arrange({ width: 374, height: 716 }, 4 + 1).slice(0, 4).map(({ x }) => x));
  assert.equal(columns.size, 2);
});

test("several shared screens share the stage", () => {
  const area = { width: 1256, height: 670 };
  const rects = arrange(area, 4, 2);
  assertTidy(rects, area, 6);
});

test("a window without room breaks nothing", () => {
  for (const area of [{ width: 0, height: 0 }, { width: 30, height: 5 }]) {
    for (const rect of [...arrange(area, 9), ...arrange(area, 3, 1)]) {
      assert.ok(Object.values(rect).every(Number.isFinite));
    }
  }
  assert.deepEqual(arrange({ width: 800, height: 600 }, 0), []);
});

/**
 * @param {import("../layout.js").Rect[]} rects
 * @param {import("../layout.js").Area} area
 * @param {number} count
 */
function assertTidy(rects, area, count) {
  assert.equal(rects.length, count);
  for (const [index, a] of rects.entries()) {
    assert.ok(a.width > 0 && a.height > 0, `${count}: empty ${JSON.stringify(a)}`);
    assert.ok(a.x >= 0 && a.y >= 0, `${count}: outside ${JSON.stringify(a)}`);
    assert.ok(a.x + a.width <= area.width && a.y + a.height <= area.height, `${count}: outside ${JSON.stringify(a)}`);
    for (const b of rects.slice(index + 1)) {
      const apartX = Math.max(b.x - (a.x + a.width), a.x - (b.x + b.width));
      const apartY = Math.max(b.y - (a.y + a.height), a.y - (b.y + b.height));
      assert.ok(Math.max(apartX, apartY) >= GAP - 1, `${count}: ${JSON.stringify(a)} and ${JSON.stringify(b)}`);
    }
  }
}
