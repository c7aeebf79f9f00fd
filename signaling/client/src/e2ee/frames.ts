/**
 * What a sealed frame looks like on the wire, codec by codec: the sealed bytes, and before them the few
 * that browsers cut packets by and servers forward by. README.md beside this file has every byte.
 *
 * Whatever stands in front is made up here and thrown away by who opens the frame: all of the frame is
 * inside what is sealed. And it is made so that a decoder without the key takes it for broken, instead of
 * showing snow or playing noise.
 */
import * as av1 from "./av1.ts";
import { type Bytes, concat } from "./bytes.ts";
import * as h264 from "./h264.ts";

/** The codecs whose frames can be sealed. */
export const CODECS = ["opus", "vp8", "vp9", "h264", "av1"] as const;
export type Codec = (typeof CODECS)[number];

/** How one codec's frames are dressed. */
export interface Layout {
  /** The sealed bytes of `frame` with what has to stand before them. `null`: that is no frame. */
  dress(frame: Bytes, sealed: Bytes): Bytes | null;
  /** What was sealed. `null`: nothing was, or not by this layout. */
  undress(dressed: Bytes): Bytes | null;
}

/** As `a=rtpmap` names it, `video/VP8`. `null`: frames of it cannot be sealed. */
export function codecOf(mimeType: string): Codec | null {
  const name = mimeType.toLowerCase().split("/").at(-1);
  return CODECS.find((codec) => codec === name) ?? null;
}

/** What is authenticated beside the frame: sealed as one codec, it cannot be opened as another. */
export function metadataOf(codec: Codec): Bytes {
  return Uint8Array.of(CODECS.indexOf(codec));
}

/**
 * RFC 6716 §3.1: the longest frames, a number of them in the next byte. That is the first of an SFrame
 * header, 0xf_, and means 48 or more: longer than a packet may be (§3.2.5), so no decoder plays it.
 */
const TOC = 0xff;

const opus: Layout = {
  dress: (_frame, sealed) => concat([TOC], sealed),
  undress: (dressed) => (dressed[0] === TOC ? dressed.subarray(1) : null),
};

/** RFC 6386 §9.1: the tag of every frame, and what a key frame has after it. */
const VP8_TAG = 3;
const VP8_KEY = 10;
const VP8_START = [0x9d, 0x01, 0x2a];
/** A first partition that is longer than the frame. */
const VP8_TOO_LONG = [0xe0, 0xff, 0xff];

const vp8: Layout = {
  dress(frame, sealed) {
    const [first] = frame;
    if (first === undefined) return null;
    const tag = [VP8_TOO_LONG[0]! | (first & 0x1f), VP8_TOO_LONG[1]!, VP8_TOO_LONG[2]!];
    if (first & 1) return concat(tag, sealed);
    const isWhole = frame.length >= VP8_KEY && VP8_START.every((byte, at) => frame[VP8_TAG + at] === byte);
    return isWhole ? concat(tag, frame.subarray(VP8_TAG, VP8_KEY), sealed) : null;
  },
  undress(dressed) {
    const [first] = dressed;
    return first === undefined ? null : dressed.subarray(first & 1 ? VP8_TAG : VP8_KEY);
  },
};

/**
 * RFC 9628 has all in its descriptor. An SFrame header of ours begins with 0b11 where a frame of VP9 has
 * 0b10, so no decoder takes it for one.
 */
const vp9: Layout = { dress: (_frame, sealed) => sealed, undress: (dressed) => dressed };

export const LAYOUTS: Record<Codec, Layout> = { opus, vp8, vp9, h264, av1 };
