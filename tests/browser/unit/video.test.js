import assert from 'node:assert/strict';
import test from 'node:test';
import '../page/format.js';
import { firstAtHeight, flashStarts, framesPerSecond, heightsSince, longestGapMs, sourceOf } from '../measure/video.js';

const { format } = globalThis.volleyTest;
const FRAME_MS = 1000 / format.fps;

test('thirty frames in a second are thirty frames per second', () => {
  assert.equal(framesPerSecond(frames(30), 0, 1000), 30);
});

test('a frame that was shown counts even if the page was too busy to be told', () => {
  const told = frames(30).filter((_, index) => index % 3 !== 1);
  assert.equal(framesPerSecond(told, 0, 1000), 30);
});

test('a picture that froze half way has half the frames', () => {
  assert.equal(framesPerSecond(frames(15), 0, 1000), 15);
});

test('a layer counts from when it is shown without another in between', () => {
  const at = (time, height) => [time, 0, 1, 0, false, height];
  const seen = [at(0, 180), at(10, 720), at(20, 360), at(30, 720), at(40, 720)];
  assert.deepEqual(heightsSince(seen, 15), [360, 720]);
  assert.deepEqual(heightsSince(seen, 15, 2), [720]);
  assert.equal(firstAtHeight(seen, 720, 0), 30);
  assert.equal(firstAtHeight(seen, 720, 35), 40);
  assert.equal(firstAtHeight(seen, 360, 0), null);
  assert.equal(firstAtHeight([], 360, 0), null);
});

test('nothing received is zero frames and one long gap', () => {
  assert.equal(framesPerSecond([], 0, 1000), 0);
  assert.equal(longestGapMs([], 0, 1000), 1000);
});

test('a gap counts in the middle, at the beginning and at the end', () => {
  const all = frames(90);
  const between = (from, to) => all.filter(([time]) => time < from || time >= to);
  assert.ok(near(longestGapMs(all, 0, 3000), FRAME_MS));
  assert.ok(near(longestGapMs(between(1000, 1500), 0, 3000), 500 + FRAME_MS));
  assert.ok(near(longestGapMs(between(0, 400), 0, 3000), 400));
  assert.ok(near(longestGapMs(between(2400, 3000), 0, 3000), 600 + FRAME_MS));
});

test('each flash is found once, also when its first frame was dropped', () => {
  const all = frames(90, 5);
  const expected = [25, 55, 85].map((index) => index * FRAME_MS);
  assert.ok(flashStarts(all, format).every((time, index) => near(time, expected[index])));
  const dropped = all.filter((_, index) => ![25, 55, 56].includes(index));
  const found = flashStarts(dropped, format);
  assert.equal(found.length, 3);
  assert.ok(found.every((time, index) => near(time, expected[index])));
});

test('a flash that was on when the stretch began is left out', () => {
  assert.equal(flashStarts(frames(50, 1), format).length, 1);
});

test('pictures that could not be read do not end a flash', () => {
  const all = frames(60, 5).map((frame, index) => (index === 26 ? [frame[0], frame[1], null, null, null] : frame));
  assert.equal(flashStarts(all, format).length, 2);
});

test('a picture belongs to whom most frames name', () => {
  assert.equal(sourceOf(frames(10)), 1);
  assert.equal(sourceOf([...frames(2), [99, 9, 5, 0, false], [132, 10, 5, 1, false], [165, 11, 5, 2, false]]), 5);
  assert.equal(sourceOf([[0, 1, null, null, null]]), null);
});

// `count` frames of participant 1, the first of them number `first` of its second.
function frames(count, first = 0) {
  return Array.from({ length: count }, (_, index) => {
    const counter = index + first;
    return [index * FRAME_MS, index + 1, 1, counter, counter % format.flashEvery < format.flashFrames];
  });
}

function near(one, other) {
  return Math.abs(one - other) < 1;
}
