import { expect, test } from "vitest";
import type { Participant, Seat, TrackSource, TrackView } from "volley-client";
import { heard, ownTilesOf, pictures, tilesOf } from "../src/state/roster.ts";

const MIC: TrackView = { trackId: "m", kind: "audio", source: "microphone", muted: false };
const CAMERA: TrackView = { trackId: "c", kind: "video", source: "camera", muted: false };
const SCREEN: TrackView = { trackId: "s", kind: "video", source: "screen", muted: false };

test("somebody without a seat is a name", () => {
  const company = room(person("g", "Grace", MIC, CAMERA));
  expect(tilesOf(company)).toMatchObject([{ name: "Grace", seat: null, screen: false }]);
});

test("a seat shows its camera, and a moved seat shows the next one", () => {
  const company = room(person("g", "Grace", CAMERA), person("h", "Hedy", { ...CAMERA, trackId: "hc" }));
  const seats = () => tilesOf(company).map(({ seat }) => seat);
  company.seats = [seat("1", "g", "c", "camera")];
  expect(seats()).toEqual(["1", null]);
  company.seats = [seat("1", "h", "hc", "camera")];
  expect(seats()).toEqual([null, "1"]);
  company.seats = [{ id: "1", participantId: null, trackId: null, source: null }];
  expect(seats()).toEqual([null, null]);
});

test("whoever shares a screen has it beside their own tile", () => {
  const own = { id: "me", name: "Ada", muted: true, hand: true, shares: false };
  expect(ownTilesOf(own)).toMatchObject([{ key: "me", self: true, screen: false, muted: true, hand: true }]);
  expect(ownTilesOf({ ...own, shares: true })).toMatchObject([
    { key: "me", screen: false },
    { key: "me screen", self: true, screen: true, muted: false, hand: false },
  ]);
});

test("a muted camera shows the name although its seat is kept", () => {
  const company = room(person("g", "Grace", { ...CAMERA, muted: true }));
  company.seats = [seat("1", "g", "c", "camera")];
  expect(tilesOf(company)[0]?.seat).toBe(null);
});

test("no microphone and a muted one look alike", () => {
  const muted = (...tracks: TrackView[]) => tilesOf(room(person("g", "Grace", ...tracks)))[0]?.muted;
  expect([muted(MIC), muted({ ...MIC, muted: true }), muted()]).toEqual([false, true, true]);
});

test("a screen stands before the people, only while it has a seat", () => {
  const company = room(person("g", "Grace", CAMERA, SCREEN));
  expect(tilesOf(company).length).toBe(1);
  company.seats = [seat("1", "g", "s", "screen")];
  expect(tilesOf(company)).toMatchObject([
    { screen: true, name: "Grace", seat: "1" },
    { screen: false, name: "Grace" },
  ]);
});

test("where there are more people than seats, those who are seen come first", () => {
  const others = [..."abcdefhijk"].map((id) => person(id, id, { ...CAMERA, trackId: `${id}c` }));
  const company = room(person("g", "Grace"), ...others);
  const first = () => tilesOf(company).map(({ name }) => name).slice(0, 3);
  expect(first()).toEqual(["Grace", "a", "b"]);
  company.seats = [seat("1", "i", "ic", "camera")];
  expect(first()).toEqual(["i", "Grace", "a"]);
  company.speakers = ["j"];
  expect(first()).toEqual(["i", "j", "Grace"]);
});

test("people stand in the order they are given, newcomers last", () => {
  const company = room(person("a", "Ada"), person("b", "Ben"), person("c", "Cleo"));
  expect(tilesOf(company, ["c", "a"]).map(({ name }) => name)).toEqual(["Cleo", "Ada", "Ben"]);
});

test("who is heard and where pictures are is known by seat", () => {
  const seats = [
    seat("0", "g", "m", "microphone"),
    seat("1", "g", "c", "camera"),
    { id: "2", participantId: null, trackId: null, source: null },
    seat("3", "g", "s", "screen"),
  ];
  expect([...heard(seats)]).toEqual([["0", "g"]]);
  expect(pictures(seats)).toEqual(["1", "3"]);
});

function person(id: string, name: string, ...tracks: TrackView[]): Participant {
  return { id, name, hidden: false, handRaised: false, tracks: new Map(tracks.map((track) => [track.trackId, track])) };
}

function seat(id: string, participantId: string, trackId: string, source: TrackSource): Seat {
  return { id, participantId, trackId, source };
}

function room(...people: Participant[]) {
  return { participants: new Map(people.map((one) => [one.id, one])), seats: [] as Seat[], speakers: [] as string[] };
}
