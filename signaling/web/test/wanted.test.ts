import { beforeEach, expect, test, vi } from "vitest";
import type { FromServer, Participant, Room, Seat, TrackView } from "volley-client";
import type { Call } from "../src/state/call.ts";
import { Changes } from "../src/state/changes.ts";
import { Preferences } from "../src/state/preferences.ts";
import { sceneOf } from "../src/state/scene.ts";
import { Stage, type StageParts } from "../src/state/stage.ts";

const WINDOW = { width: 1600, height: 900 };
const MANY = 60;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("devicePixelRatio", 1);
  vi.stubGlobal("window", globalThis);
});

test("of sixty people those on the open page are sent, and they all fit the seats", async () => {
  const { room, turn } = await meeting(MANY);
  for (const page of [0, 1, 0, 1]) {
    const shown = await turn(page);
    expect(shown.length, `page ${page}`).toBeGreaterThan(9);
    expect(shown.filter((id) => !room.sent.has(id)), `page ${page}`).toEqual([]);
    expect(room.sent.size).toBeLessThanOrEqual(49);
  }
  expect(new Set([...(await turn(0)), ...(await turn(1))]).size, "everybody is on one of the pages").toBe(MANY);
});

test("who sits where moves nobody to another page", async () => {
  const { room, turn } = await meeting(MANY);
  const first = await turn(0);
  room.seats = [...room.participants.keys()].reverse().slice(0, 9).map((id) => seatOf(id));
  expect(await turn(0)).toEqual(first);
});

test("up to forty-nine nobody is left out, whatever the page", async () => {
  const { room, turn } = await meeting(49, 9);
  for (const page of [0, 1, 2]) await turn(page);
  expect([room.said, room.sent.size]).toEqual([[], 49]);
});

test("whoever speaks or shares a screen is sent from any page, and fits beside the others", async () => {
  const { room, turn } = await meeting(MANY);
  await turn(1);
  const [speaker, sharer] = [...room.participants.keys()].filter((id) => !room.sent.has(id));
  room.speakers = [speaker!];
  room.participants.get(sharer!)?.tracks.set("s", { trackId: "s", kind: "video", source: "screen", muted: false });
  await turn(1);
  expect([room.sent.has(speaker!), room.sent.has(sharer!)]).toEqual([true, true]);
  expect(room.sent.size + 1, "the screen has a pair of its own").toBeLessThanOrEqual(49);
});

test("when enough have left, everybody is wanted again", async () => {
  const { room, turn } = await meeting(MANY);
  await turn(1);
  for (const id of [...room.participants.keys()].slice(0, 12)) room.leaves(id);
  await turn(0);
  expect(room.sent.size).toBe(MANY - 12);
});

test("with sound only the choice is the server's, among everybody", async () => {
  const { room, turn, preferences } = await meeting(MANY);
  await turn(1);
  preferences.set({ received: "sound" });
  await turn(1);
  expect(room.sent.size).toBe(MANY);
});

test("with sound only no last picture stands in a tile", async () => {
  const { room, stage, preferences } = await meeting(1);
  room.seats = [seatOf("p0")];
  room.track = {} as MediaStreamTrack;
  const shown = () => stage.tiles.filter(({ self }) => !self).map((tile) => stage.pictureOf(tile));
  expect(shown()).toEqual([room.track]);
  preferences.set({ received: "sound" });
  expect(shown()).toEqual([null]);
});

test("what the server did not hear is said again, and what it knows is not", async () => {
  const { room, turn } = await meeting(MANY);
  room.hears = false;
  await turn(0);
  expect(room.said).toEqual([]);
  room.hears = true;
  await turn(0);
  const { length } = room.said;
  await turn(0);
  expect([length > 0, room.said.length]).toEqual([true, length]);
});

test("a page that was loaded anew begins with what it said before", async () => {
  const { room, turn } = await meeting(MANY);
  const left = [...room.participants.keys()].slice(0, 11);
  room.tells(Object.fromEntries(left.map((id) => [id, false])));
  const shown = await turn(0);
  expect(shown.filter((id) => !room.sent.has(id))).toEqual([]);
});

