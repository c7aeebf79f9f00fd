import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { linesOf, SETTLES_WITHIN_MS, Wishes } from "../wishes.js";

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
});

test("what settles is told once, and what is no news is not", () => {
  const { wishes, told } = start();
  wishes.want(new Map([["1", 100], ["2", 700]]));
  wishes.want(new Map([["1", 170], ["2", 0]]));
  assert.deepEqual(told, []);
  mock.timers.tick(SETTLES_WITHIN_MS);
  assert.deepEqual(told, [["1", 180], ["2", 0]]);
  wishes.want(new Map([["1", 175], ["2", 0]]));
  mock.timers.tick(SETTLES_WITHIN_MS);
  assert.equal(told.length, 2);
});

test("what the server could not hear is told with the next change, and all of it to a new one", () => {
  const heard = start();
  heard.deaf = true;
  heard.wishes.want(new Map([["1", 100]]));
  mock.timers.tick(SETTLES_WITHIN_MS);
  heard.deaf = false;
  heard.wishes.want(new Map([["1", 100]]));
  mock.timers.tick(SETTLES_WITHIN_MS);
  assert.deepEqual(heard.told, [["1", 120]]);
  heard.wishes.forget();
  heard.wishes.want(new Map([["1", 100]]));
  mock.timers.tick(SETTLES_WITHIN_MS);
  assert.equal(heard.told.length, 2);
});

test("a wide tile needs the lines of the picture that fills it", () => {
  assert.equal(linesOf({ width: 320, height: 100 }, 1), 180);
  assert.equal(linesOf({ width: 100, height: 300 }, 2), 600);
});

function start() {
  /** @type {any} */
  const heard = { told: [], deaf: false };
  heard.wishes = new Wishes((mid, height) => {
    if (!heard.deaf) heard.told.push([mid, height]);
    return !heard.deaf;
  });
  return heard;
}
