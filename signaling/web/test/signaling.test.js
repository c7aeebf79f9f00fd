import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { takeTimeouts, tick } from "./timeouts.js";
import { ANSWER_WITHIN_MS, LONGEST_PAUSE_MS, Signaling } from "../signaling.js";
import { FakeSocket, joined } from "./fakes.js";

const WISH = { roomId: "room", participantName: "Ada" };

beforeEach(() => {
  takeTimeouts();
});

test("it says who wants in as soon as the socket is open", () => {
  const { sockets, signaling } = start();
  assert.equal(signaling.state, "connecting");
  sockets[0].opens();
  assert.deepEqual(sockets[0].sent, [{ type: "join", ...WISH }]);
  sockets[0].says(joined());
  assert.equal(signaling.state, "joined");
  assert.equal(signaling.participantId, "p1");
});

test("a dropped socket is opened again after 100 ms and resumes with the token", () => {
  const { sockets } = inRoom();
  sockets[0].drops();
  tick(99);
  assert.equal(sockets.length, 1);
  tick(1);
  assert.equal(sockets.length, 2);
  sockets[1].opens();
  assert.deepEqual(sockets[1].sent, [{ type: "join", ...WISH, participantId: "p1", resumeToken: "secret" }]);
});

test("pauses double from 100 ms and end at 2 s", () => {
  const { sockets } = inRoom();
  const pauses = [];
  for (let attempt = 0; attempt < 7; attempt += 1) {
    sockets.at(-1)?.drops();
    pauses.push(untilNextSocket(sockets));
  }
  assert.deepEqual(pauses, [100, 200, 400, 800, 1600, LONGEST_PAUSE_MS, LONGEST_PAUSE_MS]);
});

test("pauses start over once the room was entered again", () => {
  const { sockets } = inRoom();
  for (let attempt = 0; attempt < 4; attempt += 1) {
    sockets.at(-1)?.drops();
    untilNextSocket(sockets);
  }
  sockets.at(-1)?.opens();
  sockets.at(-1)?.says(joined({ resumed: true }));
  sockets.at(-1)?.drops();
  assert.equal(untilNextSocket(sockets), 100);
});

test("pages of one room do not all come back in the same instant", () => {
  const early = inRoom({ random: () => 0 });
  early.sockets[0].drops();
  const late = inRoom({ random: () => 1 });
  late.sockets[0].drops();
  tick(90);
  assert.equal(early.sockets.length, 2);
  assert.equal(late.sockets.length, 1);
});

test("a refused resume becomes a fresh join on the same socket", () => {
  const { sockets, messages } = inRoom();
  sockets[0].drops();
  untilNextSocket(sockets);
  sockets[1].opens();
  sockets[1].says({ type: "error", code: "bad-resume-token", message: "unknown" });
  assert.deepEqual(sockets[1].sent[1], { type: "join", ...WISH });
  sockets[1].says(joined({ participantId: "p2" }));
  assert.equal(messages.at(-1).participantId, "p2");
  assert.equal(sockets.length, 2);
});

test("a full room is told once and not tried again", () => {
  const { sockets, signaling, refusals } = start();
  sockets[0].opens();
  sockets[0].says({ type: "error", code: "room-full", message: "full" });
  assert.deepEqual(refusals.map(({ code }) => code), ["room-full"]);
  tick(60_000);
  assert.equal(sockets.length, 1);
  assert.equal(signaling.state, "idle");
});

test("a busy server is asked again later", () => {
  const { sockets, refusals } = start();
  sockets[0].opens();
  sockets[0].says({ type: "error", code: "server-busy", message: "later" });
  assert.deepEqual(refusals, []);
  assert.equal(untilNextSocket(sockets), 100);
});

test("a socket that never opens is given up", () => {
  const { sockets } = start();
  tick(ANSWER_WITHIN_MS);
  assert.equal(sockets[0].readyState, 3);
  assert.equal(untilNextSocket(sockets), 100);
});

test("a join that is never answered is given up", () => {
  const { sockets } = start();
  sockets[0].opens();
  tick(ANSWER_WITHIN_MS);
  assert.equal(untilNextSocket(sockets), 100);
});

