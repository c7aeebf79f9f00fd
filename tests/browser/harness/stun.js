// STUN messages (RFC 8489) as far as an ICE check needs them, made by hand so that a test can also make wrong ones.
import { createHmac, randomBytes } from 'node:crypto';

const MAGIC_COOKIE = 0x2112a442;
const BINDING_REQUEST = 0x0001;
export const BINDING_SUCCESS = 0x0101;
const USERNAME = 0x0006;
const MESSAGE_INTEGRITY = 0x0008;
const PRIORITY = 0x0024;
const USE_CANDIDATE = 0x0025;
const FINGERPRINT = 0x8028;
const ICE_CONTROLLING = 0x802a;

export function bindingRequest({ username, password }) {
  const header = Buffer.alloc(20);
  header.writeUInt16BE(BINDING_REQUEST, 0);
  header.writeUInt32BE(MAGIC_COOKIE, 4);
  randomBytes(12).copy(header, 8);
  const priority = Buffer.alloc(4);
  priority.writeUInt32BE(0x6e7f1eff);
  const attributes = [
    attribute(USERNAME, Buffer.from(username)),
    attribute(PRIORITY, priority),
    attribute(ICE_CONTROLLING, randomBytes(8)),
    attribute(USE_CANDIDATE, Buffer.alloc(0)),
  ];
  const plain = Buffer.concat([header, ...attributes]);
  const integrity = createHmac('sha1', password).update(withLength(plain, 24)).digest();
  const signed = Buffer.concat([plain, attribute(MESSAGE_INTEGRITY, integrity)]);
  const fingerprint = Buffer.alloc(4);
  fingerprint.writeUInt32BE((crc32(withLength(signed, 8)) ^ 0x5354554e) >>> 0);
  return withLength(Buffer.concat([signed, attribute(FINGERPRINT, fingerprint)]), 0);
}

export function isStun(datagram) {
  return datagram.length >= 20 && datagram[0] < 4 && datagram.readUInt32BE(4) === MAGIC_COOKIE;
}

export const messageType = (datagram) => datagram.readUInt16BE(0);

// The length field counts what follows the header, including `more` bytes that are not there yet.
function withLength(message, more) {
  const copy = Buffer.from(message);
  copy.writeUInt16BE(copy.length - 20 + more, 2);
  return copy;
}

function attribute(type, value) {
  const padded = Buffer.alloc(4 + Math.ceil(value.length / 4) * 4);
  padded.writeUInt16BE(type, 0);
  padded.writeUInt16BE(value.length, 2);
  value.copy(padded, 4);
  return padded;
}

function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
