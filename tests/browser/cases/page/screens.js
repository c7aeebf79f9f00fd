// Every screen of the page as a picture, for people to look at: with drawn faces in the tiles, in both
// themes, on a laptop and on a phone held both ways, and with everything that can go wrong. What axe finds
// wrong with one fails the case.
import fs from 'node:fs';
import path from 'node:path';
import { assertAccessible } from '../../harness/axe.js';
import { Checks } from '../../harness/checks.js';
import { Company } from '../../harness/company.js';
import { choose, count, has, LAPTOP, ORIGIN, press, textOf } from '../../harness/pages.js';
import { log, sleep, until } from '../../harness/shell.js';
import { errorStates } from './errors.js';

const PHONE = { width: 390, height: 844, deviceScaleFactor: 2, isMobile: true, hasTouch: true };
const SIDEWAYS = { ...PHONE, width: 844, height: 390, isLandscape: true };
const SETTLES_MS = 900;

export async function photograph(context) {
  const album = new Album(context);
  await lobby(album);
  await problems(album);
  await alone(album);
  await sealed(album);
  const company = await Company.open(context, context.room);
  await few(album, company);
  await crowds(album, company);
  return { pictures: album.taken.length, folder: album.folder, failures: album.checks.failures };
}

// A machine that draws 49 pictures takes longer for a change than the style says. What moves for ever does not count.
function isAtRest() {
  const isUnderWay = (animation) => animation.playState === 'running' && animation.effect.getComputedTiming().endTime !== Infinity;
  return !document.getAnimations().some(isUnderWay);
}

class Album {
  taken = [];
  checks = new Checks();

  constructor(context) {
    this.context = context;
    this.folder = context.screens;
    fs.mkdirSync(this.folder, { recursive: true });
  }

  // `dark` where not said otherwise.
  async open(where, { size = LAPTOP, dark = true, address, ...config } = {}) {
    const page = await this.context.open('chromium', { id: 1, portrait: 'Vera Rubin', ...config });
    await page.setViewport(size);
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }]);
    await page.goto(address ?? `${ORIGIN}${where}`);
    return page;
  }

  async take(page, name) {
    await sleep(SETTLES_MS);
    await until('changes of colour and place are over', () => page.evaluate(isAtRest));
    const file = path.join(this.folder, `${name}.png`);
    await page.screenshot({ path: file });
    this.taken.push(name);
    log(`took ${name}`);
    const known = this.checks.failures.length;
    await assertAccessible(this.checks, page, name);
    this.checks.failures.slice(known).forEach((text) => log(text));
  }

  // The same screen in light and dark.
  async both(page, name) {
    await this.take(page, name);
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'light' }]);
    await this.take(page, `${name}-light`);
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }]);
  }
}

async function lobby(album) {
  const page = await album.open('/r/clear-maple-w4kt');
  await until('the mirror', () => page.evaluate(() => document.querySelector('.preview video')?.videoWidth > 0));
  await page.type('#name', 'Vera Rubin');
  await album.both(page, 'lobby');
  await press(page, 'Settings');
  await album.both(page, 'settings');
  await page.keyboard.press('Escape');
  await page.click('[data-device=camera]');
  await page.click('[data-device=microphone]');
  await album.take(page, 'lobby-camera-off');
  await page.setViewport(PHONE);
  await until('the lobby', () => has(page, '#name'));
  await page.type('#name', 'Vera Rubin');
  await album.both(page, 'lobby-phone');
  await page.setViewport(SIDEWAYS);
  await album.take(page, 'lobby-phone-sideways');
  await page.close();
}

async function problems(album) {
  const open = (address, config) => album.open(address, { ...config, address });
  for await (const { name, page, says } of errorStates(album.context.room, open)) {
    await until(`${name} is said`, async () => (await textOf(page, '#page')).includes(says));
    await album.both(page, `error-${name}`);
    if (name !== 'refused') continue;
    await page.setViewport(PHONE);
    await album.take(page, 'error-refused-phone');
  }
}

async function alone(album) {
  const page = await album.open('/r/alone?name=Vera%20Rubin&autojoin=1');
  await until('the call', () => has(page, '#stage .tile.live'));
  await album.both(page, 'call-1');
  await page.setViewport(PHONE);
  await album.take(page, 'call-1-phone');
  await page.close();
}

// The shield and its code, also beside what is wrong.
async function sealed(album) {
  const page = await album.open('/r/sealed?name=Vera%20Rubin&autojoin=1#e2ee=7k3mq0x9vbd2t5w8yz1h4n6jrc');
  for (const [size, name] of [[LAPTOP, 'shield'], [PHONE, 'shield-phone'], [SIDEWAYS, 'shield-phone-sideways']]) {
    await page.setViewport(size);
    await until('the call', () => has(page, '#stage .tile.live'), { timeoutMs: 15_000 });
    await page.evaluate(() => window.dispatchEvent(new Event('offline')));
    await album.take(page, `${name}-notice`);
    await page.click('.shield .opener');
    await album.both(page, name);
    await page.keyboard.press('Escape');
  }
  await page.close();
}

