// @ts-check
/**
 * The layers of a picture that we send: which there are, and which of them the server wants.
 * It knows senders and numbers, neither devices nor the server's messages.
 *
 * @typedef {{rid: string, active: boolean}} Layer
 * @typedef {object} Box what a layer is asked to be
 * @property {string} rid
 * @property {number} width
 * @property {number} height
 * @property {number} maxBitrate
 * @property {number} maxFramerate on every layer: on one alone it caps all of them in Chromium
 */

import { settings } from "./settings.js";

/** Sizes are bounding boxes: a picture of 16:9 has 320 × 180 in the first. @type {Box[]} */
const CAMERA = [
  { rid: "l", width: 320, height: 240, maxBitrate: 150_000, maxFramerate: 15 },
  { rid: "m", width: 640, height: 480, maxBitrate: 500_000, maxFramerate: 30 },
  { rid: "h", width: 1280, height: 720, maxBitrate: 2_500_000, maxFramerate: 30 },
];

/** A screen is read: all its lines at few frames, and half of them for a thin link. @type {Box[]} */
const SCREEN = [
  { rid: "l", width: 960, height: 540, maxBitrate: 400_000, maxFramerate: 5 },
  { rid: "h", width: 1920, height: 1080, maxBitrate: 2_500_000, maxFramerate: 15 },
];

const BOXES = boxesFor(settings);

/** @param {"camera" | "screen"} source */
function boxesOf(source) {
  return BOXES[source];
}

/**
 * What is sent where the server asks for this.
 *
 * @param {Pick<typeof settings, "width" | "height" | "maxBitrate" | "minBitrate" | "simulcast">} settings
 */
export function boxesFor({ width, height, maxBitrate, minBitrate, simulcast }) {
  const [largest] = CAMERA.slice(-1);
  const lines = (width * height) / (largest.width * largest.height);
  const camera = [
    ...CAMERA.filter((box) => box.width < width && box.height < height && box !== largest),
    { ...largest, width, height, maxBitrate: Math.round(largest.maxBitrate * lines) },
  ];
  const within = (/** @type {Box[]} */ all) => share(simulcast ? all : all.slice(-1), maxBitrate, minBitrate);
  return { camera: within(camera), screen: within(SCREEN) };
}

/**
 * The lowest layer gets what it needs first; one that would get less than `least` is left out.
 *
 * @param {Box[]} all
 * @param {number} most
 * @param {number} least
 */
function share(all, most, least) {
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
const DEPENDENCY_DESCRIPTOR =
  "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";

/**
 * The encodings a transceiver begins with, before it is known how large the picture is.
 *
 * @param {"camera" | "screen"} source
 * @param {string | null} [mode] one encoding with these spatial and temporal layers, such as L3T3_KEY
 * @returns {RTCRtpEncodingParameters[]}
 */
export function encodingsOf(source, mode = null) {
  const boxes = boxesOf(source);
  const largest = boxes[boxes.length - 1];
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

/**
 * Lets the dependency descriptor be offered. Chromium offers it by itself only on m-lines that send
 * with a scalability mode; it is to go on to those who receive as well.
 *
 * @param {RTCRtpTransceiver} transceiver
 */
export function offerDescriptor(transceiver) {
  const known = /** @type {any} */ (transceiver);
  const extensions = known.getHeaderExtensionsToNegotiate?.() ?? [];
  const own = extensions.find((/** @type {{uri: string}} */ { uri }) => uri === DEPENDENCY_DESCRIPTOR);
  if (!own || own.direction === "sendrecv") return;
  own.direction = "sendrecv";
  try {
    known.setHeaderExtensionsToNegotiate(extensions);
  } catch {
    // Without it pictures come all the same, in as many layers as their payload tells.
  }
}

/**
 * Changes `encodings` to what the server wants of a picture of this size; true when that is news. A
 * picture that fits a smaller box as it is needs no larger one.
 *
 * @param {RTCRtpEncodingParameters[]} encodings
 * @param {"camera" | "screen"} source
 * @param {{width?: number, height?: number}} picture
 * @param {Layer[]} wanted
 */
export function fit(encodings, source, { width = 0, height = 0 }, wanted) {
  const boxes = boxesOf(source);
  const isKnown = width > 0 && height > 0;
  const enough = boxes.findIndex((box) => isKnown && scaleInto(box, width, height) === 1);
  let changed = false;
  for (const encoding of encodings) {
    const at = boxes.findIndex(({ rid }) => rid === encoding.rid);
    if (at < 0) continue;
    const scale = isKnown ? scaleInto(boxes[at], width, height) : encoding.scaleResolutionDownBy;
    const isWanted = wanted.find(({ rid }) => rid === encoding.rid)?.active ?? true;
    const active = isWanted && (enough < 0 || at <= enough);
    changed ||= encoding.active !== active || encoding.scaleResolutionDownBy !== scale;
    encoding.active = active;
    encoding.scaleResolutionDownBy = scale;
  }
  return changed;
}

/** A phone held upright fits its long side as well. @param {Box} box @param {number} width @param {number} height */
function scaleInto(box, width, height) {
  const [long, short] = [Math.max(width, height), Math.min(width, height)];
  return Math.max(1, long / box.width, short / box.height);
}

/** Keeps the encodings of one sender as they should be, one change at a time. */
export class Layers {
  #sender;
  #source;
  /** @type {Layer[]} */
  #wanted = [];
  #busy = false;
  #again = false;

  /** @param {RTCRtpSender} sender @param {"camera" | "screen"} source */
  constructor(sender, source) {
    this.#sender = sender;
    this.#source = source;
  }

  /** The server says which are watched. @param {Layer[]} layers */
  want(layers) {
    this.#wanted = layers;
    return this.update();
  }

  /** The picture may have another size, or the answer has just made the encodings real. */
  async update() {
    this.#again = this.#busy;
    if (this.#busy) return;
    this.#busy = true;
    try {
      const parameters = this.#sender.getParameters();
      const picture = this.#sender.track?.getSettings() ?? {};
      if (fit(parameters.encodings ?? [], this.#source, picture, this.#wanted)) {
        await this.#sender.setParameters(parameters);
      }
    } catch {
      // Stopped meanwhile, or between two descriptions: the next answer brings us here again.
    }
    this.#busy = false;
    if (this.#again) await this.update();
  }
}
