import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test from 'node:test';
import { SHELL } from './shell.js';

const FILE = `file://${process.execPath}`;
const codeOf = (text) => spawnSync('bash', ['-c', SHELL + text], { stdio: 'ignore' }).status;

test('a fetch that fails is noticed, before a pipe too', () => {
  assert.notEqual(codeOf('curl file:///nowhere'), 0);
  assert.notEqual(codeOf('curl file:///nowhere | cat'), 0);
  assert.notEqual(codeOf('curl file:///nowhere | head -n 1'), 0);
});

test('a reader may stop early', () => {
  assert.equal(codeOf(`curl ${FILE} | head -c 1`), 0);
});

test('a search that finds nothing is noticed', () => {
  assert.notEqual(codeOf('echo one | grep two'), 0);
  assert.notEqual(codeOf('false; true'), 0);
});
