import assert from 'node:assert/strict';
import test from 'node:test';
import { FIGURES, WORKS } from '../measure/limits.js';
import { brokenByReceiver, brokenByTransport } from '../measure/verdict.js';

const yardstick = { fps: 30, longestGapMs: 70, avSyncMs: 10, audioHeard: true };
const call = { fps: 29.5, longestGapMs: 100, avSyncMs: 20, audioHeard: true };
const transport = { joinToFirstFrameMs: 300, srtpCipher: 'AEAD_AES_128_GCM', packetsLost: 0 };
const besideOne = (limits) => (limits === FIGURES ? yardstick : undefined);
const judged = (limits, figures) => brokenByReceiver(limits, 'one', { ...call, ...figures }, besideOne(limits)).length;

test('a good call breaks nothing', () => {
  assert.equal(judged(FIGURES, {}), 0);
  assert.equal(judged(WORKS, {}), 0);
  assert.deepEqual(brokenByTransport(FIGURES, transport), []);
});

test('a call on a busy machine breaks the figures and still works', () => {
  for (const busy of [{ fps: 22 }, { longestGapMs: 600 }, { avSyncMs: 120 }]) {
    assert.equal(judged(WORKS, busy), 0);
    assert.ok(judged(FIGURES, busy) > 0);
  }
});

test('a call that does not work breaks both', () => {
  for (const broken of [{ fps: 5 }, { longestGapMs: 4000 }, { avSyncMs: 400 }, { avSyncMs: null }, { audioHeard: false }]) {
    assert.ok(judged(WORKS, broken) > 0, JSON.stringify(broken));
    assert.ok(judged(FIGURES, broken) > 0, JSON.stringify(broken));
  }
  for (const broken of [{ packetsLost: 100 }, { joinToFirstFrameMs: null }, { srtpCipher: null }]) {
    assert.equal(brokenByTransport(WORKS, { ...transport, ...broken }).length, 1, JSON.stringify(broken));
  }
});

test('what works is nowhere judged harder than the figures', () => {
  assert.deepEqual(Object.keys(WORKS), Object.keys(FIGURES));
  for (const [name, limit] of Object.entries(FIGURES)) {
    const pairs = typeof limit === 'object' ? Object.keys(limit).map((key) => [limit[key], WORKS[name][key]]) : [[limit, WORKS[name]]];
    for (const [figure, works] of pairs) assert.ok(name.startsWith('least') ? works < figure : works > figure, name);
  }
});

test('each promise can be broken alone', () => {
  const good = { fps: 29.9, longestGapMs: 80, audioHeard: true, avSyncMs: 20 };
  assert.deepEqual(brokenByReceiver(FIGURES, 'x', good, good), []);
  const faults = [{ fps: 26 }, { longestGapMs: 181 }, { audioHeard: false }, { avSyncMs: 81 }, { avSyncMs: null }];
  for (const fault of faults) assert.ok(brokenByReceiver(FIGURES, 'x', { ...good, ...fault }, good).length >= 1, JSON.stringify(fault));
  assert.equal(brokenByReceiver(FIGURES, 'x', { ...good, fps: 28 }, { ...good, fps: 29.9 }).length, 1);
});

test('what is promised of the transport can be broken as well', () => {
  const good = { joinToFirstFrameMs: 900, srtpCipher: 'AEAD_AES_128_GCM', packetsLost: 0 };
  assert.deepEqual(brokenByTransport(FIGURES, good), []);
  const faults = [{ joinToFirstFrameMs: 1501 }, { joinToFirstFrameMs: null }, { srtpCipher: 'AES_CM_128_HMAC_SHA1_80' }, { srtpCipher: null }, { packetsLost: 1 }];
  for (const fault of faults) assert.equal(brokenByTransport(FIGURES, { ...good, ...fault }).length, 1, JSON.stringify(fault));
});
