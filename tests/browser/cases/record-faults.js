// What a recording bears: the media process is killed, the disk is full for a while, and the store that recordings
// go to fails in every way.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { receiving, record } from '../harness/calls.js';
import { api, join } from '../harness/room.js';
import { sh, sleep, until } from '../harness/shell.js';
import { BUCKET, FaultyWay, ObjectStore, STORE_URL } from '../harness/store.js';
import { pictures, probe } from '../measure/recorded.js';
import { worst } from '../measure/receiver.js';
import { complete } from './record.js';

const FOLDER = path.join('/tmp', `volley-faults-${process.pid}`);
// In all other cases the store is away, which nobody may notice.
const STORE = {
  VOLLEY_RECORDING__S3_UPLOAD: 'true', VOLLEY_RECORDING__S3_ENDPOINT: STORE_URL, VOLLEY_RECORDING__S3_BUCKET: BUCKET,
  VOLLEY_RECORDING__S3_PREFIX: 'calls/', AWS_ACCESS_KEY_ID: 'volley', AWS_SECRET_ACCESS_KEY: 'volley',
};
// From its return until everything is there.
const STORED_WITHIN_MS = 60_000;
// A kill may cost so much of the end of a file.
const MOST_LOST_MS = 2000;

export const name = 'record-faults';
export const about = 'a recording bears kill -9 of the recorder and of the media process, a disk that is full for a while, and a store that fails (for 2 minutes without --seconds)';
export const needsServer = true;
// The middle layer, so that the disk is not full by itself.
export const environment = { VOLLEY_RECORDING__PATH: FOLDER, VOLLEY_RECORDING__VIDEO_BITRATE: '600000', ...STORE };
// A disk of eight megabytes, which the test sees by way of the process.
export const launcher = ['sh', '-c', `mkdir -p ${FOLDER} && mount -t tmpfs -o size=8m tmpfs ${FOLDER} && exec "$@"`, 'sh'];
export const cases = [{ name: 'record-killed', run: killed }, { name: 'record-disk-full', run: diskFull }, { name: 'record-store', run: storeFails }];

// The recordings' folder, as the server sees it.
const folder = (server) => path.join('/proc', server.child('recorder'), 'root', FOLDER);
const post = (address) => api(address, { method: 'POST' });
const filesOf = (manifest) => manifest.files.filter(({ video }) => video);

async function begin(context, wishes) {
  const { room } = context;
  const one = await join(context, 'chromium', 1, room);
  const two = await join(context, 'chromium', 2, room);
  await receiving(one.page, 'call', 2);
  await receiving(two.page, 'call', 1);
  const { body } = await api(`/api/rooms/${room}/recording/start`, { method: 'POST', ...(wishes && { body: JSON.stringify(wishes), headers: { 'content-type': 'application/json' } }) });
  await until('something is recorded', async () => (await api(`/api/rooms/${room}/recording`)).body.bytes > 100_000, { timeoutMs: 15_000 });
  return { one, two, recordingId: body.recordingId };
}

async function killed(context) {
  const { room, server } = context;
  const { one, two, recordingId } = await begin(context);
  await sleep(3000);
  const recorder = server.child('recorder');
  process.kill(Number(recorder), 'SIGKILL');
  const cutAt = Date.now();
  await until('another recorder', () => ![undefined, recorder].includes(server.child('recorder')));
  const cut = await playable(server, recordingId, cutAt);
  // It goes on in new files.
  const before = cut.files;
  await until('it goes on', () => manifestOf(server, recordingId).files.length > before, { timeoutMs: 15_000 });
  await sleep(2000);
  process.kill(Number(server.child('media')), 'SIGKILL');
  const diedAt = Date.now();
  const died = await playable(server, recordingId, diedAt);
  for (const [{ page }, id] of [[one, 2], [two, 1]]) await receiving(page, 'call', id);
  await sleep(4000);
  await post(`/api/rooms/${room}/recording/stop`);
  const manifest = await complete(room, recordingId);
  const incomplete = manifest.files.filter(({ isFinished, sha256 }) => !isFinished || !sha256).map(({ name: file }) => file);
  const whole = await Promise.all(filesOf(manifest).map(({ name: file }) => pictures(path.join(folder(server), recordingId, file))));
  const frames = filesOf(manifest).map(({ video }) => video.frames);
  const { status } = await api(`/api/rooms/${room}/recordings/${recordingId}`, { method: 'DELETE' });
  return {
    files: manifest.files.length,
    lostByRecorderMs: cut.lostMs,
    lostByMediaMs: died.lostMs,
    failures: [
      cut.lostMs <= MOST_LOST_MS || `after the recorder was killed ${cut.lostMs} ms were missing`,
      died.lostMs <= MOST_LOST_MS || `after the media process was killed ${died.lostMs} ms were missing`,
      manifest.interrupted || 'the manifest does not say that it was interrupted',
      status === 204 || `removing was answered with ${status}`,
      incomplete.length === 0 || `not complete: ${incomplete}`,
      whole.every((all, place) => all.length === frames[place]) || `${whole.map(({ length }) => length)} pictures decoded of ${frames}`,
    ].filter((failure) => failure !== true),
  };
}

