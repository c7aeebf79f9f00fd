import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { takeTimeouts, tick } from "./timeouts.js";
import { Health, LOST_AFTER_MS, RESTART_AFTER_MS } from "../health.js";

beforeEach(() => {
  takeTimeouts();
});

test("a short interruption heals by itself", () => {
  const { becomes, told } = start();
  becomes("connected");
  becomes("disconnected");
  tick(RESTART_AFTER_MS - 1);
  becomes("connected");
  tick(LOST_AFTER_MS * 2);
  assert.deepEqual(told, ["well", "weak", "well"]);
});

test("four seconds without a way ask for an ICE restart", () => {
  const { becomes, told } = start();
  becomes("connected");
  becomes("disconnected");
  tick(RESTART_AFTER_MS);
  assert.equal(told.filter((word) => word === "restart").length, 1);
  becomes("connected");
  tick(LOST_AFTER_MS);
  assert.equal(told.at(-1), "well");
});

test("a failed way is restarted at once, and once", () => {
  const { pc, becomes, told } = start();
  becomes("failed");
  pc.onconnectionstatechange();
  becomes("disconnected");
  tick(RESTART_AFTER_MS);
  assert.deepEqual(told, ["weak", "restart"]);
});

test("a second failure after a restart that helped is restarted again", () => {
  const { becomes, told } = start();
  becomes("failed");
  becomes("connected");
  becomes("failed");
  assert.deepEqual(told, ["weak", "restart", "well", "weak", "restart"]);
});

test("a restart that does not help is the end", () => {
  const { becomes, told } = start();
  becomes("connected");
  becomes("failed");
  tick(LOST_AFTER_MS);
  assert.equal(told.at(-1), "lost");
});

test("a way that never comes is told", () => {
  const { told } = start();
  tick(LOST_AFTER_MS);
  assert.deepEqual(told, ["lost"]);
});

test("an offer not answered yet says nothing about the way", () => {
  const { pc, told } = start();
  pc.signalingState = "have-local-offer";
  tick(LOST_AFTER_MS);
  assert.deepEqual(told, []);
  pc.signalingState = "stable";
  tick(LOST_AFTER_MS);
  assert.deepEqual(told, ["lost"]);
});

test("while the server is away nothing is given up", () => {
  const { becomes, told, server } = start();
  becomes("connected");
  server.here = false;
  becomes("failed");
  tick(60_000);
  assert.ok(!told.includes("lost") && !told.includes("restart"));
  server.here = true;
  tick(RESTART_AFTER_MS);
  assert.equal(told.at(-1), "restart");
});

test("DTLS that failed on a good way is the end", () => {
  const { pc, told } = start();
  pc.iceConnectionState = "connected";
  pc.connectionState = "failed";
  pc.onconnectionstatechange?.();
  assert.deepEqual(told, ["lost"]);
});

function start() {
  /** @type {any} */
  const pc = { iceConnectionState: "new", connectionState: "new", signalingState: "stable" };
  /** @type {string[]} */
  const told = [];
  const server = { here: true };
  const tell = (/** @type {string} */ word) => () => told.push(word);
  new Health(pc, {
    onWell: tell("well"),
    onWeak: tell("weak"),
    onLost: tell("lost"),
    restart: tell("restart"),
    canSignal: () => server.here,
  });
  const becomes = (/** @type {string} */ state) => {
    pc.iceConnectionState = pc.connectionState = state;
    pc.oniceconnectionstatechange();
  };
  return { pc, told, server, becomes };
}
