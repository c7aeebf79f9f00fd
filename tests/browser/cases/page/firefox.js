// Firefox and Chromium in one call, each with what it can.
import { assertAccessible } from '../../harness/axe.js';
import { Checks } from '../../harness/checks.js';
import { has, openWide, press, state, textOf } from '../../harness/pages.js';
import { until } from '../../harness/shell.js';
import { sharedAgain } from './call.js';

const OTHER = '#stage .tile:not(.self)';

export async function inFirefox(context) {
  const checks = new Checks();
  const fox = await openWide(context, 'firefox', { id: 1 }, `/r/${context.room}`);
  await assertAccessible(checks, fox, 'lobby in Firefox');
  const other = await openWide(context, 'chromium', { id: 2 }, `/r/${context.room}?name=Ben&autojoin=1`);
  await fox.type('#name', 'Ada');
  await fox.evaluate(() => document.querySelector('#lobby form').requestSubmit());
  for (const page of [fox, other]) {
    await until('both see each other', () => has(page, `${OTHER}.live`), { timeoutMs: 60_000 });
  }
  checks.that('Firefox and Chromium see each other', true);
  for (const [viewer, sharer] of [[fox, other], [fox, other], [other, fox], [other, fox]]) await sharedAgain(checks, viewer, sharer);
  await other.click('#hand');
  await checks.soon('a raised hand is seen', () => has(fox, `${OTHER}.hand`));
  await press(fox, 'Chat', '.tools');
  await fox.type('.write textarea', 'Hello');
  await press(fox, 'Send');
  await checks.soon('what is written arrives', async () => (await textOf(other, '.tools .count')) === '1');
  await assertAccessible(checks, fox, 'chat in Firefox');
  await press(fox, 'Close', '.panel');
  await press(fox, 'Pin Ben');
  await checks.soon('who is pinned is large', () => has(fox, `${OTHER}.large`));
  await fox.evaluate(() => document.querySelector('[data-device=microphone]').click());
  await checks.soon('a muted microphone is seen', () => has(other, `${OTHER}.muted`));
  checks.that('the own state is told', !(await state(fox)).microphone);
  return checks.figures;
}