const manifestOf = (server, recordingId) => JSON.parse(fs.readFileSync(path.join(folder(server), recordingId, 'manifest.json'), 'utf8'));

// How much of the end is missing in what lies on the disk now, before anybody has completed it.
async function playable(server, recordingId, until) {
  const manifest = manifestOf(server, recordingId);
  const newest = new Map(filesOf(manifest).map((file) => [file.participantId, file]));
  const lost = await Promise.all([...newest.values()].map(async ({ name: file, offsetMs }) => {
    const copy = path.join('/tmp', `volley-cut-${process.pid}-${file}`);
    fs.copyFileSync(path.join(folder(server), recordingId, file), copy);
    await probe(copy);
    const last = (await pictures(copy)).at(-1).time * 1000;
    fs.rmSync(copy);
    return until - (manifest.startedAt + offsetMs + last);
  }));
  return { files: manifest.files.length, lostMs: Math.round(Math.max(...lost)) };
}

async function diskFull(context) {
  const { room, server } = context;
  const { one, two, recordingId } = await begin(context);
  const filling = path.join(folder(server), 'filling');
  const figures = {};
  const received = await record([one.page, two.page], ['call'], 14, async () => {
    await sleep(2000);
    const filledAt = Date.now();
    fill(filling);
    const failing = () => until('it is marked as failed', async () => (await api(`/api/rooms/${room}/recording`)).body.failure, { timeoutMs: 10_000 });
    figures.reason = await failing();
    figures.markedMs = Date.now() - filledAt;
    const marks = () => Promise.all([one, two].map(({ page }) => page.evaluate(() => document.querySelector('.recording.failing') !== null)));
    figures.told = await until('both pages say so', async () => (await marks()).every(Boolean)).catch(() => false);
    fs.rmSync(filling);
    await until('it goes on', async () => !(await api(`/api/rooms/${room}/recording`)).body.failure, { timeoutMs: 10_000 });
    figures.toldAgain = await until('both pages say that it goes on', async () => !(await marks()).some(Boolean)).catch(() => false);
    await sleep(2000);
  });
  const call = worst([received(one.page, 'call', 2), received(two.page, 'call', 1)]);
  await post(`/api/rooms/${room}/recording/stop`);
  const manifest = await complete(room, recordingId);
  const later = manifest.files.filter(({ offsetMs, durationMs }) => offsetMs > 2000 && durationMs > 500);
  const whole = await Promise.all(filesOf(manifest).filter(({ durationMs }) => durationMs > 0).map(async (file) => {
    const all = await pictures(path.join(folder(server), recordingId, file.name));
    return all.length === file.video.frames || `${file.name}: ${all.length} pictures decoded of ${file.video.frames}`;
  }));
  return {
    markedMs: figures.markedMs,
    longestGapMs: call.longestGapMs,
    failures: [
      figures.markedMs <= 5000 || `it was marked as failed after ${figures.markedMs} ms`,
      figures.told || 'the pages do not say that it fails',
      figures.toldAgain || 'the pages do not say that it goes on',
      /space/i.test(figures.reason) || `the reason is ${figures.reason}`,
      call.longestGapMs <= context.limits.mostGapMs || `the call had a gap of ${call.longestGapMs} ms`,
      manifest.failures.length > 0 || 'the manifest tells of no failure',
      later.length > 0 || 'nothing was recorded afterwards',
      ...whole,
    ].filter((failure) => failure !== true),
  };
}

