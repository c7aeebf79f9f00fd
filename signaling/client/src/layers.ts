/**
 * The layers of a picture that we send: which there are, and which of them the server wants.
 * It knows senders and numbers, neither devices nor the server's messages.
 */
import type { LayerView } from "./messages.ts";

/** What is sent of a picture; as `/settings.js` of a server says it. */
export interface PictureSettings {
  /** Most of one picture, all layers together, bit/s. */
  maxBitrate: number;
  /** A layer that `maxBitrate` would cut below so much is left out, bit/s. */
  minBitrate: number;
  /** Whether a picture is sent in several sizes. */
  simulcast: boolean;
  /** The size of the largest. */
  width: number;
  height: number;
}

/** What a server asks for that was not configured otherwise. */
export const DEFAULT_PICTURES: PictureSettings = {
  maxBitrate: 5_000_000,
  minBitrate: 100_000,
  simulcast: true,
  width: 1280,
  height: 720,
};

/** What a layer is asked to be. */
export interface Box {
  rid: string;
  width: number;
  height: number;
  maxBitrate: number;
  /** On every layer: on one alone it caps all of them in Chromium. */
  maxFramerate: number;
}

/** Pictures that are sent in layers, and their boxes, the smallest first. */
export type Boxes = Record<"camera" | "screen", Box[]>;

/** Sizes are bounding boxes: a picture of 16:9 has 320 × 180 in the first. */
const LOW: Box = { rid: "l", width: 320, height: 240, maxBitrate: 150_000, maxFramerate: 15 };
const MEDIUM: Box = { rid: "m", width: 640, height: 480, maxBitrate: 500_000, maxFramerate: 30 };
const HIGH: Box = { rid: "h", width: 1280, height: 720, maxBitrate: 2_500_000, maxFramerate: 30 };

/** A screen is read: all its lines at few frames, and half of them for a thin link. */
const SCREEN: Box[] = [
  { rid: "l", width: 960, height: 540, maxBitrate: 400_000, maxFramerate: 5 },
  { rid: "h", width: 1920, height: 1080, maxBitrate: 2_500_000, maxFramerate: 15 },
];

/** What is sent where the server asks for this. */
export function boxesFor({ width, height, maxBitrate, minBitrate, simulcast }: PictureSettings): Boxes {
  const lines = (width * height) / (HIGH.width * HIGH.height);
  const camera = [
    ...[LOW, MEDIUM].filter((box) => box.width < width && box.height < height),
    { ...HIGH, width, height, maxBitrate: Math.round(HIGH.maxBitrate * lines) },
  ];
  const within = (all: Box[]) => share(simulcast ? all : all.slice(-1), maxBitrate, minBitrate);
  return { camera: within(camera), screen: within(SCREEN) };
}

/** The lowest layer gets what it needs first; one that would get less than `least` is left out. */
function share(all: Box[], most: number, least: number): Box[] {
  let left = most;
  return all.flatMap((box, at) => {
    const maxBitrate = Math.min(box.maxBitrate, left);
    if (at > 0 && maxBitrate < least) return [];
    left -= maxBitrate;
    return [{ ...box, maxBitrate }];
  });
}

/** Several temporal layers in each encoding, so that a thin link may have every other frame. */
const TEMPORAL = "L1T3";

/** What a server must be told of each frame to choose among spatial layers. */
const DEPENDENCY_DESCRIPTOR = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";

/** What browsers know of an encoding beside TypeScript's DOM types (WebRTC SVC extension). */
export type Encoding = RTCRtpEncodingParameters & { scalabilityMode?: string };

/**
 * The encodings a transceiver begins with, before it is known how large the picture is. `mode`: one
 * encoding with these spatial and temporal layers instead, such as L3T3_KEY.
 */
export function encodingsOf(boxes: Box[], mode: string | null = null): Encoding[] {
  const largest = boxes[boxes.length - 1];
  if (!largest) return [{}];
  if (mode || boxes.length === 1) {
    // What all layers take together: each in turn is as good as the encoding in its place would be.
    const maxBitrate = boxes.reduce((sum, box) => sum + box.maxBitrate, 0);
    return [{ maxBitrate, maxFramerate: largest.maxFramerate, scalabilityMode: mode ?? TEMPORAL }];
  }
  return boxes.map(({ rid, width, maxBitrate, maxFramerate }) => ({
    rid,
    maxBitrate,
    maxFramerate,
    scalabilityMode: TEMPORAL,
    scaleResolutionDownBy: largest.width / width,
  }));
}

