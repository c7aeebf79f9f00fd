// @ts-check
/** From counters to what a person reads. No page, no server. */

/** Remembers counters, to tell how fast they grow. */
export class Rates {
  /** @type {Map<string, {value: number, at: number}>} */
  #before = new Map();
  /** @type {Map<string, {value: number, at: number}>} */
  #now = new Map();

  /**
   * How much a counter grew a second since it was last looked at; null the first time, and when it began anew.
   *
   * @param {string} name
   * @param {number} value
   * @param {number} at milliseconds
   */
  of(name, value, at) {
    this.#now.set(name, { value, at });
    const before = this.#before.get(name);
    if (!before || before.at >= at || before.value > value) return null;
    return ((value - before.value) * 1000) / (at - before.at);
  }

  /** A round of looking is over: what was not looked at is gone. */
  turn() {
    this.#before = this.#now;
    this.#now = new Map();
  }
}

/** @param {number | null} bitsPerSecond */
export function bitrate(bitsPerSecond) {
  if (bitsPerSecond === null) return "–";
  if (bitsPerSecond >= 1e6) return `${(bitsPerSecond / 1e6).toFixed(1)} Mbit/s`;
  return `${Math.round(bitsPerSecond / 1e3)} kbit/s`;
}

/** @param {number | null} share 0 to 1 */
export function percent(share) {
  return share === null ? "–" : `${(share * 100).toFixed(1)} %`;
}

/** @param {number | null} ms */
export function milliseconds(ms) {
  return ms === null ? "–" : `${Math.round(ms)} ms`;
}

/** @param {number} bytes */
export function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/**
 * What is held back of a room that takes more than it may.
 *
 * @param {{layersCut: number, picturesPercent: number, full: string | null} | null} restraint
 */
export function heldBack(restraint) {
  if (!restraint) return "";
  const { layersCut, picturesPercent, full } = restraint;
  const parts = [];
  if (layersCut > 0) parts.push(`without its ${layersCut === 1 ? "highest layer" : `${layersCut} highest layers`}`);
  if (picturesPercent < 100) parts.push(`${picturesPercent} % of its pictures`);
  if (full) parts.push(`nobody else is let in (${full})`);
  return ` – held to its limits: ${parts.join(", ")}`;
}

/**
 * The share that was lost of what grew, from two rates.
 *
 * @param {number | null} lost
 * @param {number | null} came
 */
export function lossOf(lost, came) {
  if (lost === null || came === null || lost + came === 0) return null;
  return lost / (lost + came);
}

/**
 * The room that a token is for; null for an API key, which is for all of them.
 *
 * @param {string} secret
 * @returns {string | null}
 */
export function roomOf(secret) {
  try {
    const claims = JSON.parse(atob(secret.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
    return typeof claims.room === "string" ? claims.room : null;
  } catch {
    return null;
  }
}
