import assert from 'node:assert/strict';
import test from 'node:test';
import { seatedAt } from '../measure/seats.js';

const slots = (at, ...ids) => ({ at, message: { type: 'slots', slots: ids.map((participantId) => ({ participantId, source: 'camera' })) } });
const HEARD = [
  { at: 1, message: { type: 'joined', participants: [{ participantId: '7', participantName: 'Ada' }] } },
  { at: 2, message: { type: 'participant-joined', participantId: '8', participantName: 'Ben' } },
  slots(10, '7', null),
  slots(20, '8', null),
  slots(30, '7', '8'),
];

test('who gets a seat has it from the message on that says so', () => {
  assert.equal(seatedAt(HEARD, 'Ben', 15), 20);
  assert.equal(seatedAt(HEARD, 'Ada', 21), 30);
});

test('who has a seat already has it at once', () => {
  assert.equal(seatedAt(HEARD, 'Ada', 12), 12);
  assert.equal(seatedAt(HEARD, 'Ben', 99), 99);
});

test('who has lost the seat or was never there has none', () => {
  assert.equal(seatedAt(HEARD.slice(0, 4), 'Ada', 25), null);
  assert.equal(seatedAt(HEARD, 'Cleo', 0), null);
});

test('a seat with sound alone does not count', () => {
  const screen = { at: 10, message: { type: 'slots', slots: [{ participantId: '7', source: 'microphone' }] } };
  assert.equal(seatedAt([HEARD[0], screen], 'Ada', 0), null);
});
