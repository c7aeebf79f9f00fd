// @ts-check
/**
 * Tells the server how many lines each arriving picture needs, so that no link carries what no tile
 * shows. Pure state and a timer; it knows neither tiles nor sockets.
 */

/** Tiles move together and people drag windows: what holds for this long is told. */
export const SETTLES_WITHIN_MS = 150;

/** Lines are told in steps, so that a tile that grows by a hair is no news. */
const STEP = 60;

export class Wishes {
  #send;
  /** What the server was told. @type {Map<string, number>} */
  #told = new Map();
  /** @type {Map<string, number>} */
  #wanted = new Map();
  /** @type {any} */
  #timer = null;

  /** @param {(mid: string, maxHeight: number) => boolean} send tells the server; false: it cannot hear */
  constructor(send) {
    this.#send = send;
  }

  /** @param {Map<string, number>} lines by m-line; a picture that nobody sees needs none */
  want(lines) {
    this.#wanted = new Map([...lines].map(([mid, height]) => [mid, Math.ceil(height / STEP) * STEP]));
    this.#timer ??= setTimeout(() => this.#tell(), SETTLES_WITHIN_MS);
  }

  /** The server knows nothing of us any more: there are new seats. */
  forget() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#told.clear();
    this.#wanted.clear();
  }

  #tell() {
    this.#timer = null;
    for (const [mid, height] of this.#wanted) {
      if (this.#told.get(mid) !== height && this.#send(mid, height)) this.#told.set(mid, height);
    }
  }
}

/**
 * How many lines a picture needs that fills a tile of this size, its edges cut off.
 *
 * @param {{width: number, height: number}} tile in CSS pixels
 * @param {number} density of the screen's pixels
 */
export function linesOf({ width, height }, density) {
  // Cameras end at 16:9; a tile wider than its picture shows it as wide as itself.
  return Math.ceil(Math.max(height, (width * 9) / 16) * density);
}
