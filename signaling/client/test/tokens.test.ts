import { beforeEach, expect, test, vi } from "vitest";
import { Room } from "../src/room.ts";
import { type Refusal, Signaling, type TokenSource } from "../src/signaling.ts";
import { FakePeer, joined, settle, Sockets } from "./fakes.ts";

const WISH = { roomId: "room", participantName: "Ada" };
const EXPIRED = { type: "error", code: "token-expired", message: "the token has expired" };

beforeEach(() => {
  vi.useFakeTimers();
});

test("a token is asked for once, and whoever comes back needs no other", async () => {
  const { sockets, asked } = await inRoom();
  expect(sockets.first.sent).toEqual([{ type: "join", ...WISH, token: "token 1" }]);
  sockets.first.drops();
  vi.advanceTimersByTime(200);
  sockets.last.opens();
  sockets.last.says(joined({ resumed: true }));
  await settle();
  expect(asked()).toBe(1);
});

test("whoever is forgotten when their token has ended asks for another, and is in again with that", async () => {
  const { sockets, signaling, asked, refusals } = await inRoom();
  await forgotten(sockets);
  expect(asked()).toBe(2);
  sockets.last.opens();
  expect(sockets.last.sent).toEqual([{ type: "join", ...WISH, token: "token 2" }]);
  sockets.last.says(joined({ participantId: "p2" }));
  expect([signaling.state, signaling.token, refusals]).toEqual(["joined", "token 2", []]);
});

test("a token that was waiting for a server until it ended is replaced, too", async () => {
  const { sockets, asked } = await inRoom();
  await forgotten(sockets);
  sockets.last.drops();
  vi.advanceTimersByTime(3000);
  sockets.last.opens();
  sockets.last.says(EXPIRED);
  await settle();
  expect(asked()).toBe(3);
});

test("a token whose secret was replaced meanwhile is replaced, too", async () => {
  const { sockets, signaling, asked, refusals } = await inRoom();
  await forgotten(sockets, "token-invalid");
  expect(asked()).toBe(2);
  sockets.last.opens();
  sockets.last.says(joined({ participantId: "p2" }));
  expect([signaling.state, refusals]).toEqual(["joined", []]);
});

test("whoever leaves when told that the socket is lost is not brought back", async () => {
  const { sockets, signaling } = await inRoom();
  signaling.on("state", (state) => state === "waiting" && signaling.leave());
  const before = sockets.count;
  sockets.last.drops();
  await vi.advanceTimersByTimeAsync(60_000);
  expect([sockets.count, signaling.state]).toEqual([before, "idle"]);
});

test("where a new token has ended as well it is over, and nobody is asked for ever", async () => {
  const { sockets, signaling, asked, refusals } = await inRoom();
  await forgotten(sockets);
  sockets.last.opens();
  sockets.last.says(EXPIRED);
  await settle();
  expect([asked(), signaling.state, refusals.map(({ code }) => code)]).toEqual([2, "idle", ["token-expired"]]);
});

test("a token that is no function ends with its call", async () => {
  const { sockets, signaling, refusals } = start("token");
  sockets.first.opens();
  sockets.first.says(joined());
  await forgotten(sockets);
  expect([signaling.state, refusals.map(({ code }) => code)]).toEqual(["idle", ["token-expired"]]);
});

test("whoever gives tokens and cannot is asked again after a pause, until somebody leaves", async () => {
  let attempts = 0;
  const { sockets, signaling, troubles } = start(() => {
    attempts += 1;
    throw new Error("no network");
  });
  await settle();
  expect([sockets.count, signaling.state, troubles]).toEqual([0, "waiting", [{ code: "token-unavailable", message: "no network" }]]);
  await vi.advanceTimersByTimeAsync(200);
  expect(attempts).toBe(2);
  signaling.leave();
  await vi.advanceTimersByTimeAsync(60_000);
  expect([attempts, sockets.count]).toEqual([2, 0]);
});

test("a token may take as long as somebody needs to sign in, and comes too late for who has left", async () => {
  const gives: ((token: string) => void)[] = [];
  const { sockets, signaling } = start(() => new Promise<string>((give) => gives.push(give)));
  await vi.advanceTimersByTimeAsync(60_000);
  expect([gives.length, sockets.count, signaling.state]).toEqual([1, 0, "connecting"]);
  signaling.leave();
  gives[0]?.("late");
  await settle();
  expect(sockets.count).toBe(0);
});

test("REST is asked with the token of now", async () => {
  vi.stubGlobal("RTCPeerConnection", FakePeer);
  vi.stubGlobal("MediaStream", class {});
  const shown: unknown[] = [];
  vi.stubGlobal("fetch", async (_: string, { headers }: { headers: Record<string, string> }) => {
    shown.push(headers["authorization"]);
    return new Response(null, { status: 204 });
  });
  const sockets = new Sockets();
  const room = new Room({ server: "https://call.example", open: () => sockets.open() });
  let given = 0;
  const joining = room.join({ ...WISH, token: async () => `token ${(given += 1)}` });
  await settle();
  sockets.last.opens();
  sockets.last.says(joined());
  await joining;
  await room.remove("p7");
  await forgotten(sockets);
  sockets.last.opens();
  sockets.last.says(joined({ participantId: "p2" }));
  await room.remove("p7");
  expect(shown).toEqual(["Bearer token 1", "Bearer token 2"]);
  room.leave();
  vi.unstubAllGlobals();
});

function start(token: TokenSource) {
  const sockets = new Sockets();
  const refusals: Refusal[] = [];
  const troubles: Refusal[] = [];
  const signaling = new Signaling({ open: () => sockets.open(), random: () => 0.5 });
  signaling.on("refused", (refusal) => refusals.push(refusal));
  signaling.on("tokenless", (refusal) => troubles.push(refusal));
  signaling.join({ ...WISH, token });
  return { sockets, signaling, refusals, troubles };
}

/** With tokens that are numbered as they are given. */
async function inRoom() {
  let given = 0;
  const started = start(async () => `token ${(given += 1)}`);
  await settle();
  started.sockets.last.opens();
  started.sockets.last.says(joined());
  return { ...started, asked: () => given };
}

/** The socket was away for longer than the server remembers us, and our token has ended meanwhile. */
async function forgotten(sockets: Sockets, code = "token-expired"): Promise<void> {
  sockets.last.drops();
  vi.advanceTimersByTime(200);
  sockets.last.opens();
  sockets.last.says({ type: "error", code: "bad-resume-token", message: "unknown" });
  sockets.last.says({ ...EXPIRED, code });
  await settle();
}
