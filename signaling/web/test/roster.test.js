import assert from "node:assert/strict";
import { test } from "node:test";
import { Roster } from "../roster.js";
import { joined } from "./fakes.js";

const MIC = { trackId: "m", kind: "audio", source: "microphone", muted: false };
const CAMERA = { trackId: "c", kind: "video", source: "camera", muted: false };
const SCREEN = { trackId: "s", kind: "video", source: "screen", muted: false };

test("somebody without a seat is a name", () => {
  const roster = withGrace();
  assert.deepEqual(roster.tiles().map(({ name, mid }) => ({ name, mid })), [{ name: "Grace", mid: null }]);
});

test("a seat shows its camera, and a moved seat shows the next one", () => {
  const roster = withGrace();
  roster.hear({ type: "participant-joined", participantId: "h", participantName: "Hedy" });
  roster.hear({ type: "track-published", participantId: "h", track: { ...CAMERA, trackId: "hc" } });
  seat(roster, "g", "c", "camera");
  assert.deepEqual(roster.tiles().map(({ mid }) => mid), ["1", null]);
  seat(roster, "h", "hc", "camera");
  assert.deepEqual(roster.tiles().map(({ mid }) => mid), [null, "1"]);
  roster.hear({ type: "slots", slots: [{ mid: "1", participantId: null, trackId: null, source: null }] });
  assert.deepEqual(roster.tiles().map(({ mid }) => mid), [null, null]);
});

test("a muted camera shows the name although its seat is kept", () => {
  const roster = withGrace();
  seat(roster, "g", "c", "camera");
  roster.hear({ type: "track-muted", participantId: "g", trackId: "c", muted: true });
  assert.equal(roster.tiles()[0].mid, null);
  roster.hear({ type: "track-muted", participantId: "g", trackId: "c", muted: false });
  assert.equal(roster.tiles()[0].mid, "1");
});

test("no microphone and a muted one look alike", () => {
  const roster = withGrace();
  assert.equal(roster.tiles()[0].muted, false);
  roster.hear({ type: "track-muted", participantId: "g", trackId: "m", muted: true });
  assert.equal(roster.tiles()[0].muted, true);
  roster.hear({ type: "track-unpublished", participantId: "g", trackId: "m" });
  assert.equal(roster.tiles()[0].muted, true);
});

test("a screen stands before the people, only while it has a seat", () => {
  const roster = withGrace();
  roster.hear({ type: "track-published", participantId: "g", track: SCREEN });
  assert.equal(roster.tiles().length, 1);
  seat(roster, "g", "s", "screen");
  assert.deepEqual(roster.tiles().map(({ screen, name }) => ({ screen, name })), [
    { screen: true, name: "Grace’s screen" },
    { screen: false, name: "Grace" },
  ]);
});

test("where there are more people than seats, those who are seen come first", () => {
  const roster = withGrace();
  const others = [..."abcdefhijk"];
  for (const id of others) roster.hear({ type: "participant-joined", participantId: id, participantName: id });
  const first = () => roster.tiles().map(({ name }) => name).slice(0, 3);
  assert.deepEqual(first(), ["Grace", "a", "b"]);
  roster.hear({ type: "track-published", participantId: "i", track: { ...CAMERA, trackId: "ic" } });
  seat(roster, "i", "ic", "camera");
  assert.deepEqual(first(), ["i", "Grace", "a"]);
  roster.hear({ type: "active-speakers", participantIds: ["j"] });
  assert.deepEqual(first(), ["i", "j", "Grace"]);
});

test("who is heard is known by m-line", () => {
  const roster = withGrace();
  roster.hear({
    type: "slots",
    slots: [
      { mid: "0", participantId: "g", trackId: "m", source: "microphone" },
      { mid: "1", participantId: "g", trackId: "c", source: "camera" },
      { mid: "2", participantId: null, trackId: null, source: null },
    ],
  });
  assert.deepEqual([...roster.heard()], [["0", "g"]]);
});

test("a resumed call keeps its seats, a new one starts without", () => {
  const roster = withGrace();
  seat(roster, "g", "c", "camera");
  const grace = [{ participantId: "g", participantName: "Grace", tracks: [CAMERA] }];
  roster.hear(joined({ resumed: true, participants: grace }));
  assert.equal(roster.tiles()[0].mid, "1");
  roster.hear(joined({ resumed: false, participants: grace }));
  assert.equal(roster.tiles()[0].mid, null);
});

test("news of strangers changes nothing", () => {
  const roster = withGrace();
  for (const message of [
    { type: "track-muted", participantId: "?", trackId: "m", muted: true },
    { type: "track-published", participantId: "?", track: MIC },
    { type: "participant-left", participantId: "?" },
    { type: "something-new" },
  ]) {
    assert.equal(roster.hear(message), false, message.type);
  }
  assert.equal(roster.tiles().length, 1);
});

function withGrace() {
  const roster = new Roster();
  const grace = { participantId: "g", participantName: "Grace", tracks: [MIC, CAMERA] };
  roster.hear(joined({ participants: [grace] }));
  return roster;
}

/** @param {Roster} roster @param {string} participantId @param {string} trackId @param {string} source */
function seat(roster, participantId, trackId, source) {
  roster.hear({ type: "slots", slots: [{ mid: "1", participantId, trackId, source }] });
}
