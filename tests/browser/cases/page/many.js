// A room of many: a page that shows nine of 49 receives nine videos and no more, whichever page is open.
import fs from 'node:fs';
import { Checks } from '../../harness/checks.js';
import { Crowd } from '../../harness/crowd.js';
import { count, openWide, press, state, textOf, videosReceived } from '../../harness/pages.js';
import { sleep, until } from '../../harness/shell.js';

const PEOPLE = 49;
// This person and nine others.
const TILES = 10;
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
