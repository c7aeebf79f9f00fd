import assert from 'node:assert/strict';
import test from 'node:test';
import '../page/format.js';
import { isHeard, median, offsetsMs } from '../measure/audio.js';
import { concealedShare, decodedShare, figuresFor, packetsLost, path, srtpCipher, worst } from '../measure/receiver.js';

const { format } = globalThis.volleyTest;
const FRAME_MS = 1000 / format.fps;

test('late sound shows as late sound, early as early', () => {
  assert.deepEqual(offsetsMs([1000, 2000], [1090, 2090]), [90, 90]);
  assert.deepEqual(offsetsMs([1000, 2000], [940, 1940]), [-60, -60]);
  assert.equal(figuresFor(1, received({ beepDelayMs: 120 }), 0).avSyncMs, 120);
  assert.equal(figuresFor(1, received({ beepDelayMs: -120 }), 0).avSyncMs, 120);
});

test('a flash without a beep has no offset', () => {
  assert.deepEqual(offsetsMs([1000, 2000, 3000], [1010]), [10]);
});

test('too few beeps tell nothing about lips', () => {
  assert.equal(figuresFor(1, received({ beepDelayMs: 0, seconds: 2 }), 0).avSyncMs, null);
});

test('a healthy call has healthy figures', () => {
  const figures = figuresFor(1, received({ beepDelayMs: 10 }), 0);
  assert.equal(figures.received, true);
  assert.equal(figures.audioHeard, true);
  assert.ok(Math.abs(figures.fps - 30) < 0.2);
  assert.ok(figures.longestGapMs < 40);
});

test('somebody else in the seat is not taken for whom we wait for', () => {
  const figures = figuresFor(2, received({ beepDelayMs: 0 }), 0);
  assert.deepEqual([figures.received, figures.fps, figures.audioHeard, figures.avSyncMs], [false, 0, false, null]);
});

test('a tone is heard when it is there nine times in ten', () => {
  const tones = (heard, missed) => [...new Array(heard).fill([0, 1]), ...new Array(missed).fill([0, null])];
  assert.equal(isHeard(tones(90, 10), 1), true);
  assert.equal(isHeard(tones(80, 20), 1), false);
  assert.equal(isHeard(tones(90, 10), 2), false);
  assert.equal(isHeard([], 1), false);
});

test('the median is the middle', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.equal(median([]), null);
});

test('of several receivers the worst counts', () => {
  const one = { fps: 30, longestGapMs: 40, audioHeard: true, avSyncMs: 10 };
  const two = { fps: 28, longestGapMs: 90, audioHeard: false, avSyncMs: null };
  assert.deepEqual(worst([one, two]), { fps: 28, longestGapMs: 90, audioHeard: false, avSyncMs: null });
});

test('pictures decoded are measured against the layer sent most often', () => {
  const look = (low, top, decoded) => [
    [{ type: 'outbound-rtp', kind: 'video', framesSent: low }, { type: 'outbound-rtp', kind: 'video', framesSent: top }],
    [{ type: 'inbound-rtp', kind: 'video', framesDecoded: decoded }],
  ];
  assert.equal(decodedShare(look(10, 100, 90), look(110, 300, 270)), 0.9);
});

test('silence made up in silence is not concealment', () => {
  const look = (all, concealed, silent) => [{
    type: 'inbound-rtp', kind: 'audio', totalSamplesReceived: all, concealedSamples: concealed, silentConcealedSamples: silent,
  }];
  assert.equal(concealedShare(look(1000, 100, 0), look(2000, 200, 50)), 0.05);
});

test('statistics are read where browsers keep them', () => {
  const stats = [
    { type: 'inbound-rtp', packetsLost: 2 },
    { type: 'inbound-rtp', packetsLost: 1 },
    { type: 'outbound-rtp', packetsLost: 9 },
    { type: 'transport', srtpCipher: 'AEAD_AES_128_GCM', dtlsState: 'connected', bytesSent: 7 },
  ];
  assert.equal(packetsLost(stats), 3);
  assert.equal(srtpCipher(stats), 'AEAD_AES_128_GCM');
  assert.equal(srtpCipher([]), null);
  assert.equal(path(stats).dtlsState, 'connected');
  assert.equal(path(stats).bytesSent, undefined);
});

// What a page's meter keeps when it receives participant 1, whose beeps come `beepDelayMs` after the flash.
function received({ beepDelayMs, seconds = 5 }) {
  const frames = Array.from({ length: seconds * format.fps - 5 }, (_, index) => {
    const counter = index + 5;
    return [(index + 1) * FRAME_MS, index + 1, 1, counter, counter % format.flashEvery < format.flashFrames];
  });
  const flashes = frames.filter(([, , , counter]) => counter % format.flashEvery === 0).map(([time]) => time);
  const tones = Array.from({ length: seconds * 40 }, (_, index) => [index * 25 + 1, 1]);
  const beeps = flashes.map((time) => time + beepDelayMs);
  return { now: frames.at(-1)[0], video: [{ mid: '1', frames, size: [640, 480] }], audio: [{ mid: '0', beeps, tones }] };
}
