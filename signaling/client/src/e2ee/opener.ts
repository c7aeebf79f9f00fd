/**
 * Opens what others sealed: finds the key that a frame names, refuses what was changed, comes again or is
 * of a time whose keys are erased, and follows senders into a later epoch once a frame has proven it.
 */
import type { Bytes } from "./bytes.ts";
import { type Codec, LAYOUTS, metadataOf } from "./frames.ts";
import { type Epochs, type Sender, senderOf, SUITE } from "./keys.ts";
import { Replay } from "./replay.ts";
import { type FrameKey, frameKey, type Header, open, readHeader } from "./sframe.ts";

/** Why a frame was not opened. */
export type Refused =
  /** It is not sealed as it should be, or not at all. */
  | "unsealed"
  /** Sound in the place of a picture, or the other way round. */
  | "misplaced"
  /** Its keys are erased. */
  | "stale"
  /** It says that it is of an epoch far ahead, and another one did a moment ago. */
  | "ahead"
  | "replayed"
  /** Sealed with another passphrase, or changed on its way. */
  | "forged";

/** So many epochs ahead cost hardly more than none. */
const NEAR = 16;
/** Further ones take up to 4,095 steps, some 0.2 s: whoever makes such frames up costs us no more than that. */
const LEAP_EVERY_MS = 1000;
/** Keys of authentic senders that are kept; four for each of a thousand people. */
const MOST_KEYS = 4096;

interface Known {
  key: FrameKey;
  sender: Sender;
  replay: Replay;
  usedAt: number;
}

export class Opener {
  #epochs;
  /** Those of whom something authentic came, by KID, whoever was heard last stands last. */
  #known = new Map<bigint, Known>();
  #nextLeap = -Infinity;

  constructor(epochs: Epochs) {
    this.#epochs = epochs;
  }

  async open(kind: "audio" | "video", codec: Codec, dressed: Bytes, now: number): Promise<Bytes | Refused> {
    const sealed = LAYOUTS[codec].undress(dressed);
    const header = sealed && readHeader(sealed);
    const sender = header && senderOf(header.kid);
    if (!sealed || !header || !sender || header.counter > BigInt(Number.MAX_SAFE_INTEGER)) return "unsealed";
    if (kindOf(sender) !== kind) return "misplaced";
    const found = this.#known.get(header.kid) ?? (await this.#derive(header, sender, now));
    if (typeof found === "string") return found;
    if (!found.replay.allows(Number(header.counter), now)) return "replayed";
    const frame = await open(found.key, header, metadataOf(codec), sealed);
    if (!frame) return "forged";
    // Another frame with the same number may have been opened meanwhile.
    const known = await this.#accept(found, now);
    if (!known.replay.allows(Number(header.counter), now)) return "replayed";
    known.replay.note(Number(header.counter), now);
    return frame;
  }

  /** Erases keys of earlier epochs that were not used since; true while there are any left. */
  forget(since: number): boolean {
    for (const [kid, { sender, usedAt }] of this.#known) {
      if (sender.epoch < this.#epochs.current && usedAt < since) this.#known.delete(kid);
    }
    return [...this.#known.values()].some(({ sender }) => sender.epoch < this.#epochs.current);
  }

  async #derive({ kid }: Header, sender: Sender, now: number): Promise<Known | Refused> {
    if (sender.epoch > this.#epochs.current + NEAR) {
      if (now < this.#nextLeap) return "ahead";
      this.#nextLeap = now + LEAP_EVERY_MS;
    }
    const base = await this.#epochs.base(sender.epoch);
    if (!base) return "stale";
    return { key: await frameKey(SUITE, base, kid), sender, replay: new Replay(), usedAt: now };
  }

  /** Something authentic came: only now is a key worth keeping, and a later epoch believed. */
  async #accept(found: Known, now: number): Promise<Known> {
    const known = this.#known.get(found.key.kid) ?? found;
    known.usedAt = now;
    this.#known.delete(found.key.kid);
    this.#known.set(found.key.kid, known);
    const [oldest] = this.#known.keys();
    if (this.#known.size > MOST_KEYS && oldest !== undefined) this.#known.delete(oldest);
    await this.#epochs.advance(known.sender.epoch);
    return known;
  }
}

function kindOf({ source }: Sender): "audio" | "video" {
  return source === "camera" || source === "screen" ? "video" : "audio";
}
