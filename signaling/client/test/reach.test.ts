import { beforeEach, expect, test, vi } from "vitest";
import { candidatesOf, PATIENCE_MS, type ReachOptions, type Tried, tryWays } from "../src/reach.ts";
import { FakePeer, FakeSocket, joined, settle } from "./fakes.ts";

const SDP = [
  "v=0",
  "m=audio 9 UDP/TLS/RTP/SAVPF 111",
  "a=candidate:1 1 udp 2130706431 192.0.2.1 50000 typ host",
  "a=candidate:2 1 tcp 1518280447 192.0.2.1 50000 typ host tcptype passive",
  "a=end-of-candidates",
  "",
].join("\r\n");
const TURN = [{ urls: ["turn:192.0.2.9"], username: "u", credential: "p" }];

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("RTCPeerConnection", FakePeer);
  FakePeer.made = [];
});

test("an answer is cut down to the candidates of one way", () => {
  expect(candidatesOf(SDP, "udp")).toContain("192.0.2.1 50000 typ host\r\na=end");
  expect(candidatesOf(SDP, "udp")).not.toContain("tcptype");
  expect(candidatesOf(SDP, "tcp")).not.toContain(" udp ");
  expect(candidatesOf(SDP, "relay")).toBe(SDP);
  expect(candidatesOf(SDP.replace(/.* tcp .*\r\n/, ""), "tcp")).toBeNull();
});

test("each way is tried by itself, and what a firewall lets through is told from what it does not", async () => {
  const { sockets, told } = start();
  await letIn(sockets, 0, { iceServers: TURN });
  expect(told()).toEqual({ websocket: "well" });
  for (const place of [1, 2, 3]) await letIn(sockets, place, { iceServers: TURN });
  for (const place of [1, 2, 3]) sockets.at(place).says({ type: "answer", sdp: SDP, tracks: [] });
  await settle();
  const [udp, tcp, relay] = FakePeer.made;
  expect(FakePeer.made.map(({ configuration }) => configuration.iceTransportPolicy)).toEqual([undefined, undefined, "relay"]);
  tcp?.becomes("connected");
  relay?.becomes("failed");
  await settle();
  expect(told()).toEqual({ websocket: "well", tcp: "well", relay: "blocked" });
  await vi.advanceTimersByTimeAsync(PATIENCE_MS);
  expect(told()).toMatchObject({ udp: "blocked" });
  expect(udp?.connectionState).toBe("closed");
});

test("it is tried in rooms of our own, with what lets us into the one that the token is for", async () => {
  const { sockets } = start({ roomId: "meeting", token: "a.b.c" });
  await letIn(sockets, 0);
  sockets.at(1).opens();
  for (const place of [0, 1]) {
    expect(sockets.at(place).sent[0]).toMatchObject({ type: "join", roomId: "meeting", token: "a.b.c", check: true });
  }
});

test("what the server does not have is none, and not blocked", async () => {
  const { sockets, told } = start();
  for (const place of [0, 1, 2, 3]) await letIn(sockets, place);
  sockets.at(2).says({ type: "answer", sdp: SDP.replace(/.* tcp .*\r\n/, ""), tracks: [] });
  await settle();
  expect(told()).toEqual({ websocket: "well", tcp: "none", relay: "none" });
});

test("a server that lets nobody in is reached all the same, and says why", async () => {
  const { sockets, told, all } = start();
  sockets.at(0).opens();
  sockets.at(0).says({ type: "error", code: "token-missing", message: "bring one" });
  await settle();
  expect(told()).toEqual({ websocket: "well", udp: "untried", tcp: "untried", relay: "untried" });
  expect(all.at(-1)).toMatchObject({ code: "token-missing" });
});

test("a WebSocket that never opens is blocked", async () => {
  const { told } = start();
  await vi.advanceTimersByTimeAsync(PATIENCE_MS);
  expect(told()).toMatchObject({ websocket: "blocked", udp: "untried" });
});

function start(more: ReachOptions = {}) {
  const sockets = new Listed();
  const all: Tried[] = [];
  void tryWays({ server: "https://call.example", ...more, open: () => sockets.open() }, (tried) => all.push(tried));
  return { sockets, all, told: () => Object.fromEntries(all.map(({ way, outcome }) => [way, outcome])) };
}

async function letIn(sockets: Listed, place: number, more = {}) {
  sockets.at(place).opens();
  sockets.at(place).says(joined(more));
  await settle();
}

/** All sockets that were opened, by when. */
class Listed {
  #opened: FakeSocket[] = [];

  open(): WebSocket {
    const socket = new FakeSocket();
    this.#opened.push(socket);
    return socket as never;
  }

  at(place: number): FakeSocket {
    const socket = this.#opened[place];
    if (!socket) throw new Error(`socket ${place} was not opened`);
    return socket;
  }
}
