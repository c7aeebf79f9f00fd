import assert from 'node:assert/strict';
import test from 'node:test';
import { apartMs, between, counted, flashes, outsideMs, overlooked, readStrip } from '../measure/recorded.js';

const { format } = globalThis.volleyTest;

function painted(bits) {
  const rows = new Uint8Array(640 * 32);
  bits.forEach((bit, block) => {
    for (let y = 0; y < 32; y += 1) rows.fill(bit ? 235 : 16, y * 640 + block * 32, y * 640 + (block + 1) * 32);
  });
  return rows;
}

test('what is painted into a strip is read from it, and nothing from a picture without one', () => {
  const what = { id: 3, flash: true, counter: 1234 };
  assert.deepEqual(readStrip(painted(format.encode(what))), what);
  assert.equal(readStrip(new Uint8Array(640 * 32).fill(90)), null);
});

test('flashes and beeps of one second are compared, and those that have no other are not', () => {
  const all = Array.from({ length: 90 }, (_, n) => ({ time: n / 30, what: { flash: n % 30 < 3, counter: n } }));
  assert.deepEqual(flashes(all), [1, 2]);
  assert.equal(apartMs([1, 2, 3], [1.03, 2.02], 0, 10), 30);
  assert.equal(apartMs([1], [1.6], 0, 10), null);
});

test('pictures that are missing are counted over the wrap of the counter', () => {
  const last = format.counterModulus - 1;
  const all = [last - 1, last, 0, 3].map((counter) => ({ what: { counter } }));
  assert.deepEqual(counted([...all, { what: null }]), { read: 4, painted: 6, backwards: 0 });
});

test('a hole is overlooked when pictures were painted in it and nothing tells of it', () => {
  const all = [0, 1, 2, 20, 21].map((counter) => ({ time: counter / 30, what: { counter } }));
  const gap = (of, atMs, lengthMs) => ({ of, atMs, lengthMs });
  assert.deepEqual(overlooked(all, [], 400), [[67, 600]]);
  assert.deepEqual(overlooked(all, [gap('video', 67, 600)], 400), []);
  assert.deepEqual(overlooked(all, [gap('audio', 67, 600), gap('video', 0, 50)], 400), [[67, 600]]);
  assert.deepEqual(overlooked(all, [], 700), []);
  const still = all.map(({ time }, counter) => ({ time, what: { counter } }));
  assert.deepEqual(overlooked(still, [], 400), [], 'nothing was painted meanwhile');
});

test('a moment within its span is not outside', () => {
  assert.deepEqual([5, 10, 20, 26].map((ms) => outsideMs(ms, [10, 20])), [5, 0, 0, 6]);
});

test('pictures between two moments of stillness count whether they can be read or not', () => {
  const last = format.counterModulus - 1;
  // Two, a second of nothing, five over the wrap, nothing, one.
  const counters = [last - 31, last - 30, last, 0, 1, 2, 3, 34];
  const times = [0, 0.03, 1, 1.03, 1.07, 1.1, 1.13, 2.2];
  const all = counters.map((counter, place) => ({ time: times[place], what: { counter } }));
  assert.equal(between(all, last - 30, 3, 0.7), 5);
  for (const place of [2, 4, 6]) all[place].what = null;
  assert.equal(between(all, last - 30, 3, 0.7), 5);
  all.splice(4, 1);
  assert.equal(between(all, last - 30, 3, 0.7), 4, 'one that is missing does not');
  assert.equal(between([], 1, 2, 0.7), null);
});
