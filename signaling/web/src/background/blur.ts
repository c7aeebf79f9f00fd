/**
 * Blurs what is behind a person, and without the person: colours of who stands in front do not shine out
 * around them. It knows pixels and nothing of where they come from.
 */

/** Three boxes on top of one another are nearly a bell. */
const PASSES = 3;
const CHANNELS = 4;

export class Blur {
  #width;
  #height;
  #now: Float32Array;
  #next: Float32Array;

  constructor(width: number, height: number) {
    this.#width = width;
    this.#height = height;
    this.#now = new Float32Array(width * height * CHANNELS);
    this.#next = new Float32Array(width * height * CHANNELS);
  }

  /** `pixels` (RGBA) is replaced; `mask` says 0 to 1 how likely a pixel belongs to a person. */
  apply(pixels: Uint8ClampedArray, mask: Float32Array | null, radius: number): void {
    const now = this.#now;
    for (let pixel = 0, at = 0; at < now.length; pixel += 1, at += CHANNELS) {
      // A little of everything, or nothing would be left where somebody fills the picture.
      const weight = mask ? Math.max(0.01, 1 - mask[pixel]!) : 1;
      now[at] = pixels[at]! * weight;
      now[at + 1] = pixels[at + 1]! * weight;
      now[at + 2] = pixels[at + 2]! * weight;
      now[at + 3] = weight;
    }
    for (let pass = 0; pass < PASSES; pass += 1) {
      box(this.#now, this.#next, this.#height, this.#width * CHANNELS, this.#width, CHANNELS, radius);
      box(this.#next, this.#now, this.#width, CHANNELS, this.#height, this.#width * CHANNELS, radius);
    }
    for (let at = 0; at < now.length; at += CHANNELS) {
      const weight = now[at + 3]!;
      pixels[at] = now[at]! / weight;
      pixels[at + 1] = now[at + 1]! / weight;
      pixels[at + 2] = now[at + 2]! / weight;
      pixels[at + 3] = 255;
    }
  }
}

/** The mean of `radius` neighbours on both sides along each of `lines` lines. */
function box(from: Float32Array, to: Float32Array, lines: number, line: number, length: number, step: number, radius: number): void {
  const share = 1 / (2 * radius + 1);
  for (let begin = 0, end = lines * line; begin < end; begin += line) {
    for (let channel = 0; channel < CHANNELS; channel += 1) {
      const first = begin + channel;
      const last = first + (length - 1) * step;
      let sum = from[first]! * (radius + 1);
      for (let at = 1; at <= radius; at += 1) sum += from[Math.min(last, first + at * step)]!;
      for (let at = first; at <= last; at += step) {
        to[at] = sum * share;
        sum += from[Math.min(last, at + (radius + 1) * step)]! - from[Math.max(first, at - radius * step)]!;
      }
    }
  }
}
