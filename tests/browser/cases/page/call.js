// In the call: what two people do with each other, seen from both sides.
import { assertAccessible } from '../../harness/axe.js';
import { Checks } from '../../harness/checks.js';
import { choose, count, has, LAPTOP, openWide, press, select, state, textOf, videosReceived } from '../../harness/pages.js';
import { sleep, until } from '../../harness/shell.js';
import { tokenFor } from '../../harness/token.js';
import { recording } from './recording.js';

export async function inCall(context) {
  const checks = new Checks();
  const join = (id, name) => {
    const token = tokenFor(context.room, id === 1 ? ['publish', 'subscribe', 'administer'] : ['publish', 'subscribe']);
    return openWide(context, 'chromium', { id }, `/r/${context.room}?name=${name}&autojoin=1&token=${token}`);
  };
  const [ada, ben] = [await join(1, 'Ada'), await join(2, 'Ben')];
  for (const page of [ada, ben]) {
    // On a machine that is busy with much else pages alone take long.
    await until('both see each other', () => has(page, '#stage .tile.live:not(.self)'), { timeoutMs: 60_000 });
  }
  await marks(checks, ada, ben);
  await chat(checks, ada, ben);
  await views(checks, ada, ben);
  await choices(checks, ada);
  await keys(checks, ada);
  await devices(checks, ada, ben);
  await turnAround(checks, ada);
  await inside(checks, ada);
  await quality(checks, ada);
  await soundOnly(checks, ada);
  await recording(context, checks, ada, ben);
  await moderation(checks, ada, ben);
  return checks.figures;
}

const OTHER = '#stage .tile:not(.self):not(.screen)';

async function marks(checks, ada, ben) {
  await assertAccessible(checks, ada, 'call');
  await checks.soon('who is heard has a ring', () => has(ada, `${OTHER}.speaking`));
  await ben.click('[data-device=microphone]');
  await checks.soon('a muted microphone is seen', () => has(ada, `${OTHER}.muted .mic-mark`));
  await ben.click('[data-device=camera]');
  await checks.soon('without a camera there are initials', async () => !(await has(ada, `${OTHER}.live`)) && (await textOf(ada, `${OTHER} .avatar`)) === 'B');
  const label = await ada.evaluate((selector) => document.querySelector(selector).getAttribute('aria-label'), OTHER);
  checks.that('a screen reader is told the same', label === 'Ben, microphone off, camera off', label);
  await ben.click('[data-device=microphone]');
  await ben.click('[data-device=camera]');
  await checks.soon('both are back', async () => (await has(ada, `${OTHER}.live:not(.muted)`)));
  await ben.click('#hand');
  await checks.soon('a raised hand is seen', () => has(ada, `${OTHER}.hand .raised`));
  await checks.soon('and said', async () => (await textOf(ada, '#voice')).includes('Ben raised a hand'));
  await ben.click('#hand');
  await checks.soon('and lowered', async () => !(await has(ada, `${OTHER}.hand`)));
}

async function chat(checks, ada, ben) {
  await press(ben, 'Chat', '.tools');
  await ben.type('.write textarea', 'See https://example.org/notes.');
  await ben.keyboard.press('Enter');
  await checks.soon('what was written is counted where the chat is closed', async () => (await textOf(ada, '.tools .count')) === '1');
  await press(ada, 'Chat', '.tools');
  await checks.soon('and read, with its link', async () => (await ada.evaluate(() => document.querySelector('.lines a')?.href)) === 'https://example.org/notes');
  checks.that('an open chat has nothing unread', !(await has(ada, '.tools .count')));
  await ada.type('.write textarea', 'I will.');
  await press(ada, 'Send');
  await checks.soon('the answer is there', async () => (await textOf(ben, '.lines')).includes('I will.'));
  await ada.type('.write textarea', 'm');
  checks.that('a letter written is no shortcut', (await state(ada)).microphone);
  await assertAccessible(checks, ada, 'chat');
  await ada.keyboard.press('Escape');
  await checks.soon('Escape closes the chat', async () => !(await has(ada, '.panel')));
  await press(ben, 'Close', '.panel');
}

