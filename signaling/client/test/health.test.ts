import { beforeEach, expect, test, vi } from "vitest";
import { Health, LOST_AFTER_MS, RESTART_AFTER_MS } from "../src/health.ts";

beforeEach(() => {
  vi.useFakeTimers();
});

test("a short interruption heals by itself", () => {
  const { becomes, told } = start();
  becomes("connected");
  becomes("disconnected");
  vi.advanceTimersByTime(RESTART_AFTER_MS - 1);
  becomes("connected");
  vi.advanceTimersByTime(LOST_AFTER_MS * 2);
  expect(told).toEqual(["well", "weak", "well"]);
});

test("a while without a way asks for an ICE restart", () => {
  const { becomes, told } = start();
  becomes("connected");
  becomes("disconnected");
  vi.advanceTimersByTime(RESTART_AFTER_MS);
  expect(told.filter((word) => word === "restart").length).toBe(1);
  becomes("connected");
  vi.advanceTimersByTime(LOST_AFTER_MS);
  expect(told.at(-1)).toBe("well");
});

test("a way that stopped is restarted at once when the network is another one", () => {
  const { becomes, told, health } = start();
  health.hurry();
  becomes("connected");
  health.hurry();
  expect(told).toEqual(["well"]);
  becomes("disconnected");
  health.hurry();
  health.hurry();
  expect(told).toEqual(["well", "weak", "weak", "restart"]);
});

test("a failed way is restarted at once, and once", () => {
  const { pc, becomes, told } = start();
  becomes("failed");
  pc.onconnectionstatechange();
  becomes("disconnected");
  vi.advanceTimersByTime(RESTART_AFTER_MS);
  expect(told).toEqual(["weak", "restart"]);
});

test("a second failure after a restart that helped is restarted again", () => {
  const { becomes, told } = start();
  becomes("failed");
  becomes("connected");
  becomes("failed");
  expect(told).toEqual(["weak", "restart", "well", "weak", "restart"]);
});

test("a restart that does not help is the end", () => {
  const { becomes, told } = start();
  becomes("connected");
  becomes("failed");
  vi.advanceTimersByTime(LOST_AFTER_MS);
  expect(told.at(-1)).toBe("lost");
});

test("a way that never comes is told", () => {
  const { told } = start();
  vi.advanceTimersByTime(LOST_AFTER_MS);
  expect(told).toEqual(["lost"]);
});

test("a way that comes late is watched like any other", () => {
  const { becomes, told } = start();
  vi.advanceTimersByTime(LOST_AFTER_MS);
  becomes("connected");
  becomes("disconnected");
  vi.advanceTimersByTime(RESTART_AFTER_MS);
  expect(told).toEqual(["lost", "well", "weak", "weak", "restart"]);
});

test("a way that never was is lost once, whatever its browser says of it later", () => {
  const { becomes, told } = start();
  vi.advanceTimersByTime(LOST_AFTER_MS);
  becomes("disconnected");
  becomes("failed");
  vi.advanceTimersByTime(LOST_AFTER_MS * 2);
  expect(told).toEqual(["lost"]);
});

test("an offer not answered yet says nothing about the way", () => {
  const { pc, told } = start();
  pc.signalingState = "have-local-offer";
  vi.advanceTimersByTime(LOST_AFTER_MS);
  expect(told).toEqual([]);
  pc.signalingState = "stable";
  vi.advanceTimersByTime(LOST_AFTER_MS);
  expect(told).toEqual(["lost"]);
});

test("while the server is away nothing is given up", () => {
  const { becomes, told, server } = start();
  becomes("connected");
  server.here = false;
  becomes("failed");
  vi.advanceTimersByTime(60_000);
  expect(!told.includes("lost") && !told.includes("restart")).toBe(true);
  server.here = true;
  vi.advanceTimersByTime(RESTART_AFTER_MS);
  expect(told.at(-1)).toBe("restart");
});

test("DTLS that failed on a good way is the end", () => {
  const { pc, told } = start();
  pc.iceConnectionState = "connected";
  pc.connectionState = "failed";
  pc.onconnectionstatechange?.();
  expect(told).toEqual(["lost"]);
});

function start() {
  const pc: Partial<Record<keyof RTCPeerConnection, any>> = {
    iceConnectionState: "new",
    connectionState: "new",
    signalingState: "stable",
  };
  const told: string[] = [];
  const server = { here: true };
  const tell = (word: string) => () => void told.push(word);
  const health = new Health(pc as RTCPeerConnection, {
    onWell: tell("well"),
    onWeak: tell("weak"),
    onLost: tell("lost"),
    restart: tell("restart"),
    canSignal: () => server.here,
  });
  const becomes = (state: string) => {
    pc.iceConnectionState = pc.connectionState = state;
    pc.oniceconnectionstatechange?.();
  };
  return { pc, told, server, becomes, health };
}
