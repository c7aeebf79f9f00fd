// Two people talk directly where their room lets them; a third brings them to the server and back. In a room made for
// it more than two do, and Firefox does as well.
import { outlives } from '../harness/killing.js';
import { api, join, leave, makeRoom } from '../harness/room.js';
import { videosReceived } from '../harness/pages.js';
import { sleep, until } from '../harness/shell.js';

// What the server has received by then was under way, or is what ends a stream.
const SETTLE_MS = 1000;
const STILL_MS = 4000;
// As many as two cores can show to one another, each twice encoded; a room takes six.
const MANY = 4;
// Firefox goes on to send where a sender has no track: its sound is silence, of which Opus sends a packet every 400 ms,
// and its last picture comes again each second. Sound that is heard would be 200 in the same time, and pictures as many.
const FIREFOX_RESTS = 40;
// On a machine that is busy a way is not found within the page's patience, and looked for again half a minute later.
const DIRECT_MS = 60_000;
// A page that was hidden for so long is not looked at, and what was under way has come then.
const UNSEEN_MS = 10_000;
const STILL_AFTER_MS = 1500;
// Longer than the page gives a direct way to be found.
const NO_WAY_MS = 11_000;

export const name = 'mesh';
export const about = 'two people directly, with a third by way of the server, and back; and two who have no way to each other';
export const needsServer = true;
export const cases = [
  { name: 'mesh', run: thereAndBack },
  { name: 'mesh-no-way', run: noWay },
  { name: 'mesh-many', run: many },
  { name: 'mesh-unseen', run: unseen },
  { name: 'mesh-firefox', run: (context) => ofTwoKinds(context, ['firefox', 'chromium']) },
];

async function thereAndBack(context) {
  const room = await makeRoom({ mode: 'auto' });
  const one = await join(context, 'chromium', 1, room);
  const two = await join(context, 'chromium', 2, room);
  const pair = [one, two];
  await direct(pair);
  const ways = await Promise.all(pair.map(({ page }) => way(page)));
  const still = await packetsIn(room);
  const dead = await outlives(context.server, pair, () => direct(pair));
  await watchPair(pair);

  const third = await join(context, 'chromium', 3, room);
  const seenMs = await allSeen([...pair, third]);
  await until('nobody is direct any more', async () => (await Promise.all(pair.map(directTo))).every(({ length }) => length === 0));
  await sleep(SETTLE_MS);
  const counted = await packetsIn(room);
  const overMs = Math.max(...(await Promise.all(pair.map(gapOf))));

  await watchPair(pair);
  await leave(third);
  await direct(pair);
  const stillAgain = await packetsIn(room);
  const backMs = Math.max(...(await Promise.all(pair.map(gapOf))));
  const { limits } = context;
  return {
    ways, packetsWhileDirect: still, packetsByServer: counted, packetsAfterwards: stillAgain,
    allSeenMs: seenMs, gapToServerMs: overMs, gapBackMs: backMs,
    failures: [
      ways.every((pair) => pair === 'host-host') || `the direct way is ${ways}`,
      still === 0 || `the server received ${still} packets while they talked directly`,
      counted > 0 || 'the server received nothing with three people',
      stillAgain === 0 || `the server received ${stillAgain} packets after the third had left`,
      seenMs <= limits.mostMeshSeenMs || `three people saw each other only after ${seenMs} ms`,
      overMs <= limits.mostMeshGapMs || `a gap of ${overMs} ms on the way to the server`,
      ...dead,
      backMs <= limits.mostMeshGapMs || `a gap of ${backMs} ms on the way back`,
    ].filter((failure) => failure !== true),
  };
}