// On the m-line of the first time: a browser keeps its SSRCs and names no RID any more.
export async function sharedAgain(checks, viewer, sharer, width = 1280) {
  const turn = () => sharer.evaluate(() => document.querySelector('#share').click());
  await turn();
  await checks.soon('a screen that is shared again is seen', () => has(viewer, '.tile.screen.large.live'), { timeoutMs: 15_000 });
  await checks.soon('in its full size', () => viewer.evaluate((width) => document.querySelector('.tile.screen video').videoWidth >= width, width), { timeoutMs: 15_000 });
  await turn();
  await checks.soon('and is gone again', async () => !(await has(viewer, '.tile.screen')));
}

// As a page of one's own would say it; the built-in one wants everybody.
async function choices(checks, ada) {
  await ada.evaluate(() => volley.room.unsubscribe({ participantIds: volley.room.participants.keys() }));
  await checks.soon('who is not wanted is not sent', async () => !(await has(ada, `${OTHER}.live`)), { timeoutMs: 10_000 });
  await ada.evaluate(() => volley.room.subscribe());
  await checks.soon('and is again when they are', () => has(ada, `${OTHER}.live`), { timeoutMs: 15_000 });
}

async function views(checks, ada, ben) {
  await press(ada, 'Pin Ben');
  await checks.soon('who is pinned is large', () => has(ada, `${OTHER}.large.pinned`));
  await press(ada, 'Unpin Ben');
  await checks.soon('and is not any more', async () => !(await has(ada, '.large')));
  await press(ada, 'Speaker view', '.tools');
  await checks.soon('who speaks is large in the speaker view', () => has(ada, `${OTHER}.large`));
  await press(ada, 'Grid view', '.tools');
  await ben.click('#share');
  await checks.soon('a shared screen is large, beside the camera', async () => (await has(ada, '.tile.screen.large.live')) && (await has(ada, `${OTHER}.live`)), { timeoutMs: 15_000 });
  await checks.soon('who shares sees it as a tile', () => has(ben, '.tile.self.screen.live:not(.large)'), { timeoutMs: 15_000 });
  await checks.soon('who shares is told so', async () => (await textOf(ben, '#notices')).includes('sharing your screen'));
  await assertAccessible(checks, ada, 'a shared screen');
  await ben.click('#share');
  await checks.soon('and is gone', async () => !(await has(ada, '.tile.screen')));
  await sharedAgain(checks, ada, ben);
  await press(ada, 'More', '#call');
  await assertAccessible(checks, ada, 'menu');
  await ada.keyboard.press('Escape');
  await checks.soon('Escape closes the menu, and gives the focus back', () => ada.evaluate(() => !document.querySelector('.popover') && document.activeElement.getAttribute('aria-label') === 'More'));
  await choose(ada, 'Picture in picture');
  await checks.soon('a picture leaves the page', () => ada.evaluate(() => document.pictureInPictureElement !== null));
  await ada.evaluate(() => document.exitPictureInPicture().catch(() => {}));
}

