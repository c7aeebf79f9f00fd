// Before the call: what is loaded and how soon it is there, the mirror, the devices, and each thing that can be
// in the way, said in a sentence with the way out.
import { assertAccessible } from '../../harness/axe.js';
import { Checks } from '../../harness/checks.js';
import { SERVER_ADDRESS } from '../../harness/network.js';
import { enter, has, openWide, ORIGIN, press, select, state, textOf } from '../../harness/pages.js';

const MOST_BYTES = 150_000;
const PROBLEMS = {
  NotAllowedError: 'Allow it in the address bar',
  NotFoundError: 'was found. Plug one in',
  NotReadableError: 'Another program is using your microphone and camera',
};

export async function inLobby(context) {
  const checks = new Checks();
  const page = await openWide(context, 'chromium', { id: 1 }, '/');
  const load = await firstLoad(page, checks, context.limits);
  await mirror(page, checks);
  await form(page, checks);
  await settings(page, checks);
  await assertAccessible(checks, page, 'lobby');
  await problems(context, checks);
  await page.close();
  return { ...load, ...checks.figures };
}

async function firstLoad(page, checks, { mostInteractiveMs }) {
  const asked = [];
  page.on('request', (request) => asked.push(request.url()));
  const cdp = await page.createCDPSession();
  await cdp.send('Network.enable');
  // What came over the line, heads included.
  let bytes = 0;
  cdp.on('Network.loadingFinished', ({ encodedDataLength }) => (bytes += encodedDataLength));
  await page.setCacheEnabled(false);
  await page.reload({ waitUntil: 'networkidle0' });
  await cdp.detach();
  const interactiveMs = await page.evaluate(() => Math.round(performance.getEntriesByName('volley-ready')[0]?.startTime ?? Infinity));
  const strangers = asked.filter((address) => !address.startsWith(`${ORIGIN}/`) && !/^(blob|data):/.test(address));
  checks.that('nothing is asked of anybody else', strangers.length === 0, strangers);
  checks.that(`the first load takes at most ${MOST_BYTES} bytes of the line`, bytes > 0 && bytes <= MOST_BYTES, bytes);
  checks.that(`the lobby can be used within ${mostInteractiveMs} ms`, interactiveMs <= mostInteractiveMs, interactiveMs);
  return { firstLoadBytes: bytes, requests: asked.length, interactiveMs };
}

async function mirror(page, checks) {
  await checks.soon('the camera is seen before the call', () => page.evaluate(() => document.querySelector('.preview video').videoWidth > 0));
  await checks.soon('the microphone moves its meter', () => page.evaluate(() => Number(document.querySelector('.level').style.getPropertyValue('--level')) > 0.1));
  const kinds = await page.evaluate(() => [...document.querySelectorAll('.pickers select')].map(({ length }) => length));
  checks.that('microphone, camera and speaker can be chosen', kinds.length >= 3 && kinds.every((options) => options > 0), kinds);
  await page.click('[data-device=camera]');
  await checks.soon('a camera that is off shows no picture, and says so', async () => (await textOf(page, '.hint')).includes('camera is off'));
  await page.click('[data-device=microphone]');
  checks.that('both are off', await page.evaluate(() => [...document.querySelectorAll('[data-device]')].every((one) => one.getAttribute('aria-pressed') === 'false')));
}

async function form(page, checks) {
  const roomOf = () => page.evaluate(() => document.querySelector('#room').value);
  const before = await roomOf();
  checks.that('a fresh room has a readable name', /^[a-z]+-[a-z]+-\w{4}$/.test(before), before);
  await press(page, 'Propose another room');
  checks.that('another room is proposed', (await roomOf()) !== before);
  await enter(page, 'Ada Lovelace');
  const { microphone, camera } = await state(page);
  checks.that('who joins muted and without camera is', !microphone && !camera, { microphone, camera });
  checks.that('the address is the room’s link', page.url().endsWith(`/r/${(await state(page)).roomId}`), page.url());
  checks.that('the room’s name has the focus', await page.evaluate(() => document.activeElement.matches('#call h1')));
  await page.click('#leave');
  await checks.soon('leaving leads back to the lobby', () => has(page, '#lobby'));
  checks.that('the name is remembered', (await page.evaluate(() => document.querySelector('#name').value)) === 'Ada Lovelace');
}

async function settings(page, checks) {
  await press(page, 'Settings');
  await checks.soon('the settings open', () => has(page, 'dialog[open]'));
  await assertAccessible(checks, page, 'settings');
  await select(page, 'Appearance', 'light');
  await checks.soon('it turns light', () => has(page, 'html[data-theme=light]'));
  await assertAccessible(checks, page, 'settings in light');
  await select(page, 'Appearance', 'dark');
  await checks.soon('it turns dark', () => has(page, 'html[data-theme=dark]'));
  await select(page, 'Language', 'de');
  await checks.soon('it speaks German', async () => (await textOf(page, 'dialog h2')) === 'Einstellungen' && (await has(page, 'html[lang=de]')));
  await select(page, 'Sprache', 'en');
  await page.keyboard.press('Escape');
  await checks.soon('Escape closes them', async () => !(await has(page, 'dialog')));
}

async function problems(context, checks) {
  for (const [name, words] of Object.entries(PROBLEMS)) {
    const page = await context.open('chromium', { id: 2, refuses: { name } }, `${ORIGIN}/`);
    await checks.soon(`${name} is explained`, async () => (await textOf(page, '#notices')).includes(words));
    if (name === 'NotAllowedError') await assertAccessible(checks, page, 'a refused permission');
    await page.evaluate(() => {
      delete volleyTest.config.refuses;
      [...document.querySelectorAll('.notice button')].find((one) => one.textContent === 'Try again').click();
    });
    await checks.soon(`after ${name} trying again brings the camera and takes the notice away`, async () => (await state(page)).camera && (await state(page)).notices.length === 0);
    await page.close();
  }
  const insecure = await context.open('chromium', { id: 2 }, `http://${SERVER_ADDRESS}:8080/`);
  await checks.soon('plain HTTP from elsewhere is explained', async () => (await textOf(insecure, '#notices')).includes('https://'));
  await insecure.close();
}
