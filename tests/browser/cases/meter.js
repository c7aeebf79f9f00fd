// Does the measuring itself tell the truth? Direct calls without a server: a healthy one, and ones with
// a planted fault that the figures must show.
import { openPage, launch } from '../harness/browsers.js';
import { connectDirectly, receiving, take } from '../harness/calls.js';
import { figuresFor } from '../measure/receiver.js';
import { sleep } from '../harness/shell.js';

const STALL_MS = 700;
const BEEP_DELAY_MS = 250;

export const name = 'meter';
export const needsServer = false;
export const cases = ['chromium', 'firefox'].map((other) => ({
  name: `meter-chromium-${other}`,
  run: (context) => measureMeter(context, other),
}));

async function measureMeter(context, other) {
  const seconds = Math.min(context.seconds, 10);
  const one = await context.open('chromium', { id: 1 });
  const two = await context.open(other, { id: 2, delayBeepMs: BEEP_DELAY_MS });
  await connectDirectly(one, two);
  await receiving(one, 'yardstick', 2);
  await receiving(two, 'yardstick', 1);
  await sleep(2000);

  const before = [await take(one, 'yardstick'), await take(two, 'yardstick')];
  await sleep(seconds * 1000);
  const after = [await take(one, 'yardstick'), await take(two, 'yardstick')];
  const delayed = figuresFor(2, before[0], after[0]);
  const healthy = figuresFor(1, before[1], after[1]);

  const mark = await take(two, 'yardstick');
  await one.evaluate((ms) => volleyTest.source.stall(ms), STALL_MS);
  await sleep(3000);
  const stalled = figuresFor(1, mark, await take(two, 'yardstick'));
  return {
    fps: healthy.fps,
    longestGapMs: healthy.longestGapMs,
    audioHeard: healthy.audioHeard && delayed.audioHeard,
    avSyncMs: healthy.avSyncMs,
    plantedBeepDelayMs: BEEP_DELAY_MS,
    avSyncWithDelayMs: delayed.avSyncMs,
    plantedStallMs: STALL_MS,
    longestGapWithStallMs: stalled.longestGapMs,
    failures: [
      healthy.audioHeard && delayed.audioHeard || 'a tone was not found again',
      Math.abs(delayed.avSyncMs - BEEP_DELAY_MS) <= 80 || 'the delayed beep does not show',
      Math.abs(stalled.longestGapMs - STALL_MS) <= 150 || 'the stalled picture does not show',
    ].filter((failure) => failure !== true),
  };
}
