/** The tiles on the stage: one per person or shared screen, placed by `layout.ts`. */
import { type Area, arrange } from "./layout.ts";
import type { TileModel } from "./roster.ts";
import { Tile, type View } from "./tile.ts";

export type { View } from "./tile.ts";

/** More would be stamps; whoever is beyond it is counted on the last tile. */
export const MOST_TILES = 49;

/** Tiles with a side shorter than this, in CSS pixels, have no room for large letters. */
const SMALL = 110;

export class Tiles {
  #stage;
  #invitation;
  #onPlaced;
  #tiles = new Map<string, Tile>();
  #order: Tile[] = [];
  #screens = 0;

  /**
   * `invitation` takes the second place while nobody else is here; `onPlaced` is told how large each
   * tile is, by key.
   */
  constructor(stage: HTMLElement, invitation: HTMLElement, onPlaced: (sizes: Map<string, Area>) => void) {
    this.#stage = stage;
    this.#invitation = invitation;
    this.#onPlaced = onPlaced;
    new ResizeObserver(() => this.#place()).observe(stage);
  }

  /** Shows these, screens first. */
  show(models: TileModel[], view: (model: TileModel) => View): void {
    const shown = models.slice(0, MOST_TILES);
    this.#drop(new Set(shown.map(({ key }) => key)));
    this.#order = shown.map((model) => {
      const tile = this.#tileFor(model.key);
      tile.show(model, view(model));
      return tile;
    });
    this.#order.at(-1)?.more(models.length - shown.length);
    this.#screens = shown.filter(({ screen }) => screen).length;
    this.#invitation.hidden = shown.length !== 1;
    this.#place();
  }

  /** Marks those who speak, by key. */
  speaking(keys: ReadonlySet<string>): void {
    for (const [key, tile] of this.#tiles) tile.element.classList.toggle("speaking", keys.has(key));
  }

  clear(): void {
    this.show([], () => ({ track: null }));
  }

  #tileFor(key: string): Tile {
    const known = this.#tiles.get(key);
    if (known) return known;
    const tile = new Tile(key);
    this.#tiles.set(key, tile);
    this.#stage.append(tile.element);
    return tile;
  }

  #drop(kept: ReadonlySet<string>): void {
    for (const [key, tile] of this.#tiles) {
      if (kept.has(key)) continue;
      tile.close();
      this.#tiles.delete(key);
    }
  }

  #place(): void {
    const elements = this.#order.map((tile) => tile.element);
    if (!this.#invitation.hidden) elements.push(this.#invitation);
    const area = { width: this.#stage.clientWidth, height: this.#stage.clientHeight };
    const rects = arrange(area, elements.length - this.#screens, this.#screens);
    const sizes = new Map<string, Area>();
    rects.forEach(({ x, y, width, height }, index) => {
      const element = elements[index];
      if (!element) return;
      element.style.transform = `translate(${x}px, ${y}px)`;
      element.style.width = `${width}px`;
      element.style.height = `${height}px`;
      element.classList.toggle("small", Math.min(width, height) < SMALL);
      const tile = this.#order[index];
      if (tile) sizes.set(tile.key, { width, height });
    });
    this.#onPlaced(sizes);
  }
}