test("what a script beside the page says is not taken back", async () => {
  const { room, turn } = await meeting(9, 9);
  const [first] = [...room.participants.keys()];
  room.unsubscribe({ participantIds: [first!] });
  room.says({ [first!]: false });
  await turn(0);
  expect([room.said, room.sent.has(first!)]).toEqual([[[first]], false]);
});

test("nor is it in a small room of which the page has said nothing, after the socket was away", async () => {
  const { room, turn } = await meeting(9, 9);
  room.enters();
  const [first] = [...room.participants.keys()];
  room.unsubscribe({ participantIds: [first!], trackIds: ["c1"] });
  room.tells({ [first!]: false }, { c1: false });
  await turn(0);
  expect([room.sent.has(first!), room.refused.has("c1")]).toEqual([false, true]);
});

test("nor is it after the socket was away, and what was lost with it is said again", async () => {
  const { room, turn } = await meeting(MANY);
  await turn(0);
  const own = [...room.participants.keys()].filter((id) => !room.sent.has(id));
  const shown = [...room.sent][0]!;
  room.unsubscribe({ participantIds: [shown] });
  // The server knows of the script's word, and not of one of ours.
  room.sent.add(own[0]!);
  room.tells(Object.fromEntries([shown, ...own.slice(1)].map((id) => [id, false])));
  await turn(0);
  expect([room.sent.has(own[0]!), room.sent.has(shown)]).toEqual([false, false]);
});

test("a server that knows nobody of us any more is told again", async () => {
  const { room, turn } = await meeting(MANY);
  await turn(0);
  [...room.participants.keys()].forEach((id) => room.sent.add(id));
  room.enters();
  await turn(0);
  expect(room.sent.size).toBeLessThanOrEqual(49);
});

test("with sound only a call that goes directly is taken to the server, and back when there is more", async () => {
  const { room, turn, preferences } = await meeting(2);
  room.mode = "mesh";
  await turn(0);
  expect(room.refused.size, "pictures are wanted").toBe(0);
  preferences.set({ received: "sound" });
  await turn(0);
  expect([...room.refused]).toEqual(["c0", "c1"]);
  room.mode = "sfu";
  await turn(0);
  expect(room.refused.size, "it stays there").toBe(2);
  preferences.set({ received: "auto" });
  await turn(0);
  expect([room.refused.size, room.sent.size]).toEqual([0, 2]);
});

test("so it is by a picture that comes later, and by way of the server lines are enough", async () => {
  const { room, turn, preferences } = await meeting(1);
  preferences.set({ received: "sound" });
  await turn(0);
  expect(room.refused.size).toBe(0);
  room.mode = "mesh";
  room.participants.get("p0")?.tracks.set("s", { trackId: "s", kind: "video", source: "screen", muted: false });
  room.participants.get("p0")?.tracks.set("m", { trackId: "m", kind: "audio", source: "microphone", muted: false });
  await turn(0);
  expect([...room.refused]).toEqual(["c0", "s"]);
});

test("a picture that a script refused before is not given back with the others", async () => {
  const { room, turn, preferences } = await meeting(2);
  room.mode = "mesh";
  room.unsubscribe({ trackIds: ["c1"] });
  room.says({}, { c1: false });
  preferences.set({ received: "sound" });
  await turn(0);
  preferences.set({ received: "auto" });
  await turn(0);
  expect([...room.refused]).toEqual(["c1"]);
});

test("pictures that sound only refused are back, also in a page that was loaded anew or forgotten meanwhile", async () => {
  const { room, turn } = await meeting(2);
  room.unsubscribe({ trackIds: ["c0", "c1"] });
  room.tells({}, { c0: false, c1: false });
  await turn(0);
  expect(room.refused.size).toBe(0);

  const { room: other, turn: turnIt, preferences } = await meeting(2);
  other.mode = "mesh";
  preferences.set({ received: "sound" });
  await turnIt(0);
  other.mode = "sfu";
  // The library says to a server that has forgotten us what it knew.
  other.enters();
  await turnIt(0);
  preferences.set({ received: "auto" });
  await turnIt(0);
  expect(other.refused.size).toBe(0);
});

test("whoever drags a window does not flood the server", async () => {
  const { room, turn } = await meeting(MANY);
  for (let step = 0; step < 40; step += 1) await turn(step % 2, 25);
  // A second.
  expect(room.said.length).toBeLessThanOrEqual(8);
});