/** Of Chromium, not in TypeScript's DOM types yet (WebRTC extensions §4). */
export interface HeaderExtensions {
  getHeaderExtensionsToNegotiate?: () => { uri: string; direction: string }[];
  setHeaderExtensionsToNegotiate?: (extensions: { uri: string; direction: string }[]) => void;
}

/**
 * Lets the dependency descriptor be offered. Chromium offers it by itself only on m-lines that send
 * with a scalability mode; it is to go on to those who receive as well.
 */
export function offerDescriptor(transceiver: object): void {
  const known = transceiver as HeaderExtensions;
  const extensions = known.getHeaderExtensionsToNegotiate?.() ?? [];
  const own = extensions.find(({ uri }) => uri === DEPENDENCY_DESCRIPTOR);
  if (!own || own.direction === "sendrecv") return;
  own.direction = "sendrecv";
  try {
    known.setHeaderExtensionsToNegotiate?.(extensions);
  } catch {
    // Without it pictures come all the same, in as many layers as their payload tells.
  }
}

/**
 * Changes `encodings` to what the server wants of a picture of this size; true when that is news. A
 * picture that fits a smaller box as it is needs no larger one.
 */
export function fit(
  encodings: Encoding[],
  boxes: Box[],
  { width = 0, height = 0 }: { width?: number; height?: number },
  wanted: LayerView[],
): boolean {
  const [only] = encodings;
  if (only && encodings.length === 1 && !only.rid) return pause(only, wanted);
  const isKnown = width > 0 && height > 0;
  const enough = boxes.findIndex((box) => isKnown && scaleInto(box, width, height) === 1);
  let changed = false;
  for (const encoding of encodings) {
    const at = boxes.findIndex(({ rid }) => rid === encoding.rid);
    const box = boxes[at];
    if (!box) continue;
    const isWanted = wanted.find(({ rid }) => rid === encoding.rid)?.active ?? true;
    const active = isWanted && (enough < 0 || at <= enough);
    const scale = isKnown ? scaleInto(box, width, height) : encoding.scaleResolutionDownBy;
    changed ||= encoding.active !== active || encoding.scaleResolutionDownBy !== scale;
    encoding.active = active;
    if (scale !== undefined) encoding.scaleResolutionDownBy = scale;
  }
  return changed;
}

/** An encoding alone has no name, nor has what the server says of it; its size is nobody's choice. */
function pause(only: Encoding, wanted: LayerView[]): boolean {
  const active = wanted.find(({ rid }) => rid === "")?.active ?? true;
  const changed = (only.active ?? true) !== active;
  only.active = active;
  return changed;
}

/** A phone held upright fits its long side as well. */
function scaleInto(box: Box, width: number, height: number): number {
  const [long, short] = [Math.max(width, height), Math.min(width, height)];
  return Math.max(1, long / box.width, short / box.height);
}

/** Keeps the encodings of one sender as they should be, one change at a time. */
export class Layers {
  #sender;
  #boxes;
  #wanted: LayerView[] = [];
  #busy = false;
  #again = false;

  constructor(sender: RTCRtpSender, boxes: Box[]) {
    this.#sender = sender;
    this.#boxes = boxes;
  }

  /** The server says which are watched. */
  want(layers: LayerView[]): Promise<void> {
    this.#wanted = layers;
    return this.update();
  }

  /** The picture may have another size, or the answer has just made the encodings real. */
  async update(): Promise<void> {
    this.#again = this.#busy;
    if (this.#busy) return;
    this.#busy = true;
    try {
      const parameters = this.#sender.getParameters();
      const picture = this.#sender.track?.getSettings() ?? {};
      if (fit(parameters.encodings ?? [], this.#boxes, picture, this.#wanted)) {
        await this.#sender.setParameters(parameters);
      }
    } catch {
      // Stopped meanwhile, or between two descriptions: the next answer brings us here again.
    }
    this.#busy = false;
    if (this.#again) await this.update();
  }
}