test("nothing is sent while the socket is away", () => {
  const { sockets, signaling } = inRoom();
  assert.equal(signaling.send({ type: "chat", text: "hello" }), true);
  sockets[0].drops();
  assert.equal(signaling.send({ type: "chat", text: "lost" }), false);
});

test("an old socket is not heard any more", () => {
  const { sockets, signaling, messages } = inRoom();
  signaling.reconnect();
  const before = messages.length;
  sockets[0].says({ type: "chat", text: "late" });
  sockets[0].drops();
  assert.equal(messages.length, before);
  assert.equal(sockets.length, 2);
});

test("coming online ends the pause at once", () => {
  const { sockets, signaling } = inRoom();
  sockets[0].drops();
  signaling.hurry();
  assert.equal(sockets.length, 2);
  tick(3000);
  assert.equal(sockets.length, 2);
});

test("leaving says so, forgets who we were, and stays away", () => {
  const { sockets, signaling, kept } = inRoom();
  signaling.leave();
  assert.deepEqual(sockets[0].sent.at(-1), { type: "leave" });
  assert.equal(kept.at(-1), null);
  tick(60_000);
  assert.equal(sockets.length, 1);
});

test("joining again from scratch names no token", () => {
  const { sockets, signaling } = inRoom();
  signaling.rejoin();
  sockets[1].opens();
  assert.deepEqual(sockets[1].sent, [{ type: "join", ...WISH }]);
});

test("who we were in one room is not told to another", () => {
  const identity = { roomId: "other", participantId: "p9", resumeToken: "t" };
  const { sockets } = start({ identity });
  sockets[0].opens();
  assert.deepEqual(sockets[0].sent, [{ type: "join", ...WISH }]);
});

test("after a goodbye we come back as somebody new, however long it takes", () => {
  const { sockets, kept, messages } = inRoom();
  sockets[0].says({ type: "goodbye", inSeconds: 25, message: "…" });
  assert.notEqual(kept.at(-1), null, "there is still time");
  sockets[0].says({ type: "goodbye", inSeconds: 0, message: "…" });
  assert.equal(messages.at(-1).type, "goodbye");
  sockets[0].drops();
  untilNextSocket(sockets);
  sockets[1].opens();
  assert.deepEqual(sockets[1].sent, [{ type: "join", ...WISH }]);
  sockets[1].says({ type: "error", code: "server-draining", message: "…" });
  assert.equal(untilNextSocket(sockets) > 0, true);
});

test("what is not JSON with a type is passed over", () => {
  const { sockets, messages } = inRoom();
  const before = messages.length;
  for (const data of ["", "{", "null", "7", "[]", '{"type":3}']) sockets[0].onmessage?.({ data });
  assert.equal(messages.length, before);
});

/** @param {object} [options] */
function start(options = {}) {
  /** @type {any[]} */
  const sockets = [];
  /** @type {any} */
  const heard = { sockets, messages: [], refusals: [], kept: [] };
  const signaling = new Signaling({
    open: () => {
      const socket = new FakeSocket();
      sockets.push(socket);
      return /** @type {any} */ (socket);
    },
    keep: (identity) => heard.kept.push(identity),
    random: () => 0.5,
    ...options,
  });
  signaling.addEventListener("message", (event) => heard.messages.push(/** @type {any} */ (event).detail));
  signaling.addEventListener("refused", (event) => heard.refusals.push(/** @type {any} */ (event).detail));
  signaling.join(WISH);
  return { ...heard, signaling };
}

/** @param {object} [options] */
function inRoom(options) {
  const started = start(options);
  started.sockets[0].opens();
  started.sockets[0].says(joined());
  return started;
}

/** @param {any[]} sockets @returns {number} ms until a new socket is opened */
function untilNextSocket(sockets) {
  const before = sockets.length;
  for (let ms = 1; ms <= 10_000; ms += 1) {
    tick(1);
    if (sockets.length > before) return ms;
  }
  throw new Error("no new socket within 10 s");
}