/** A room that remembers whom it sends. */
class FakeRoom {
  participants = new Map<string, Participant>();
  seats: Seat[] = [];
  speakers: string[] = [];
  mode = "sfu";
  sent = new Set<string>();
  /** Tracks that it does not send. */
  refused = new Set<string>();
  said: string[][] = [];
  hears = true;
  track: MediaStreamTrack | null = null;
  #listeners: ((message: FromServer<"subscriptions"> | FromServer<"joined">) => void)[] = [];

  constructor(people: number) {
    for (let number = 0; number < people; number += 1) {
      const camera: TrackView = { trackId: `c${number}`, kind: "video", source: "camera", muted: false };
      const id = `p${number}`;
      this.participants.set(id, { id, name: id, hidden: false, handRaised: false, tracks: new Map([[camera.trackId, camera]]) });
      this.sent.add(id);
    }
  }

  on(_: string, listener: (message: FromServer<"subscriptions"> | FromServer<"joined">) => void): void {
    this.#listeners.push(listener);
  }

  /** As somebody new. */
  enters(): void {
    for (const listener of this.#listeners) listener({ type: "joined", resumed: false } as FromServer<"joined">);
  }

  /** To a page that was loaded anew, or had no socket for a while. */
  tells(participants: Record<string, boolean>, tracks: Record<string, boolean> = {}): void {
    for (const listener of this.#listeners) listener({ type: "joined", resumed: true } as FromServer<"joined">);
    this.says(participants, tracks);
  }

  says(participants: Record<string, boolean>, tracks: Record<string, boolean> = {}): void {
    for (const [id, wanted] of Object.entries(participants)) if (!wanted) this.sent.delete(id);
    for (const listener of this.#listeners) listener({ type: "subscriptions", everybodyElse: true, participants, tracks });
  }

  leaves(id: string): void {
    this.participants.delete(id);
    this.sent.delete(id);
  }

  subscribe({ participantIds = [], trackIds = [] }: { participantIds?: string[]; trackIds?: string[] }): boolean {
    return this.#say(participantIds, (id) => this.sent.add(id)) && this.#say(trackIds, (id) => this.refused.delete(id));
  }

  unsubscribe({ participantIds = [], trackIds = [] }: { participantIds?: string[]; trackIds?: string[] }): boolean {
    return this.#say(participantIds, (id) => this.sent.delete(id)) && this.#say(trackIds, (id) => this.refused.add(id));
  }

  wantSeats(): void {}
  setLines(): void {}
  trackOf(): MediaStreamTrack | null {
    return this.track;
  }

  #say(ids: string[], note: (id: string) => void): boolean {
    if (!this.hears) return false;
    if (ids.length > 0) this.said.push(ids);
    ids.forEach(note);
    return true;
  }
}

async function meeting(people: number, most = 49) {
  const room = new FakeRoom(people);
  const call = Object.assign(new Changes(), { phase: "call", self: { id: "me", name: "Ada" } });
  const preferences = new Preferences({ getItem: () => null, setItem: () => {} });
  const own = { key: "me", participantId: "me", name: "Ada", screen: false, self: true, seat: null, muted: true, hidden: false, hand: false };
  const speakers = { keep: () => {}, play: () => {}, close: () => {} };
  const others = { speakers, sight: Object.assign(new Changes(), { isSeen: true }) } as never as Pick<StageParts, "speakers" | "sight">;
  const stage = new Stage({ room: room as unknown as Room, call: call as unknown as Call, preferences, ...others, ownTiles: () => [own], saves: true });
  /** Opens a page as the view does, and tells who is on it. */
  const turn = async (page: number, ms = 1000) => {
    call.changed();
    await vi.advanceTimersByTimeAsync(0);
    const scene = sceneOf({ tiles: stage.tiles, view: "grid", pinned: null, speaker: stage.speaker, page, most, area: WINDOW, invites: false });
    stage.shows(scene);
    await vi.advanceTimersByTimeAsync(ms);
    return scene.placed.filter(({ tile }) => !tile.self).map(({ tile }) => tile.participantId);
  };
  return { room, turn, stage, preferences };
}

function seatOf(id: string): Seat {
  return { id: `seat ${id}`, participantId: id, trackId: `c${id.slice(1)}`, source: "camera" };
}
