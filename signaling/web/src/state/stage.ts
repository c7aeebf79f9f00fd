/**
 * Who is where on the stage: the order of people, who is pinned, who speaks, which page is open; and what
 * of it is received. Tiles out of sight are not, nor is any picture while nobody can see the page; and where there
 * are more people than seats, those on the open page have them.
 */
import { linesOf, type Room } from "volley-client";
import type { Sight } from "../media/sight.ts";
import type { Speakers } from "../media/speakers.ts";
import type { Call } from "./call.ts";
import { Changes } from "./changes.ts";
import type { Preferences } from "./preferences.ts";
import { heard, pictures, type TileModel, tilesOf } from "./roster.ts";
import { inOrder, type Placed, type Scene } from "./scene.ts";
import { MOST_SEATS, Unwanted, unwantedOf } from "./wanted.ts";

/** How often loudness is looked at: fast enough for a ring around a tile to feel alive. */
const LISTEN_EVERY_MS = 200;
/** Loudness (0 to 1) of a voice near a microphone, above a room's noise. */
const VOICE = 0.01;
/** So many pairs of seats are made at once: each step costs a negotiation, each seat some memory. */
const SEAT_STEPS = [9, 16, 25, MOST_SEATS];

export interface StageParts {
  room: Room;
  call: Call;
  preferences: Preferences;
  speakers: Speakers;
  sight: Sight;
  ownTiles: () => TileModel[];
  /** Without, every picture is sent at its best, and nobody asks for further seats. */
  saves: boolean;
}

export class Stage extends Changes {
  /** The key of the tile that is large, whatever happens. */
  pinned: string | null = null;
  page = 0;
  /** How many there are. */
  pages = 1;
  speaking: ReadonlySet<string> = new Set();
  /** Of the others, who spoke last. */
  speaker: string | null = null;
  #parts;
  #order: string[] = [];
  /** How many people the first page has. */
  #places = Infinity;
  /** How many pairs of seats were asked for: they stay. */
  #pairs = 0;
  #unwanted: Unwanted;
  /** Pictures, where nobody's is wanted and asking for no lines of them does not help. */
  #refused: Unwanted;
  #listening: ReturnType<typeof setInterval> | null = null;

