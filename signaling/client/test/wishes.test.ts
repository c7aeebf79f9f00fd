import { beforeEach, expect, test, vi } from "vitest";
import { linesOf, NEXT_AFTER_MS, SETTLES_WITHIN_MS, TOLD_AT_ONCE, Wishes } from "../src/wishes.ts";

beforeEach(() => {
  vi.useFakeTimers();
});

test("what settles is told once, and what is no news is not", () => {
  const { wishes, told } = start();
  wishes.want(new Map([["1", 100], ["2", 700]]));
  wishes.want(new Map([["1", 170], ["2", 0]]));
  expect(told).toEqual([]);
  vi.advanceTimersByTime(SETTLES_WITHIN_MS);
  expect(told).toEqual([["1", 180], ["2", 0]]);
  wishes.want(new Map([["1", 175], ["2", 0]]));
  vi.advanceTimersByTime(SETTLES_WITHIN_MS);
  expect(told.length).toBe(2);
});

test("what the server could not hear is told with the next change, and all of it to a new one", () => {
  const heard = start();
  heard.deaf = true;
  heard.wishes.want(new Map([["1", 100]]));
  vi.advanceTimersByTime(SETTLES_WITHIN_MS);
  heard.deaf = false;
  heard.wishes.want(new Map([["1", 100]]));
  vi.advanceTimersByTime(SETTLES_WITHIN_MS);
  expect(heard.told).toEqual([["1", 120]]);
  heard.wishes.forget();
  heard.wishes.want(new Map([["1", 100]]));
  vi.advanceTimersByTime(SETTLES_WITHIN_MS);
  expect(heard.told.length).toBe(2);
});

test("what cannot be seen is not wanted, until it can be again", () => {
  const { wishes, told } = start();
  wishes.want(new Map([["1", 100]]));
  wishes.hide(["1", "2"]);
  vi.advanceTimersByTime(SETTLES_WITHIN_MS);
  expect(told).toEqual([["1", 0], ["2", 0]]);
  wishes.want(new Map([["1", 300]]));
  vi.advanceTimersByTime(SETTLES_WITHIN_MS);
  expect(told.length).toBe(2);
  wishes.hide(null);
  vi.advanceTimersByTime(SETTLES_WITHIN_MS);
  expect(told.slice(2).sort()).toEqual([["1", 300], ["2", 65_520]]);
});

test("a room full of seats is told in parts, what is seen first", () => {
  const { wishes, told } = start();
  const seats = Array.from({ length: 49 }, (_, seat) => [String(seat), seat < 30 ? 0 : 180] as const);
  wishes.want(new Map(seats));
  vi.advanceTimersByTime(SETTLES_WITHIN_MS);
  expect(told.length).toBe(TOLD_AT_ONCE);
  expect(told.every(([, height]) => height === 180)).toBe(true);
  vi.advanceTimersByTime(NEXT_AFTER_MS * 5);
  expect(told.length).toBe(49);
});

test("a wide tile needs the lines of the picture that fills it", () => {
  expect(linesOf({ width: 320, height: 100 }, 1)).toBe(180);
  expect(linesOf({ width: 100, height: 300 }, 2)).toBe(600);
});

function start() {
  const heard = { told: [] as [string, number][], deaf: false };
  const wishes = new Wishes((seat, height) => {
    if (!heard.deaf) heard.told.push([seat, height]);
    return !heard.deaf;
  });
  return Object.assign(heard, { wishes });
}
