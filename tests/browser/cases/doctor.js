// `volley doctor` on a sound host, beside a running server, and on faults that are really there: each is found
// with what mends it. What cannot be made here is a test of the doctor's own.
import { execFile, execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import dgram from 'node:dgram';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import { Checks } from '../harness/checks.js';
import { startCoturn, TURN_URL } from '../harness/coturn.js';
import { BROWSER_ADDRESS, SERVER_ADDRESS, SERVER_SPACE } from '../harness/network.js';
import { log, sh } from '../harness/shell.js';
import { BUCKET, ObjectStore, STORE } from '../harness/store.js';

const SECRET = randomBytes(24).toString('hex');
const WITHOUT_IO_URING = new URL('../peers/without_io_uring.py', import.meta.url).pathname;
const FOLDER = '/run/tmp/doctor';
// Seconds from 1900 to 1970 (RFC 5905 §6).
const ERA = 2_208_988_800;
const relays = (secret) => JSON.stringify([{ urls: [TURN_URL], secret }, { urls: [`stun:${SERVER_ADDRESS}:3478`] }]);
// Ports that the server of this test does not have.
const ELSEWHERE = { VOLLEY_PORT: '0', VOLLEY_UDP_PORT: '0', VOLLEY_METRICS_PORT: '0' };
// Whoever else is busy on this machine is no fault of the doctor's.
const OF_THE_MACHINE = ['steal', 'cores-busy', 'cores-oversubscribed', 'cpu-throttled', 'disk-low'];
// io_uring_setup has this number on every architecture.
const ASKS_FOR_A_RING = 'import ctypes; assert ctypes.CDLL(None).syscall(425, 1, ctypes.create_string_buffer(120)) >= 0';

export const name = 'doctor';
export const about = 'volley doctor: nothing to say on a sound host, and each prepared fault found with its mend';
export const needsServer = true;
export const environment = { VOLLEY_WEBRTC__ICE_SERVERS: relays(SECRET) };
export const cases = [{ name: 'doctor', run: examine }];

async function examine(context) {
  const checks = new Checks();
  context.onClose(await startCoturn(SECRET));
  const [right, late] = [await timeServer(context, 0), await timeServer(context, 600)];
  fs.mkdirSync(`${FOLDER}/full`, { recursive: true });
  sh(`mount -t tmpfs -o size=64k tmpfs ${FOLDER}/full`);
  context.onClose(() => sh(`umount ${FOLDER}/full`, { optional: true }));
  const expired = certificate('expired', 0);
  const sound = { VOLLEY_WEBRTC__ICE_SERVERS: relays(SECRET) };
  const objects = await ObjectStore.start();
  context.onClose(() => objects.stop());
  const rings = hasRings();
  const notLookedAt = rings ? [] : ['io_uring, which this host gives to nobody: what is said of it on a host that does'];
  const tight = asNobodyInParticular(rings, notLookedAt);
  for (const one of notLookedAt) log(`NOT LOOKED AT: ${one}`);

  const well = await doctor({ environment: { ...sound, ...certificate('fresh', 90), ...storeAt(STORE, BUCKET), VOLLEY_TLS_PORT: '0' }, words: ['--ntp', right] });
  const alarms = well.findings.filter(({ level, check }) => ['error', 'warning'].includes(level) && !OF_THE_MACHINE.includes(check) && !(!rings && check.startsWith('uring-')));
  checks.that('a sound host with a running server gives no alarm', alarms.length === 0, alarms);

  const faults = [
    ['port-taken', 'or choose another: --port NUMBER', { environment: { VOLLEY_PORT: '3478' } }],
    ['turn-credentials', 'static-auth-secret', { environment: { VOLLEY_WEBRTC__ICE_SERVERS: relays('another') } }],
    ['announce-wrong', `--announce ${SERVER_ADDRESS}`, { environment: { ...sound, VOLLEY_ANNOUNCE: '10.77.0.9' } }],
    ['certificate-expired', '--acme-domains', { environment: expired }],
    ...(rings ? [['uring-seccomp', 'io_uring_setup', { launcher: ['python3', WITHOUT_IO_URING] }]] : []),
    ['disk-full', 'recording.path', { environment: { VOLLEY_RECORDING__PATH: `${FOLDER}/full` } }],
    ['clock-skew', 'chronyc makestep', { words: ['--ntp', late] }],
    ['s3-bucket-missing', 'aws s3 mb s3://nowhere', { environment: storeAt(STORE, 'nowhere') }],
    ['s3-credentials', 'AWS_SECRET_ACCESS_KEY', { environment: storeAt(await refusing(context, 'SignatureDoesNotMatch'), BUCKET) }],
    ['s3-clock', 'chronyc makestep', { environment: storeAt(await refusing(context, 'AccessDenied', 1200), BUCKET) }],
    ['config', 'config/', { environment: { VOLLEY_IO: 'pigeons' } }],
    ...tight,
  ];
  await Promise.all(faults.map(async ([check, mend, { environment = {}, ...more }]) => {
    const { findings, code } = await doctor({ environment: { ...ELSEWHERE, ...environment }, words: ['--ntp', right], ...more });
    const found = findings.find((one) => one.check === check);
    checks.that(`${check} is found, with what mends it`, found?.mend.includes(mend), findings);
    const expected = { error: 2, warning: 1 }[findings[0]?.level] ?? 0;
    checks.that(`${check}: the exit code is the worst level`, code === expected, code);
  }));
  return { ...checks.figures, ...(notLookedAt.length > 0 && { notLookedAt }) };
}

function hasRings() {
  try {
    execFileSync('python3', ['-c', ASKS_FOR_A_RING], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

// Recordings go there.
function storeAt(endpoint, bucket) {
  const recording = { PATH: FOLDER, S3_UPLOAD: 'true', S3_ENDPOINT: endpoint, S3_BUCKET: bucket };
  const named = Object.entries(recording).map(([key, value]) => [`VOLLEY_RECORDING__${key}`, value]);
  return { ...Object.fromEntries(named), AWS_ACCESS_KEY_ID: 'volley', AWS_SECRET_ACCESS_KEY: 'volley' };
}

// A store that says no, for this reason and with a clock so many seconds ahead of ours; returns its address. moto knows
// neither wrong keys nor a wrong clock.
async function refusing(context, code, ahead = 0) {
  const store = http.createServer((_, response) => {
    response.setHeader('date', new Date(Date.now() + ahead * 1000).toUTCString());
    response.writeHead(403, { 'content-type': 'application/xml' }).end(`<Error><Code>${code}</Code><Message>no</Message></Error>`);
  });
  await new Promise((done) => store.listen(0, BROWSER_ADDRESS, done));
  context.onClose(() => store.close());
  return `http://${BROWSER_ADDRESS}:${store.address().port}`;
}

// Without any rights, and with limits as tight as a host has them. What this host cannot show goes into notLookedAt.
function asNobodyInParticular(hasRings, notLookedAt) {
  const without = ['setpriv', '--bounding-set', '-all', '--inh-caps', '-all'];
  const faults = [];
  const [major, minor] = os.release().split('.').map(Number);
  // Before Linux 6.13 rings are not charged to this limit.
  const isCharged = major > 6 || (major === 6 && minor >= 13);
  if (hasRings && isCharged) faults.push(['memlock-low', 'LimitMEMLOCK=', { launcher: [...without, 'prlimit', '--memlock=0:0'] }]);
  else notLookedAt.push('memlock-low: this host has no rings, or does not charge them to the limit on locked memory');
  // Of a host whose administrator has raised it already there is nothing to be told.
  const most = Number(fs.readFileSync('/proc/sys/net/core/rmem_max', 'utf8'));
  if (most < 8 << 20) faults.push(['socket-buffers', 'net.core.rmem_max=', { launcher: without }]);
  else notLookedAt.push('socket-buffers: net.core.rmem_max of this host is high enough already');
  return faults;
}

function doctor({ environment, launcher = [], words = [] }) {
  const line = ['netns', 'exec', SERVER_SPACE, ...launcher, process.env.VOLLEY_BIN, 'doctor', '--json', ...words];
  return new Promise((done, fail) => {
    execFile('ip', line, { env: { ...process.env, ...environment } }, (error, stdout, stderr) => {
      try {
        done({ ...JSON.parse(stdout), code: error?.code ?? 0 });
      } catch {
        fail(new Error(`volley doctor said ${stdout}${stderr} (${error?.message})`));
      }
    });
  });
}

// A certificate that ends so many days from now, as variables name it.
function certificate(name, days) {
  const [pem, key, request] = ['pem', 'key', 'csr'].map((end) => `${FOLDER}/${name}.${end}`);
  sh(`openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ${key} -out ${request} -subj /CN=volley.test`);
  // Of the version that names take, as every certificate of a server is.
  fs.writeFileSync(`${FOLDER}/names`, 'subjectAltName=DNS:volley.test\n');
  sh(`openssl x509 -req -in ${request} -signkey ${key} -days ${days} -extfile ${FOLDER}/names -out ${pem}`);
  return { VOLLEY_TLS__CERTIFICATE: pem, VOLLEY_TLS__KEY: key };
}

// An NTP server whose clock is so many seconds ahead of ours; returns where it is.
async function timeServer(context, ahead) {
  const socket = dgram.createSocket('udp4');
  socket.on('message', (request, { port, address }) => {
    const answer = Buffer.alloc(48);
    answer[0] = (4 << 3) | 4;
    answer[1] = 2;
    request.copy(answer, 24, 40, 48);
    const now = Date.now() / 1000 + ahead + ERA;
    for (const place of [32, 40]) {
      answer.writeUInt32BE(Math.floor(now) % 2 ** 32, place);
      answer.writeUInt32BE(Math.floor((now % 1) * 2 ** 32), place + 4);
    }
    socket.send(answer, port, address);
  });
  await new Promise((done) => socket.bind(0, BROWSER_ADDRESS, done));
  context.onClose(() => socket.close());
  return `${BROWSER_ADDRESS}:${socket.address().port}`;
}
