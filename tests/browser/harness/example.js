// The example client of our documentation, as printed there: fixtures/example-client.html.
import { stats, watch } from './calls.js';
import { framesDecoded } from '../measure/receiver.js';
import { isConnected } from './room.js';
import { until } from './shell.js';

// It has one m-line of each kind, so one seat; and it says nothing about itself: whether it receives
// is read from its statistics before the meter touches it.
export async function joinExample(context, id, config = {}) {
  const page = await context.open('chromium', { id, ...config }, await context.fixture('example-client.html'));
  const person = { id, kind: 'chromium', page, seats: 1 };
  await until(`example client ${id} is connected`, () => isConnected(page), { timeoutMs: 15_000 });
  if (id !== 1) person.joinToFirstFrameMs = await firstDecodedMs(page, id);
  await watch(page, 'call');
  return person;
}

async function firstDecodedMs(page, id) {
  return until(`example client ${id} decodes a frame`, async () => {
    if (framesDecoded(await stats(page, 'call')) === 0) return null;
    return page.evaluate(() => Math.round(performance.now() - volleyTest.meter.joinSentAt));
  }, { timeoutMs: 15_000, everyMs: 20 });
}
