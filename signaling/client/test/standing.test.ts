import { expect, test } from "vitest";
import type { ClientMessage, TrackView } from "../src/messages.ts";
import type { Participant } from "../src/people.ts";
import { Standing } from "../src/standing.ts";
import { joined } from "./fakes.ts";

const CAMERA: TrackView = { trackId: "c", kind: "video", source: "camera", muted: false };
const GRACE: Participant = { id: "g", name: "Grace", hidden: false, handRaised: false, tracks: new Map([["c", CAMERA]]) };
const HERE = new Map([["g", GRACE]]);

test("whom is wanted goes out in the server's words", () => {
  const { standing, sent } = start();
  standing.subscribe("unsubscribe", {});
  standing.subscribe("subscribe", { participantIds: new Set(["g"]), trackIds: ["d"] });
  expect(sent).toEqual([{ type: "unsubscribe" }, { type: "subscribe", participantIds: ["g"], trackIds: ["d"] }]);
});

test("whoever comes in anew says it again, of those who are still there", () => {
  const { standing, sent } = start();
  const said = { everybodyElse: false, participants: { g: true, gone: true }, tracks: { c: false, ended: false } };
  standing.hear({ type: "subscriptions", ...said }, HERE);
  standing.hear(joined({ resumed: false }), HERE);
  expect(sent).toEqual([
    { type: "unsubscribe" },
    { type: "subscribe", participantIds: ["g"] },
    { type: "unsubscribe", trackIds: ["c"] },
  ]);
});

test("whoever comes back is known, and whoever left wants everybody again", () => {
  const { standing, sent } = start();
  standing.hear({ type: "subscriptions", everybodyElse: false, participants: {}, tracks: {} }, HERE);
  standing.hear(joined({ resumed: true }), HERE);
  standing.clear();
  standing.hear(joined({ resumed: false }), HERE);
  expect(sent).toEqual([]);
});

test("a hand that is up and who is pinned are said again in any case", () => {
  const { standing, sent } = start();
  expect([standing.raiseHand(true), standing.raiseHand(true)]).toEqual([true, false]);
  standing.pin("g");
  sent.length = 0;
  standing.hear(joined({ resumed: true }), HERE);
  expect(sent).toEqual([{ type: "raise-hand", raised: true }, { type: "pin", participantId: "g" }]);
  sent.length = 0;
  standing.hear(joined({ resumed: true }), new Map());
  expect(sent).toEqual([{ type: "raise-hand", raised: true }]);
});

test("how good all pictures are wished is said again, in a new room is not, and of one picture ends with it", () => {
  const { standing, sent } = start();
  standing.wish("medium", { maxHeight: 300 });
  standing.wish("low", { seat: "1" });
  standing.wish("high", { trackId: "c" });
  const all = { type: "update-quality", quality: "medium", maxHeight: 300 };
  expect(sent).toEqual([all, { type: "update-quality", quality: "low", slot: "1" }, { type: "update-quality", quality: "high", trackId: "c" }]);
  for (const resumed of [false, true]) {
    sent.length = 0;
    standing.hear(joined({ resumed }), HERE);
    expect(sent).toEqual([all]);
  }
  sent.length = 0;
  standing.clear();
  standing.hear(joined(), HERE);
  expect(sent).toEqual([]);
});

function start() {
  const sent: ClientMessage[] = [];
  const standing = new Standing((message) => sent.push(message) > 0);
  return { standing, sent };
}
