/**
 * AV1: the sealed bytes as one OBU, since browsers cut packets at OBUs, give each a size of their own and
 * leave some kinds out (AV1 RTP payload format §5). A key frame's sequence header stays before it: by that
 * Chromium knows that a new sequence starts, and says so where servers look for it (§4.4, the N bit).
 *
 * No decoder takes the rest for a frame: an SFrame header of ours, 0xf_, would show a frame that is there
 * already, which an OBU of this kind must not (AV1 §6.8.2).
 */
import { type Bytes, concat } from "./bytes.ts";

/** AV1 §6.2.2. */
const OBU_SEQUENCE_HEADER = 1;
const OBU_FRAME = 6;
/** AV1 §5.3.2. */
const HAS_SIZE = 0x02;
const HAS_EXTENSION = 0x04;
/** More bytes than that a size never has (AV1 §4.10.5). */
const MAX_LEB128 = 8;

export function dress(frame: Bytes, sealed: Bytes): Bytes | null {
  if (frame.length === 0) return null;
  const header = find(frame, OBU_SEQUENCE_HEADER);
  return concat(header ? obu(OBU_SEQUENCE_HEADER, header) : [], obu(OBU_FRAME, sealed));
}

export function undress(dressed: Bytes): Bytes | null {
  return find(dressed, OBU_FRAME);
}

function obu(type: number, payload: Bytes): Bytes {
  return concat([(type << 3) | HAS_SIZE], leb128(payload.length), payload);
}

/** The payload of the first OBU of a type. */
function find(bytes: Bytes, type: number): Bytes | null {
  for (let at = 0; at < bytes.length; ) {
    const found = read(bytes, at);
    if (!found) return null;
    if (found.type === type) return bytes.subarray(found.from, found.to);
    at = found.to;
  }
  return null;
}

function read(bytes: Bytes, at: number): { type: number; from: number; to: number } | null {
  const header = bytes[at]!;
  let from = at + (header & HAS_EXTENSION ? 2 : 1);
  const type = (header >> 3) & 0x0f;
  if (!(header & HAS_SIZE)) return from <= bytes.length ? { type, from, to: bytes.length } : null;
  let size = 0;
  for (let place = 0; place < MAX_LEB128; place += 1) {
    const byte = bytes[from];
    if (byte === undefined) return null;
    from += 1;
    size += (byte & 0x7f) * 2 ** (7 * place);
    if (!(byte & 0x80)) return from + size <= bytes.length ? { type, from, to: from + size } : null;
  }
  return null;
}

function leb128(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    rest >>>= 7;
  } while (rest > 0);
  return bytes;
}
