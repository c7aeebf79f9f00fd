// Without a pointer: from the lobby into a call, through its panels, menus, questions and dialogs, and out again. What has
// the focus is seen, and after each step it is where one goes on from.
import { Checks } from '../../harness/checks.js';
import { has, openWide, state, textOf } from '../../harness/pages.js';
import { until } from '../../harness/shell.js';
import { tokenFor } from '../../harness/token.js';

// More than a page has places for the focus.
const MOST_STEPS = 60;
const INSIDE_STEPS = 25;

export async function byKeyboard(context) {
  const checks = new Checks();
  const token = tokenFor(context.room, ['publish', 'subscribe', 'record', 'administer']);
  const ada = new Keyboard(await openWide(context, 'chromium', { id: 1 }, `/r/${context.room}?token=${token}`), checks);
  await lobby(ada);
  // Not before: a browser remembers the name.
  const ben = await openWide(context, 'chromium', { id: 2 }, `/r/${context.room}?name=Ben&autojoin=1`);
  for (const page of [ada.page, ben]) await until('both see each other', () => has(page, '#stage .tile.live:not(.self)'), { timeoutMs: 60_000 });
  await tiles(ada);
  await chat(ada);
  await people(ada);
  await menu(ada);
  await recordings(ada);
  await dialogs(ada);
  await notices(ada);
  await ada.takes('leave');
  await ada.isOn('the lobby again', 'Join');
  checks.that('what has the focus is seen wherever it is', ada.unseen.size === 0, [...ada.unseen]);
  return checks.figures;
}

async function lobby(ada) {
  await ada.isOn('a fresh lobby', 'name');
  await ada.takes('Settings');
  await ada.keepsInside('the settings', 'dialog[open]');
  await ada.press('Escape');
  await ada.isOn('closed by Escape', 'Settings');
  await ada.press('Enter');
  await ada.isWithin('opened again', 'dialog[open]');
  await ada.takes('Close');
  await ada.isOn('closed by its button', 'Settings');
  await ada.goesTo('name');
  await ada.page.keyboard.type('Ada');
  await ada.press('Enter');
  await until('Ada is in the call', async () => (await state(ada.page)).phase === 'call', { timeoutMs: 20_000 });
  await ada.isWithin('the call', '#call h1');
}

async function tiles(ada) {
  await ada.takes('Pin Ben');
  await ada.checks.soon('a tile is pinned by keyboard', () => has(ada.page, '#stage .tile.pinned:not(.self)'));
  await ada.isOn('pinned', 'Unpin Ben');
  await ada.press('Enter');
  await ada.checks.soon('and freed', async () => !(await has(ada.page, '#stage .tile.pinned')));
}

async function chat(ada) {
  await ada.takes('Chat');
  await ada.isWithin('the chat', '.panel textarea');
  await ada.page.keyboard.type('By keyboard');
  await ada.press('Enter');
  await ada.checks.soon('what is written is sent', async () => (await textOf(ada.page, '.lines')).includes('By keyboard'));
  await ada.press('Escape');
  await ada.isOn('the chat closed', 'Chat');
}

async function people(ada) {
  await ada.takes('People');
  await ada.isWithin('the list of people', '.panel');
  await ada.takes('Remove Ben');
  await ada.isOn('asked whether to take somebody out', 'Cancel');
  await ada.press('Escape');
  await ada.isOn('not taken out', 'Remove Ben');
  await ada.press('Enter');
  await ada.isOn('asked again', 'Cancel');
  await ada.press('Enter');
  await ada.isOn('and not again', 'Remove Ben');
  await ada.takes('Close');
  await ada.isOn('the list closed', 'People, ');
}

async function menu(ada) {
  await ada.takes('Devices');
  await ada.isWithin('the choice of devices', '.popover select');
  await ada.press('Escape');
  await ada.isOn('the choice closed', 'Devices');
  await ada.chooses('Look inside');
  await ada.isWithin('the inside', '.panel');
  await ada.press('Escape');
  await ada.isOn('the inside closed', 'More');
}

