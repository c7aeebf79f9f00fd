// What goes wrong on the way: it is said what happened and what is done about it, and it heals by itself.
import { Checks } from '../../harness/checks.js';
import { assertAccessible } from '../../harness/axe.js';
import { has, ORIGIN, state } from '../../harness/pages.js';
import { until } from '../../harness/shell.js';

export async function trouble(context) {
  const checks = new Checks();
  const page = await context.open('chromium', { id: 1 }, `${ORIGIN}/r/${context.room}?name=Ada&autojoin=1`);
  await until('the call', async () => (await state(page)).phase === 'call' && (await state(page)).media === 'well', { timeoutMs: 20_000 });
  const says = async (words) => (await state(page)).notices.some((text) => text.includes(words));

  await cutOff(page, true);
  await checks.soon('a server that is away is said, and that the call goes on', () => says('your call goes on'));
  await assertAccessible(checks, page, 'reconnecting');
  await cutOff(page, false);
  await checks.soon('and it comes back by itself', async () => !(await says('your call goes on')) && (await state(page)).signaling === 'joined');

  await page.evaluate(() => window.dispatchEvent(new Event('offline')));
  await checks.soon('no network is said', () => says('no network'));
  await page.evaluate(() => window.dispatchEvent(new Event('online')));
  await checks.soon('and is over when there is one', async () => !(await says('no network')));

  const { roomId, participantId } = await state(page);
  const removed = await fetch(`${ORIGIN}/api/rooms/${roomId}/participants/${participantId}`, { method: 'DELETE' });
  checks.that('somebody can be taken out', removed.status === 204, removed.status);
  await checks.soon('and is in the lobby then', () => has(page, '#lobby .refusal:not(:empty)'));

  await cutOff(page, true);
  await page.evaluate(() => document.querySelector('#lobby form').requestSubmit());
  await checks.soon('a server that does not answer a newcomer is said, with a way back', async () => (await says('does not answer')) && (await has(page, '.notice button:not(.dismiss)')));
  await cutOff(page, false);
  await checks.soon('and whoever waits gets in', async () => (await state(page)).phase === 'call', { timeoutMs: 15_000 });
  return checks.figures;
}

// From now on no socket opens; the one that is open is given up.
export function cutOff(page, isCut) {
  return page.evaluate((isCut) => {
    globalThis.realSocket ??= WebSocket;
    globalThis.WebSocket = isCut
      ? class {
          constructor() {
            setTimeout(() => this.onclose?.({}), 50);
          }
          close() {}
        }
      : globalThis.realSocket;
    if (isCut) volley.signaling.reconnect();
  }, isCut);
}
