import assert from 'node:assert/strict';
import test from 'node:test';
import { blocksOf, anchorsOf, linksOf } from './pages.js';

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
