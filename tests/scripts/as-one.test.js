// scripts/as-one: nothing that a run of the tests has begun outlives it.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import test from 'node:test';

const AS_ONE = new URL('../../scripts/as-one', import.meta.url).pathname;
// A lane with a child, one that is deaf, and one whose parent is gone and whose session is its own.
const LANES = `
  (sleep 100 & echo $!; echo $BASHPID; wait) &
  (trap '' INT TERM; echo $BASHPID; sleep 100; sleep 100) &
  (setsid bash -c 'echo $$; exec sleep 100' &)
  wait
`;
const PROCESSES = 4;

test('asked to end it ends all that was begun, and says so', () => Promise.all(['SIGINT', 'SIGTERM'].map(endsAll)));

async function endsAll(signal) {
  const run = spawn(AS_ONE, ['bash', '-c', LANES], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, AS_ONE_PATIENCE: '5' } });
  let said = '';
  run.stderr.on('data', (text) => (said += text));
  const ended = new Promise((done) => run.once('close', (code) => done(code)));
  const begun = await numbers(run.stdout, PROCESSES);
  run.kill(signal);
  assert.equal(await ended, 130, signal);
  assert.match(said, /everything that was begun ends/);
  assert.doesNotMatch(said, /cannot be ended/);
  assert.deepEqual(begun.filter(isRunning), [], signal);
}

test('who is not asked to end ends as the command does, and the command reads what it is given', () => {
  assert.equal(spawnSync(AS_ONE, ['bash', '-c', 'exit 7']).status, 7);
  assert.equal(String(spawnSync(AS_ONE, ['cat'], { input: 'given' }).stdout), 'given');
});

test('a command hears Ctrl-C as it would by itself', () => {
  const { stdout } = spawnSync(AS_ONE, ['bash', '-c', `bash -c 'kill -INT $$'; echo $?`]);
  assert.equal(String(stdout).trim(), '130');
});

// What has ended stays listed until somebody looks after it.
function isRunning(pid) {
  try {
    return !/^State:\s+[ZX]/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

// The first so many lines of a stream, each a number.
function numbers(stream, count) {
  let text = '';
  return new Promise((done, fail) => {
    stream.once('end', () => fail(new Error(`it ended after ${JSON.stringify(text)}`)));
    stream.on('data', (more) => {
      text += more;
      const lines = text.split('\n').slice(0, -1);
      if (lines.length >= count) done(lines.map(Number));
    });
  });
}
