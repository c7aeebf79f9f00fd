// `scripts/e2e NAME`: runs the named browser test and prints one JSON line per case on standard output.
import fs from 'node:fs';
import { parseArgs } from 'node:util';
import * as badInput from './cases/bad-input.js';
import * as killSignaling from './cases/kill-signaling.js';
import * as meter from './cases/meter.js';
import * as twoTabs from './cases/two-tabs.js';
import { CaseContext } from './harness/context.js';
import { buildNetwork, relayLocalhost } from './harness/network.js';
import { Server } from './harness/server.js';
import { Cleanup, log } from './harness/shell.js';

const TESTS = [meter, twoTabs, killSignaling, badInput];
const FULL_SECONDS = 60;

const options = parse();
if (options.list) {
  for (const { name, about } of TESTS) console.log(`${name.padEnd(16)} ${about}`);
  process.exit(0);
}
const cleanup = new Cleanup();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, async () => {
    await cleanup.run();
    process.exit(130);
  });
}
let failed = 0;
try {
  buildNetwork();
  if (options.keep) fs.mkdirSync(options.keep, { recursive: true });
  for (const test of options.tests) failed += await runTest(test);
} catch (error) {
  log(error.stack);
  failed += 1;
} finally {
  await cleanup.run();
}
if (options.keep) log(`kept in ${options.keep}`);
process.exit(failed ? 1 : 0);

async function runTest(test) {
  const server = test.needsServer ? await startServer() : null;
  let failed = 0;
  for (const one of test.cases.filter(({ name }) => !options.only || name === options.only)) {
    log(`case ${one.name}`);
    const line = await runCase(one, server);
    print(line);
    if (!line.pass) failed += 1;
  }
  await cleanup.run();
  return failed;
}

async function startServer() {
  const server = await Server.start({ io: options.io, logFolder: options.keep });
  cleanup.add('server', () => server.stop());
  cleanup.add('relay', await relayLocalhost());
  return server;
}

async function runCase(one, server) {
  const context = new CaseContext({ name: one.name, seconds: options.seconds, keep: options.keep, server });
  cleanup.add(one.name, () => context.close());
  try {
    const { failures, ...figures } = await one.run(context);
    for (const failure of failures) log(`${one.name}: ${failure}`);
    return { case: one.name, pass: failures.length === 0, ...figures, ...(failures.length && { failures }) };
  } catch (error) {
    log(`${one.name}: ${error.stack}`);
    return { case: one.name, pass: false, failures: [error.message] };
  } finally {
    await context.close();
  }
}

function print(line) {
  if (options.json) console.log(JSON.stringify(line));
  else console.log(Object.entries(line).map(([key, value]) => `${key}=${typeof value === 'object' ? JSON.stringify(value) : value}`).join(' '));
}

function parse() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      list: { type: 'boolean' },
      json: { type: 'boolean' },
      keep: { type: 'string' },
      seconds: { type: 'string' },
      io: { type: 'string' },
      only: { type: 'string' },
    },
  });
  const [name] = positionals;
  const tests = name === 'all' ? TESTS : TESTS.filter((test) => test.name === name);
  const seconds = Number(values.seconds ?? FULL_SECONDS);
  if (!values.list && (tests.length === 0 || !(seconds > 0))) {
    console.error('usage: ./scripts/e2e NAME|all [--json] [--seconds N] [--io uring|epoll] [--only CASE] [--keep], or --list');
    process.exit(2);
  }
  return { ...values, tests, seconds };
}
