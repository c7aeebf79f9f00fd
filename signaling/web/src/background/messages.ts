/** What the page, the worker that paints and the one that finds people tell each other. */

/** What is shown behind a person. */
export type Effect =
  | { kind: "blur" }
  /** Fills the picture, its edges cut off. */
  | { kind: "picture"; picture: ImageBitmap };

export type ToPainter =
  | { type: "finder"; port: MessagePort }
  | { type: "start"; turn: number; readable: ReadableStream<VideoFrame>; writable: WritableStream<VideoFrame> }
  | { type: "effect"; effect: Effect }
  | { type: "count" };

export type FromPainter =
  | { type: "counted"; counted: Counted }
  /** No more pictures come of what was started as this turn. */
  | { type: "failed"; turn: number };

export interface Counted {
  /** Pictures painted so far. */
  painted: number;
  /** How often people were looked for, and how long that took the last time. */
  found: number;
  finderMs: number;
  /** How long the last picture took. */
  painterMs: number;
}

/** The port of the one that finds people, and the model. */
export interface ToFinder {
  port: MessagePort;
  model: ArrayBuffer;
}

/** A picture of {@link WIDTH} × {@link HEIGHT}, RGBA. */
export interface Look {
  pixels: ArrayBuffer;
}

/** For each of its pixels how likely it belongs to a person, 0 to 1. */
export interface Found {
  mask: Float32Array<ArrayBuffer>;
  tookMs: number;
}

/** What the model takes. */
export const WIDTH = 256;
export const HEIGHT = 144;
