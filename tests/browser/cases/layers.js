// Who asks for fewer lines is shown a lower layer of the same picture, without a stop, and nobody else is;
// what nobody watches any more is not sent.
import { receiving, samples } from '../harness/calls.js';
import { join } from '../harness/room.js';
import { sleep, until } from '../harness/shell.js';
import { firstAtHeight, heightsSince, longestGapMs } from '../measure/video.js';

const PUBLISHER = 1;
const LINES = { low: 180, medium: 360, high: 720 };
// The first layer of a call waits for the publisher's estimate.
const PATIENCE_MS = 20_000;
const HOLD_MS = 2000;
// Longer than the server waits before it tells a publisher that nobody watches a layer.
const UNWATCHED_MS = 8000;

export const name = 'layers';
export const about = 'three layers; one of two receivers asks for low, medium and high in turn';
export const needsServer = true;
export const cases = ['vp8', 'h264', 'vp9', 'av1'].map((codec) => ({
  name: `layers-${codec}`,
  run: (context) => layers(context, { codec }),
})).concat(['vp9', 'av1'].map((codec) => ({
  name: `layers-${codec}-svc`,
  run: (context) => layers(context, { codec, mode: codec === 'vp9' ? 'L3T3_KEY' : 'L3T3' }),
})));

async function layers(context, { codec, mode }) {
  const publisher = await join(context, 'chromium', PUBLISHER, context.room, { codec, mode, wide: true });
  const other = await join(context, 'chromium', 2, context.room, { codec, listens: true });
  const picky = await join(context, 'chromium', 3, context.room, { codec, listens: true });
  for (const { page } of [other, picky]) await receiving(page, 'call', PUBLISHER);
  for (const person of [other, picky]) await reached(person, LINES.high, 0);
  const began = await now(picky);
  const othersFrom = await now(other);
  const steps = [];
  for (const quality of ['low', 'medium', 'high']) steps.push(await step(picky, quality));
  const frames = await framesOf(picky);
  const gap = longestGapMs(frames, began, frames.at(-1)[0]);
  const others = heightsSince(await framesOf(other), othersFrom);
  const paused = mode ? null : await pausedWhenAllAskFor({ quality: 'low' }, [other, picky], publisher, 2);
  const hides = codec === 'vp8';
  const pausedWhenHidden = hides ? await pausedWhenAllAskFor({ quality: 'auto', maxHeight: 0 }, [other, picky], publisher, 3) : null;
  const back = hides ? await step(picky, 'high') : null;
  return {
    codec, mode: mode ?? 'simulcast', steps, longestGapMs: Math.round(gap), otherHeights: others, paused, pausedWhenHidden, back,
    failures: [
      ...steps.flatMap((one) => brokenByStep(context.limits, one)),
      gap <= context.limits.mostGapOverSwitchMs || `a gap of ${Math.round(gap)} ms`,
      String(others) === String(LINES.high) || `the other receiver saw heights ${others}`,
      pausedWhenHidden === null || String(pausedWhenHidden) === 'l,m,h' || `layers ${pausedWhenHidden} were paused when nobody watched`,
      ...(back ? brokenByStep(context.limits, back) : []),
      paused === null || String(paused) === 'm,h' || `layers ${paused} were paused when all asked for low`,
    ].filter((failure) => failure !== true),
  };
}

async function step(person, quality) {
  const from = await now(person);
  await ask(person, { quality });
  const at = await reached(person, LINES[quality], from).catch(() => null);
  if (at === null) return { quality, afterMs: null, held: false };
  await sleep(HOLD_MS);
  const seen = heightsSince(await framesOf(person), at);
  return { quality, afterMs: Math.round(at - from), held: String(seen) === String(LINES[quality]) };
}

function brokenByStep({ mostSwitchMs }, { quality, afterMs, held }) {
  if (afterMs === null) return [`never ${LINES[quality]} lines after asking for ${quality}`];
  return [
    afterMs <= mostSwitchMs || `${quality} only after ${afterMs} ms`,
    held || `${quality} was not kept`,
  ].filter((failure) => failure !== true);
}

async function pausedWhenAllAskFor(wish, people, publisher, count) {
  for (const person of people) await ask(person, wish);
  const paused = () => publisher.page.evaluate(() => {
    const senders = volley.pc.getSenders().map((sender) => sender.getParameters().encodings ?? []);
    return senders.flat().filter(({ rid, active }) => rid && !active).map(({ rid }) => rid);
  });
  await until('layers are paused', async () => (await paused()).length === count, { timeoutMs: UNWATCHED_MS }).catch(() => null);
  return paused();
}

const ask = ({ page }, wish) => page.evaluate((wish) => volley.signaling.send({ type: 'update-quality', ...wish }), wish);

// When the first picture of this height was shown of those that are shown now without a break.
function reached(person, height, from) {
  return until(`${person.name} sees ${height} lines`, async () => firstAtHeight(await framesOf(person), height, from), {
    timeoutMs: PATIENCE_MS, everyMs: 200,
  });
}

async function framesOf({ page }) {
  const { video } = await samples(page, 'call');
  return video.map(({ frames }) => frames).find((frames) => frames.some(([, , id]) => id === PUBLISHER)) ?? [];
}

const now = ({ page }) => page.evaluate(() => performance.now());