async function keys(checks, ada) {
  await ada.evaluate(() => document.activeElement.blur());
  await ada.keyboard.press('m');
  await checks.soon('M turns the microphone off', async () => !(await state(ada)).microphone);
  await ada.keyboard.press('m');
  await checks.soon('and on', async () => (await state(ada)).microphone);
  await ada.keyboard.press('h');
  await checks.soon('H raises the hand', async () => (await state(ada)).handRaised);
  await ada.keyboard.press('h');
  await ada.keyboard.press('f');
  await checks.soon('F fills the screen', () => ada.evaluate(() => document.fullscreenElement !== null));
  await ada.keyboard.press('f');
  await checks.soon('and leaves it', () => ada.evaluate(() => document.fullscreenElement === null));
  await ada.keyboard.press('?');
  await checks.soon('? lists them', async () => (await count(ada, 'dialog[open] kbd')) === 12);
  await assertAccessible(checks, ada, 'shortcuts');
  await ada.keyboard.press('Escape');
  // By keyboard alone: every button of the bar is reached, and what has the focus is seen.
  await ada.evaluate(() => document.querySelector('#call h1').focus());
  const reached = [];
  for (let step = 0; step < 22; step += 1) {
    await ada.keyboard.press('Tab');
    reached.push(await ada.evaluate(() => document.activeElement.id || document.activeElement.dataset.device || document.activeElement.getAttribute('aria-label')));
  }
  const missing = ['microphone', 'camera', 'share', 'hand', 'More', 'leave'].filter((one) => !reached.includes(one));
  checks.that('the keyboard reaches every button', missing.length === 0, { missing, reached });
}

async function devices(checks, ada, ben) {
  await choose(ada, 'Settings');
  await until('the settings', () => has(ada, 'dialog[open]'));
  const other = await ada.evaluate(() => [...document.querySelector('dialog select').options].at(-1).value);
  await select(ada, 'Microphone', other);
  await checks.soon('another microphone is asked for during the call', () => ada.evaluate((id) => volleyTest.source.asked.at(-1).audio.deviceId?.ideal === id, other));
  await checks.soon('and is on', async () => (await state(ada)).microphone);
  await ada.keyboard.press('Escape');
  const unplug = () => ada.evaluate(() => {
    const { track } = volley.pc.getSenders().find((sender) => sender.track?.kind === 'video');
    track.stop();
    track.dispatchEvent(new Event('ended'));
  });
  await unplug();
  await checks.soon('a camera that is unplugged is replaced by another', async () => (await state(ada)).camera);
  await ada.evaluate(() => (volleyTest.config.refuses = { name: 'NotFoundError', only: 'video' }));
  await unplug();
  await checks.soon('where there is none, that is said', async () => (await textOf(ada, '#notices')).includes('camera was disconnected'));
  await ada.evaluate(() => {
    delete volleyTest.config.refuses;
    navigator.mediaDevices.dispatchEvent(new Event('devicechange'));
  });
  await checks.soon('and plugged in it is used by itself', async () => (await state(ada)).camera && !(await textOf(ada, '#notices')).includes('disconnected'));
  await checks.soon('the other one sees it again', () => has(ben, `${OTHER}.live`));
}

// On a phone, which has a camera on either side.
async function turnAround(checks, ada) {
  await ada.evaluate(() => {
    globalThis.realDevices = navigator.mediaDevices.enumerateDevices;
    const cameras = ['front', 'back'].map((deviceId) => ({ kind: 'videoinput', deviceId, label: deviceId, groupId: '' }));
    navigator.mediaDevices.enumerateDevices = async () => cameras;
    navigator.mediaDevices.dispatchEvent(new Event('devicechange'));
  });
  await ada.setViewport({ ...LAPTOP, width: 400 });
  await choose(ada, 'Use another camera');
  const asked = () => ada.evaluate(() => volleyTest.source.asked.at(-1).video?.deviceId?.ideal);
  await checks.soon('a phone turns its camera around', async () => ['front', 'back'].includes(await asked()) && (await state(ada)).camera);
  await ada.evaluate(() => {
    navigator.mediaDevices.enumerateDevices = globalThis.realDevices;
    navigator.mediaDevices.dispatchEvent(new Event('devicechange'));
  });
  await ada.setViewport(LAPTOP);
}

