// @ts-check
/**
 * The tiles on the stage: one per person or shared screen, placed by `layout.js`.
 *
 * @typedef {import("./roster.js").TileModel} TileModel
 * @typedef {object} View what is shown of one tile
 * @property {MediaStreamTrack | null} track
 * @property {boolean} [self]
 */
import { arrange } from "./layout.js";

/** More would be stamps; whoever is beyond it is counted on the last tile. */
export const MOST_TILES = 49;

export class Tiles {
  #stage;
  #invitation;
  /** @type {Map<string, Tile>} */
  #tiles = new Map();
  /** @type {Tile[]} */
  #order = [];
  #screens = 0;
  #onPlaced;

  /**
   * @param {HTMLElement} stage
   * @param {HTMLElement} invitation takes the second place while nobody else is here
   * @param {(sizes: Map<string, {width: number, height: number}>) => void} onPlaced told by key
   */
  constructor(stage, invitation, onPlaced) {
    this.#stage = stage;
    this.#invitation = invitation;
    this.#onPlaced = onPlaced;
    new ResizeObserver(() => this.#place()).observe(stage);
  }

  /**
   * @param {TileModel[]} models screens first
   * @param {(model: TileModel) => View} view
   */
  show(models, view) {
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

  /** @param {Set<string>} keys of those who speak */
  speaking(keys) {
    for (const [key, tile] of this.#tiles) tile.element.classList.toggle("speaking", keys.has(key));
  }

  clear() {
    this.show([], () => ({ track: null }));
  }

  /** @param {string} key */
  #tileFor(key) {
    const known = this.#tiles.get(key);
    if (known) return known;
    const tile = new Tile(key);
    this.#tiles.set(key, tile);
    this.#stage.append(tile.element);
    return tile;
  }

  /** @param {Set<string>} kept */
  #drop(kept) {
    for (const [key, tile] of this.#tiles) {
      if (kept.has(key)) continue;
      tile.close();
      this.#tiles.delete(key);
    }
  }

  #place() {
    const elements = this.#order.map((tile) => tile.element);
    if (!this.#invitation.hidden) elements.push(this.#invitation);
    const area = { width: this.#stage.clientWidth, height: this.#stage.clientHeight };
    const rects = arrange(area, elements.length - this.#screens, this.#screens);
    elements.forEach((element, index) => {
      const { x, y, width, height } = rects[index];
      element.style.transform = `translate(${x}px, ${y}px)`;
      element.style.width = `${width}px`;
      element.style.height = `${height}px`;
      element.classList.toggle("small", Math.min(width, height) < 110);
    });
    this.#onPlaced(new Map(this.#order.map(({ key }, index) => [key, rects[index]])));
  }
}

class Tile {
  key;
  element;
  #video;
  #avatar;
  #name;
  #more;
  /** @type {MediaStreamTrack | null} */
  #track = null;

  /** @param {string} key */
  constructor(key) {
    this.key = key;
    const template = /** @type {HTMLTemplateElement} */ (document.getElementById("tile"));
    this.element = /** @type {HTMLElement} */ (
      /** @type {DocumentFragment} */ (template.content.cloneNode(true)).firstElementChild
    );
    this.#video = /** @type {HTMLVideoElement} */ (this.#part("video"));
    this.#avatar = this.#part(".avatar");
    this.#name = this.#part(".name");
    this.#more = this.#part(".more");
  }

  /** @param {TileModel} model @param {View} view */
  show(model, { track, self = false }) {
    const { classList, dataset } = this.element;
    dataset.participant = model.participantId;
    classList.toggle("self", self);
    classList.toggle("screen", model.screen);
    classList.toggle("muted", model.muted);
    classList.toggle("away", model.hidden);
    this.#name.textContent = self ? `${model.name} (you)` : model.name;
    this.#avatar.textContent = initialsOf(model.name);
    this.element.style.setProperty("--hue", String(hueOf(model.name)));
    this.element.setAttribute("aria-label", describe(model, self, track !== null));
    this.more(0);
    this.#play(track, model);
  }

  /** @param {number} count of people beyond the last tile */
  more(count) {
    this.#more.hidden = count === 0;
    this.#more.textContent = `and ${count} more`;
  }

  close() {
    this.#play(null);
    this.element.remove();
  }

  /** @param {MediaStreamTrack | null} track @param {TileModel} [model] */
  #play(track, model) {
    const participantId = model?.participantId;
    if (track === this.#track && participantId === this.element.dataset.playing) return;
    this.#track = track;
    this.element.classList.remove("live");
    delete this.element.dataset.playing;
    this.#video.srcObject = track && new MediaStream([track]);
    if (!track || !model) return;
    this.element.dataset.playing = participantId;
    onFirstFrame(this.#video, () => {
      if (track !== this.#track) return;
      this.element.classList.add("live");
      if (!this.element.classList.contains("self")) {
        performance.mark("volley-first-frame", { detail: { participantId, screen: model.screen } });
      }
    });
    this.#video.play().catch(() => {}); // Taken up again by `autoplay` once the page may.
  }

  /** @param {string} selector */
  #part(selector) {
    return /** @type {HTMLElement} */ (this.element.querySelector(selector));
  }
}

/** @param {HTMLVideoElement} video @param {() => void} act */
function onFirstFrame(video, act) {
  if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(act);
  else video.addEventListener("loadeddata", act, { once: true });
}

/** @param {TileModel} model @param {boolean} self @param {boolean} seen */
function describe({ name, screen, muted, hidden }, self, seen) {
  if (screen) return name;
  const marks = [self && "you", muted && "microphone off", !seen && "camera off", hidden && "connection lost"];
  return [name, ...marks.filter(Boolean)].join(", ");
}

/** @param {string} name */
function initialsOf(name) {
  const words = name.split(/\s+/).filter(Boolean);
  const ends = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return ends.map((word) => [...word][0].toUpperCase()).join("");
}

/** One person, one colour, on every page. @param {string} name */
function hueOf(name) {
  let hash = 0;
  for (const letter of name) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) % 3600;
  return hash % 360;
}
