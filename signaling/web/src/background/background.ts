/**
 * What is behind a person in their camera's picture: blurred, or another picture. This is the part that the page
 * always loads; all the rest comes when somebody switches it on.
 */
import type { CameraFilter } from "../media/devices.ts";
import type { Counted, Effect, FromPainter, ToPainter } from "./messages.ts";
import type { Studio } from "./studio.ts";

export type Choice = { kind: "blur" } | { kind: "picture"; file: Blob };

/** Of Chromium; not in TypeScript's DOM types. */
interface Globals {
  MediaStreamTrackProcessor?: new (init: { track: MediaStreamTrack }) => { readable: ReadableStream<VideoFrame> };
  MediaStreamTrackGenerator?: new (init: { kind: "video" }) => MediaStreamTrack & { writable: WritableStream<VideoFrame> };
}

const globals = globalThis as Globals;

/** Whether this browser lets a page paint every picture of a camera anew. */
export function canReplaceBackground(): boolean {
  return Boolean(globals.MediaStreamTrackProcessor && globals.MediaStreamTrackGenerator && "OffscreenCanvas" in globalThis);
}

export class Background implements CameraFilter {
  /** The workers: started once, and without pictures they do nothing. */
  #studio: Promise<Studio> | null = null;
  /** What those are told that take the place of broken ones. */
  #effect: Effect | null = null;
  #painted: MediaStreamTrack | null = null;
  /** What is painted now, of all that was so far. */
  #turn = 0;
  #onFailed: (() => void) | null = null;
  #onCounted: ((counted: Counted) => void) | null = null;

  /** From the next picture on. Rejects when a picture cannot be read, or what it takes cannot be loaded. */
  async show(choice: Choice): Promise<void> {
    const effect: Effect = choice.kind === "picture" ? { kind: "picture", picture: await createImageBitmap(choice.file) } : choice;
    const { painter } = await this.#load();
    this.#effect = effect;
    painter.postMessage({ type: "effect", effect } satisfies ToPainter);
  }

  async start(camera: MediaStreamTrack, onFailed: () => void): Promise<MediaStreamTrack> {
    this.stop();
    const { MediaStreamTrackProcessor: Processor, MediaStreamTrackGenerator: Generator } = globals;
    if (!Processor || !Generator) throw new Error("this browser cannot replace a background");
    const { painter } = await this.#load();
    const { readable } = new Processor({ track: camera });
    const painted = new Generator({ kind: "video" });
    this.#painted = painted;
    this.#onFailed = onFailed;
    const message: ToPainter = { type: "start", turn: this.#turn, readable, writable: painted.writable };
    painter.postMessage(message, [readable, painted.writable] as Transferable[]);
    return painted;
  }

  stop(): void {
    this.#turn += 1;
    this.#onFailed = null;
    this.#painted?.stop();
    this.#painted = null;
  }

  /** What the workers have done; null: there are none. */
  async count(): Promise<Counted | null> {
    const studio = await this.#studio;
    if (!studio) return null;
    return new Promise((answer) => {
      this.#onCounted = answer;
      studio.painter.postMessage({ type: "count" } satisfies ToPainter);
    });
  }

  async #load(): Promise<Studio> {
    this.#studio ??= this.#begin();
    try {
      return await this.#studio;
    } catch (error) {
      this.#studio = null;
      throw error;
    }
  }

  async #begin(): Promise<Studio> {
    const { startStudio } = await import("./studio.ts");
    const studio = await startStudio(() => this.#fail());
    studio.painter.onmessage = ({ data }: MessageEvent<FromPainter>) => {
      if (data.type === "counted") this.#onCounted?.(data.counted);
      // What ended with its camera is no news.
      else if (data.turn === this.#turn) this.#fail();
    };
    if (this.#effect) studio.painter.postMessage({ type: "effect", effect: this.#effect } satisfies ToPainter);
    return studio;
  }

  /** Others would see a picture that stands still. The next try has new workers. */
  #fail(): void {
    const tell = this.#onFailed;
    this.stop();
    void this.#studio?.then(({ close }) => close());
    this.#studio = null;
    tell?.();
  }
}
