import assert from 'node:assert/strict';
import test from 'node:test';
import '../page/format.js';
import '../page/sound.js';

const { format, sound } = globalThis.volleyTest;
const RATE = 48000;

test('every participant is told apart by their tone, also while the beep sounds', () => {
  for (let id = 0; id < format.participants; id++) {
    const tone = wave(4096, [[format.toneHz(id), 0.2]]);
    assert.equal(sound.loudestTone(tone, RATE, format), id);
    const both = wave(4096, [[format.toneHz(id), 0.2], [format.beepHz, 0.4]]);
    assert.equal(sound.loudestTone(both, RATE, format), id);
  }
});

test('silence, noise and two people at once are nobody', () => {
  assert.equal(sound.loudestTone(new Float32Array(4096), RATE, format), null);
  assert.equal(sound.loudestTone(noise(4096, 0.2), RATE, format), null);
  const two = wave(4096, [[format.toneHz(1), 0.2], [format.toneHz(2), 0.2]]);
  assert.equal(sound.loudestTone(two, RATE, format), null);
});

test('the start of a beep is found to within five milliseconds, however the samples are cut', () => {
  for (const start of [0.5, 0.5017, 0.523]) {
    for (const hop of [480, 1200, 3000]) {
      const [found, ...more] = beepStarts(beepAt([start]), hop);
      assert.ok(Math.abs(found - start) < 0.005, `${found} instead of ${start}, ${hop} samples at a time`);
      assert.deepEqual(more, []);
    }
  }
});

test('two beeps are two', () => {
  assert.equal(beepStarts(beepAt([0.3, 1.3]), 1200).length, 2);
});

test('a tone alone has no beep', () => {
  assert.deepEqual(beepStarts(wave(RATE, [[format.toneHz(7), 0.2]]), 1200), []);
});

function wave(length, sines) {
  return Float32Array.from({ length }, (_, i) => sines.reduce((sum, [hz, volume]) => sum + volume * Math.sin((2 * Math.PI * hz * i) / RATE), 0));
}

function noise(length, volume) {
  let seed = 1;
  return Float32Array.from({ length }, () => {
    seed = (seed * 48271) % 2147483647;
    return volume * ((2 * seed) / 2147483647 - 1);
  });
}

// Two seconds of a tone with beeps on top, all of it a little noisy.
function beepAt(starts) {
  const samples = wave(2 * RATE, [[format.toneHz(3), 0.2]]);
  const hiss = noise(samples.length, 0.01);
  for (let i = 0; i < samples.length; i++) {
    samples[i] += hiss[i];
    const time = i / RATE;
    if (starts.some((start) => time >= start && time < start + format.beepSeconds)) {
      samples[i] += 0.4 * Math.sin(2 * Math.PI * format.beepHz * time);
    }
  }
  return samples;
}

function beepStarts(samples, hop) {
  const finder = new sound.BeepFinder(RATE, format.beepHz);
  const found = [];
  const size = 8192;
  for (let end = size; end <= samples.length; end += hop) {
    found.push(...finder.push(samples.subarray(end - size, end), hop, end / RATE));
  }
  return found;
}
