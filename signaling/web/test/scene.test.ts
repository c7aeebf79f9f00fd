import { expect, test } from "vitest";
import type { TileModel } from "../src/state/roster.ts";
import { inOrder, sceneOf, type Wish } from "../src/state/scene.ts";

const LAPTOP = { width: 1256, height: 670 };

test("in the grid nobody is larger than others", () => {
  const scene = sceneOf(wish(9));
  expect(new Set(scene.placed.map(({ rect }) => `${rect.width}×${rect.height}`)).size).toBe(1);
  expect(scene.placed.every(({ large }) => !large)).toBe(true);
  expect(scene.pages).toBe(1);
});

test("whoever has no place is on the next page, and a page too far is the last one", () => {
  const first = sceneOf(wish(30, { most: 9 }));
  expect([first.placed.length, first.page, first.pages]).toEqual([9, 0, 4]);
  const last = sceneOf(wish(30, { most: 9, page: 7 }));
  expect([last.placed.map(({ tile }) => tile.key), last.page]).toEqual([["p27", "p28", "p29"], 3]);
});

test("a narrow window has more pages than a wide one", () => {
  const phone = sceneOf(wish(49, { area: { width: 374, height: 640 } }));
  expect(phone.pages).toBeGreaterThan(1);
  expect(sceneOf(wish(49)).pages).toBe(1);
});

test("who speaks is large in the speaker view, this person only when alone with nobody", () => {
  const large = (more: Partial<Wish>) => sceneOf(wish(4, { view: "speaker", ...more })).placed.filter((one) => one.large).map(({ tile }) => tile.key);
  expect(large({ speaker: "p2" })).toEqual(["p2"]);
  expect(large({ speaker: "p0" })).toEqual(["p1"]);
  expect(large({ speaker: null })).toEqual(["p1"]);
  expect(sceneOf(wish(1, { view: "speaker" })).placed.map((one) => one.large)).toEqual([false]);
});

test("a shared screen is large in every view, beside its camera", () => {
  const screen = { ...person("p1"), key: "p1 screen", screen: true };
  const scene = sceneOf({ ...wish(3), tiles: [screen, ...wish(3).tiles] });
  expect(scene.placed.map(({ tile, large }) => [tile.key, large])).toEqual([["p1 screen", true], ["p0", false], ["p1", false], ["p2", false]]);
});

test("one's own screen is a tile among others, and large when it is pinned", () => {
  const own = { ...person("p0 screen", true), screen: true };
  const tiles = [...wish(3).tiles.slice(0, 1), own, ...wish(3).tiles.slice(1)];
  const large = (more: Partial<Wish>) => sceneOf({ ...wish(3), tiles, ...more }).placed.filter((one) => one.large).map(({ tile }) => tile.key);
  expect(large({})).toEqual([]);
  expect(large({ view: "speaker", speaker: "p2" })).toEqual(["p2"]);
  expect(large({ pinned: "p0 screen" })).toEqual(["p0 screen"]);
});

test("who is pinned is large before any screen, and pins nobody when gone", () => {
  const screen = { ...person("p1"), key: "p1 screen", screen: true };
  const tiles = [screen, ...wish(3).tiles];
  const large = (pinned: string) => sceneOf({ ...wish(3), tiles, pinned }).placed.filter((one) => one.large).map(({ tile }) => tile.key);
  expect(large("p2")).toEqual(["p2"]);
  expect(large("gone")).toEqual(["p1 screen"]);
});

test("whoever is alone sees a card beside the own tile", () => {
  const scene = sceneOf(wish(1, { invites: true }));
  expect(scene.placed.length).toBe(1);
  expect(scene.invitation?.width).toBe(scene.placed[0]?.rect.width);
});

test("people keep their places, newcomers come last, and who goes leaves no gap", () => {
  expect(inOrder(["a", "b", "c"], ["a", "c", "d"], [], 9)).toEqual(["a", "c", "d"]);
});

test("whoever speaks on another page changes places with somebody silent on the first one", () => {
  const all = ["a", "b", "c", "d", "e"];
  expect(inOrder(all, all, ["e"], 3)).toEqual(["a", "b", "e", "d", "c"]);
  expect(inOrder(all, all, ["e", "c"], 3)).toEqual(["a", "e", "c", "d", "b"]);
  expect(inOrder(all, all, ["e", "d", "b"], 2)).toEqual(["e", "b", "c", "d", "a"]);
  expect(inOrder(all, all, ["b"], 3)).toEqual(all);
  expect(inOrder(all, all, ["e"], Infinity)).toEqual(all);
});

function wish(people: number, more: Partial<Wish> = {}): Wish {
  const tiles = Array.from({ length: people }, (_, index) => person(`p${index}`, index === 0));
  return { tiles, view: "grid", pinned: null, speaker: null, page: 0, most: 49, area: LAPTOP, invites: false, ...more };
}

function person(key: string, self = false): TileModel {
  return { key, participantId: key, name: key, screen: false, self, seat: null, muted: false, hidden: false, hand: false };
}
