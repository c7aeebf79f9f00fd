// One receiver's link becomes thin and wide again. The right layer is shown each time, without a stop,
// and a second receiver on an open link notices nothing.
import { receiving, samples } from '../harness/calls.js';
import { join, joinedAt } from '../harness/room.js';
import { sleep, until } from '../harness/shell.js';
import { firstAtHeight, heightsSince, longestGapMs } from '../measure/video.js';

const PUBLISHER = 1;
const [LOW, MEDIUM, TOP] = [180, 360, 720];
const TOP_WITHIN_MS = 5000;
const BACK_WITHIN_MS = 20_000;
// A link that became thinner is to be noticed at once; finding out that it is wide again takes probing.
const DOWN_WITHIN_MS = 10_000;
// Once reached, a layer is to stay.
const HOLD_MS = 6000;
// After a key frame libaom leaves the top layer of a picture or two out; that is the publisher's doing.
const LEAST_PICTURES = 5;
// On an open link, what came last before the clocks of joining and painting agree.
const PATIENCE_MS = 40_000;

export const name = 'adapt';
export const about = 'three layers; one of two receivers gets 4000, 900, 300 and again 4000 kbit/s';
export const needsServer = true;
export const cases = [['vp8'], ['vp9', 'L3T3_KEY'], ['av1', 'L3T3']].map(([codec, mode]) => ({
  name: `adapt-${codec}${mode ? '-svc' : ''}`,
  run: (context) => adapt(context, codec, mode),
}));

async function adapt(context, codec, mode) {
  const place = await context.place();
  // Three spatial layers in software are more than a machine with three browsers on two cores has time for.
  const publisher = await join(context, 'chromium', PUBLISHER, context.room, {
    codec, mode, wide: true, busy: true, keepsSize: Boolean(mode),
  });
  const other = await join(context, 'chromium', 2, context.room, { codec, listens: true });
  const thin = await join(context, 'chromium', 3, context.room, { codec, listens: true, place });
  for (const { page } of [other, thin]) await receiving(page, 'call', PUBLISHER);
  const began = await now(thin);
  const topLayerAfterMs = (await reached(thin, TOP, 0)) - (await joinedAt(thin));
  await reached(other, TOP, 0);
  const othersFrom = await now(other);
  await sleep(HOLD_MS);
  const steps = [];
  for (const [kilobits, height, within] of [
    [4000, TOP, DOWN_WITHIN_MS], [900, MEDIUM, DOWN_WITHIN_MS], [300, LOW, DOWN_WITHIN_MS], [4000, TOP, BACK_WITHIN_MS],
  ]) {
    place.narrow(kilobits);
    steps.push(await step(thin, { kilobits, height, within }));
  }
  const frames = await framesOf(thin);
  const gap = longestGapMs(frames, began, frames.at(-1)[0]);
  const others = heightsSince(await framesOf(other), othersFrom, LEAST_PICTURES);
  return {
    topLayerAfterMs: Math.round(topLayerAfterMs),
    steps: steps.map(({ kilobits, afterMs, held }) => ({ kilobits, afterMs, held })),
    backOnTopAfterMs: steps.at(-1).afterMs,
    longestGapMs: Math.round(gap),
    otherHeights: others,
    codec,
    mode: mode ?? 'simulcast',
    failures: [
      !mode || (await keepsSize(publisher)) || 'the publisher may send smaller pictures',
      topLayerAfterMs <= TOP_WITHIN_MS || `the top layer only after ${Math.round(topLayerAfterMs)} ms`,
      ...steps.flatMap(brokenByStep),
      gap <= context.limits.mostGapOverSwitchMs || `a gap of ${Math.round(gap)} ms`,
      String(others) === String(TOP) || `the other receiver saw heights ${others}`,
    ].filter((failure) => failure !== true),
  };
}

// How long it took until the picture had this height and no other, and whether it kept it.
async function step(thin, { kilobits, height, within }) {
  const from = await now(thin);
  const at = await reached(thin, height, from).catch(() => null);
  if (at === null) return { kilobits, height, within, afterMs: null, held: false };
  await sleep(HOLD_MS);
  const seen = heightsSince(await framesOf(thin), at, LEAST_PICTURES);
  return { kilobits, height, within, afterMs: Math.round(at - from), held: String(seen) === String(height), seen };
}

function brokenByStep({ kilobits, height, within, afterMs, held, seen }) {
  if (afterMs === null) return [`never ${height} lines at ${kilobits} kbit/s`];
  return [
    afterMs <= within || `${height} lines only ${afterMs} ms after the link had ${kilobits} kbit/s`,
    held || `${height} lines were not kept at ${kilobits} kbit/s, but ${seen} shown`,
  ].filter((failure) => failure !== true);
}

// When the first picture of this height was shown of those that are shown now without a break.
function reached(person, height, from) {
  return until(`${person.name} sees ${height} lines`, async () => firstAtHeight(await framesOf(person), height, from), {
    timeoutMs: PATIENCE_MS, everyMs: 250,
  });
}

const keepsSize = ({ page }) => page.evaluate(() => {
  const preferences = volleyTest.meter.connections.at(-1).getSenders().map((sender) => sender.getParameters().degradationPreference);
  return preferences.includes('maintain-resolution');
});

async function framesOf({ page }) {
  const { video } = await samples(page, 'call');
  return video.map(({ frames }) => frames).find((frames) => frames.some(([, , id]) => id === PUBLISHER)) ?? [];
}

const now = ({ page }) => page.evaluate(() => performance.now());
