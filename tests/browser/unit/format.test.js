import assert from 'node:assert/strict';
import test from 'node:test';
import '../page/format.js';

const { format } = globalThis.volleyTest;

test('what is painted is read back', () => {
  for (const id of [0, 1, 7]) {
    for (const counter of [0, 1, 1234, format.counterModulus - 1]) {
      for (const flash of [true, false]) {
        assert.deepEqual(format.decode(format.encode({ id, flash, counter })), { id, flash, counter });
      }
    }
  }
});

test('a picture nobody painted is not read', () => {
  assert.equal(format.decode(new Array(format.blocks).fill(0)), null);
  assert.equal(format.decode(new Array(format.blocks).fill(1)), null);
  assert.equal(format.decode([]), null);
});

test('one wrong block is noticed', () => {
  const bits = format.encode({ id: 3, flash: false, counter: 77 });
  for (let i = 0; i < bits.length; i++) {
    const wrong = Object.assign([...bits], { [i]: 1 - bits[i] });
    assert.equal(format.decode(wrong), null, `block ${i}`);
  }
});

test('the counter wraps at a whole number of flashes', () => {
  assert.equal(format.counterModulus % format.flashEvery, 0);
});