async function few(album, company) {
  await company.grow(1);
  const page = await album.open(`/r/${company.room}?name=Vera%20Rubin&autojoin=1`);
  await seen(page, 2);
  await album.both(page, 'call-2');
  await company.grow(4);
  await seen(page, 5);
  await company.do('hand', 'Grace Hopper', true);
  await album.both(page, 'call-5');
  await choose(page, 'Speaker view');
  await album.take(page, 'speaker-view');
  await choose(page, 'Grid view');
  await conversation(page, company);
  await album.both(page, 'chat');
  await press(page, 'People', '.tools');
  await album.both(page, 'people');
  await choose(page, 'Look inside');
  await sleep(12_000);
  await album.both(page, 'inside');
  await press(page, 'Close', '.panel');
  await press(page, 'More', '#call');
  await album.take(page, 'menu');
  await page.keyboard.press('Escape');
  await page.keyboard.press('?');
  await album.take(page, 'shortcuts');
  await page.keyboard.press('Escape');
  await recordings(album, page, company);
  await company.do('share', 'Ada Lovelace');
  await until('the screen', () => has(page, '.tile.screen.live'), { timeoutMs: 15_000 });
  await album.both(page, 'screen-share');
  await phones(album, page, 'screen-share', () => has(page, '.tile.screen.live'));
  await company.do('stopSharing', 'Ada Lovelace');
  await until('no screen', async () => !(await has(page, '.tile.screen')));
  await page.click('#share');
  await until('the own screen', () => has(page, '.tile.self.screen.live'), { timeoutMs: 15_000 });
  await album.both(page, 'screen-own');
  await page.click('#share');
  await phones(album, page, 'call-5', async () => (await count(page, '#stage .tile.live')) === 5);
  // Between a laptop and a phone a page is loaded anew.
  await page.setViewport(PHONE);
  await seen(page, 5);
  await press(page, 'More', '#call');
  await album.take(page, 'menu-phone');
  await page.keyboard.press('Escape');
  await conversation(page, company, '.bar');
  await album.both(page, 'chat-phone');
  await page.close();
}

async function recordings(album, page, company) {
  const recording = (what) => fetch(`${ORIGIN}/api/rooms/${company.room}/recording/${what}`, { method: 'POST' });
  await recording('start');
  await until('the mark', () => has(page, '.recording'));
  await album.both(page, 'recording-asked');
  await page.evaluate(() => [...document.querySelectorAll('.notice button')].find((one) => one.textContent === 'Stay').click());
  await sleep(4000);
  await recording('stop');
  await choose(page, 'Recordings');
  await until('the list', async () => (await count(page, '.recording-files li')) >= 4, { timeoutMs: 20_000 });
  await press(page, 'Play Ada Lovelace', '.recordings');
  await until('it plays', () => page.evaluate(() => document.querySelector('.player')?.currentTime > 1));
  await album.both(page, 'recordings');
  await press(page, 'Close', '.panel');
  await recording('start');
  await until('the mark', () => has(page, '.recording'));
  await page.evaluate(() => [...document.querySelectorAll('.notice button')].find((one) => one.textContent === 'Stay').click());
}

async function conversation(page, company, within = '.tools') {
  await press(page, 'Chat', within);
  await company.do('chat', 'Ada Lovelace', 'Good morning! The notes are at https://example.org/notes');
  await sleep(300);
  await company.do('chat', 'Grace Hopper', 'Thank you, Ada.');
  await company.do('chat', 'Grace Hopper', 'I have found the bug, by the way. It was a moth.');
  await page.type('.write textarea', 'Then we can begin.');
  await page.keyboard.press('Enter');
}

async function phones(album, page, name, ready) {
  for (const [size, how] of [[PHONE, 'phone'], [SIDEWAYS, 'phone-sideways']]) {
    await page.setViewport(size);
    await until('the call', ready);
    await sleep(1500);
    await album.take(page, `${name}-${how}`);
  }
  await page.setViewport(LAPTOP);
  await until('the call', ready);
}

async function crowds(album, company) {
  const page = await album.open(`/r/${company.room}?name=Vera%20Rubin&autojoin=1`);
  for (const people of [9, 25, 49]) {
    await company.grow(people - 1);
    await seen(page, people);
    await sleep(people > 9 ? 8000 : 2000);
    await album.both(page, `call-${people}`);
  }
  await page.setViewport(PHONE);
  await until('pictures', async () => (await count(page, '#stage .tile.live')) >= 12, { timeoutMs: 60_000, everyMs: 500 }).catch(() => log('not all show a picture'));
  await album.take(page, 'call-49-phone');
  await page.setViewport(LAPTOP);
  await until('the call', () => has(page, '#stage .tile'));
  await choose(page, 'Speaker view');
  await until('pictures', async () => (await count(page, '#stage .tile.live')) >= 24, { timeoutMs: 60_000, everyMs: 500 }).catch(() => log('not all show a picture'));
  await album.take(page, 'speaker-view-49');
  await page.close();
}

// All tiles are there, and show what they can.
async function seen(page, people) {
  await until(`${people} tiles`, async () => (await count(page, '#stage .tile')) === people, { timeoutMs: 30_000 });
  const withCamera = people - Math.floor((people + 3) / 11);
  await until('pictures', async () => (await count(page, '#stage .tile.live')) >= withCamera, { timeoutMs: 45_000, everyMs: 500 }).catch(() => log(`not all of ${people} show a picture`));
}
