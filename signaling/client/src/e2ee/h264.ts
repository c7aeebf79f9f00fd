/**
 * H.264: browsers cut packets at start codes and, of a key frame, look for the parameter sets that its
 * first slice names. So parameter sets stay in the clear, and the sealed bytes are one slice, with escapes
 * where they would look like a start code (ITU-T H.264 §7.4.1).
 */
import { type Bytes, concat } from "./bytes.ts";

const START = [0, 0, 0, 1];
const SLICE = 1;
const IDR = 5;
const SPS = 7;
const PPS = 8;
/** Where a slice begins that begins beyond the largest picture (level 6.2 has 139,264 macroblocks at most). */
const NO_MACROBLOCK = 0xffffe;
/** An I slice, as all of the picture are. */
const I_SLICE = 7;
/** Bytes of the slice header in front of what is sealed: 39, 7 and at most 17 bits. */
const FRONT = 8;
/** A NAL unit never ends with zeros (§7.4.1): so ours ends with the stop bit. */
const STOP = 0x80;

export function dress(frame: Bytes, sealed: Bytes): Bytes | null {
  const units = split(frame);
  const slice = units.find(isSlice);
  if (!slice) return null;
  const sets = units.filter((unit) => [SPS, PPS].includes(typeOf(unit)));
  const front = concat([slice[0]!], sliceHeader(parameterSetOf(slice)));
  return concat(...sets.flatMap((set) => [START, set]), START, front, escape(sealed, front), [STOP]);
}

export function undress(dressed: Bytes): Bytes | null {
  const slice = split(dressed).find(isSlice);
  const from = 1 + FRONT;
  if (!slice || slice.length <= from || slice.at(-1) !== STOP) return null;
  return unescape(slice.subarray(from, -1), slice.subarray(0, from));
}

const typeOf = (unit: Bytes) => unit[0]! & 0x1f;
const isSlice = (unit: Bytes) => [SLICE, IDR].includes(typeOf(unit));

/** The NAL units between start codes of three or four bytes (§B.1), none of them empty. */
function split(stream: Bytes): Bytes[] {
  const units: Bytes[] = [];
  let from = -1;
  const close = (to: number) => {
    let end = to;
    while (end > from && stream[end - 1] === 0) end -= 1;
    if (from >= 0 && end > from) units.push(stream.subarray(from, end));
  };
  for (let at = 2; at < stream.length; at += 1) {
    if (stream[at] !== 1 || stream[at - 1] !== 0 || stream[at - 2] !== 0) continue;
    close(at - 2);
    from = at + 1;
  }
  close(stream.length);
  return units;
}

/** Which picture parameter set a slice names (§7.3.3): the third number of its header. */
function parameterSetOf(slice: Bytes): number {
  let at = 8;
  const bit = () => {
    const value = (slice[at >> 3] ?? 0xff) & (0x80 >> (at & 7));
    at += 1;
    return value ? 1 : 0;
  };
  const number = () => {
    let zeros = 0;
    while (zeros < 31 && bit() === 0) zeros += 1;
    let value = 1;
    for (let left = zeros; left > 0; left -= 1) value = value * 2 + bit();
    return value - 1;
  };
  number();
  number();
  return number() & 0xff;
}

/** The beginning of a slice that no decoder finds a place for; the rest is ones. */
function sliceHeader(parameterSet: number): Bytes {
  const bits = [NO_MACROBLOCK, I_SLICE, parameterSet].map(exponentialGolomb).join("").padEnd(FRONT * 8, "1");
  return Uint8Array.from({ length: FRONT }, (_, at) => parseInt(bits.slice(at * 8, at * 8 + 8), 2));
}

/** §9.1. */
function exponentialGolomb(value: number): string {
  const bits = (value + 1).toString(2);
  return "0".repeat(bits.length - 1) + bits;
}

/** `before`: what stands in front already, as it ends with so many zeros. */
function escape(bytes: Bytes, before: Bytes): Bytes {
  const out: number[] = [];
  let zeros = zerosAtEnd(before);
  for (const byte of bytes) {
    if (zeros >= 2 && byte <= 3) {
      out.push(3);
      zeros = 0;
    }
    out.push(byte);
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return Uint8Array.from(out);
}

function unescape(bytes: Bytes, before: Bytes): Bytes {
  const out = new Uint8Array(bytes.length);
  let length = 0;
  let zeros = zerosAtEnd(before);
  for (const byte of bytes) {
    const isEscape = zeros >= 2 && byte === 3;
    if (!isEscape) out[length++] = byte;
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return out.subarray(0, length);
}

function zerosAtEnd(bytes: Bytes): number {
  let zeros = 0;
  while (zeros < bytes.length && bytes[bytes.length - 1 - zeros] === 0) zeros += 1;
  return zeros;
}
