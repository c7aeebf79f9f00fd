import { expect, test } from "vitest";
import { type Bytes, concat } from "../../src/e2ee/bytes.ts";
import { codecOf, LAYOUTS, metadataOf } from "../../src/e2ee/frames.ts";
import { bytes, FRAMES, Random } from "./tools.ts";

/** What a sealed frame of ours begins with. */
const SEALED = concat([0xfa], bytes("8877665544332211 010203"), Uint8Array.from({ length: 40 }, (_, at) => at));

test("of Opus nothing is in the clear, and a decoder finds too many frames in it", () => {
  const dressed = LAYOUTS.opus.dress(bytes("fc aa bb"), SEALED)!;
  expect(hex(dressed)).toBe(`ff${hex(SEALED)}`);
  const [frames, longestMs] = [dressed[1]! & 0x3f, 120];
  expect(frames * 20).toBeGreaterThan(longestMs);
});

test("of a VP8 key frame its kind and size are in the clear, but not where its parts lie", () => {
  const frame = bytes("50 1f 00 9d 01 2a 80 02 e0 01 aa bb cc");
  const dressed = LAYOUTS.vp8.dress(frame, SEALED)!;
  expect(hex(dressed)).toBe(`f0ffff9d012a8002e001${hex(SEALED)}`);
  expect(partition(dressed), "longer than the frame").toBeGreaterThan(dressed.length);
});

test("of another VP8 frame nothing but its kind is in the clear", () => {
  const dressed = LAYOUTS.vp8.dress(bytes("51 1f 00 aa bb cc"), SEALED)!;
  expect(hex(dressed)).toBe(`f1ffff${hex(SEALED)}`);
  expect(partition(dressed)).toBeGreaterThan(dressed.length);
});

test("what is no VP8 frame is not sent", () => {
  expect(LAYOUTS.vp8.dress(bytes(""), SEALED)).toBeNull();
  expect(LAYOUTS.vp8.dress(bytes("10 02 00 00 00 00 80 02 e0 01"), SEALED), "without the start code").toBeNull();
  expect(LAYOUTS.vp8.dress(bytes("10 02 00 9d 01"), SEALED)).toBeNull();
});

test("of VP9 nothing is in the clear, and its first two bits are none of VP9's", () => {
  const dressed = LAYOUTS.vp9.dress(FRAMES.vp9(new Random(1)), SEALED)!;
  expect(hex(dressed)).toBe(hex(SEALED));
  expect(dressed[0]! >> 6).toBe(3);
});

test("AV1 is one OBU with its size, behind the sequence header where a key frame has one", () => {
  const frame = bytes("12 00 32 03 30 aa bb");
  expect(hex(LAYOUTS.av1.dress(frame, SEALED)!)).toBe(`3234${hex(SEALED)}`);
  const key = bytes("12 00 0e 20 02 77 88 32 03 10 aa bb");
  expect(hex(LAYOUTS.av1.dress(key, SEALED)!)).toBe(`0a027788 3234${hex(SEALED)}`.replace(" ", ""));
  const long = new Uint8Array(70_000).fill(0xf0);
  expect(hex(LAYOUTS.av1.dress(frame, long)!.subarray(0, 5))).toBe("32f0a204f0");
  expect(SEALED[0]! >> 4, "shows a frame that is there already, the last of eight").toBe(0xf);
});

test("AV1 is found behind a temporal delimiter, with an extension, and without a size", () => {
  for (const front of ["12 00 32 34", "12 02 aa bb 36 20 34"]) {
    expect(hex(LAYOUTS.av1.undress(concat(bytes(front), SEALED))!)).toBe(hex(SEALED));
  }
  expect(hex(LAYOUTS.av1.undress(concat(bytes("12 00 30"), SEALED))!)).toBe(hex(SEALED));
  expect(LAYOUTS.av1.undress(bytes("32 7f aa")), "a size that lies").toBeNull();
  expect(LAYOUTS.av1.undress(bytes("32 ff ff ff ff ff ff ff ff ff ff")), "a size without an end").toBeNull();
});

