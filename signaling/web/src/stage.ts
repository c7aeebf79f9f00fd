/**
 * What the call looks and sounds like: brings the people, the arriving media and this person's own
 * picture together on the tiles.
 */
import { linesOf, type Room } from "volley-client";
import type { Devices } from "./devices.ts";
import type { Area } from "./layout.ts";
import { heard, pictures, type TileModel, tilesOf } from "./roster.ts";
import { Speakers } from "./speakers.ts";
import { Tiles, type View } from "./tiles.ts";

/** How often loudness is looked at: fast enough for a ring around a tile to feel alive. */
const LISTEN_EVERY_MS = 200;
/** Loudness (0 to 1) of a voice near a microphone, above a room's noise. */
const VOICE = 0.01;

export interface StageParts {
  room: Room;
  devices: Devices;
  stage: HTMLElement;
  invitation: HTMLElement;
  speakers: HTMLElement;
  /** Without, every picture is sent at its best. */
  saves: boolean;
  onBlocked: () => void;
}

export class Stage {
  speakers;
  #tiles;
  #room;
  #devices;
  #saves;
  #self = { id: "self", name: "" };
  #planned = false;
  #listening: ReturnType<typeof setInterval> | null = null;

  constructor({ room, devices, stage, invitation, speakers, saves, onBlocked }: StageParts) {
    this.#room = room;
    this.#devices = devices;
    this.#saves = saves;
    this.#tiles = new Tiles(stage, invitation, (sizes) => this.#wish(sizes));
    this.speakers = new Speakers(speakers, onBlocked);
    devices.addEventListener("change", () => this.update());
  }

  open(self: { id: string; name: string }): void {
    this.#self = self;
    this.#stop();
    this.#listening = setInterval(() => this.#listen(), LISTEN_EVERY_MS);
    this.update();
  }

  close(): void {
    this.#stop();
    this.speakers.close();
    this.#tiles.clear();
  }

  /** Shows the present state, once for all that changed together. */
  update(): void {
    if (this.#planned) return;
    this.#planned = true;
    // Not an animation frame: a hidden tab has none, and must be heard all the same.
    queueMicrotask(() => {
      this.#planned = false;
      if (this.#listening !== null) this.#show();
    });
  }

  #stop(): void {
    if (this.#listening !== null) clearInterval(this.#listening);
    this.#listening = null;
  }

  #show(): void {
    const models = tilesOf(this.#room);
    const people = models.findIndex(({ screen }) => !screen);
    models.splice(people < 0 ? models.length : people, 0, this.#ownTile());
    this.#tiles.show(models, (model) => this.#viewOf(model));
    this.speakers.keep(new Set(this.#room.seats.map(({ id }) => id)));
    for (const { id, participantId } of this.#room.seats) {
      const track = participantId === null ? null : this.#room.trackOf(id);
      if (track?.kind === "audio") this.speakers.play(id, track);
    }
  }

  /**
   * A seat whose picture is on no tile needs none: somebody beyond the last tile, or a camera that
   * is muted.
   */
  #wish(sizes: ReadonlyMap<string, Area>): void {
    if (!this.#saves) return;
    const lines = new Map(pictures(this.#room.seats).map((seat) => [seat, 0]));
    for (const { seat, key } of tilesOf(this.#room)) {
      const size = sizes.get(key);
      if (seat !== null && size) lines.set(seat, linesOf(size, window.devicePixelRatio));
    }
    this.#room.setLines(lines);
  }

  #ownTile(): TileModel {
    return {
      key: "self",
      participantId: this.#self.id,
      name: this.#self.name,
      screen: false,
      seat: null,
      muted: !this.#devices.isOn("microphone"),
      hidden: false,
    };
  }

  #viewOf({ key, seat }: TileModel): View {
    if (key === "self") return { track: this.#devices.tracks.camera, self: true };
    return { track: seat === null ? null : this.#room.trackOf(seat) };
  }

  #listen(): void {
    const speaking = [...heard(this.#room.seats)].filter(([seat]) => this.#room.loudnessOf(seat) > VOICE);
    this.#tiles.speaking(new Set(speaking.map(([, participantId]) => participantId)));
  }
}
