// Recording as people have it in the page: begun and ended by one, seen by all, listed, played and deleted.
import fs from 'node:fs';
import path from 'node:path';
import { assertAccessible } from '../../harness/axe.js';
import { choose, count, has, openWide, press, textOf } from '../../harness/pages.js';
import { sleep } from '../../harness/shell.js';

// In a process namespace of its own every run has the same number.
export const FOLDER = path.join('/tmp', `volley-page-recordings-${Date.now()}`);
export const recordingEnvironment = { VOLLEY_RECORDING__PATH: FOLDER };

// What is played has something to play.
const RECORDED_MS = 3000;

export async function recording(context, checks, ada, ben) {
  context.onClose(() => fs.rmSync(FOLDER, { recursive: true, force: true }));
  await begin(checks, ada, ben);
  await comingLate(context, checks);
  await sleep(RECORDED_MS);
  await ada.click('#record-stop');
  await checks.soon('the end is seen by all', async () => !(await has(ada, '.recording')) && !(await has(ben, '.recording')));
  await listed(checks, ada);
  await press(ada, 'Close', '.panel');
}

async function begin(checks, ada, ben) {
  await choose(ada, 'Recordings');
  await checks.soon('a room without recordings says so', async () => (await textOf(ada, '.recordings')).includes('Nothing has been recorded'));
  await ada.click('#record');
  await checks.soon('who records is told what the others are told', async () => (await textOf(ada, '.recordings .sure')).includes('Everybody here is told'));
  await assertAccessible(checks, ada, 'before recording');
  await ada.click('#record-start');
  for (const [page, who] of [[ada, 'who began it'], [ben, 'the other one']]) {
    await checks.soon(`${who} sees the mark`, async () => (await textOf(page, '.recording')).includes('Recording'));
  }
  await checks.soon('who did not begin it is asked', async () => (await textOf(ben, '#notices')).includes('Who stays agrees to that'));
  checks.that('who began it is not', !(await textOf(ada, '#notices')).includes('Who stays agrees'));
  await assertAccessible(checks, ben, 'asked whether to stay');
  await ben.evaluate(() => [...document.querySelectorAll('.notice button')].find((one) => one.textContent === 'Stay').click());
  await checks.soon('and asked no more', async () => !(await textOf(ben, '#notices')).includes('Who stays agrees'));
}

async function comingLate(context, checks) {
  const cleo = await openWide(context, 'chromium', { id: 3 }, `/r/${context.room}?name=Cleo&autojoin=1`);
  await checks.soon('who comes later is asked as well', async () => (await textOf(cleo, '#notices')).includes('Who stays agrees') && (await has(cleo, '.recording')));
  await cleo.evaluate(() => [...document.querySelectorAll('.notice button')].find((one) => one.textContent === 'Leave the call').click());
  await checks.soon('and may go', () => has(cleo, '#lobby'));
  await cleo.close();
}

async function listed(checks, ada) {
  await checks.soon('the recording is listed, with a file of each', async () => (await count(ada, '.recording-list > li')) === 1 && (await has(ada, '.recordings [aria-label="Play Ben"]')), { timeoutMs: 20_000 });
  await press(ada, 'Play Ben', '.recordings');
  await checks.soon('it plays', () => ada.evaluate(() => {
    const player = document.querySelector('.player');
    return player?.videoWidth > 0 && player.currentTime > 0.5;
  }), { timeoutMs: 10_000 });
  const seeks = await ada.evaluate(async () => {
    const player = document.querySelector('.player');
    const sought = new Promise((done) => player.addEventListener('seeked', done, { once: true }));
    player.currentTime = 2;
    await sought;
    return player.currentTime;
  });
  checks.that('and can be sought in', seeks >= 1.5, seeks);
  await assertAccessible(checks, ada, 'recordings');
  const fetched = await ada.evaluate(async () => {
    const { href, download } = document.querySelector('.recording-files a');
    const answer = await fetch(href, { headers: { range: 'bytes=0-99' } });
    return { status: answer.status, bytes: (await answer.arrayBuffer()).byteLength, download };
  });
  checks.that('it can be downloaded, in parts too', fetched.status === 206 && fetched.bytes === 100 && /\.(webm|mkv)$/.test(fetched.download), fetched);
  await flawed(checks, ada);
  await press(ada, 'Delete the recording', '.recordings');
  await ada.evaluate(() => document.querySelector('.recording-list .sure .danger').click());
  await checks.soon('and deleted', async () => (await count(ada, '.recording-list > li')) === 0, { timeoutMs: 10_000 });
}

// As a recording looks that lacks packets, and whose files are in a store alone.
async function flawed(checks, ada) {
  const [{ recordingId }] = await ada.evaluate(() => volley.room.recordings.list());
  const manifest = path.join(FOLDER, recordingId, 'manifest.json');
  const told = JSON.parse(fs.readFileSync(manifest, 'utf8'));
  const files = told.files.map((file) => ({ ...file, upload: { state: 'done', bytes: file.bytes, isLocal: false } }));
  fs.writeFileSync(manifest, JSON.stringify({ ...told, files, droppedPackets: 7 }));
  await press(ada, 'Close', '.panel');
  await choose(ada, 'Recordings');
  await checks.soon('what is missing in it is said', async () => (await textOf(ada, '.recording-list .flaws')).includes('7 packets are missing'));
  await press(ada, 'Play Ada', '.recordings');
  await checks.soon('a file in a store alone is not said to be unplayable', async () => (await textOf(ada, '.recording-files .problem')).includes('in the store that recordings go to'));
  await assertAccessible(checks, ada, 'a recording that lacks something');
}