// Each behind a wire of its own, between which nothing is forwarded.
async function noWay(context) {
  const room = await makeRoom({ mode: 'auto' });
  const places = [await context.place(), await context.place()];
  const one = await join(context, 'chromium', 1, room, { place: places[0] });
  const two = await join(context, 'chromium', 2, room, { place: places[1] });
  for (const person of [one, two]) await until(`${person.name} sees the other`, () => seesAll(person, 1), { timeoutMs: 15_000 });
  await watchPair([one, two]);
  await sleep(NO_WAY_MS);
  const gapMs = Math.max(...(await Promise.all([one, two].map(gapOf))));
  const tried = await Promise.all([one, two].map(({ page }) => page.evaluate(() => volleyTest.meter.connections.length)));
  const found = (await Promise.all([one, two].map(directTo))).flat();
  return {
    gapMs, connections: tried,
    failures: [
      tried.every((count) => count > 1) || 'no direct way was looked for',
      found.length === 0 || 'a direct way was found where there is none',
      gapMs <= context.limits.mostMeshGapMs || `a gap of ${gapMs} ms`,
    ].filter((failure) => failure !== true),
  };
}

// Each sends to each of the others, and the server hears nothing; who leaves takes nothing from the rest.
async function many(context) {
  const room = await makeRoom({ mode: 'mesh' });
  const people = [];
  for (let id = 1; id <= MANY; id += 1) people.push(await join(context, 'chromium', id, room));
  await direct(people);
  for (const person of people) await seesOthers(person, MANY - 1);
  const still = await packetsIn(room);
  await leave(people.pop());
  for (const person of people) await seesOthers(person, MANY - 2);
  const stillAgain = await packetsIn(room);
  const ways = (await Promise.all(people.map(directTo))).map(({ length }) => length);
  return {
    packetsWhileDirect: still, packetsAfterwards: stillAgain, ways,
    failures: [
      still === 0 || `the server received ${still} packets while ${MANY} talked directly`,
      stillAgain === 0 || `the server received ${stillAgain} packets after one had left`,
      ways.every((count) => count === MANY - 2) || `direct ways of those who stayed: ${ways}`,
    ].filter((failure) => failure !== true),
  };
}

async function ofTwoKinds(context, kinds) {
  const room = await makeRoom({ mode: 'auto' });
  const people = [];
  for (const [place, kind] of kinds.entries()) people.push(await join(context, kind, place + 1, room));
  await direct(people);
  for (const person of people) await seesOthers(person, 1);
  const still = await packetsIn(room);
  return { packetsWhileDirect: still, failures: still <= FIREFOX_RESTS ? [] : [`the server received ${still} packets while they talked directly`] };
}

// Whoever cannot see the page gets no picture from the other one, hears them all the same, and sees them at once again.
async function unseen(context) {
  const room = await makeRoom({ mode: 'auto' });
  const pair = [await join(context, 'chromium', 1, room, { lines: 'shown' }), await join(context, 'chromium', 2, room, { lines: 'shown' })];
  await direct(pair);
  const [{ page }, two] = pair;
  // What a busy encoder still had for the server's way is gone by then.
  for (const person of pair) await until(`${person.name} sees the other directly alone`, async () => isDirect(await videosReceived(person.page, STILL_AFTER_MS)), { timeoutMs: UNSEEN_MS });
  await becomes(page, { hidden: true });
  await until('no picture comes', async () => (await videosReceived(page, STILL_AFTER_MS)).length === 0, { timeoutMs: UNSEEN_MS + 10_000 });
  const sounds = await soundIn(page);
  const others = await videosReceived(two.page, STILL_AFTER_MS);
  const ways = (await Promise.all(pair.map(directTo))).map(({ length }) => length);
  const began = Date.now();
  await becomes(page, { hidden: false });
  const backMs = await until('pictures come again', async () => (await videosReceived(page, 500)).length === 1, { timeoutMs: 10_000 }).then(() => Date.now() - began, () => null);
  return {
    soundPackets: sounds, backMs,
    failures: [
      ways.every((count) => count === 1) || `direct ways while one page was hidden: ${ways}`,
      sounds > 0 || 'sound went with the pictures',
      isDirect(others) || `whoever was looking received, as connection/m-line: ${others.join(', ') || 'nothing'}`,
      backMs !== null || 'pictures did not come again',
    ].filter((failure) => failure !== true),
  };
}

