// What an operator opens: the page of live rooms, which asks for a key and shows what that may see, and the documents
// that the server itself serves; each with axe.
import { randomBytes } from 'node:crypto';
import { assertAccessible } from '../harness/axe.js';
import { Checks } from '../harness/checks.js';
import { count, has, openWide, state, textOf } from '../harness/pages.js';
import { until } from '../harness/shell.js';
import { SECRET, tokenFor } from '../harness/token.js';

// Its own markup and colours, in a bundle that is not ours: who needs it otherwise has /api/openapi.json.
const SWAGGER_UI = [
  'button-name', 'color-contrast', 'heading-order', 'label', 'landmark-one-main', 'nested-interactive', 'region', 'select-name', 'target-size',
];
const API_KEY = randomBytes(16).toString('hex');

export const name = 'admin';
export const about = 'the operator’s page, with its key, with a room’s token and without; /docs and /docs/websocket; with axe';
export const needsServer = true;
export const environment = { VOLLEY_SECURITY__REQUIRE_AUTH: 'true', VOLLEY_SECURITY__TOKEN_SECRETS: SECRET, VOLLEY_SECURITY__API_KEYS: API_KEY };
export const cases = [{ name: 'admin', run: liveRooms }, { name: 'admin-docs', run: documents }];

async function liveRooms(context) {
  const checks = new Checks();
  for (const [id, name, room] of [[1, 'Ada', context.room], [2, 'Ben', `${context.room}-other`]]) {
    const page = await openWide(context, 'chromium', { id }, `/r/${room}?name=${name}&autojoin=1&token=${tokenFor(room, ['publish', 'subscribe'])}`);
    await until(`${name}'s call`, async () => (await state(page)).media === 'well', { timeoutMs: 30_000 });
  }
  const page = await openWide(context, 'chromium', { id: 3 }, '/admin');
  const says = async (words) => (await textOf(page, '#state')).includes(words);
  await checks.soon('without a key it asks for one', async () => (await says('asks for a key')) && (await has(page, '#key:not([hidden])')));
  checks.that('and shows nothing', (await count(page, '#rooms section')) === 0);
  await assertAccessible(checks, page, 'the operator’s page without a key');
  await show(page, 'not the key');
  await checks.soon('a wrong key is refused in a sentence', async () => !(await says('asks for a key')) && (await has(page, '#key:not([hidden])')));
  await show(page, API_KEY);
  await checks.soon('with its key it shows every room', () => says('2 rooms, 2 people'));
  await checks.soon('with who is in it and what they send', async () => /Ada[^]*bit\/s/.test(await textOf(page, '#rooms')) && (await textOf(page, '#rooms')).includes('Ben'), { timeoutMs: 15_000 });
  checks.that('and asks for no key any more', await has(page, '#key[hidden]'));
  for (const value of ['light', 'dark']) {
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value }]);
    await assertAccessible(checks, page, `live rooms, ${value}`);
  }
  await page.setViewport({ width: 390, height: 700 });
  await assertAccessible(checks, page, 'live rooms in a narrow window');
  await ofOneRoom(context, checks);
  return checks.figures;
}

async function ofOneRoom(context, checks) {
  const page = await openWide(context, 'chromium', { id: 4 }, '/admin');
  await checks.soon('another tab does not know the key', () => has(page, '#key:not([hidden])'));
  await show(page, tokenFor(context.room, ['administer']));
  await checks.soon('a room’s token shows that room', async () => (await textOf(page, '#rooms')).includes('Ada'));
  checks.that('and no other', !(await textOf(page, '#rooms')).includes('Ben'));
}

// By keyboard, which is how a key is pasted.
async function show(page, secret) {
  await page.focus('#secret');
  await page.keyboard.type(secret);
  await page.keyboard.press('Enter');
}

async function documents(context) {
  const checks = new Checks();
  const rest = await openWide(context, 'chromium', { id: 1 }, '/docs');
  await checks.soon('the REST interface is shown', async () => (await count(rest, '.opblock')) > 10, { timeoutMs: 20_000 });
  await assertAccessible(checks, rest, '/docs', SWAGGER_UI);
  const socket = await openWide(context, 'chromium', { id: 2 }, '/docs/websocket');
  await checks.soon('every message of the WebSocket is', async () => (await has(socket, '#client-join')) && (await has(socket, '#server-joined')));
  for (const value of ['light', 'dark']) {
    await socket.emulateMediaFeatures([{ name: 'prefers-color-scheme', value }]);
    await assertAccessible(checks, socket, `/docs/websocket, ${value}`);
  }
  return checks.figures;
}
