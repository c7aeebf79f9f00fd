/**
 * All that the worker knows: the keys, what goes out by them and what comes in. It has no streams and no
 * clock. Without a key nothing leaves and nothing comes in.
 */
import type { Bytes } from "./bytes.ts";
import { codecOf } from "./frames.ts";
import { Epochs, roomKey, type Source } from "./keys.ts";
import type { FromWorker, SealCounters } from "./messages.ts";
import { Opener } from "./opener.ts";
import { Sealer } from "./sealer.ts";

/**
 * Keys before the present epoch are kept for so long after they were used: whoever has not heard of it yet
 * goes on with them.
 */
export const GRACE_MS = 10_000;
/** Frames that cannot be opened are told of so often. */
export const TELL_EVERY_MS = 500;
/** A seat is locked when something came and nothing was opened for so long. */
export const LOCKED_AFTER_MS = 1000;

/** What a passphrase was made into. */
interface Keys {
  epochs: Epochs;
  sealer: Sealer;
  opener: Opener;
}

/** A seat as it is told of. */
interface Seat {
  openedAt: number;
  firstAt: number;
  toldAt: number;
  locked: boolean;
}

export class Vault {
  readonly counters: SealCounters = {
    sealed: 0,
    opened: 0,
    withheld: 0,
    keyless: 0,
    unknownCodec: 0,
    refused: { unsealed: 0, misplaced: 0, stale: 0, ahead: 0, replayed: 0, forged: 0 },
  };
  #tell;
  #keys: Keys | null = null;
  /** Of passphrases given one after another the last holds. */
  #making = 0;
  /** The highest epoch that the page has named. */
  #wanted = 0;
  #told = 0;
  #seats = new Map<number, Seat>();

  constructor(tell: (message: FromWorker) => void) {
    this.#tell = tell;
  }

  /** Makes keys, in place of those there were; resolves when there are some. */
  async make(passphrase: string, roomId: string, iterations?: number): Promise<void> {
    this.#making += 1;
    const turn = this.#making;
    this.#keys = null;
    const { base, code } = await roomKey(passphrase, roomId, iterations);
    const epochs = new Epochs(base);
    await epochs.advance(this.#wanted);
    if (turn !== this.#making) return;
    epochs.forget();
    this.#keys = { epochs, sealer: new Sealer(epochs), opener: new Opener(epochs) };
    this.#told = epochs.current;
    this.#tell({ type: "ready", code, epoch: epochs.current });
    // The page may have named a later one meanwhile.
    await this.advance(this.#wanted);
  }

  /** Goes on to this epoch, never back. */
  async advance(epoch: number): Promise<void> {
    this.#wanted = Math.max(this.#wanted, epoch);
    const keys = this.#keys;
    if (keys && (await keys.epochs.advance(epoch))) this.#moved(keys);
  }

  /** Erases what is not needed any more; true while there is more to erase later. */
  forget(now: number): boolean {
    this.#keys?.epochs.forget();
    return this.#keys?.opener.forget(now - GRACE_MS) ?? false;
  }

  /** What is sent instead of this frame; `null`: nothing. */
  async seal(source: Source, mimeType: string | undefined, frame: Bytes): Promise<Bytes | null> {
    const codec = codecOf(mimeType ?? "");
    const sealed = codec && ((await this.#keys?.sealer.seal(source, codec, frame)) ?? null);
    this.counters[sealed ? "sealed" : "withheld"] += 1;
    return sealed;
  }

  /** What is shown or played of this frame, which came to `seat`; `null`: nothing. */
  async open(
    { id, kind }: { id: number; kind: "audio" | "video" },
    mimeType: string | undefined,
    dressed: Bytes,
    now: number,
  ): Promise<Bytes | null> {
    const frame = await this.#opened(kind, mimeType, dressed, now);
    this.#note(id, frame !== null, now);
    return frame;
  }

  async #opened(kind: "audio" | "video", mimeType: string | undefined, dressed: Bytes, now: number): Promise<Bytes | null> {
    const keys = this.#keys;
    const codec = codecOf(mimeType ?? "");
    if (!keys || !codec) {
      this.counters[keys ? "unknownCodec" : "keyless"] += 1;
      return null;
    }
    const opened = await keys.opener.open(kind, codec, dressed, now);
    if (keys.epochs.current > this.#told) this.#moved(keys);
    if (typeof opened === "string") {
      this.counters.refused[opened] += 1;
      return null;
    }
    this.counters.opened += 1;
    return opened;
  }

  #moved({ epochs }: Keys): void {
    if (epochs.current <= this.#told) return;
    this.#told = epochs.current;
    this.#tell({ type: "epoch", epoch: epochs.current });
  }

  #note(id: number, opened: boolean, now: number): void {
    const seat = this.#seats.get(id) ?? { openedAt: -Infinity, firstAt: now, toldAt: -Infinity, locked: false };
    this.#seats.set(id, seat);
    if (opened) seat.openedAt = now;
    const locked = !opened && now - Math.max(seat.openedAt, seat.firstAt) >= LOCKED_AFTER_MS;
    const isNews = opened ? seat.locked : locked && now - seat.toldAt >= TELL_EVERY_MS;
    if (!isNews) return;
    Object.assign(seat, { locked, toldAt: now });
    this.#tell({ type: "locked", id, locked });
  }
}
