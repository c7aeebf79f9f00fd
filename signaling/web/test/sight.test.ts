import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { TrackView } from "volley-client";
import { Sight, UNSEEN_AFTER_MS } from "../src/media/sight.ts";
import { Changes } from "../src/state/changes.ts";
import { Preferences } from "../src/state/preferences.ts";
import { sceneOf } from "../src/state/scene.ts";
import { Stage, type StageParts } from "../src/state/stage.ts";

const CAMERA: TrackView = { trackId: "c", kind: "video", source: "camera", muted: false };
const GRACE = { id: "g", name: "Grace", hidden: false, handRaised: false, tracks: new Map([["c", CAMERA]]) };
const SEAT = { id: "1", participantId: "g", trackId: "c", source: "camera" };

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("window", { devicePixelRatio: 1 });
});
afterEach(() => {
  vi.unstubAllGlobals();
});

test("a page that is hidden for long receives no pictures, and at once again when it is seen", async () => {
  const { page, lines, passes } = await stage();
  expect(lines()).toBeGreaterThan(0);
  page.becomes({ hidden: true });
  await passes(UNSEEN_AFTER_MS - 1);
  expect(lines(), "somebody looks something up").toBeGreaterThan(0);
  await passes(1);
  expect(lines()).toBe(0);
  page.becomes({ hidden: false });
  await passes(0);
  expect(lines()).toBeGreaterThan(0);
});

test("whoever is back in time, and away again, is away from then on", async () => {
  const { page, lines, passes } = await stage();
  for (const hidden of [true, false, true]) {
    page.becomes({ hidden });
    await passes(UNSEEN_AFTER_MS - 1);
  }
  expect(lines()).toBeGreaterThan(0);
  await passes(1);
  expect(lines()).toBe(0);
});

test("a picture in a window of its own is seen, until that is closed", async () => {
  const { page, lines, passes } = await stage();
  page.becomes({ hidden: true });
  page.becomes({ pictureInPictureElement: {} }, "enterpictureinpicture");
  await passes(UNSEEN_AFTER_MS * 2);
  expect(lines()).toBeGreaterThan(0);
  page.becomes({ pictureInPictureElement: null }, "leavepictureinpicture");
  await passes(UNSEEN_AFTER_MS);
  expect(lines()).toBe(0);
});

test("a picture whose window went with its person, of which nobody tells, is seen no more", async () => {
  const { page, lines, passes } = await stage();
  page.becomes({ pictureInPictureElement: {} }, "enterpictureinpicture");
  page.becomes({ hidden: true });
  Object.assign(page, { pictureInPictureElement: null });
  await passes(UNSEEN_AFTER_MS - 1);
  expect(lines()).toBeGreaterThan(0);
  await passes(1);
  expect(lines()).toBe(0);
  page.becomes({ hidden: false });
  await passes(0);
  expect(lines()).toBeGreaterThan(0);
});

test("a browser that does not tell of such windows goes on", async () => {
  const { page, lines, passes } = await stage({ hidden: false });
  page.becomes({ hidden: true });
  await passes(UNSEEN_AFTER_MS * 2);
  expect(lines()).toBeGreaterThan(0);
});

/** A document as far as anybody here looks at one. */
class Page extends EventTarget {
  becomes(state: object, event = "visibilitychange"): void {
    Object.assign(this, state);
    this.dispatchEvent(new Event(event));
  }
}

/** Grace on the stage of a page, and how many lines of her picture are asked for. */
async function stage(document: object = { hidden: false, pictureInPictureElement: null }) {
  const page = Object.assign(new Page(), document);
  vi.stubGlobal("document", page);
  let told = new Map<string, number>();
  const room = {
    ...{ participants: new Map([["g", GRACE]]), seats: [SEAT], speakers: [], mode: "sfu" },
    ...{ on: () => {}, trackOf: () => null, wantSeats: () => {} },
    setLines: (lines: Map<string, number>) => (told = lines),
  };
  const made = new Stage({
    room,
    call: Object.assign(new Changes(), { phase: "call", self: { id: "me", name: "Ada" } }),
    preferences: new Preferences({ getItem: () => null, setItem: () => {} }),
    speakers: { keep: () => {}, play: () => {}, close: () => {} },
    sight: new Sight(),
    ownTiles: () => [],
    saves: true,
  } as unknown as StageParts);
  const area = { width: 1600, height: 900 };
  const show = () => made.shows(sceneOf({ tiles: made.tiles, view: "grid", pinned: null, speaker: null, page: 0, most: 9, area, invites: false }));
  made.onChange(show);
  show();
  const passes = (ms: number) => vi.advanceTimersByTimeAsync(ms);
  await passes(0);
  return { page, lines: () => told.get(SEAT.id), passes };
}
