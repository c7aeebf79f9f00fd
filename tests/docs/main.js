// `./scripts/check-docs`: runs every command of README.md and docs/ against a volley of its own, and follows
// every link between the pages. A block of ```sh whose first line is `# not run here: WHY` is told and left out.
// Keys of the configuration and commands that stand in a sentence must exist as well.
// One JSON line for each block and page on standard output.
import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { blocksOf, anchorsOf, commandsOf, keysOf, linksOf, vainCommandsOf } from './pages.js';
import { SHELL } from './shell.js';

const ROOT = path.resolve(import.meta.dirname, '../..');
const BLOCK_WITHIN_MS = 60_000;
const JOINED_WITHIN_MS = 20_000;
// What commands of the documents name, beside `volley` itself.
const OF_THE_REPOSITORY = ['deploy', 'docs', 'scripts', 'signaling', 'tuning'];

const pages = ['README.md', ...listed('docs')];
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'volley-docs-'));
const server = await start();
const keys = (await run(`volley config check 2>/dev/null | cut -d' ' -f1`)).output.split('\n').filter(Boolean);
let failed = 0;
try {
  for (const page of pages) {
    const text = fs.readFileSync(path.join(ROOT, page), 'utf8');
    tell(`${page} links`, brokenLinks(page, text));
    tell(`${page} names`, [...unknownKeys(text), ...vainCommandsOf(page, text), ...(await refusedCommands(text))]);
    for (const block of blocksOf(text).filter(({ language }) => language === 'sh')) await follow(page, block);
  }
} finally {
  server.end();
  fs.rmSync(folder, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);

function listed(below) {
  return fs
    .readdirSync(path.join(ROOT, below), { recursive: true })
    .filter((name) => name.endsWith('.md'))
    .map((name) => path.join(below, name))
    .sort();
}

function tell(name, failures, more = {}) {
  if (failures.length > 0) failed += 1;
  console.log(JSON.stringify({ case: name, pass: failures.length === 0, ...more, ...(failures.length > 0 && { failures }) }));
}

async function follow(page, { line, text }) {
  const name = `${page}:${line}`;
  const why = /^# not run here: (.+)/.exec(text)?.[1];
  if (why) return console.error(`${name} is not run: ${why}`);
  const rights = /\b(sudo|systemctl|apt-get|apt|docker|kubectl|helm|sysctl|nft|ufw)\b|tune (apply|revert)|scripts\/(un)?install/.exec(text)?.[0];
  if (rights) return tell(name, [`${rights} changes the machine: say in the first line why the block is not run here`]);
  const leave = text.includes('/rooms/meeting/') ? await attend('meeting') : () => {};
  const { code, output } = await run(text);
  leave();
  tell(name, code === 0 ? [] : [`ended with ${code}: ${output.slice(-1000)}`]);
}

function run(text) {
  const script = SHELL + text.replaceAll('localhost:8080', server.http).replaceAll('localhost:9090', server.metrics);
  const environment = { ...process.env, PATH: `${path.dirname(process.env.VOLLEY_BIN)}:${process.env.PATH}`, VOLLEY_PORT: server.http.split(':')[1], VOLLEY_UDP_PORT: server.udp, VOLLEY_METRICS_PORT: server.metrics.split(':')[1] };
  return new Promise((done) => {
    execFile('bash', ['-c', script], { cwd: folder, env: environment, timeout: BLOCK_WITHIN_MS }, (error, stdout, stderr) =>
      done({ code: error?.killed ? `a timeout of ${BLOCK_WITHIN_MS} ms` : (error?.code ?? 0), output: stdout + stderr }));
  });
}

// Somebody is in the room of which a command speaks.
async function attend(roomId) {
  const socket = new WebSocket(`ws://${server.http}/ws`);
  await new Promise((done, fail) => {
    const refused = (why) => fail(new Error(`nobody can join: ${why}`));
    setTimeout(refused, JOINED_WITHIN_MS, 'no answer').unref();
    socket.addEventListener('error', () => refused('no connection'));
    socket.addEventListener('close', () => refused('closed'));
    socket.addEventListener('open', () => socket.send(JSON.stringify({ type: 'join', roomId, participantName: 'Ada' })));
    socket.addEventListener('message', ({ data }) => {
      const { type } = JSON.parse(data);
      if (type === 'joined') done();
      if (type === 'error') refused(data);
    });
  });
  return () => socket.close();
}

function brokenLinks(page, text) {
  const broken = [];
  for (const link of linksOf(text)) {
    if (/^[a-z]+:/.test(link)) continue;
    const [file, anchor] = link.split('#');
    const target = file ? path.join(path.dirname(page), file) : page;
    const at = path.join(ROOT, target);
    if (!fs.existsSync(at)) broken.push(`${link}: there is no ${target}`);
    else if (anchor && target.endsWith('.md') && !anchorsOf(fs.readFileSync(at, 'utf8')).has(anchor)) broken.push(`${link}: ${target} has no such anchor`);
  }
  return broken;
}

function unknownKeys(text) {
  const isKnown = (name) => keys.some((key) => (name.endsWith('*') ? key.startsWith(name.slice(0, -1)) : key === name || key.startsWith(`${name}.`)));
  return keysOf(text).filter((name) => !isKnown(name)).map((name) => `there is no key ${name}`);
}

// What the program does not take. The tuning tool is told of another root, so that it sets nothing here; 2 is what it
// ends with when it is used wrongly.
async function refusedCommands(text) {
  const refused = [];
  for (const command of commandsOf(text)) {
    const isTune = command.startsWith('tuning/');
    const { code, output } = await run(isTune ? `mkdir -p machine && VOLLEY_TUNE_ROOT=$PWD/machine ${command}` : `command ${command} --help`);
    if (isTune ? code === 2 : code !== 0) refused.push(`${command}: ${output.slice(-300)}`);
  }
  return refused;
}

// A server on free ports, in a folder with what the commands name.
async function start() {
  for (const name of OF_THE_REPOSITORY.filter((name) => fs.existsSync(path.join(ROOT, name)))) fs.symlinkSync(path.join(ROOT, name), path.join(folder, name));
  fs.cpSync(path.join(ROOT, 'config'), path.join(folder, 'config'), { recursive: true });
  // Of two rooms, one of them encrypted, as of the year 2100: newer than what the commands record.
  fs.cpSync(path.join(ROOT, 'tests/docs/recordings'), path.join(folder, 'recordings'), { recursive: true });
  const [metrics, udp] = [await freePort(), await freePort()].map(String);
  const words = ['--host', '127.0.0.1', '--port', '0', '--udp-port', udp, '--metrics-port', metrics, '--workers', '1'];
  const child = spawn(process.env.VOLLEY_BIN, words, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, LOG_LEVEL: 'warn' } });
  const [ready] = await Promise.race([
    readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]().next().then(({ value }) => [value]),
    new Promise((_, fail) => child.once('exit', (code) => fail(new Error(`volley ended with ${code}`)))),
  ]);
  const http = /^Volley is ready: http:\/\/(.+)\/$/.exec(ready ?? '')?.[1];
  if (!http) throw new Error(`volley said ${ready}`);
  return { http, udp, metrics: `127.0.0.1:${metrics}`, end: () => child.kill('SIGINT') };
}

function freePort() {
  return new Promise((done) => {
    const socket = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = socket.address();
      socket.close(() => done(port));
    });
  });
}
