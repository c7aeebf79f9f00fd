/**
 * Which frames of one key were opened already. A counter says how far a frame is behind; pure state,
 * told what time it is.
 */

/**
 * So many frames a late one may be behind the newest: three layers at 30 frames a second in 45 s, so
 * nothing that a server keeps and nothing that is repaired comes later.
 */
export const WINDOW = 4096;

/**
 * A frame may be opened again for so long. A seat that comes back to somebody begins with their last key
 * frame, from the second or so that a server keeps: frames that were seen here already.
 */
export const AGAIN_MS = 3000;

export class Replay {
  #highest = -1;
  /** When each was first opened. */
  #opened = new Map<number, number>();

  /** Whether a frame with this counter may be opened now. */
  allows(counter: number, now: number): boolean {
    const first = this.#opened.get(counter);
    if (first !== undefined) return now - first <= AGAIN_MS;
    return counter > this.#highest - WINDOW;
  }

  /** A frame was authentic. */
  note(counter: number, now: number): void {
    this.#highest = Math.max(this.#highest, counter);
    if (!this.#opened.has(counter)) this.#opened.set(counter, now);
    if (this.#opened.size > 2 * WINDOW) this.#prune();
  }

  #prune(): void {
    for (const counter of [...this.#opened.keys()]) {
      if (counter <= this.#highest - WINDOW) this.#opened.delete(counter);
    }
  }
}
