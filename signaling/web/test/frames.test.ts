import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { LOOK_EVERY_MS, type Picture, STILL_AFTER_LOOKS, watchFrames } from "../src/media/frames.ts";
import type { TileModel } from "../src/state/roster.ts";
import { pictureWord } from "../src/view/tile.tsx";

const STILL_AFTER_MS = LOOK_EVERY_MS * (STILL_AFTER_LOOKS + 1);
const page = { hidden: false };

beforeEach(() => {
  vi.useFakeTimers();
  page.hidden = false;
  vi.stubGlobal("document", page);
});
afterEach(() => vi.unstubAllGlobals());

test("a face whose frames cease is no longer live after two seconds, and is with the next one", () => {
  const { told, plays } = watched(true);
  expect(told).toEqual([]);
  plays(3000);
  expect(told).toEqual(["live"]);
  vi.advanceTimersByTime(1900);
  expect(told, "a moment is nothing").toEqual(["live"]);
  vi.advanceTimersByTime(STILL_AFTER_MS - 1900);
  expect(told).toEqual(["live", "still"]);
  plays(10);
  expect(told).toEqual(["live", "still", "live"]);
});

test("a thin line with three frames a second is live", () => {
  const { told, plays } = watched(true);
  for (let frame = 0; frame < 30; frame += 1) {
    plays(10);
    vi.advanceTimersByTime(320);
  }
  expect(told).toEqual(["live"]);
});

test("a screen may stand still", () => {
  const { told, plays } = watched(false);
  plays(100);
  vi.advanceTimersByTime(60_000);
  expect([told, vi.getTimerCount()]).toEqual([["live"], 0]);
});

test("a page that is hidden presents nothing, and judges nobody", () => {
  const { told, plays } = watched(true);
  plays(100);
  page.hidden = true;
  vi.advanceTimersByTime(60_000);
  page.hidden = false;
  vi.advanceTimersByTime(1900);
  expect(told).toEqual(["live"]);
});

test("a tile that is gone, or shows another track, hears nothing more", () => {
  const { told, plays, end } = watched(true);
  end();
  plays(100);
  vi.advanceTimersByTime(10_000);
  expect([told, vi.getTimerCount()]).toEqual([[], 0]);
});

test("a browser that does not tell of frames tells of the first", () => {
  const video = new EventTarget();
  const told: Picture[] = [];
  watchFrames(video as HTMLVideoElement, true, (picture) => told.push(picture));
  video.dispatchEvent(new Event("loadeddata"));
  vi.advanceTimersByTime(60_000);
  expect(told).toEqual(["live"]);
});

test("a tile says that its camera is off only where it is", () => {
  const tile = (self: boolean, seat: string | null) => ({ self, seat }) as TileModel;
  expect(pictureWord(tile(false, "1"), true, true)).toBe(null);
  expect(pictureWord(tile(false, "1"), true, false)).toBe("tile.waiting");
  expect(pictureWord(tile(false, "1"), false, false), "sound only").toBe(null);
  expect([pictureWord(tile(false, null), false, false), pictureWord(tile(true, null), false, false)]).toEqual(["tile.no-picture", "tile.no-picture"]);
});

/** `plays`: thirty frames a second for so long. */
function watched(expectsMore: boolean) {
  const told: Picture[] = [];
  let asked: (() => void)[] = [];
  const video = { requestVideoFrameCallback: (act: () => void) => asked.push(act), addEventListener: () => {} };
  const end = watchFrames(video as never, expectsMore, (picture) => told.push(picture));
  const plays = (ms: number) => {
    for (let passed = 0; passed < ms; passed += 10) {
      const now = asked;
      asked = [];
      now.forEach((act) => act());
      vi.advanceTimersByTime(10);
    }
  };
  return { told, plays, end };
}
