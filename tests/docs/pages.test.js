import assert from 'node:assert/strict';
import test from 'node:test';
import { blocksOf, anchorsOf, commandsOf, keysOf, linksOf, vainCommandsOf } from './pages.js';

const PAGE = ['# One, two', '', 'See [this](a.md#x) and `[not](b.md)`.', '', '1. Do', '', '   ```sh', '   echo 1', '     deeper', '   ```', '', '```json', '[no](c.md)', '```', '## `volley doctor`'].join('\n');

test('blocks are found with their line and language, without the indent of their list', () => {
  assert.deepEqual(blocksOf(PAGE), [
    { line: 7, language: 'sh', text: 'echo 1\n  deeper' },
    { line: 12, language: 'json', text: '[no](c.md)' },
  ]);
});

test('a block without an end is an error', () => {
  assert.throws(() => blocksOf('```sh\necho'), /line 1 has no end/);
});

test('links of text are found, and none of code', () => {
  assert.deepEqual(linksOf(PAGE), ['a.md#x']);
});

test('anchors of headings are those that GitHub makes, and others are written out', () => {
  assert.deepEqual([...anchorsOf(PAGE)], ['one-two', 'volley-doctor']);
  assert.ok(anchorsOf('<a id="here"></a>Text').has('here'));
});

test('keys and commands in a sentence are found, and what is none is left alone', () => {
  const text = [
    'Say `recording.path` or `performance.worker_threads: 7`, of `recording.s3_…`, in `webrtc.yaml`; `rooms.max_rooms` and `rooms.max_rooms`.',
    '`sudo volley doctor --json | head`, `volley doctor --stun HOST:PORT`, `tuning/tune apply --only buffers`, `volley-bench tuning`, `volley`',
    '```sh',
    'echo `tls.none`',
    '```',
  ].join('\n');
  assert.deepEqual(keysOf(text), ['recording.path', 'performance.worker_threads', 'recording.s3_*', 'rooms.max_rooms']);
  assert.deepEqual(commandsOf(text), ['volley doctor --json', 'tuning/tune apply --only buffers']);
});

test('commands that do nothing are found, each where it does nothing', () => {
  const vain = (text, page = 'docs/a.md') => vainCommandsOf(page, text).length;
  assert.equal(vain('`nft add rule inet filter input drop`'), 1);
  assert.equal(vain('```sh\nnft add rule inet filter input drop\n```'), 1);
  assert.equal(vain('`nft insert rule inet filter input drop`, and nft add rule without marks'), 0);
  assert.equal(vain('`docker run --cap-add BPF volley`'), 1);
  assert.equal(vain('`docker run --user 0 --cap-add BPF volley`'), 0);
  assert.equal(vain('`volley config check | grep max`', 'docs/runbooks/A.md'), 1);
  assert.equal(vain('`volley config check --config /etc/volley | grep max`', 'docs/runbooks/A.md'), 0);
  assert.equal(vain('`volley config check | grep max`'), 0);
});
