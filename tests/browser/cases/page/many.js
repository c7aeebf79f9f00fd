// A room of many: a page that shows nine of 49 receives nine videos and no more, whichever page is open.
import fs from 'node:fs';
import { Checks } from '../../harness/checks.js';
import { Crowd } from '../../harness/crowd.js';
import { count, openWide, press, state, textOf, videosReceived } from '../../harness/pages.js';
import { sleep, until } from '../../harness/shell.js';

const PEOPLE = 49;
// This person and nine others.
const TILES = 10;
// More than the 49 for whom there can be seats.
const MORE_PEOPLE = 60;
const MORE_TILES = 25;
const MEASURED_MS = 5000;
const TICKS_PER_SECOND = 100;

export async function many(context) {
  const checks = new Checks();
  const crowd = await Crowd.join(context, { room: context.room, people: PEOPLE, turnSeconds: 600 });
  const page = await openWide(context, 'chromium', { id: 1, listens: true }, `/r/${context.room}?name=Ada&autojoin=1&tiles=${TILES}`);
  await until('all are there', async () => (await state(page)).people.length === PEOPLE, { timeoutMs: 30_000 });
  await until('nine have seats', async () => (await state(page)).slots.filter(({ source }) => source === 'camera').length >= 9, { timeoutMs: 20_000 });
  checks.that('ten tiles are shown', (await count(page, '#stage .tile')) === TILES, await count(page, '#stage .tile'));
  await sleep(3000);
  const [before, from] = [ticksOf(page), Date.now()];
  const first = await videosReceived(page, MEASURED_MS);
  const cpuPercent = Math.round(((ticksOf(page) - before) / TICKS_PER_SECOND / ((Date.now() - from) / 1000)) * 100);
  checks.that('nine videos are received and no more', first.length === 9, first);
  await press(page, 'Next page');
  await checks.soon('the next page is open', async () => (await textOf(page, '.tools .pages')).includes('2 / 5'));
  await checks.soon('whoever is on it has a seat', async () => (await state(page)).slots.filter(({ source }) => source === 'camera').length >= PEOPLE - 1, { timeoutMs: 30_000 });
  await sleep(6000);
  const second = await videosReceived(page, MEASURED_MS);
  checks.that('on the next page ten videos are received and no more', second.length >= 9 && second.length <= TILES, second);
  const offerBytes = await page.evaluate(() => volley.pc.localDescription.sdp.length);
  await crowd.leave();
  return { people: PEOPLE, shown: TILES - 1, received: first.length, receivedOnNextPage: second.length, offerBytes, cpuPercent, ...checks.figures };
}

// More people than a page has seats: whoever is on the open page is received, on the last page as on the first.
export async function beyond(context) {
  const checks = new Checks();
  const crowd = await Crowd.join(context, { room: context.room, people: MORE_PEOPLE, turnSeconds: 600 });
  const page = await openWide(context, 'chromium', { id: 1, listens: true }, `/r/${context.room}?name=Ada&autojoin=1&tiles=${MORE_TILES}`);
  await until('all are there', async () => (await state(page)).people.length === MORE_PEOPLE, { timeoutMs: 30_000 });
  const pages = Math.ceil((MORE_PEOPLE + 1) / MORE_TILES);
  for (let open = 1; open <= pages; open += 1) {
    if (open > 1) await press(page, 'Next page');
    await checks.soon(`page ${open} is open`, async () => open === 1 || (await textOf(page, '.tools .pages')).includes(`${open} / ${pages}`));
    await checks.soon(`whoever is on page ${open} has a seat`, async () => {
      const { tiles, slots } = await state(page);
      const seated = new Set(slots.filter(({ source }) => source === 'camera').map(({ participantId }) => participantId));
      return tiles.length > 1 && tiles.every(({ self, participantId }) => self || seated.has(participantId));
    }, { timeoutMs: 30_000 });
  }
  await sleep(8000);
  const { tiles } = await state(page);
  const received = await videosReceived(page, MEASURED_MS);
  checks.that('all of the last page is received, and nothing else', received.length === tiles.length, [received.length, tiles.length]);
  await crowd.leave();
  return { people: MORE_PEOPLE, pages, received: received.length, ...checks.figures };
}

// Of the browser's processes, in clock ticks: together they are one group.
function ticksOf(page) {
  const group = page.browser().process().pid;
  return fs.readdirSync('/proc').filter((entry) => /^\d+$/.test(entry)).reduce((sum, pid) => {
    try {
      const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').pop().split(' ');
      return Number(fields[2]) === group ? sum + Number(fields[11]) + Number(fields[12]) : sum;
    } catch {
      return sum; // ended while we looked
    }
  }, 0);
}
