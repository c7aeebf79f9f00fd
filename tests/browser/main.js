// `scripts/e2e NAME`: runs the named browser tests and prints one JSON line per case on standard output.
import fs from 'node:fs';
import { parseArgs } from 'node:util';
import * as acme from './cases/acme.js';
import * as adapt from './cases/adapt.js';
import * as admin from './cases/admin.js';
import * as background from './cases/background.js';
import * as badInput from './cases/bad-input.js';
import * as check from './cases/check.js';
import * as doctor from './cases/doctor.js';
import * as drain from './cases/drain.js';
import * as e2ee from './cases/e2ee.js';
import * as fec from './cases/fec.js';
import * as ipv6 from './cases/ipv6.js';
import * as killSignaling from './cases/kill-signaling.js';
import * as lastN from './cases/last-n.js';
import * as layers from './cases/layers.js';
import * as library from './cases/library.js';
import * as loss from './cases/loss.js';
import * as mesh from './cases/mesh.js';
import * as meter from './cases/meter.js';
import * as moderation from './cases/moderation.js';
import * as moves from './cases/moves.js';
import * as onePort from './cases/one-port.js';
import * as onePortHanded from './cases/one-port-handed.js';
import * as openssl from './cases/openssl.js';
import * as page from './cases/page.js';
import * as record from './cases/record.js';
import * as recordFaults from './cases/record-faults.js';
import * as recordOffload from './cases/record-offload.js';
import * as startStop from './cases/start-stop.js';
import * as tcpOnly from './cases/tcp-only.js';
import * as tokens from './cases/tokens.js';
import * as turn from './cases/turn.js';
import * as twoTabs from './cases/two-tabs.js';
import * as webhooks from './cases/webhooks.js';
import * as whipWhep from './cases/whip-whep.js';
import { CaseContext } from './harness/context.js';
import { buildNetwork, relayLocalhost } from './harness/network.js';
import { Server } from './harness/server.js';
import { Cleanup, log } from './harness/shell.js';
import { FIGURES, WORKS } from './measure/limits.js';

const TESTS = [
  meter, startStop, twoTabs, library, killSignaling, badInput, tokens, layers, adapt, loss, fec, e2ee, background, lastN, mesh, moderation, moves, onePort, onePortHanded,
  openssl, page, admin, whipWhep, turn, check, doctor, tcpOnly, ipv6, drain, webhooks, acme, record, recordFaults, recordOffload,
];
const USAGE = 'usage: ./scripts/e2e NAME|all [--json] [--seconds N] [--io uring|epoll] [--only CASE,…] [--attempts N] [--works] [--keep] [--screens FOLDER], or --list';
const FULL_SECONDS = 60;

const options = parse();
const cleanup = new Cleanup();
if (options.list) {
  for (const { name, about } of TESTS) console.log(`${name.padEnd(16)} ${about}`);
} else {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.once(signal, () => cleanup.run().finally(() => process.exit(130)));
  }
  process.exit(await runAll(options.tests));
}

async function runAll(tests) {
  buildNetwork();
  let failed = 0;
  for (const test of tests) failed += await runTest(test);
  if (options.keep) log(`kept in ${options.keep}`);
  return failed ? 1 : 0;
}

async function runTest(test) {
  let failed = 0;
  let server = null;
  let broken = null;
  try {
    if (test.needsServer) server = await startServer(test);
  } catch (error) {
    broken = error;
  }
  const cases = options.screens ? (test.screens ?? []) : test.cases;
  for (const one of cases.filter(({ name }) => !options.only || options.only.includes(name))) {
    const line = broken ? failure(one, broken) : await runAttempts(one, server);
    print(line);
    if (!line.pass) failed += 1;
  }
  await cleanup.run();
  return failed;
}

async function startServer({ environment, launcher }) {
  const server = new Server({ io: options.io, logFolder: options.keep, environment, launcher });
  cleanup.add('volley', () => server.stop());
  await server.ready();
  cleanup.add('relay', await relayLocalhost());
  return server;
}

// With --attempts N a case that fails is run again, up to N times in all, and the line says how many
// it took: on a busy machine a browser misses frames that nobody dropped.
async function runAttempts(one, server) {
  for (let attempt = 1; ; attempt += 1) {
    log(`case ${one.name}`);
    const line = await runCase(one, server);
    if (line.pass || attempt >= options.attempts) return attempt > 1 ? { ...line, attempts: attempt } : line;
  }
}

async function runCase(one, server) {
  const context = new CaseContext({ name: one.name, seconds: options.seconds, limits: options.works ? WORKS : FIGURES, isMeasured: !options.works, keep: options.keep, screens: options.screens, server });
  cleanup.add(one.name, () => context.close());
  try {
    const { failures, ...figures } = await one.run(context);
    for (const text of failures) log(`${one.name}: ${text}`);
    return { case: one.name, pass: failures.length === 0, ...figures, ...(failures.length && { failures }) };
  } catch (error) {
    return failure(one, error);
  } finally {
    await context.close();
  }
}

function failure({ name }, error) {
  log(`${name}: ${error.stack}`);
  return { case: name, pass: false, failures: [error.message] };
}

function print(line) {
  const plain = (value) => (typeof value === 'object' ? JSON.stringify(value) : value);
  console.log(options.json ? JSON.stringify(line) : Object.entries(line).map(([key, value]) => `${key}=${plain(value)}`).join(' '));
}

function parse() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        list: { type: 'boolean' },
        json: { type: 'boolean' },
        keep: { type: 'string' },
        screens: { type: 'string' },
        seconds: { type: 'string' },
        io: { type: 'string' },
        only: { type: 'string' },
        attempts: { type: 'string' },
        works: { type: 'boolean' },
      },
    });
    const tests = positionals[0] === 'all' ? TESTS : TESTS.filter(({ name }) => name === positionals[0]);
    const seconds = Number(values.seconds ?? FULL_SECONDS);
    const only = values.only?.split(',');
    const isKnown = (only ?? []).every((one) => tests.some(({ cases }) => cases.some(({ name }) => name === one)));
    if (!values.list && (tests.length === 0 || !(seconds > 0) || !isKnown || positionals.length > 1)) throw new Error(USAGE);
    if (values.keep) fs.mkdirSync(values.keep, { recursive: true });
    return { ...values, only, tests, seconds, attempts: Number(values.attempts ?? 1) };
  } catch (error) {
    console.error(error.message);
    process.exit(2);
  }
}