async function recordings(ada) {
  await ada.chooses('Recordings');
  await ada.isWithin('the recordings', '.panel');
  await ada.takes('record');
  await ada.isOn('asked whether to record', 'Cancel');
  await ada.press('Escape');
  await ada.isOn('not recorded', 'record');
  await ada.press('Escape');
  await ada.isOn('the recordings closed', 'More');
}

async function dialogs(ada) {
  await ada.chooses('Keyboard shortcuts');
  await ada.keepsInside('the shortcuts', 'dialog[open]');
  await ada.press('Escape');
  await ada.isOn('the shortcuts closed', 'More');
  await ada.press('?');
  await ada.isWithin('the help sheet', 'dialog[open]');
  await ada.press('Escape');
  await ada.isOn('the help sheet closed', 'More');
  await ada.chooses('Settings');
  await ada.keepsInside('the settings in the call', 'dialog[open]');
  await ada.takes('Close');
  await ada.isOn('the settings closed', 'More');
}

async function notices(ada) {
  await ada.page.evaluate(() => window.dispatchEvent(new Event('offline')));
  await ada.takes('Dismiss');
  await ada.checks.soon('a notice is waved away', async () => !(await textOf(ada.page, '#notices')).includes('no network'));
}

// A person's hands on it, and what they notice.
class Keyboard {
  // Names of what had the focus and did not look like it.
  unseen = new Set();

  constructor(page, checks) {
    Object.assign(this, { page, checks });
  }

  async press(key) {
    await this.page.keyboard.press(key);
  }

  async goesTo(name) {
    for (let step = 0; step < MOST_STEPS; step += 1) {
      await this.press('Tab');
      const found = await this.page.evaluate(focused);
      if (found.isHidden) this.unseen.add(found.name);
      if (found.name.startsWith(name)) return;
    }
    throw new Error(`the keyboard does not reach ${name}`);
  }

  // Goes there and presses it.
  async takes(name) {
    await this.goesTo(name);
    await this.press('Enter');
  }

  // Of the menu behind the three dots, with its arrows.
  async chooses(entry) {
    if (!(await this.page.evaluate(focused)).name.startsWith('More')) await this.goesTo('More');
    await this.press('Enter');
    await until('the menu', () => this.page.evaluate(() => document.activeElement.matches('.menu .entry')), { timeoutMs: 5000 });
    for (let step = 0; step < INSIDE_STEPS && !(await this.page.evaluate(focused)).name.startsWith(entry); step += 1) await this.press('ArrowDown');
    await this.press('Enter');
  }

  isOn(when, name) {
    return this.#looks(when, `on ${name}`, async () => (await this.page.evaluate(focused)).name.startsWith(name));
  }

  isWithin(when, selector) {
    return this.#looks(when, `within ${selector}`, () => this.page.evaluate((selector) => document.activeElement.closest(selector) !== null, selector));
  }

  // However often one goes on; between its last place and its first lies the browser's own.
  async keepsInside(when, selector) {
    await this.isWithin(when, selector);
    const outside = [];
    for (let step = 0; step < INSIDE_STEPS; step += 1) {
      await this.press('Tab');
      const isInside = await this.page.evaluate((selector) => document.activeElement === document.body || document.activeElement.closest(selector) !== null, selector);
      if (!isInside) outside.push((await this.page.evaluate(focused)).name);
    }
    this.checks.that(`${when}: the focus stays inside`, outside.length === 0, outside);
  }

  async #looks(when, where, probe) {
    const isSo = await until(where, probe, { timeoutMs: 5000, everyMs: 50 }).then(() => true, () => false);
    this.checks.that(`${when}: the focus is ${where}`, isSo, isSo ? undefined : await this.page.evaluate(focused));
  }
}

// Runs in the page: what has the focus, and whether nobody would see that.
function focused() {
  const one = document.activeElement;
  const { width, height } = one.getBoundingClientRect();
  const name = one.id || one.dataset.device || one.getAttribute('aria-label') || one.textContent.trim() || one.tagName;
  return { name, isHidden: one !== document.body && (getComputedStyle(one).outlineStyle === 'none' || width === 0 || height === 0) };
}
