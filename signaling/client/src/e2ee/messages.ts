/** What a page and the worker that holds its keys tell each other. */
import type { Source } from "./keys.ts";
import type { Refused } from "./opener.ts";

/** Frames that go by one sender or receiver; `id` is the page's. */
export type Place =
  | { id: number; way: "send"; source: Source }
  | { id: number; way: "receive"; kind: "audio" | "video" };

/** A codec's payload type and name, where frames do not say it themselves. */
export type PayloadTypes = readonly (readonly [number, string])[];

export type ToWorker =
  /** Make keys, and forget those there were. */
  | { type: "key"; passphrase: string; roomId: string; epoch: number }
  | { type: "epoch"; epoch: number }
  /** Chromium's older form: the streams of a sender or receiver. */
  | { type: "attach"; place: Place; readable: ReadableStream; writable: WritableStream }
  | { type: "codecs"; id: number; types: PayloadTypes }
  | { type: "count"; question: number };

export type FromWorker =
  /** There are keys. */
  | { type: "ready"; code: string; epoch: number }
  /** No keys could be made: there are none until another passphrase is given. */
  | { type: "failed" }
  | { type: "epoch"; epoch: number }
  /** Frames come that cannot be opened, or can again. */
  | { type: "locked"; id: number; locked: boolean }
  | { type: "counted"; question: number; counters: SealCounters };

/** Frames, by what became of them. */
export interface SealCounters {
  sealed: number;
  opened: number;
  /** Frames of ours that were not sent, for want of a key or since nobody knows how to seal them. */
  withheld: number;
  /** Frames of others that came before there was a key. */
  keyless: number;
  /** Frames of others whose codec is none that can be sealed. */
  unknownCodec: number;
  /** Frames of others that were not opened, by cause. */
  refused: Record<Refused, number>;
}
