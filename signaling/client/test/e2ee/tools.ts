import type { Bytes } from "../../src/e2ee/bytes.ts";

/** From hexadecimal digits; spaces are for people. */
export function bytes(hex: string): Bytes {
  return Uint8Array.from(hex.replaceAll(" ", "").match(/../g) ?? [], (byte) => parseInt(byte, 16));
}

/** The same numbers for the same seed (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }

  bytes(length: number): Bytes {
    return Uint8Array.from({ length }, () => this.below(256));
  }
}

/** Frames as encoders make them: their first bytes, and then anything. */
export const FRAMES = {
  opus: (random: Random) => random.bytes(1 + random.below(200)),
  vp8Key: (random: Random) => begin("10 02 00 9d 01 2a 40 01 b4 00", random),
  vp8Delta: (random: Random) => begin("31 05 00", random),
  vp9: (random: Random) => begin("82 49 83 42", random),
  h264Key: (random: Random) => begin("00 00 00 01 67 42 00 1f 8c 00 00 00 01 68 ce 3c 80 00 00 00 01 65 b8 00 04", random, 1),
  h264Delta: (random: Random) => begin("00 00 00 01 41 9a 24", random, 1),
  av1: (random: Random) => begin("12 00 0a 0b 00 00 00 24 c4 ff df 3f fe 02 10 32", random),
};

/** `least`: no body has fewer, such as zeros, of which an encoder of H.264 lets no two follow one another. */
function begin(hex: string, random: Random, least = 0): Bytes {
  const front = bytes(hex);
  const length = 40 + random.below(3000);
  // Many small numbers, so that there is something to escape.
  const any = () => least + (random.below(3) === 0 ? random.below(256 - least) : random.below(4));
  return Uint8Array.from({ length }, (_, at) => front[at] ?? any());
}
