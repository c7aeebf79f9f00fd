import { expect, test } from "vitest";
import { type Bytes, concat } from "../../src/e2ee/bytes.ts";
import {
  AES_128_GCM_SHA256_128, AES_256_GCM_SHA512_128, expand, frameKey, importBase, open, readHeader, seal, writeHeader,
} from "../../src/e2ee/sframe.ts";
import { bytes, Random } from "./tools.ts";

/** RFC 9605 appendix C.1: KID, counter, header. */
const HEADERS: [bigint, bigint, string][] = [
  [0n, 0n, "00"],
  [0n, 1n, "01"],
  [0n, 0xffn, "08ff"],
  [0n, 0x100n, "090100"],
  [0n, 0xffffn, "09ffff"],
  [0n, 0x1_0000n, "0a010000"],
  [0n, 0x100_0000n, "0b01000000"],
  [0n, 0x1_0000_0000n, "0c0100000000"],
  [0n, 0x100_0000_0000n, "0d010000000000"],
  [0n, 0x1_0000_0000_0000n, "0e01000000000000"],
  [0n, 0x100_0000_0000_0000n, "0f0100000000000000"],
  [0n, 0xffff_ffff_ffff_ffffn, "0fffffffffffffffff"],
  [1n, 0n, "10"],
  [1n, 1n, "11"],
  [1n, 0xffn, "18ff"],
  [1n, 0xffff_ffff_ffff_ffffn, "1fffffffffffffffff"],
  [0xffn, 0n, "80ff"],
  [0xffn, 1n, "81ff"],
  [0xffn, 0xffn, "88ffff"],
  [0xffn, 0x100n, "89ff0100"],
  [0xffn, 0xff_ffff_ffff_ffffn, "8effffffffffffffff"],
  [0x100n, 0n, "900100"],
  [0x100n, 0xffn, "980100ff"],
  [0x100n, 0x1_0000n, "9a0100010000"],
  [0xffffn, 0xff_ffff_ffffn, "9cffffffffffffff"],
  [0x1_0000n, 0x1_0000_0000_0000n, "ae01000001000000000000"],
  [0xff_ffffn, 1n, "a1ffffff"],
  [0x100_0000n, 0x100n, "b9010000000100"],
  [0xffff_ffffn, 0xffff_ffffn, "bbffffffffffffffff"],
  [0x1_0000_0000n, 0xffn, "c80100000000ff"],
  [0x100_0000_0000n, 0x100_0000n, "db01000000000001000000"],
  [0xffff_ffff_ffffn, 0n, "d0ffffffffffff"],
  [0xffff_ffff_ffffn, 0xffff_ffff_ffff_ffffn, "dfffffffffffffffffffffffffffff"],
  [0x1_0000_0000_0000n, 0x100_0000_0000_0000n, "ef010000000000000100000000000000"],
  [0xff_ffff_ffff_ffffn, 1n, "e1ffffffffffffff"],
  [0x100_0000_0000_0000n, 0n, "f00100000000000000"],
  [0xffff_ffff_ffff_ffffn, 0x100n, "f9ffffffffffffffff0100"],
  [0xffff_ffff_ffff_ffffn, 0xffff_ffff_ffff_ffffn, "ffffffffffffffffffffffffffffffffff"],
];

test.each(HEADERS)("the header of KID %i and counter %i is that of RFC 9605", (kid, counter, header) => {
  expect(hex(writeHeader(kid, counter))).toBe(header);
  expect(readHeader(bytes(header))).toEqual({ kid, counter, length: header.length / 2 });
  expect(readHeader(bytes(header).subarray(0, -1)), "too short").toBeNull();
});

/** RFC 9605 appendix C.3, cipher suites 4 and 5. */
const FRAMES = [
  {
    suite: AES_128_GCM_SHA256_128,
    salt: "75234edefe07819026751816",
    sealed: "9901234567b7412c2513a1b66dbb48841bbaf17f598751176ad847681a69c6d0b091c07018ce4adb34eb",
  },
  {
    suite: AES_256_GCM_SHA512_128,
    salt: "84991c167b8cd23c93708ec7",
    sealed: "990123456794f509d36e9beacb0e261d99c7d1e972f1fed787d4049f17ca21353c1cc24d56ceabced279",
  },
];
const BASE = bytes("000102030405060708090a0b0c0d0e0f");
const METADATA = bytes("4945544620534672616d65205747");
const PLAIN = bytes("64726166742d696574662d736672616d652d656e63");

test.each(FRAMES)("a frame is sealed and opened as RFC 9605 does it with suite $suite.id", async ({ suite, salt, sealed }) => {
  const key = await frameKey(suite, await importBase(BASE), 0x123n);
  expect(hex(key.salt)).toBe(salt);
  expect(hex(await seal(key, 0x4567n, METADATA, PLAIN))).toBe(sealed);
  const header = readHeader(bytes(sealed))!;
  expect(hex((await open(key, header, METADATA, bytes(sealed)))!)).toBe(hex(PLAIN));
});

test("whatever byte is changed on the way, nothing is opened", async () => {
  const key = await frameKey(AES_128_GCM_SHA256_128, await importBase(BASE), 0x123n);
  const sealed = await seal(key, 7n, METADATA, PLAIN);
  for (let at = 0; at < sealed.length; at += 1) {
    const changed = sealed.slice();
    changed[at]! ^= 1 << at % 8;
    const header = readHeader(changed);
    expect(header && (await open(key, header, METADATA, changed)), `byte ${at}`).toBeNull();
  }
  const header = readHeader(sealed)!;
  expect(await open(key, header, concat(METADATA, [0]), sealed), "other metadata").toBeNull();
  expect(await open(key, header, METADATA, sealed.subarray(0, -1)), "cut off").toBeNull();
  const other = await frameKey(AES_128_GCM_SHA256_128, await importBase(BASE), 0x124n);
  expect(await open(other, header, METADATA, sealed), "another sender's key").toBeNull();
});

test("what is no SFrame at all is opened by nobody, and breaks nothing", async () => {
  const random = new Random(1);
  const key = await frameKey(AES_128_GCM_SHA256_128, await importBase(BASE), 0x123n);
  for (let round = 0; round < 500; round += 1) {
    const noise = random.bytes(random.below(40));
    const header = readHeader(noise);
    if (header) expect(await open(key, header, METADATA, noise)).toBeNull();
  }
});

test("a base key gives what RFC 5869 says of it and is not given out itself", async () => {
  const base = await importBase(bytes("0b".repeat(22)));
  // Test case 3: no salt, no info.
  expect(hex(await expand(base, "SHA-256", new Uint8Array(), 42))).toBe(
    "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
  );
  await expect(crypto.subtle.exportKey("raw", base)).rejects.toThrow();
});

function hex(bytes: Bytes): string {
  return Buffer.from(bytes).toString("hex");
}
