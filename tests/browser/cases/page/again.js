// What people switch off they switch on again: in a direct call, an encrypted one, and by Firefox.
import { Checks } from '../../harness/checks.js';
import { choose, count, has, press, state, textOf } from '../../harness/pages.js';
import { join, leave, makeRoom } from '../../harness/room.js';
import { until } from '../../harness/shell.js';
import { sharedAgain } from './call.js';

const OTHER = '#stage .tile:not(.self):not(.screen)';
const ROUNDS = 2;
const CALLS = [
  { what: 'directly', mode: 'auto', kind: 'chromium' },
  { what: 'by way of the server, a screen with its sound', mode: 'sfu', kind: 'chromium', hasSound: true },
  { what: 'encrypted', mode: 'sfu', kind: 'firefox', secret: 'correct-horse-battery-staple' },
];

export async function again(context) {
  const checks = new Checks();
  for (const { what, mode, kind, secret, hasSound = false } of CALLS) {
    const room = await makeRoom({ mode, e2ee: secret !== undefined });
    const one = await join(context, 'chromium', 1, room, { secret });
    const two = await join(context, kind, 2, room, { secret });
    for (const { page } of [one, two]) {
      await until('both see each other', () => has(page, `${OTHER}.live`), { timeoutMs: 60_000 });
      if (mode === 'auto') await until('they talk directly', async () => (await state(page)).direct.length === 1, { timeoutMs: 60_000 });
    }
    if (hasSound) for (const { page } of [one, two]) await page.evaluate(paintScreens);
    if (mode === 'auto') await looksInside(checks, one.page);
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [viewer, other] of [[one.page, two.page], [two.page, one.page]]) {
        await sharedAgain(checks, viewer, other, hasSound ? 640 : 1280);
        await offAndOn(checks, viewer, other);
      }
    }
    const { failures } = checks.figures;
    checks.that(`all of it ${what}`, failures.length === 0, failures);
    for (const person of [one, two]) await leave(person);
  }
  return checks.figures;
}

// Runs in the page: a painted screen that sounds, in place of the browser's, which has none in tests.
function paintScreens() {
  const screen = volleyTest.source.start();
  navigator.mediaDevices.getDisplayMedia = async () => new MediaStream([screen.video.track.clone(), screen.audio.track.clone()]);
}

// The statistics are those of the direct connection, where the server's has nothing to tell.
async function looksInside(checks, page) {
  await choose(page, 'Look inside');
  await checks.soon('the inside tells of a direct way, and what comes and goes by it', async () => {
    const text = await textOf(page, '.inside');
    return text.includes('irectly') && text.includes('Ben · ') && (await count(page, '.inside table')) === 2;
  });
  await press(page, 'Close', '.panel');
}

async function offAndOn(checks, viewer, other) {
  const turn = (device) => other.evaluate((device) => document.querySelector(`[data-device=${device}]`).click(), device);
  for (const device of ['camera', 'microphone']) await turn(device);
  await checks.soon('who has switched off both is neither seen nor heard', async () => (await has(viewer, `${OTHER}.muted`)) && !(await has(viewer, `${OTHER}.live`)), { timeoutMs: 15_000 });
  for (const device of ['camera', 'microphone']) await turn(device);
  await checks.soon('and is again', () => has(viewer, `${OTHER}.live.speaking:not(.muted)`), { timeoutMs: 15_000 });
}