// Until there is no byte left.
function fill(file) {
  const descriptor = fs.openSync(file, 'w');
  try {
    for (let size = 1 << 20; size >= 1; size /= 16) {
      try {
        for (;;) fs.writeSync(descriptor, Buffer.alloc(size, 1));
      } catch (error) {
        if (error.code !== 'ENOSPC') throw error;
      }
    }
  } finally {
    fs.closeSync(descriptor);
  }
}

// Gone when the recording begins, then failing in three other ways, and the recorder is killed meanwhile.
async function storeFails(context) {
  const { room, server } = context;
  // Each failure lasts half a minute, and files are long enough for parts; in a short test they are short.
  const isShort = context.seconds < 60;
  const each = isShort ? 2000 : 30_000;
  sh(`nsenter -t ${server.child('recorder')} -m mount -o remount,size=256m ${FOLDER}`);
  const way = new FaultyWay();
  context.onClose(() => way.stop());
  const store = await ObjectStore.start();
  context.onClose(() => store.stop());
  const { one, two, recordingId } = await begin(context, isShort && { segmentSeconds: 2 });
  const figures = {};
  const received = await record([one.page, two.page], ['call'], (4 * each) / 1000 + 4, async () => {
    await sleep(each);
    process.kill(Number(server.child('recorder')), 'SIGKILL');
    for (const mode of ['unavailable', 'stalls', 'resets']) {
      await way.set(mode);
      await sleep(each);
    }
    figures.tried = way.requests;
    figures.during = (await api(`/api/rooms/${room}/recording`)).body.upload;
    await way.set('passes');
    figures.backAt = Date.now();
  });
  const call = worst([received(one.page, 'call', 2), received(two.page, 'call', 1)]);
  await post(`/api/rooms/${room}/recording/stop`);
  await complete(room, recordingId);
  const manifest = await until('all is in the store', async () => {
    const { body } = await api(`/api/rooms/${room}/recordings/${recordingId}`);
    return body.upload === 'done' && body;
  }, { timeoutMs: STORED_WITHIN_MS, everyMs: 200 });
  const storedMs = Date.now() - figures.backAt;
  const differing = await differences(store, manifest);
  await until('no upload is left', async () => (await store.uploads()) === 0, { timeoutMs: STORED_WITHIN_MS });
  const { status } = await api(`/api/rooms/${room}/recordings/${recordingId}`, { method: 'DELETE' });
  const gone = () => until('the store has nothing of it any more', async () => !(await store.objects()).some(({ key }) => key.includes(recordingId)), { timeoutMs: 20_000 });
  await gone();
  return {
    files: manifest.files.length,
    failedForMs: Math.round(4 * each),
    storedMs,
    longestGapMs: call.longestGapMs,
    failures: [
      figures.tried > 0 || 'the store was not tried while it failed',
      figures.during?.state !== 'done' || `while it failed the upload was ${JSON.stringify(figures.during)}`,
      storedMs <= STORED_WITHIN_MS || `everything was there ${storedMs} ms after its return`,
      // A short test is run where much else is: there a gap has many causes.
      isShort || call.longestGapMs <= context.limits.mostGapMs || `the call had a gap of ${call.longestGapMs} ms`,
      status === 204 || `removing was answered with ${status}`,
      ...differing,
    ].filter((failure) => failure !== true),
  };
}

// Of every file of a recording what is in the store, held against its manifest.
async function differences(store, manifest) {
  const each = manifest.files.map(async ({ name: file, bytes, sha256 }) => {
    const answer = await store.fetch(`calls/${manifest.recordingId}/${file}`);
    const content = Buffer.from(await answer.arrayBuffer());
    const sum = createHash('sha256').update(content).digest('hex');
    const type = answer.headers.get('content-type');
    if (!answer.ok || content.length !== bytes || sum !== sha256) return `${file}: ${answer.status}, ${content.length} of ${bytes} bytes`;
    return type === 'video/webm' || `${file} is ${type}`;
  });
  const stored = await (await store.fetch(`calls/${manifest.recordingId}/manifest.json`)).json();
  return [stored.files?.length === manifest.files.length || 'the manifest in the store tells of other files', ...await Promise.all(each)];
}
