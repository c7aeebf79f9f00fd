// `/check`: a person without a call learns whether one would work, and what to do where it would not. The
// people of the room that their link is for notice nothing.
import { randomBytes } from 'node:crypto';
import { assertAccessible } from '../harness/axe.js';
import { Checks } from '../harness/checks.js';
import { startCoturn, TURN_URL } from '../harness/coturn.js';
import { blockAllBut } from '../harness/network.js';
import { openWide, state, textOf } from '../harness/pages.js';
import { until } from '../harness/shell.js';
import { SECRET as TOKEN_SECRET, tokenFor } from '../harness/token.js';

const SECRET = randomBytes(24).toString('hex');
// All that is tried has an answer after three times ten seconds, and usually after three.
const ANSWER = { timeoutMs: 45_000 };

export const name = 'check';
export const about = 'the connection check: all well, with a relay; and behind a firewall that lets TCP alone through';
export const needsServer = true;
export const environment = {
  VOLLEY_WEBRTC__ICE_SERVERS: JSON.stringify([{ urls: [TURN_URL], secret: SECRET }]),
  VOLLEY_SECURITY__TOKEN_SECRETS: TOKEN_SECRET,
};
export const cases = [{ name: 'check', run: checkup }];

async function checkup(context) {
  context.onClose(await startCoturn(SECRET));
  const checks = new Checks();
  const inRoom = await somebody(context);
  const page = await openWide(context, 'chromium', { id: 1 }, `/check?token=${tokenFor(context.room, ['subscribe'])}`);
  await assertAccessible(checks, page, 'before the check');
  await begin(page, checks);
  await checks.soon('it comes to an end', async () => (await verdict(page)) !== 'testing', ANSWER);
  const open = await grades(page);
  const all = { microphone: 'well', camera: 'well', websocket: 'well', udp: 'well', tcp: 'well', relay: 'well' };
  checks.that('everything works', JSON.stringify(open) === JSON.stringify(all), open);
  checks.that('the verdict says so', (await verdict(page)) === 'well', await textOf(page, '.verdict'));
  await assertAccessible(checks, page, 'all well');
  const seen = await inRoom.evaluate(() => globalThis.seen);
  checks.that('nobody of the room saw anybody come', seen.length === 0 && (await state(inRoom)).people.length === 0, seen);
  await inRoom.close();

  const wall = blockAllBut('tcp');
  context.onClose(wall.remove);
  await begin(page, checks);
  await checks.soon('it comes to an end, too', async () => (await verdict(page)) !== 'testing', ANSWER);
  const walled = await grades(page);
  checks.that('UDP is blocked, and TCP is not', walled.udp === 'bad' && walled.tcp === 'well' && walled.relay === 'bad', walled);
  checks.that('what to do is said', (await textOf(page, '[data-step=udp]')).includes('allow UDP'), await textOf(page, '[data-step=udp]'));
  checks.that('a call would work all the same', (await verdict(page)) === 'flawed');
  await assertAccessible(checks, page, 'without UDP');
  return checks.figures;
}

// Notes who comes into the room that the token is for.
async function somebody(context) {
  const page = await openWide(context, 'chromium', { id: 2 }, `/r/${context.room}?name=Ben&autojoin=1`);
  await until('the call', async () => (await state(page)).phase === 'call', { timeoutMs: 20_000 });
  await page.evaluate(() => {
    globalThis.seen = [];
    volley.room.on('participant-joined', ({ name }) => seen.push(name));
  });
  return page;
}

async function begin(page, checks) {
  await checks.soon('it can be begun', () => page.evaluate(() => !document.querySelector('#start').disabled));
  await page.click('#start');
  await checks.soon('it begins', async () => (await verdict(page)) === 'testing');
}

const verdict = (page) => page.evaluate(() => document.querySelector('#check').dataset.verdict);
const grades = (page) => page.evaluate(() => Object.fromEntries([...document.querySelectorAll('[data-step]')].map(({ dataset }) => [dataset.step, dataset.grade])));