  constructor(parts: StageParts) {
    super();
    this.#parts = parts;
    this.#unwanted = new Unwanted(parts.room, "participants");
    this.#refused = new Unwanted(parts.room, "tracks");
    parts.call.onChange(() => this.#update());
    parts.sight.onChange(() => this.changed());
  }

  /** All there are: screens of others, this person with their own, the others. */
  get tiles(): TileModel[] {
    const others = tilesOf(this.#parts.room, this.#order);
    const people = others.findIndex(({ screen }) => !screen);
    others.splice(people < 0 ? others.length : people, 0, ...this.#parts.ownTiles());
    return others;
  }

  /** What somebody else's tile shows. With sound only nothing comes, and the last picture would stand there as if it did. */
  pictureOf({ seat }: TileModel): MediaStreamTrack | null {
    const { room, preferences } = this.#parts;
    return seat === null || preferences.all.received === "sound" ? null : room.trackOf(seat);
  }

  /** Pins a tile, or frees it. */
  pin(key: string | null): void {
    const { room } = this.#parts;
    this.pinned = this.pinned === key ? null : key;
    const tile = this.tiles.find((one) => one.key === this.pinned);
    room.pin(tile && !tile.self ? tile.participantId : null);
    this.changed();
  }

  turn(pages: number): void {
    this.page = Math.max(0, this.page + pages);
    this.changed();
  }

  /** This is on the stage now, and so large. Asks for as much of each picture, and for nothing else. */
  shows({ placed, page, pages }: Scene): void {
    const { room, preferences, sight, saves } = this.#parts;
    const isNews = page !== this.page || pages !== this.pages;
    [this.page, this.pages] = [page, pages];
    if (isNews) this.changed();
    if (page === 0) this.#places = pages > 1 ? placed.filter(({ tile }) => !tile.self && !tile.screen).length : Infinity;
    if (!saves) return;
    const isSilentFilm = preferences.all.received === "sound";
    const lines = new Map(pictures(room.seats).map((seat) => [seat, 0]));
    for (const { tile, rect } of placed) {
      if (tile.seat !== null && !isSilentFilm && sight.isSeen) lines.set(tile.seat, linesOf(rect, window.devicePixelRatio));
    }
    room.setLines(lines);
    this.#refused.wish(isSilentFilm ? this.#direct() : new Set());
    const others = placed.filter(({ tile }) => !tile.self).length;
    // On other pages are people, too, and a picture needs a seat to come back to.
    const useful = page > 0 ? room.participants.size : others;
    const step = SEAT_STEPS.find((seats) => seats >= useful) ?? MOST_SEATS;
    if (room.mode !== "sfu") return;
    if (!isSilentFilm) {
      this.#pairs = Math.max(this.#pairs, step);
      room.wantSeats(step);
    }
    this.#unwanted.wish(isSilentFilm ? new Set() : this.#useless(placed));
  }

  /** Pictures that come whole, whatever is asked for, unless the call goes by the server: where one is refused it does. */
  #direct(): ReadonlySet<string> {
    const { mode, participants } = this.#parts.room;
    if (mode === "sfu") return this.#refused.told;
    const tracks = [...participants.values()].flatMap(({ tracks }) => [...tracks.values()]);
    return new Set(tracks.filter(({ kind }) => kind === "video").map(({ trackId }) => trackId));
  }

  /** Who is neither to be seen nor heard now, where not everybody can have a seat. */
  #useless(placed: readonly Placed[]): Set<string> {
    const { participants, seats, speakers } = this.#parts.room;
    const shares = [...participants.values()].filter(({ tracks }) => [...tracks.values()].some(({ source }) => source === "screen"));
    const shown = placed.filter(({ tile }) => !tile.self).map(({ tile }) => tile.participantId);
    const needed = [...shown, ...speakers, ...shares.map(({ id }) => id)];
    return unwantedOf({
      order: this.#order.filter((id) => participants.has(id)),
      needed: new Set(needed.filter((id) => participants.has(id))),
      seated: new Set(seats.flatMap(({ participantId }) => participantId ?? [])),
      before: this.#unwanted.told,
      // A screen has a pair of its own.
      seats: this.#pairs - shares.length,
    });
  }

  /** Sees to it that everybody who is heard is heard. */
  #update(): void {
    const { room, call, speakers } = this.#parts;
    if (call.phase !== "call") return this.#close();
    this.#listening ??= setInterval(() => this.#listen(), LISTEN_EVERY_MS);
    this.#order = inOrder(this.#order, [...room.participants.keys()], room.speakers, this.#places);
    this.speaker = room.speakers.find((id) => room.participants.has(id)) ?? this.speaker;
    speakers.keep(new Set(room.seats.map(({ id }) => id)));
    for (const { id, participantId } of room.seats) {
      const track = participantId === null ? null : room.trackOf(id);
      if (track?.kind === "audio") speakers.play(id, track);
    }
    this.changed();
  }

  #close(): void {
    if (this.#listening === null) return;
    clearInterval(this.#listening);
    this.#listening = null;
    this.#parts.speakers.close();
    this.#order = [];
    this.#places = Infinity;
    this.#pairs = 0;
    this.#unwanted.clear();
    this.#refused.clear();
    this.pinned = this.speaker = null;
    this.page = 0;
    this.pages = 1;
    this.changed();
  }

  #listen(): void {
    const { room, call } = this.#parts;
    const loud = [...heard(room.seats)].filter(([seat]) => room.loudnessOf(seat) > VOICE).map(([, id]) => id);
    const speaking = new Set(loud);
    if (room.speakers.includes(call.self.id)) speaking.add(call.self.id);
    const isSame = speaking.size === this.speaking.size && [...speaking].every((id) => this.speaking.has(id));
    if (isSame) return;
    this.speaking = speaking;
    this.changed();
  }
}
