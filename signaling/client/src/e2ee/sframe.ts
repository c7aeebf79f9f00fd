/**
 * SFrame (RFC 9605): the header, keys of a base key, sealing and opening one frame. It knows neither
 * codecs nor who is in the call, and never chooses a counter.
 */
import { type Bytes, bytesOf, concat, numberOf, utf8 } from "./bytes.ts";

/** A cipher suite (RFC 9605 §4.5). */
export interface Suite {
  /** Its number with IANA. */
  id: number;
  hash: "SHA-256" | "SHA-512";
  keyBytes: number;
}

export const AES_128_GCM_SHA256_128: Suite = { id: 0x0004, hash: "SHA-256", keyBytes: 16 };
export const AES_256_GCM_SHA512_128: Suite = { id: 0x0005, hash: "SHA-512", keyBytes: 32 };

/** Of both suites. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** What stands before the ciphertext (RFC 9605 §4.3). */
export interface Header {
  /** Names the key. */
  kid: bigint;
  /** Used once with each key. */
  counter: bigint;
  /** Bytes of the header. */
  length: number;
}

/** What seals and opens the frames of one KID. */
export interface FrameKey {
  kid: bigint;
  key: CryptoKey;
  salt: Bytes;
}

/** Up to here a number stands in the first byte. */
const SMALL = 8n;
const LONG = 0x08;

export function writeHeader(kid: bigint, counter: bigint): Bytes {
  const [first, kidBytes] = field(kid);
  const [second, counterBytes] = field(counter);
  return concat([(first << 4) | second], kidBytes, counterBytes);
}

function field(value: bigint): [number, Bytes] {
  if (value < SMALL) return [Number(value), new Uint8Array()];
  const bytes = bytesOf(value);
  return [LONG | (bytes.length - 1), bytes];
}

/** `null`: too short to be one. */
export function readHeader(bytes: Uint8Array): Header | null {
  const config = bytes[0];
  if (config === undefined) return null;
  const kidEnd = 1 + lengthOf(config >> 4);
  const length = kidEnd + lengthOf(config & 0x0f);
  if (bytes.length < length) return null;
  const value = (bits: number, from: number, to: number) =>
    bits & LONG ? numberOf(bytes.subarray(from, to)) : BigInt(bits);
  return { kid: value(config >> 4, 1, kidEnd), counter: value(config & 0x0f, kidEnd, length), length };
}

/** How many bytes a field's four bits say that it has. */
function lengthOf(bits: number): number {
  return bits & LONG ? (bits & 0x07) + 1 : 0;
}

/** A base key, from which keys are derived and which nobody can read again. */
export function importBase(secret: Bytes): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveBits"]);
}

/** HKDF without a salt (RFC 5869), as SFrame uses it. */
export async function expand(base: CryptoKey, hash: Suite["hash"], info: Bytes, bytes: number): Promise<Bytes> {
  const algorithm = { name: "HKDF", hash, salt: new Uint8Array(), info };
  return new Uint8Array(await crypto.subtle.deriveBits(algorithm, base, bytes * 8));
}

/** RFC 9605 §4.4.2. */
export async function frameKey(suite: Suite, base: CryptoKey, kid: bigint): Promise<FrameKey> {
  const label = (what: string) =>
    concat(utf8(`SFrame 1.0 Secret ${what} `), bytesOf(kid, 8), bytesOf(BigInt(suite.id), 2));
  const secret = await expand(base, suite.hash, label("key"), suite.keyBytes);
  const salt = await expand(base, suite.hash, label("salt"), NONCE_BYTES);
  const key = await crypto.subtle.importKey("raw", secret, "AES-GCM", false, ["encrypt", "decrypt"]);
  secret.fill(0);
  return { kid, key, salt };
}

/** RFC 9605 §4.4.3: header, ciphertext, tag. A counter is never used twice with one key. */
export async function seal({ kid, key, salt }: FrameKey, counter: bigint, metadata: Bytes, plain: Bytes): Promise<Bytes> {
  const header = writeHeader(kid, counter);
  const sealed = await crypto.subtle.encrypt(parameters(salt, counter, header, metadata), key, plain);
  return concat(header, new Uint8Array(sealed));
}

/** RFC 9605 §4.4.4. `null`: it was not sealed with this key, or was changed on its way. */
export async function open({ key, salt }: FrameKey, header: Header, metadata: Bytes, sealed: Bytes): Promise<Bytes | null> {
  if (sealed.length < header.length + TAG_BYTES) return null;
  const front = sealed.subarray(0, header.length);
  try {
    const algorithm = parameters(salt, header.counter, front, metadata);
    return new Uint8Array(await crypto.subtle.decrypt(algorithm, key, sealed.subarray(header.length)));
  } catch {
    return null;
  }
}

function parameters(salt: Bytes, counter: bigint, header: Bytes, metadata: Bytes): AesGcmParams {
  const iv = salt.slice();
  bytesOf(counter, NONCE_BYTES).forEach((byte, at) => (iv[at]! ^= byte));
  return { name: "AES-GCM", iv, additionalData: concat(header, metadata), tagLength: TAG_BYTES * 8 };
}