// One picture, and not by the first connection, which is the server's.
const isDirect = (videos) => videos.length === 1 && !videos[0].startsWith('0/');

function becomes(page, { hidden }) {
  return page.evaluate((hidden) => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);
}

// Packets of sound that came directly within a second.
function soundIn(page) {
  return page.evaluate(async () => {
    const count = async () => {
      const all = await Promise.all(volley.room.directConnections.map(async ({ pc }) => [...(await pc.getStats()).values()]));
      return all.flat().filter(({ type, kind }) => type === 'inbound-rtp' && kind === 'audio').reduce((sum, { packetsReceived }) => sum + packetsReceived, 0);
    };
    const before = await count();
    await new Promise((done) => setTimeout(done, 1000));
    return (await count()) - before;
  });
}

const seesOthers = (person, others) =>
  until(`${person.name} sees ${others} others`, () => seesAll(person, others), { timeoutMs: 20_000 });

const directTo = ({ page }) => page.evaluate(() => volley.state().direct);

async function direct(people) {
  for (const person of people) {
    await until(`${person.name} talks directly`, async () => (await directTo(person)).length === people.length - 1, { timeoutMs: DIRECT_MS });
  }
}

// Between which kinds of address the packets of the direct connection go.
function way(page) {
  return page.evaluate(async () => {
    const isDirect = (pc) => pc !== volley.pc && pc.connectionState === 'connected';
    const all = [...(await volleyTest.meter.connections.find(isDirect).getStats()).values()];
    const byId = (id) => all.find((one) => one.id === id);
    const pair = byId(all.find(({ type }) => type === 'transport').selectedCandidatePairId);
    return [pair.localCandidateId, pair.remoteCandidateId].map((id) => byId(id).candidateType).join('-');
  });
}

// What the server receives of everybody in a few seconds, once all have settled.
async function packetsIn(room) {
  const count = async () => (await api(`/api/rooms/${room}/stats`)).body.tracks.reduce((sum, { packets }) => sum + packets, 0);
  await sleep(SETTLE_MS);
  const before = await count();
  await sleep(STILL_MS);
  return (await count()) - before;
}

const seesAll = ({ page }, others) => page.evaluate((others) => {
  const live = document.querySelectorAll('#stage .tile.live:not(.self)').length;
  return live === others;
}, others);

// From the last one's pressing Join until everybody's tiles show everybody else.
async function allSeen(people) {
  const joined = await people.at(-1).page.evaluate(() => performance.timeOrigin + performance.getEntriesByName('volley-join')[0].startTime);
  for (const person of people) {
    await until(`${person.name} sees everybody`, () => seesAll(person, people.length - 1), { timeoutMs: 15_000 });
  }
  return Date.now() - Math.round(joined);
}

// Notes when the tile of the other one shows a new picture, whichever way that came.
async function watchPair([one, two]) {
  for (const [person, other] of [[one, two], [two, one]]) {
    await person.page.evaluate((name) => {
      const tiles = [...document.querySelectorAll('#stage .tile:not(.self)')];
      const video = tiles.find((tile) => tile.querySelector('.name').textContent === name).querySelector('video');
      const times = (globalThis.shown = [performance.now()]);
      const note = () => {
        times.push(performance.now());
        if (times === globalThis.shown) video.requestVideoFrameCallback(note);
      };
      video.requestVideoFrameCallback(note);
    }, other.name);
  }
}

// The longest time for which it showed no new picture until now.
function gapOf({ page }) {
  return page.evaluate(() => {
    const times = [...globalThis.shown, performance.now()];
    return Math.round(Math.max(...times.slice(1).map((at, place) => at - times[place])));
  });
}
