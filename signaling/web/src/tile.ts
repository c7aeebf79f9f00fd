/** One tile: a picture or initials, a name, and marks. */
import { part } from "./dom.ts";
import type { TileModel } from "./roster.ts";

/** What is shown of one tile. */
export interface View {
  track: MediaStreamTrack | null;
  self?: boolean;
}

export class Tile {
  readonly key: string;
  readonly element: HTMLElement;
  #video;
  #avatar;
  #name;
  #more;
  #track: MediaStreamTrack | null = null;

  constructor(key: string) {
    this.key = key;
    const template = part<HTMLTemplateElement>("template#tile");
    this.element = part(".tile", template.content.cloneNode(true) as DocumentFragment);
    this.#video = part<HTMLVideoElement>("video", this.element);
    this.#avatar = part(".avatar", this.element);
    this.#name = part(".name", this.element);
    this.#more = part(".more", this.element);
  }

  show(model: TileModel, { track, self = false }: View): void {
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

  /** So many people are beyond the last tile. */
  more(count: number): void {
    this.#more.hidden = count === 0;
    this.#more.textContent = `and ${count} more`;
  }

  close(): void {
    this.#play(null);
    this.element.remove();
  }

  #play(track: MediaStreamTrack | null, model?: TileModel): void {
    const participantId = model?.participantId;
    if (track === this.#track && participantId === this.element.dataset.playing) return;
    this.#track = track;
    this.element.classList.remove("live");
    delete this.element.dataset.playing;
    this.#video.srcObject = track && new MediaStream([track]);
    if (!track || !model) return;
    this.element.dataset.playing = model.participantId;
    onFirstFrame(this.#video, () => this.#seen(track, model));
    this.#video.play().catch(() => {}); // Taken up again by `autoplay` once the page may.
  }

  #seen(track: MediaStreamTrack, { participantId, screen }: TileModel): void {
    if (track !== this.#track) return;
    this.element.classList.add("live");
    if (this.element.classList.contains("self")) return;
    performance.mark("volley-first-frame", { detail: { participantId, screen } });
  }
}

function onFirstFrame(video: HTMLVideoElement, act: () => void): void {
  if ("requestVideoFrameCallback" in video) video.requestVideoFrameCallback(act);
  else (video as HTMLVideoElement).addEventListener("loadeddata", act, { once: true });
}

function describe({ name, screen, muted, hidden }: TileModel, self: boolean, seen: boolean): string {
  if (screen) return name;
  const marks = [self && "you", muted && "microphone off", !seen && "camera off", hidden && "connection lost"];
  return [name, ...marks.filter(Boolean)].join(", ");
}

function initialsOf(name: string): string {
  const words = name.split(/\s+/).filter(Boolean);
  const ends = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return ends.map((word) => [...(word ?? "")][0]?.toUpperCase()).join("");
}

/** One person, one colour, on every page. */
function hueOf(name: string): number {
  let hash = 0;
  for (const letter of name) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) % 3600;
  return hash % 360;
}
