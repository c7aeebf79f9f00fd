import assert from "node:assert/strict";
import { test } from "node:test";
import { Rates, bitrate, heldBack, lossOf, megabytes, milliseconds, percent, roomOf } from "../figures.js";

test("a counter that grows has a rate from the second look on", () => {
  const rates = new Rates();
  assert.equal(rates.of("a", 100, 1000), null);
  rates.turn();
  assert.equal(rates.of("a", 300, 3000), 100);
  rates.turn();
  assert.equal(rates.of("a", 10, 4000), null, "it began anew");
  rates.turn();
  rates.turn();
  assert.equal(rates.of("a", 20, 5000), null, "it was forgotten in between");
});

test("figures are written for people", () => {
  assert.deepEqual([bitrate(null), bitrate(1_250_000), bitrate(49_600)], ["–", "1.3 Mbit/s", "50 kbit/s"]);
  assert.deepEqual([percent(null), percent(0.0123)], ["–", "1.2 %"]);
  assert.deepEqual([milliseconds(null), milliseconds(31.6)], ["–", "32 ms"]);
  assert.deepEqual([lossOf(null, 1), lossOf(0, 0), lossOf(1, 3)], [null, null, 0.25]);
});

test("what is held back of a room is told in words", () => {
  assert.equal(megabytes(1_540_000), "1.5 MB");
  assert.equal(heldBack(null), "");
  assert.equal(heldBack({ layersCut: 1, picturesPercent: 100, full: null }), " – held to its limits: without its highest layer");
  const most = { layersCut: 2, picturesPercent: 50, full: "cpu" };
  assert.match(heldBack(most), /2 highest layers, 50 % of its pictures, nobody else is let in \(cpu\)$/);
});

test("a token tells its room, an API key none", () => {
  const part = (/** @type {object} */ value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  assert.equal(roomOf(`${part({ alg: "HS256" })}.${part({ room: "meeting-ÿ?" })}.x`.replaceAll("=", "")).startsWith("meeting-"), true);
  assert.equal(roomOf("0123456789abcdef"), null);
  assert.equal(roomOf("a.b.c"), null);
});
