// Does the measuring itself tell the truth? Direct calls without a server: healthy figures, and planted
// faults that the figures must show.
import { connectDirectly, receiving, record } from '../harness/calls.js';
import { sleep } from '../harness/shell.js';

const STALL_MS = 700;
const BEEP_DELAY_MS = 250;

export const name = 'meter';
export const about = 'does the measuring tell the truth? direct calls with planted faults, no server';
export const needsServer = false;
export const cases = ['chromium', 'firefox'].map((other) => ({
  name: `meter-chromium-${other}`,
  run: (context) => measureMeter(context, other),
}));

async function measureMeter(context, other) {
  const { mostSourceSyncMs, mostAvSyncMs, stallToleranceMs } = context.limits;
  const one = await context.open('chromium', { id: 1 });
  const two = await context.open(other, { id: 2, delayBeepMs: BEEP_DELAY_MS });
  await connectDirectly(one, two);
  await receiving(one, 'yardstick', 2);
  await receiving(two, 'yardstick', 1);
  await sleep(3000);

  const received = await record([one, two], ['yardstick', 'source'], Math.min(context.seconds, 10));
  const atSources = [received(one, 'source', 1).avSyncMs, Math.abs(received(two, 'source', 2).avSyncMs - BEEP_DELAY_MS)];
  const atSource = Math.round(Math.max(...atSources));
  const healthy = received(two, 'yardstick', 1);
  const delayed = received(one, 'yardstick', 2);
  const plant = () => one.evaluate((ms) => volleyTest.source.stall(ms), STALL_MS);
  const stalled = (await record([two], ['yardstick'], 3, plant))(two, 'yardstick', 1);
  return {
    fps: healthy.fps,
    longestGapMs: healthy.longestGapMs,
    audioHeard: healthy.audioHeard && delayed.audioHeard,
    avSyncMs: healthy.avSyncMs,
    avSyncAtSourceMs: atSource,
    plantedBeepDelayMs: BEEP_DELAY_MS,
    avSyncWithDelayMs: delayed.avSyncMs,
    plantedStallMs: STALL_MS,
    longestGapWithStallMs: stalled.longestGapMs,
    failures: [
      healthy.audioHeard && delayed.audioHeard || 'a tone was not found again',
      near(atSource, 0, mostSourceSyncMs) || 'lips out of sync at the source',
      near(healthy.avSyncMs, 0, mostAvSyncMs) || 'lips out of sync in a direct call',
      near(delayed.avSyncMs, BEEP_DELAY_MS, mostAvSyncMs) || 'the delayed beep does not show',
      near(stalled.longestGapMs, STALL_MS, stallToleranceMs) || 'the stalled picture does not show',
    ].filter((failure) => failure !== true),
  };
}

function near(measured, expected, tolerance) {
  return measured !== null && Math.abs(measured - expected) <= tolerance;
}
