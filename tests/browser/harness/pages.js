// What a person does with the page, and what they see of it.
import { until } from './shell.js';

export const ORIGIN = 'http://localhost:8080';

// The tests' windows are those of a phone otherwise.
export const LAPTOP = { width: 1280, height: 760 };

// A page on a laptop.
export async function openWide(context, kind, config, where) {
  const page = await context.open(kind, config, `${ORIGIN}${where}`);
  await page.setViewport(LAPTOP);
  return page;
}

export const state = (page) => page.evaluate(() => volley.state());
export const has = (page, selector) => page.evaluate((selector) => document.querySelector(selector) !== null, selector);
export const textOf = (page, selector) => page.evaluate((selector) => document.querySelector(selector)?.textContent ?? '', selector);
export const count = (page, selector) => page.evaluate((selector) => document.querySelectorAll(selector).length, selector);

// As a person would, by its name.
export async function press(page, name, within = '') {
  const selector = `${within} button[aria-label^="${name}"]`.trim();
  await until(`the button ${name}`, () => has(page, selector), { timeoutMs: 5000 });
  await page.evaluate((selector) => document.querySelector(selector).click(), selector);
}

// Opens the menu behind the three dots and takes an entry.
export async function choose(page, entry) {
  await press(page, 'More', '#call');
  await until(`the entry ${entry}`, () => page.evaluate((entry) => {
    const found = [...document.querySelectorAll('.menu .entry')].find((one) => one.textContent.includes(entry));
    found?.click();
    return Boolean(found);
  }, entry), { timeoutMs: 5000 });
}

export async function select(page, label, value) {
  await page.evaluate((label, value) => {
    const { htmlFor } = [...document.querySelectorAll('label')].find((one) => one.textContent === label);
    const field = document.getElementById(htmlFor);
    field.value = value;
    field.dispatchEvent(new Event('change', { bubbles: true }));
  }, label, value);
}

// Joins from the lobby of an open page.
export async function enter(page, name) {
  await until('the lobby', () => has(page, '#name'));
  await page.evaluate(() => (document.querySelector('#name').value = ''));
  await page.type('#name', name);
  await page.evaluate(() => document.querySelector('#lobby form').requestSubmit());
  await until(`${name} is in the call`, async () => (await state(page)).phase === 'call');
}

// By way of the server or directly: which videos bring packets in so many milliseconds.
export function videosReceived(page, ms = 3000) {
  return page.evaluate(async (ms) => {
    const look = async () => {
      const all = [volley.pc, ...volley.room.directConnections.map(({ pc }) => pc)].filter(Boolean);
      const reports = await Promise.all(all.map(async (pc) => [...(await pc.getStats()).values()]));
      const videos = reports.flatMap((stats, place) => stats.filter(({ type, kind }) => type === 'inbound-rtp' && kind === 'video').map(({ mid, packetsReceived }) => [`${place}/${mid}`, packetsReceived]));
      return new Map(videos);
    };
    const before = await look();
    await new Promise((done) => setTimeout(done, ms));
    const after = await look();
    return [...after].filter(([mid, packets]) => packets - (before.get(mid) ?? 0) > 5).map(([mid]) => mid);
  }, ms);
}
