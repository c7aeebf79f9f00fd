// Thirty people, nine seats: whoever speaks is on everyone's screen at once, and nobody negotiates for it.
// Two are real pages; the others are people of the load generator who speak in turn, so that a page that
// was silent for nine turns has no seat left when it begins to speak.
import { samples } from '../harness/calls.js';
import { Crowd } from '../harness/crowd.js';
import { join, slowestScrapeMs } from '../harness/room.js';
import { sleep, until } from '../harness/shell.js';
import { seatedAt } from '../measure/seats.js';

const SEATS = 9;
const PEOPLE = 28;
const TURN_SECONDS = 1;
const WATCHER = 1;
const SPEAKER = 2;
const ROUNDS = 2;
// As many turns as there are seats, and some more.
const FORGOTTEN_WITHIN_MS = (SEATS + 6) * TURN_SECONDS * 1000;
const SPEAKS_MS = 1500;
const PATIENCE_MS = 10_000;
// Growing to nine seats takes offers, too; they belong to joining.
const SETTLES_MS = 2000;

export const name = 'last-n';
export const about = '30 people, 9 seats, speakers in turn; the speaker is shown at once and without SDP';
export const needsServer = true;
export const cases = [{ name: 'last-n', run: lastN }];

async function lastN(context) {
  const crowd = await Crowd.join(context, { room: context.room, people: PEOPLE, turnSeconds: TURN_SECONDS });
  const speaker = await join(context, 'chromium', SPEAKER, context.room, { silent: true });
  const watcher = await join(context, 'chromium', WATCHER, context.room, { listens: true });
  const pages = [watcher, speaker];
  for (const person of pages) {
    await until(`${person.name} has ${SEATS} seats`, async () => seatsOf(await messages(person)) === SEATS, { timeoutMs: PATIENCE_MS });
  }
  await watcher.page.evaluate(() => volleyTest.meter.watchDecoded(volleyTest.meter.connections.at(-1)));
  await sleep(SETTLES_MS);
  const [offersBefore, from] = [await offers(pages), Date.now()];
  const shownMs = [];
  for (let round = 0; round < ROUNDS; round += 1) shownMs.push(await speakUp(speaker, watcher));
  const to = Date.now();
  const seatedMs = await seatings(pages, crowd.turns(from, to));
  const scrapeMs = await slowestScrapeMs();
  const negotiations = (await offers(pages)) - offersBefore;
  await crowd.leave();
  return {
    people: PEOPLE + pages.length, seats: SEATS, shownMs, turns: seatedMs.length,
    slowestSeatMs: Math.max(...seatedMs), neverSeated: seatedMs.filter((ms) => ms === Infinity).length, negotiations, scrapeMs,
    failures: broken(context.limits, { shownMs, seatedMs, negotiations, scrapeMs }),
  };
}

// Waits until the speaker has lost the seat to others, lets them speak, and measures until they are seen.
async function speakUp(speaker, watcher) {
  await until(`${speaker.name} is off the screen`, async () => !(await isSeated(watcher, speaker)), { timeoutMs: FORGOTTEN_WITHIN_MS, everyMs: 200 });
  await sleep(500);
  const began = await speak(speaker, true);
  const seen = await until(`${speaker.name} is seen`, () => firstSeen(watcher, began), { timeoutMs: PATIENCE_MS, everyMs: 250 }).catch(() => Infinity);
  await sleep(SPEAKS_MS);
  await speak(speaker, false);
  return Math.round(seen - began);
}

// Milliseconds from the beginning of each turn until who speaks has a seat; 0 where they had one already.
async function seatings(pages, turns) {
  const all = [];
  for (const page of pages) {
    const heard = await messages(page);
    for (const { name, at } of turns) all.push(Math.max(0, (seatedAt(heard, name, at) ?? Infinity) - at));
  }
  return all;
}

function broken({ mostSpeakerMs, mostScrapeMs }, { shownMs, seatedMs, negotiations, scrapeMs }) {
  return [
    scrapeMs <= mostScrapeMs || `a scrape took ${scrapeMs} ms`,
    shownMs.every((ms) => ms <= mostSpeakerMs) || `the speaker was seen only after ${shownMs} ms`,
    seatedMs.length > 0 || 'nobody else spoke',
    seatedMs.every((ms) => ms <= mostSpeakerMs) || `a speaker had a seat only after ${Math.max(...seatedMs)} ms`,
    negotiations === 0 || `${negotiations} offers after joining`,
  ].filter((failure) => failure !== true);
}

// All times on the clock that pages and generator share.
const speak = ({ page }, loud) => page.evaluate((loud) => {
  volleyTest.source.speak(loud);
  return performance.timeOrigin + performance.now();
}, loud);

async function firstSeen({ page }, since) {
  const { video } = await samples(page, 'call');
  const origin = await page.evaluate(() => performance.timeOrigin);
  const times = video.flatMap(({ frames }) => frames.filter(([, , id]) => id === SPEAKER).map(([time]) => origin + time));
  return times.filter((time) => time > since).sort((one, other) => one - other)[0];
}

const messages = ({ page }) => page.evaluate(() => volleyTest.meter.messages);
const offers = async (pages) => (await Promise.all(pages.map(({ page }) => page.evaluate(() => volleyTest.meter.offers)))).reduce((sum, one) => sum + one, 0);

function seatsOf(heard) {
  const last = heard.findLast(({ message }) => message.type === 'slots');
  return last ? Math.floor(last.message.slots.length / 2) : 0;
}

async function isSeated(watcher, { name }) {
  return seatedAt(await messages(watcher), name, Date.now()) !== null;
}
