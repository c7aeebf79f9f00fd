/**
 * Tells the server how many lines each arriving picture needs, so that no link carries what no tile
 * shows. Pure state and a timer; it knows neither tiles nor sockets.
 */

/** Tiles move together and people drag windows: what holds for this long is told. */
export const SETTLES_WITHIN_MS = 150;

/** More at once would be taken for a flood, and refused: a server hears some twenty messages a second. */
export const TOLD_AT_ONCE = 12;
/** Until the next of them. */
export const NEXT_AFTER_MS = 1000;

/** Lines are told in steps, so that a tile that grows by a hair is no news. */
const STEP = 60;
/** As many lines as there are. */
const ALL = 65_520;

export class Wishes {
  #send;
  /** What the server was told. */
  #told = new Map<string, number>();
  #wanted = new Map<string, number>();
  /** Of no use now, whatever is wanted. */
  #hidden: readonly string[] | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;

  /** `send` tells the server of one seat; false: it cannot hear. */
  constructor(send: (seat: string, maxHeight: number) => boolean) {
    this.#send = send;
  }

  /** Lines by seat; a picture that nobody sees needs none. */
  want(lines: ReadonlyMap<string, number>): void {
    this.#wanted = new Map([...lines].map(([seat, height]) => [seat, Math.ceil(height / STEP) * STEP]));
    this.#timer ??= setTimeout(() => this.#tell(), SETTLES_WITHIN_MS);
  }

  /** Wants nothing in these seats; null: again what was wanted, or all where nobody said. */
  hide(seats: readonly string[] | null): void {
    if (seats === null && this.#hidden === null) return;
    const shown = seats === null ? (this.#hidden ?? []) : [];
    this.#wanted = new Map([...shown.map((seat) => [seat, ALL] as const), ...this.#wanted]);
    this.#hidden = seats;
    this.#timer ??= setTimeout(() => this.#tell(), SETTLES_WITHIN_MS);
  }

  /** The server knows nothing of us any more: there are new seats. */
  forget(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#told.clear();
    this.#wanted.clear();
    this.#hidden = null;
  }

  #tell(): void {
    this.#timer = null;
    const news = [...(this.#hidden?.map((seat) => [seat, 0] as const) ?? this.#wanted)].filter(([seat, height]) => this.#told.get(seat) !== height);
    // What is to be seen first: to be rid of the rest is not urgent.
    news.sort(([, one], [, other]) => Number(other > 0) - Number(one > 0));
    for (const [seat, height] of news.slice(0, TOLD_AT_ONCE)) {
      if (this.#send(seat, height)) this.#told.set(seat, height);
    }
    if (news.length > TOLD_AT_ONCE) this.#timer = setTimeout(() => this.#tell(), NEXT_AFTER_MS);
  }
}

/**
 * How many lines a picture needs that fills a tile of this size (in CSS pixels), its edges cut off,
 * on a screen with so many pixels for each of CSS.
 */
export function linesOf({ width, height }: { width: number; height: number }, density: number): number {
  // Cameras end at 16:9; a tile wider than its picture shows it as wide as itself.
  return Math.ceil(Math.max(height, (width * 9) / 16) * density);
}
