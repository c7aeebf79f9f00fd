// A recorder on another machine: the browsers' namespace, which the server reaches over the wire alone. It is killed in
// mid-recording and comes back; the call does not notice, the recording goes on, and REST tells of all of it.
import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { receiving } from '../harness/calls.js';
import { BROWSER_ADDRESS } from '../harness/network.js';
import { api, join } from '../harness/room.js';
import { sleep, until } from '../harness/shell.js';
import { counted, pictures } from '../measure/recorded.js';
import { complete } from './record.js';

const FOLDER = path.join('/tmp', `volley-offload-${randomUUID()}`);
const SECRET_FILE = `${FOLDER}.secret`;
const SECRET = createHash('sha256').update(FOLDER).digest('hex');
const PLACE = `${BROWSER_ADDRESS}:9300`;
const PART_MS = 5000;
// The media host calls again after ten seconds at most.
const BACK_WITHIN_MS = 30_000;

export const name = 'record-offload';
export const about = 'a recorder on another machine, killed in mid-recording: the call goes on, and so does the recording, in new files';
export const needsServer = true;
export const environment = {
  VOLLEY_RECORDING__PATH: '/nowhere',
  VOLLEY_RECORDING__OFFLOAD: PLACE, VOLLEY_RECORDING__OFFLOAD_SECRET_FILE: SECRET_FILE,
};
// The server does not start without the file.
export const launcher = ['sh', '-c', `printf %s ${SECRET} > ${SECRET_FILE} && exec "$@"`, 'sh'];
export const cases = [{ name: 'record-offload', run: offloaded }];

const post = (address) => api(address, { method: 'POST' });

class Recorder {
  constructor() {
    const words = ['recorder', '--listen', PLACE, '--secret-file', SECRET_FILE];
    const env = { ...process.env, VOLLEY_RECORDING__PATH: FOLDER };
    this.process = spawn(process.env.VOLLEY_BIN, words, { env, stdio: ['ignore', 'inherit', 'inherit'] });
    this.ended = new Promise((done) => this.process.once('exit', (code, signal) => done(code ?? signal)));
  }

  end(signal) {
    this.process.kill(signal);
    return this.ended;
  }
}

async function offloaded(context) {
  const { room } = context;
  let recorder = new Recorder();
  context.onClose(async () => {
    await recorder.end('SIGKILL');
    for (const one of [FOLDER, SECRET_FILE]) fs.rmSync(one, { recursive: true, force: true });
  });
  const one = await join(context, 'chromium', 1, room);
  const two = await join(context, 'chromium', 2, room);
  await receiving(one.page, 'call', 2);
  await receiving(two.page, 'call', 1);
  const { body } = await post(`/api/rooms/${room}/recording/start`);
  const progress = async () => (await api(`/api/rooms/${room}/recording`)).body;
  await until('something is recorded', async () => (await progress()).bytes > 100_000, { timeoutMs: BACK_WITHIN_MS });
  await sleep(PART_MS);
  await recorder.end('SIGKILL');
  const failing = await until('it is said that nothing is recorded', async () => (await progress()).failure, { timeoutMs: BACK_WITHIN_MS });
  const before = (await progress()).files;
  const away = await api(`/api/rooms/${room}/recordings`);
  recorder = new Recorder();
  await until('it goes on in new files', async () => {
    const { failure, files } = await progress();
    return !failure && files > before;
  }, { timeoutMs: BACK_WITHIN_MS });
  await sleep(PART_MS);
  for (const [{ page }, id] of [[one, 2], [two, 1]]) await receiving(page, 'call', id);
  await post(`/api/rooms/${room}/recording/stop`);
  const manifest = await complete(room, body.recordingId);
  const address = `/api/rooms/${room}/recordings/${manifest.recordingId}`;
  const files = await Promise.all(manifest.files.filter(({ video }) => video).map((file) => examine(manifest, file)));
  const fetched = await api(`${address}/files/${manifest.files[0].name}`);
  const removed = await api(address, { method: 'DELETE' });
  const left = fs.readdirSync(FOLDER).filter((entry) => entry.includes(manifest.recordingId));
  const stopped = await recorder.end('SIGTERM');
  return {
    files: files.length,
    framesDecoded: files.map(({ frames }) => frames),
    droppedPackets: manifest.droppedPackets,
    failures: [
      failing.includes(PLACE) || `of the recorder that is gone it is said: ${failing}`,
      away.status === 503 || `the list was answered with ${away.status} while the recorder was away`,
      manifest.interrupted || 'the manifest says of no interruption',
      manifest.droppedPackets > 0 || 'what was sent meanwhile is not counted',
      files.length >= 4 || `${files.length} files of two people, before and after`,
      files.every(({ read }) => read > 20) || `too few pictures: ${JSON.stringify(files)}`,
      ...files.flatMap(({ failures }) => failures),
      fetched.status === 410 && fetched.body.code === 'file-elsewhere' || `a file was answered with ${fetched.status}`,
      removed.status === 204 || `removing was answered with ${removed.status}`,
      left.length === 0 || `there is still ${left}`,
      stopped === 0 || `the recorder ended with ${stopped}`,
    ].filter((failure) => failure !== true),
  };
}

async function examine(manifest, { name: file, sha256, video }) {
  const place = path.join(FOLDER, manifest.recordingId, file);
  const all = await pictures(place);
  const failures = [];
  if (createHash('sha256').update(fs.readFileSync(place)).digest('hex') !== sha256) failures.push(`${file}: another checksum`);
  if (all.length !== video.frames) failures.push(`${file}: ${all.length} pictures decoded of ${video.frames}`);
  return { frames: all.length, read: counted(all).read, failures };
}
