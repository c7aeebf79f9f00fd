/**
 * Paints a camera's picture anew: the person as they are, and behind them something else. It knows canvases,
 * neither streams nor how people are found.
 */
import { Blur } from "./blur.ts";
import { type Effect, HEIGHT, WIDTH } from "./messages.ts";

/** Of what the model sees; twenty columns of a picture of 640. So nothing written can be read any more. */
const BLUR_RADIUS = 8;
/** Below the first a pixel is background, above the second the person; between them it is both. */
const EDGE: readonly [number, number] = [0.35, 0.75];
/** Masks tremble: so much of the one before stays. */
const INERTIA = 0.4;

type Context = OffscreenCanvasRenderingContext2D;

export class Painter {
  effect: Effect = { kind: "blur" };
  #small = canvas(WIDTH, HEIGHT, true);
  #maskLayer = canvas(WIDTH, HEIGHT, true);
  #backLayer = canvas(WIDTH, HEIGHT, true);
  #full = canvas(2, 2, false);
  #blur = new Blur(WIDTH, HEIGHT);
  #alpha = new ImageData(WIDTH, HEIGHT);
  /** Nobody was found yet: then all of the picture is hidden, rather than shown for a moment. */
  #mask: Float32Array | null = null;

  /** What the picture looks like to who finds people. */
  look(picture: CanvasImageSource): ImageData {
    this.#small.drawImage(picture, 0, 0, WIDTH, HEIGHT);
    return this.#small.getImageData(0, 0, WIDTH, HEIGHT);
  }

  /** People were found there. */
  take(mask: Float32Array): void {
    const before = this.#mask ?? mask;
    this.#mask ??= new Float32Array(mask.length);
    for (let at = 0; at < mask.length; at += 1) {
      const sharp = smooth(mask[at]!);
      this.#mask[at] = before === mask ? sharp : before[at]! * INERTIA + sharp * (1 - INERTIA);
      this.#alpha.data[at * 4 + 3] = this.#mask[at]! * 255;
    }
    this.#maskLayer.putImageData(this.#alpha, 0, 0);
  }

  /** `look` is of the same picture, and is used up. */
  paint(picture: CanvasImageSource, width: number, height: number, look: ImageData): OffscreenCanvas {
    const full = this.#full;
    if (full.canvas.width !== width || full.canvas.height !== height) Object.assign(full.canvas, { width, height });
    full.globalCompositeOperation = "copy";
    full.drawImage(this.#maskLayer.canvas, 0, 0, width, height);
    full.globalCompositeOperation = "source-in";
    full.drawImage(picture, 0, 0, width, height);
    full.globalCompositeOperation = "destination-over";
    this.#paintBehind(full, width, height, look);
    return full.canvas;
  }

  #paintBehind(full: Context, width: number, height: number, look: ImageData): void {
    const { effect } = this;
    if (effect.kind === "picture") return cover(full, effect.picture, width, height);
    this.#blur.apply(look.data, this.#mask, BLUR_RADIUS);
    this.#backLayer.putImageData(look, 0, 0);
    full.drawImage(this.#backLayer.canvas, 0, 0, width, height);
  }
}

function canvas(width: number, height: number, isRead: boolean): Context {
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: isRead });
  if (!context) throw new Error("this browser gives a worker no canvas");
  return context;
}

function smooth(value: number): number {
  const [from, to] = EDGE;
  const share = Math.min(1, Math.max(0, (value - from) / (to - from)));
  return share * share * (3 - 2 * share);
}

/** All of the picture filled, the middle of the other. */
function cover(to: Context, picture: ImageBitmap, width: number, height: number): void {
  const scale = Math.max(width / picture.width, height / picture.height);
  const [w, h] = [picture.width * scale, picture.height * scale];
  to.drawImage(picture, (width - w) / 2, (height - h) / 2, w, h);
}
