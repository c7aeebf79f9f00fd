import { beforeEach, expect, test, vi } from "vitest";
import type { ServerMessage } from "../src/messages.ts";
import { ANSWER_WITHIN_MS, type Identity, LONGEST_PAUSE_MS, type Refusal, Signaling, type SignalingOptions } from "../src/signaling.ts";
import { joined, Sockets } from "./fakes.ts";

const WISH = { roomId: "room", participantName: "Ada" };

beforeEach(() => {
  vi.useFakeTimers();
});

test("it says who wants in as soon as the socket is open", () => {
  const { sockets, signaling } = start();
  expect(signaling.state).toBe("connecting");
  sockets.first.opens();
  expect(sockets.first.sent).toEqual([{ type: "join", ...WISH }]);
  sockets.first.says(joined());
  expect(signaling.state).toBe("joined");
  expect(signaling.participantId).toBe("p1");
});

test("a dropped socket is opened again after 100 ms and resumes with the token", () => {
  const { sockets } = inRoom();
  sockets.first.drops();
  vi.advanceTimersByTime(99);
  expect(sockets.count).toBe(1);
  vi.advanceTimersByTime(1);
  expect(sockets.count).toBe(2);
  sockets.last.opens();
  expect(sockets.last.sent).toEqual([{ type: "join", ...WISH, participantId: "p1", resumeToken: "secret" }]);
});

test("pauses double from 100 ms and end at 2 s", () => {
  const { sockets } = inRoom();
  const pauses: number[] = [];
  for (let attempt = 0; attempt < 7; attempt += 1) {
    sockets.last.drops();
    pauses.push(untilNextSocket(sockets));
  }
  expect(pauses).toEqual([100, 200, 400, 800, 1600, LONGEST_PAUSE_MS, LONGEST_PAUSE_MS]);
});

test("pauses start over once the room was entered again", () => {
  const { sockets } = inRoom();
  for (let attempt = 0; attempt < 4; attempt += 1) {
    sockets.last.drops();
    untilNextSocket(sockets);
  }
  sockets.last.opens();
  sockets.last.says(joined({ resumed: true }));
  sockets.last.drops();
  expect(untilNextSocket(sockets)).toBe(100);
});

test("pages of one room do not all come back in the same instant", () => {
  const early = inRoom({ random: () => 0 });
  early.sockets.first.drops();
  const late = inRoom({ random: () => 1 });
  late.sockets.first.drops();
  vi.advanceTimersByTime(90);
  expect(early.sockets.count).toBe(2);
  expect(late.sockets.count).toBe(1);
});

test("a refused resume becomes a fresh join on the same socket", () => {
  const { sockets, messages } = inRoom();
  sockets.first.drops();
  untilNextSocket(sockets);
  sockets.last.opens();
  sockets.last.says({ type: "error", code: "bad-resume-token", message: "unknown" });
  expect(sockets.last.sent[1]).toEqual({ type: "join", ...WISH });
  sockets.last.says(joined({ participantId: "p2" }));
  expect(messages.at(-1)).toMatchObject({ participantId: "p2" });
  expect(sockets.count).toBe(2);
});

test("a full room is told once and not tried again", () => {
  const { sockets, signaling, refusals } = start();
  sockets.first.opens();
  sockets.first.says({ type: "error", code: "room-full", message: "full" });
  expect(refusals.map(({ code }) => code)).toEqual(["room-full"]);
  vi.advanceTimersByTime(60_000);
  expect(sockets.count).toBe(1);
  expect(signaling.state).toBe("idle");
});

test("a busy server is asked again later", () => {
  const { sockets, refusals } = start();
  sockets.first.opens();
  sockets.first.says({ type: "error", code: "server-busy", message: "later" });
  expect(refusals).toEqual([]);
  expect(untilNextSocket(sockets)).toBe(100);
});

test("a socket that never opens is given up", () => {
  const { sockets } = start();
  vi.advanceTimersByTime(ANSWER_WITHIN_MS);
  expect(sockets.first.readyState).toBe(3);
  expect(untilNextSocket(sockets)).toBe(100);
});

test("a join that is never answered is given up", () => {
  const { sockets } = start();
  sockets.first.opens();
  vi.advanceTimersByTime(ANSWER_WITHIN_MS);
  expect(untilNextSocket(sockets)).toBe(100);
});

test("nothing is sent while the socket is away", () => {
  const { sockets, signaling } = inRoom();
  expect(signaling.send({ type: "chat", text: "hello" })).toBe(true);
  sockets.first.drops();
  expect(signaling.send({ type: "chat", text: "lost" })).toBe(false);
});

test("an old socket is not heard any more", () => {
  const { sockets, signaling, messages } = inRoom();
  signaling.reconnect();
  const before = messages.length;
  sockets.first.says({ type: "chat", text: "late" });
  sockets.first.drops();
  expect(messages.length).toBe(before);
  expect(sockets.count).toBe(2);
});

test("coming online ends the pause at once", () => {
  const { sockets, signaling } = inRoom();
  sockets.first.drops();
  signaling.hurry();
  expect(sockets.count).toBe(2);
  vi.advanceTimersByTime(3000);
  expect(sockets.count).toBe(2);
});

test("leaving says so, forgets who we were, and stays away", () => {
  const { sockets, signaling, kept } = inRoom();
  signaling.leave();
  expect(sockets.first.sent.at(-1)).toEqual({ type: "leave" });
  expect(kept.at(-1)).toBe(null);
  vi.advanceTimersByTime(60_000);
  expect(sockets.count).toBe(1);
});

test("joining again from scratch names no token", () => {
  const { sockets, signaling } = inRoom();
  signaling.rejoin();
  sockets.last.opens();
  expect(sockets.last.sent).toEqual([{ type: "join", ...WISH }]);
});

test("who we were in one room is not told to another", () => {
  const identity = { roomId: "other", participantId: "p9", resumeToken: "t" };
  const { sockets } = start({ identity });
  sockets.first.opens();
  expect(sockets.first.sent).toEqual([{ type: "join", ...WISH }]);
});

test("what is not JSON with a type is passed over", () => {
  const { sockets, messages } = inRoom();
  const before = messages.length;
  for (const data of ["", "{", "null", "7", "[]", '{"type":3}']) sockets.first.onmessage?.({ data });
  expect(messages.length).toBe(before);
});

function start(options: Partial<SignalingOptions> = {}) {
  const sockets = new Sockets();
  const messages: ServerMessage[] = [];
  const refusals: Refusal[] = [];
  const kept: (Identity | null)[] = [];
  const signaling = new Signaling({
    open: () => sockets.open(),
    keep: (identity) => kept.push(identity),
    random: () => 0.5,
    ...options,
  });
  signaling.on("message", (message) => messages.push(message));
  signaling.on("refused", (refusal) => refusals.push(refusal));
  signaling.join(WISH);
  return { sockets, messages, refusals, kept, signaling };
}

function inRoom(options?: Partial<SignalingOptions>) {
  const started = start(options);
  started.sockets.last.opens();
  started.sockets.last.says(joined());
  return started;
}

/** In ms. */
function untilNextSocket(sockets: Sockets): number {
  const before = sockets.count;
  for (let ms = 1; ms <= 10_000; ms += 1) {
    vi.advanceTimersByTime(1);
    if (sockets.count > before) return ms;
  }
  throw new Error("no new socket within 10 s");
}