test("of H.264 parameter sets stay, and a slice that no decoder finds a place for carries the rest", () => {
  const frame = bytes("00 00 00 01 67 42 00 1f 00 00 01 68 ce 3c 80 00 00 01 06 05 01 80 00 00 01 65 b8 00 04 aa");
  const dressed = LAYOUTS.h264.dress(frame, bytes("f0 00 00 01 00 00 00"))!;
  expect(hex(dressed)).toBe(
    [
      "00000001 6742001f",
      "00000001 68ce3c80",
      // NAL header; first_mb_in_slice 1048574, slice_type 7, pic_parameter_set_id 0; ones
      "00000001 65 00001ffffe23ffff",
      // what is sealed, with escapes; the stop bit
      "f0 000003 01 000003 00 80",
    ].join("").replaceAll(" ", ""),
  );
  expect(hex(LAYOUTS.h264.undress(dressed)!)).toBe("f0000001000000");
});

test("a slice names the parameter set that its picture has", () => {
  // first_mb_in_slice 0, slice_type 5, pic_parameter_set_id 3: 1 00110 00100
  const dressed = LAYOUTS.h264.dress(bytes("00 00 01 41 98 9f"), SEALED)!;
  // 39 bits, 0001000, 00100, ones
  expect(hex(dressed.subarray(4, 13))).toBe("4100001ffffe209fff");
});

test("H.264 without a picture is not sent", () => {
  expect(LAYOUTS.h264.dress(bytes("00 00 00 01 67 42 00 1f"), SEALED)).toBeNull();
  expect(LAYOUTS.h264.dress(bytes("aa bb"), SEALED)).toBeNull();
});

const KINDS = [
  ["opus", "opus"], ["vp8", "vp8Key"], ["vp8", "vp8Delta"], ["vp9", "vp9"], ["h264", "h264Key"], ["h264", "h264Delta"], ["av1", "av1"],
] as const;

test.each(KINDS)("%s: whatever is sealed comes out as it went in (%s)", (codec, kind) => {
  const random = new Random(7);
  for (let round = 0; round < 300; round += 1) {
    const frame = FRAMES[kind](random);
    const sealed = zeros(random);
    const dressed = LAYOUTS[codec].dress(frame, sealed)!;
    expect(hex(LAYOUTS[codec].undress(dressed)!)).toBe(hex(sealed));
    if (codec === "h264") expect(starts(dressed), "start codes").toBe(kind === "h264Key" ? 3 : 1);
  }
});

test.each(Object.keys(LAYOUTS) as (keyof typeof LAYOUTS)[])("%s: noise is taken apart or refused, and nothing more", (codec) => {
  const random = new Random(3);
  for (let round = 0; round < 3000; round += 1) {
    const noise = zeros(random).subarray(0, random.below(40));
    const sealed = LAYOUTS[codec].undress(noise);
    if (sealed) expect(sealed.length).toBeLessThanOrEqual(noise.length);
    LAYOUTS[codec].dress(noise, SEALED);
  }
});

test("codecs are known by their names, and others by none", () => {
  expect(["video/VP8", "video/vp9", "video/H264", "video/AV1", "audio/opus"].map(codecOf)).toEqual(["vp8", "vp9", "h264", "av1", "opus"]);
  expect(["audio/red", "video/rtx", "audio/PCMU", ""].map(codecOf)).toEqual([null, null, null, null]);
  expect(new Set(Object.keys(LAYOUTS).map((codec) => metadataOf(codec as keyof typeof LAYOUTS)[0])).size).toBe(5);
});

/** RFC 6386 §9.1: 19 bits in the first three bytes. */
function partition(frame: Bytes): number {
  return (frame[0]! | (frame[1]! << 8) | (frame[2]! << 16)) >> 5;
}

/** Bytes among which many look like start codes; the first is that of an SFrame header. */
function zeros(random: Random): Bytes {
  return Uint8Array.from({ length: 30 + random.below(500) }, (_, at) => (at === 0 ? 0xf0 : random.below(2) === 0 ? 0 : random.below(5)));
}

function starts(stream: Bytes): number {
  return hex(stream).match(/../g)!.join(" ").split("00 00 01").length - 1;
}

function hex(bytes: Bytes): string {
  return Buffer.from(bytes).toString("hex");
}
