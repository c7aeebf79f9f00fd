/**
 * Seals what one page sends. Every source has a key of its own for each epoch, and every frame the next
 * number: none is used twice with one key, since no two sessions have one key and none is kept over a reload.
 */
import type { Bytes } from "./bytes.ts";
import { type Codec, LAYOUTS, metadataOf } from "./frames.ts";
import { type Epochs, kidOf, newSession, type Source, SUITE } from "./keys.ts";
import { type FrameKey, frameKey, seal } from "./sframe.ts";

interface Sending {
  key: FrameKey;
  /** Of the next frame. */
  counter: number;
}

export class Sealer {
  #epochs;
  #session;
  /** Of the epoch in which something was sealed last. */
  #sendings = new Map<Source, Promise<Sending | null>>();
  #epoch = 0;

  constructor(epochs: Epochs, session = newSession()) {
    this.#epochs = epochs;
    this.#session = session;
  }

  /** `null`: that is no frame of this codec. */
  async seal(source: Source, codec: Codec, frame: Bytes): Promise<Bytes | null> {
    const sending = await this.#sending(source);
    if (!sending || sending.counter >= Number.MAX_SAFE_INTEGER) return null;
    const counter = BigInt(sending.counter);
    sending.counter += 1;
    return LAYOUTS[codec].dress(frame, await seal(sending.key, counter, metadataOf(codec), frame));
  }

  #sending(source: Source): Promise<Sending | null> {
    const epoch = this.#epochs.current;
    if (epoch !== this.#epoch) this.#sendings.clear();
    this.#epoch = epoch;
    const known = this.#sendings.get(source);
    if (known) return known;
    const begun = this.#begin(source, epoch);
    this.#sendings.set(source, begun);
    return begun;
  }

  async #begin(source: Source, epoch: number): Promise<Sending | null> {
    const base = await this.#epochs.base(epoch);
    const kid = kidOf({ session: this.#session, source, epoch });
    return base && { key: await frameKey(SUITE, base, kid), counter: 0 };
  }
}
