// One person's network changes under a call: a router gives them another port, they come back under another
// address, their machine sleeps, their uplink turns bad. They are seen and see again by themselves, and
// nobody else notices.
import { receiving, samples } from '../harness/calls.js';
import { join } from '../harness/room.js';
import { log, sleep, until } from '../harness/shell.js';
import { longestGapMs } from '../measure/video.js';

const [BYSTANDER, MOVER, OTHER] = [1, 2, 3];
const SETTLE_MS = 3000;
// Longer than the 8 s after which a person is hidden, shorter than the 30 s after which they are gone.
const SLEEP_MS = 12_000;
const BAD_UPLINK_PERCENT = 20;
const BAD_UPLINK_MS = 8000;

export const name = 'moves';
export const about = 'a new port, a new address, sleep and a bad uplink for one of three';
export const needsServer = true;
export const cases = [{ name: 'moves', run: moves }];

async function moves(context) {
  const place = await context.place();
  const bystander = await join(context, 'chromium', BYSTANDER, context.room);
  const other = await join(context, 'chromium', OTHER, context.room, { listens: true });
  const mover = await join(context, 'chromium', MOVER, context.room, { place });
  const pairs = [[mover, BYSTANDER], [bystander, MOVER]];
  for (const [viewer, shown] of [...pairs, [other, BYSTANDER]]) await receiving(viewer.page, 'call', shown);
  await sleep(SETTLE_MS);
  const quietFrom = await now(other);

  const rebound = await outage(pairs, () => place.rebind());
  log(`a new port: ${rebound} ms`);
  const readdressed = await outage(pairs, () => place.readdress());
  log(`a new address: ${readdressed} ms`);
  const woken = await outage(pairs, () => nap(mover));
  log(`after sleep: ${woken} ms`);
  place.lose(BAD_UPLINK_PERCENT, { toServer: true });
  await sleep(BAD_UPLINK_MS);
  const badUplinkGapMs = Math.round(await gapSince(other, BYSTANDER, (await now(other)) - BAD_UPLINK_MS));
  place.lose(0);
  const othersGapMs = Math.round(await gapSince(other, BYSTANDER, quietFrom));

  const { mostMoveMs, mostGapMs } = context.limits;
  const within = (what, ms) => ms <= mostMoveMs || `${what}: nothing was seen for ${ms} ms`;
  return {
    newPortMs: rebound,
    newAddressMs: readdressed,
    afterSleepMs: woken,
    badUplinkGapMs,
    othersGapMs,
    failures: [
      within('a new port', rebound),
      within('a new address', readdressed),
      within('after sleep', woken),
      othersGapMs <= mostGapMs || `nobody's business, and a gap of ${othersGapMs} ms`,
    ].filter((failure) => failure !== true),
  };
}

// How long it takes after something happened until each of the pairs has seen a new picture again.
async function outage(pairs, happen) {
  await happen();
  const from = await Promise.all(pairs.map(([viewer]) => now(viewer)));
  const seen = await Promise.all(pairs.map(async ([viewer, shown], at) => {
    const back = await until(`${viewer.name} sees participant ${shown} again`, () => steadyFrom(viewer, shown, from[at]), {
      timeoutMs: 40_000, everyMs: 250,
    });
    return back - from[at];
  }));
  await sleep(SETTLE_MS);
  return Math.round(Math.max(...seen));
}

// The first of a second's pictures after `from` that came one after another; what was under way when it
// happened is over by then.
async function steadyFrom(viewer, shown, from) {
  const STEADY_MS = 1000;
  const STOPS_MS = 300;
  const times = (await framesOf(viewer, shown)).map(([time]) => time).filter((time) => time > from);
  const stops = times.findLastIndex((time, at) => at > 0 && time - times[at - 1] > STOPS_MS);
  const first = times[Math.max(stops, 0)];
  return first !== undefined && times.at(-1) - first >= STEADY_MS && (await now(viewer)) - times.at(-1) < STOPS_MS ? first : null;
}

// The browser of one person stands still, as a machine that sleeps does.
async function nap({ page }) {
  const group = -page.browser().process().pid;
  process.kill(group, 'SIGSTOP');
  try {
    await sleep(SLEEP_MS);
  } finally {
    process.kill(group, 'SIGCONT');
  }
}

async function gapSince(viewer, shown, from) {
  const frames = await framesOf(viewer, shown);
  return longestGapMs(frames, from, frames.at(-1)?.[0] ?? from);
}

// All pictures of a person that a page has seen: after a new start they come on another track.
async function framesOf({ page }, shown) {
  const { video } = await samples(page, 'call');
  return video.flatMap(({ frames }) => frames).filter(([, , id]) => id === shown).sort((a, b) => a[0] - b[0]);
}

const now = ({ page }) => page.evaluate(() => performance.now());