async function inside(checks, ada) {
  await choose(ada, 'Look inside');
  await checks.soon('the inside has moving plots', () => ada.evaluate(() => [...document.querySelectorAll('figure.plot')].length === 5 && document.querySelector('.plot .line').getAttribute('d').includes('L')));
  await checks.soon('and one of each track', () => ada.evaluate(() => {
    const tracks = [...document.querySelectorAll('.inside .over-time')];
    return tracks.length >= 3 && tracks.every((track) => track.querySelector('.line').getAttribute('d').includes('L'));
  }));
  await checks.soon('what arrives and what is sent is told track by track', async () => (await textOf(ada, '.inside')).includes('Ben') && (await count(ada, '.inside table')) === 2);
  await assertAccessible(checks, ada, 'inside');
  await ada.evaluate(() => {
    URL.createObjectURL = (blob) => {
      blob.text().then((text) => (globalThis.report = text));
      return 'blob:';
    };
    document.querySelector('#save-report').click();
  });
  await until('the report', () => ada.evaluate(() => Boolean(globalThis.report)));
  const report = JSON.parse(await ada.evaluate(() => globalThis.report));
  checks.that('a report has readings and what happened', report.readings.length > 0 && report.happenings.some(({ what }) => what === 'joined'), Object.keys(report));
  checks.that('and nobody’s name', !JSON.stringify(report).includes('Ben'));
  await press(ada, 'Close', '.panel');
}

// The highest layer that "low" may have (240 lines) is the lowest that is published.
async function quality(checks, ada) {
  await ada.evaluate(() => volley.room.on('quality', ({ quality, slot }) => slot == null && (globalThis.told = quality)));
  const linesSeen = () => ada.evaluate((selector) => document.querySelector(`${selector} video`).videoHeight, OTHER);
  await choose(ada, 'Settings');
  await until('the settings', () => has(ada, 'dialog[open]'));
  await select(ada, 'Others’ pictures', 'low');
  await checks.soon('the server hears which quality is wanted', () => ada.evaluate(() => globalThis.told === 'low'));
  await checks.soon('pictures are small then', async () => (await linesSeen()) <= 240, { timeoutMs: 15_000 });
  await select(ada, 'Others’ pictures', 'auto');
  await checks.soon('and may be large again', () => ada.evaluate(() => globalThis.told === 'auto'));
  await ada.keyboard.press('Escape');
}

async function soundOnly(checks, ada) {
  await choose(ada, 'Sound only');
  await checks.soon('sound only is said', async () => (await textOf(ada, '#notices')).includes('Sound only'));
  await checks.soon('the own camera is off', async () => !(await state(ada)).camera);
  await sleep(1500);
  const videos = await videosReceived(ada, 1500);
  checks.that('no picture is received', videos.length === 0, videos);
  await ada.evaluate(() => [...document.querySelectorAll('.notice button')].find((one) => one.textContent === 'Show pictures').click());
  await checks.soon('and pictures come back', async () => (await videosReceived(ada, 1000)).length === 1, { timeoutMs: 15_000 });
}

async function moderation(checks, ada, ben) {
  await press(ada, 'People', '.tools');
  await checks.soon('everybody is listed', async () => (await count(ada, '.people li')) === 2);
  await press(ben, 'People', '.tools');
  await checks.soon('whoever does not run the room has no button for that', async () => (await count(ben, '.people li')) === 2 && !(await has(ben, '[aria-label="Remove Ada"]')));
  await assertAccessible(checks, ada, 'people');
  await press(ada, 'Mute Ben');
  await checks.soon('who runs the room mutes somebody', async () => !(await state(ben)).microphone);
  await checks.soon('who is told so', async () => (await textOf(ben, '#notices')).includes('microphone off'));
  await press(ada, 'Remove Ben');
  await checks.soon('they are asked before they take somebody out', () => has(ada, '.sure'));
  await ada.evaluate(() => document.querySelector('.sure .danger').click());
  await checks.soon('who was taken out is told so', async () => (await textOf(ben, '#lobby')).includes('You were taken out of this room.'));
  await assertAccessible(checks, ben, 'taken out');
}
