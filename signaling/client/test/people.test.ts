import { expect, test } from "vitest";
import type { ServerMessage, TrackView } from "../src/messages.ts";
import { People } from "../src/people.ts";
import { joined } from "./fakes.ts";

const CAMERA: TrackView = { trackId: "c", kind: "video", source: "camera", muted: false };
const GRACE = { participantId: "g", participantName: "Grace", hidden: false, handRaised: false, tracks: [CAMERA] };

test("whoever was there first is known with what they send", () => {
  const people = withGrace();
  expect([...people.all.values()]).toEqual([{ id: "g", name: "Grace", hidden: false, handRaised: false, tracks: new Map([["c", CAMERA]]) }]);
});

test("people come, are lost sight of, and go", () => {
  const people = withGrace();
  expect(people.hear({ type: "participant-joined", participantId: "h", participantName: "Hedy" })).toBe(true);
  expect(people.all.get("h")).toEqual({ id: "h", name: "Hedy", hidden: false, handRaised: false, tracks: new Map() });
  people.hear({ type: "participant-hidden", participantId: "h", hidden: true });
  expect(people.all.get("h")?.hidden).toBe(true);
  people.hear({ type: "participant-left", participantId: "h" });
  expect([...people.all.keys()]).toEqual(["g"]);
});

test("a hand is raised and lowered", () => {
  const people = withGrace();
  const isUp = () => people.all.get("g")?.handRaised;
  expect(people.hear({ type: "hand-raised", participantId: "g", raised: true })).toBe(true);
  expect(isUp()).toBe(true);
  people.hear({ type: "hand-raised", participantId: "g", raised: false });
  expect(isUp()).toBe(false);
  people.hear(joined({ participants: [{ ...GRACE, handRaised: true }] }));
  expect(isUp()).toBe(true);
});

test("a track is muted where it is, and goes", () => {
  const people = withGrace();
  people.hear({ type: "track-muted", participantId: "g", trackId: "c", muted: true });
  expect(people.all.get("g")?.tracks.get("c")).toEqual({ ...CAMERA, muted: true });
  people.hear({ type: "track-unpublished", participantId: "g", trackId: "c" });
  expect(people.all.get("g")?.tracks.size).toBe(0);
});

test("seats are what the last message says, and empty where it says nothing", () => {
  const people = withGrace();
  people.hear({ type: "slots", slots: [{ mid: "1", participantId: "g", trackId: "c", source: "camera" }, { mid: "2" }] });
  expect(people.seats).toEqual([
    { id: "1", participantId: "g", trackId: "c", source: "camera" },
    { id: "2", participantId: null, trackId: null, source: null },
  ]);
});

test("a seat says what of its picture is sent", () => {
  const people = withGrace();
  const layer = { encoding: 2, spatial: 0, temporal: 2 };
  const seat = { mid: "1", participantId: "g", trackId: "c", source: "camera" } as const;
  people.hear({ type: "slots", slots: [{ ...seat, layer }] });
  expect(people.seats[0]?.layer).toEqual(layer);
  people.hear({ type: "slots", slots: [seat] });
  expect(people.seats[0]).not.toHaveProperty("layer");
});

test("a resumed call keeps its seats, a new one starts without", () => {
  const people = withGrace();
  people.hear({ type: "slots", slots: [{ mid: "1", participantId: "g", trackId: "c", source: "camera" }] });
  people.hear(joined({ resumed: true, participants: [GRACE] }));
  expect(people.seats.length).toBe(1);
  people.hear(joined({ resumed: false, participants: [GRACE] }));
  expect(people.seats.length).toBe(0);
});

test("news of strangers changes nothing", () => {
  const people = withGrace();
  const news: ServerMessage[] = [
    { type: "track-muted", participantId: "?", trackId: "m", muted: true },
    { type: "track-published", participantId: "?", track: CAMERA },
    { type: "participant-left", participantId: "?" },
    { type: "something-new" } as never,
  ];
  for (const message of news) expect(people.hear(message), message.type).toBe(false);
  expect(people.all.size).toBe(1);
});

function withGrace(): People {
  const people = new People();
  people.hear(joined({ participants: [GRACE] }));
  return people;
}
