/**
 * What a passphrase becomes: a base key for each epoch of the call, and a short code that people
 * compare. It knows no frames. README.md beside this file says what it protects from and what not.
 */
import { type Bytes, bytesOf, concat, numberOf, utf8 } from "./bytes.ts";
import { AES_128_GCM_SHA256_128, expand, importBase } from "./sframe.ts";

/** What everything is sealed with. */
export const SUITE = AES_128_GCM_SHA256_128;

/**
 * OWASP's figure of 2023 for PBKDF2 with SHA-256: 0.2 s here, and as much for each guess of who tries words.
 * Argon2 would make guessing dearer still, but no browser has it by itself; as WebAssembly it would take
 * `wasm-unsafe-eval` in the policy of the whole page. A generated passphrase cannot be guessed either way.
 */
export const ITERATIONS = 600_000;

/** The highest epoch that a KID has room for; then keys stay as they are. */
export const LAST_EPOCH = 4095;

/** Crockford's base 32: no letter that is mistaken for a digit. */
const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
/** 130 bits: more than the key that comes of it. */
const PASSPHRASE_LENGTH = 26;

/**
 * 66 bits. Who gives two people two links that show one code has to find two passphrases that agree: some
 * 2^33 times the work of PBKDF2 above.
 */
const CODE_DIGITS = 20;
const CODE_GROUP = 5;
/** So many bits more than the digits need that none is likelier than another. */
const CODE_BYTES = 16;

/** A passphrase that nobody guesses. */
export function generatePassphrase(): string {
  const random = crypto.getRandomValues(new Uint8Array(PASSPHRASE_LENGTH));
  return Array.from(random, (byte) => ALPHABET[byte & 31]).join("");
}

/** What a passphrase stands for in one room. */
export interface RoomKey {
  /** Of epoch 0. */
  base: CryptoKey;
  /** The same on the screens of all who have the passphrase. */
  code: string;
}

/** The room's id is the salt: one dictionary for all rooms is of no use. */
export async function roomKey(passphrase: string, roomId: string, iterations = ITERATIONS): Promise<RoomKey> {
  const words = utf8(passphrase.normalize("NFC"));
  const input = await crypto.subtle.importKey("raw", words, "PBKDF2", false, ["deriveBits"]);
  const salt = concat(utf8("volley e2ee 1 room "), utf8(roomId));
  const algorithm = { name: "PBKDF2", hash: "SHA-256", salt, iterations };
  const secret = new Uint8Array(await crypto.subtle.deriveBits(algorithm, input, 256));
  const base = await importBase(secret);
  secret.fill(0);
  return { base, code: await codeOf(base) };
}

async function codeOf(base: CryptoKey): Promise<string> {
  const bytes = await expand(base, SUITE.hash, utf8("volley e2ee 1 code"), CODE_BYTES);
  const digits = String(numberOf(bytes) % 10n ** BigInt(CODE_DIGITS)).padStart(CODE_DIGITS, "0");
  return digits.match(new RegExp(`.{${CODE_GROUP}}`, "g"))!.join(" ");
}

/** RFC 9605 §5.1: from which nobody finds the way back. */
async function ratchet(base: CryptoKey): Promise<CryptoKey> {
  const next: Bytes = await expand(base, SUITE.hash, utf8("SFrame 1.0 Ratchet"), 32);
  const key = await importBase(next);
  next.fill(0);
  return key;
}

/** The base keys of a call's epochs: the present one, and those before until they are forgotten. */
export class Epochs {
  #current = 0;
  #bases: Map<number, CryptoKey>;

  constructor(first: CryptoKey) {
    this.#bases = new Map([[0, first]]);
  }

  get current(): number {
    return this.#current;
  }

  /** Of an epoch to come as well, without going there. `null`: it is forgotten. */
  async base(epoch: number): Promise<CryptoKey | null> {
    const from = this.#current;
    const known = this.#bases.get(epoch <= from ? epoch : from);
    if (!known || epoch > LAST_EPOCH) return null;
    let base = known;
    for (let at = from; at < epoch; at += 1) base = await ratchet(base);
    return base;
  }

  /** Goes to this epoch; never back. True: that was news. */
  async advance(epoch: number): Promise<boolean> {
    const to = Math.min(epoch, LAST_EPOCH);
    if (to <= this.#current) return false;
    const base = await this.base(to);
    // Meanwhile somebody may have gone further.
    if (!base || to <= this.#current) return false;
    this.#bases.set(to, base);
    this.#current = to;
    return true;
  }

  /** Erases what was before the present epoch. */
  forget(): void {
    for (const epoch of [...this.#bases.keys()]) if (epoch < this.#current) this.#bases.delete(epoch);
  }
}

/** What a sending page seals of. Each has keys and counters of its own. */
export const SOURCES = ["microphone", "camera", "screen", "screen-audio"] as const;
export type Source = (typeof SOURCES)[number];

/** Who sealed a frame and with what, as its KID says it. */
export interface Sender {
  /** Drawn at random when a page makes its keys. */
  session: bigint;
  source: Source;
  epoch: number;
}

const EPOCH_BITS = 12n;
const SOURCE_BITS = 2n;
const SESSION_BITS = 50n;

/**
 * 50 bits, the highest of them set, so that every KID has eight bytes. Two sessions of one room key would
 * have to draw the same 49 to use a nonce twice: one chance in ten million after ten thousand sessions.
 */
export function newSession(): bigint {
  const random = numberOf(crypto.getRandomValues(new Uint8Array(8)));
  return (random & ((1n << SESSION_BITS) - 1n)) | (1n << (SESSION_BITS - 1n));
}

export function kidOf({ session, source, epoch }: Sender): bigint {
  return (session << (SOURCE_BITS + EPOCH_BITS)) | (BigInt(SOURCES.indexOf(source)) << EPOCH_BITS) | BigInt(epoch);
}

/** `null`: no page of ours made it. */
export function senderOf(kid: bigint): Sender | null {
  if (bytesOf(kid).length !== 8 || kid >> 63n === 0n) return null;
  const bits = (from: bigint, count: bigint) => (kid >> from) & ((1n << count) - 1n);
  return {
    session: kid >> (SOURCE_BITS + EPOCH_BITS),
    source: SOURCES[Number(bits(EPOCH_BITS, SOURCE_BITS))]!,
    epoch: Number(bits(0n, EPOCH_BITS)),
  };
}
