import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import test from 'node:test';
import { bindingRequest, isStun, messageType } from '../harness/stun.js';
import { candidatesOf } from '../harness/stranger.js';

test('a check carries an integrity that covers all before it (RFC 8489 section 14.5)', () => {
  const message = bindingRequest({ username: 'abcd:efgh', password: 'secret' });
  assert.ok(isStun(message));
  assert.equal(messageType(message), 1);
  assert.equal(message.readUInt16BE(2), message.length - 20);
  const integrity = message.subarray(message.length - 28, message.length - 8);
  const covered = Buffer.from(message.subarray(0, message.length - 32));
  covered.writeUInt16BE(message.length - 20 - 8, 2);
  assert.deepEqual(integrity, createHmac('sha1', 'secret').update(covered).digest());
});

test('the fingerprint is the CRC-32 of all before it (RFC 8489 section 14.7)', () => {
  const message = bindingRequest({ username: 'abcd:efgh', password: 'secret' });
  const value = message.readUInt32BE(message.length - 4);
  assert.equal(value, (table(message.subarray(0, message.length - 8)) ^ 0x5354554e) >>> 0);
});

test('candidates are read from an answer', () => {
  const sdp = 'a=candidate:1 1 udp 2130706431 10.77.0.1 50000 typ host\r\na=candidate:2 1 UDP 1 10.77.0.1 50001 typ host\r\n';
  assert.deepEqual(candidatesOf(sdp), [{ address: '10.77.0.1', port: 50000 }, { address: '10.77.0.1', port: 50001 }]);
});

function table(bytes) {
  const entries = Array.from({ length: 256 }, (_, index) => {
    let value = index;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
    return value;
  });
  let crc = 0xffffffff;
  for (const byte of bytes) crc = entries[(crc ^ byte) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
