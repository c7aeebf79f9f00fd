/**
 * What is behind a person in their camera's picture: blurred, or another picture. This is the part that the page
 * always loads; all the rest comes when somebody switches it on.
 */
import type { CameraFilter } from "../media/devices.ts";
import type { Counted, Effect, ToPainter } from "./messages.ts";

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
  /** The worker that paints: started once, and without pictures it does nothing. */
  #painter: Promise<Worker> | null = null;
  #painted: MediaStreamTrack | null = null;

  /** From the next picture on. Rejects when a picture cannot be read, or what it takes cannot be loaded. */
  async show(choice: Choice): Promise<void> {
    const effect: Effect = choice.kind === "picture" ? { kind: "picture", picture: await createImageBitmap(choice.file) } : choice;
    (await this.#load()).postMessage({ type: "effect", effect } satisfies ToPainter);
  }

  async start(camera: MediaStreamTrack): Promise<MediaStreamTrack> {
    this.stop();
    const { MediaStreamTrackProcessor: Processor, MediaStreamTrackGenerator: Generator } = globals;
    if (!Processor || !Generator) throw new Error("this browser cannot replace a background");
    const painter = await this.#load();
    const { readable } = new Processor({ track: camera });
    const painted = new Generator({ kind: "video" });
    this.#painted = painted;
    const message: ToPainter = { type: "start", readable, writable: painted.writable };
    painter.postMessage(message, [readable, painted.writable] as Transferable[]);
    return painted;
  }

  stop(): void {
    this.#painted?.stop();
    this.#painted = null;
  }

  /** What the workers have done; null: there are none. */
  async count(): Promise<Counted | null> {
    const painter = await this.#painter;
    if (!painter) return null;
    return new Promise((answer) => {
      painter.onmessage = ({ data }: MessageEvent<Counted>) => answer(data);
      painter.postMessage({ type: "count" } satisfies ToPainter);
    });
  }

  async #load(): Promise<Worker> {
    this.#painter ??= import("./studio.ts").then(({ startPainter }) => startPainter());
    try {
      return await this.#painter;
    } catch (error) {
      this.#painter = null;
      throw error;
    }
  }
}
