import assert from "node:assert/strict";
import { test } from "node:test";
import { boxesFor, encodingsOf, fit, Layers, offerDescriptor } from "../layers.js";
import { settle } from "./fakes.js";

test("three layers are published with every limit on every one", () => {
  const encodings = encodingsOf("camera");
  assert.deepEqual(encodings.map(({ rid }) => rid), ["l", "m", "h"]);
  assert.deepEqual(encodings.map(({ maxBitrate }) => maxBitrate), [150_000, 500_000, 2_500_000]);
  assert.deepEqual(encodings.map(({ maxFramerate }) => maxFramerate), [15, 30, 30]);
  assert.deepEqual(encodings.map(({ scaleResolutionDownBy }) => scaleResolutionDownBy), [4, 2, 1]);
  const [whole, ...others] = encodingsOf("camera", "L3T3_KEY");
  assert.equal(others.length, 0);
  assert.deepEqual([whole.scalabilityMode, whole.maxBitrate, whole.maxFramerate], ["L3T3_KEY", 3_150_000, 30]);
  for (const { maxFramerate, maxBitrate } of encodingsOf("screen")) assert.ok(maxFramerate && maxBitrate);
});

test("what the server asks for shapes the layers, the lowest first", () => {
  const asked = { width: 1280, height: 720, maxBitrate: 5_000_000, minBitrate: 100_000, simulcast: true };
  const layers = (/** @type {Partial<typeof asked>} */ other) =>
    boxesFor({ ...asked, ...other }).camera.map(({ rid, maxBitrate }) => [rid, maxBitrate]);
  assert.deepEqual(layers({}), [["l", 150_000], ["m", 500_000], ["h", 2_500_000]]);
  assert.deepEqual(layers({ maxBitrate: 1_000_000 }), [["l", 150_000], ["m", 500_000], ["h", 350_000]]);
  assert.deepEqual(layers({ maxBitrate: 700_000 }), [["l", 150_000], ["m", 500_000]], "50 kbit/s are no picture");
  assert.deepEqual(layers({ maxBitrate: 90_000 }), [["l", 90_000]]);
  assert.deepEqual(layers({ simulcast: false }), [["h", 2_500_000]]);
  assert.deepEqual(layers({ width: 640, height: 360 }), [["l", 150_000], ["h", 625_000]]);
  assert.equal(boxesFor({ ...asked, simulcast: false }).screen.length, 1);
});

test("a picture fits its box whatever its shape", () => {
  const scales = (/** @type {number} */ width, /** @type {number} */ height) => {
    const encodings = encodingsOf("camera");
    fit(encodings, "camera", { width, height }, []);
    return encodings.map(({ scaleResolutionDownBy }) => scaleResolutionDownBy);
  };
  assert.deepEqual(scales(1280, 720), [4, 2, 1]);
  assert.deepEqual(scales(640, 480), [2, 1, 1]);
  assert.deepEqual(scales(720, 1280), [4, 2, 1], "a phone held upright");
  assert.deepEqual(scales(1920, 1080), [6, 3, 1.5]);
  assert.deepEqual(scales(0, 0), [4, 2, 1], "unknown yet");
});

test("a picture that fits a smaller box as it is needs no larger one", () => {
  const encodings = encodingsOf("camera").map((encoding) => ({ ...encoding, active: true }));
  fit(encodings, "camera", { width: 640, height: 480 }, []);
  assert.deepEqual(encodings.map(({ active }) => active), [true, true, false]);
  fit(encodings, "camera", { width: 960, height: 540 }, []);
  assert.deepEqual(encodings.map(({ active }) => active), [true, true, true]);
});

test("a layer nobody watches is paused, and one the server never named is sent", () => {
  const encodings = encodingsOf("camera").map((encoding) => ({ ...encoding, active: true }));
  const size = { width: 1280, height: 720 };
  assert.equal(fit(encodings, "camera", size, []), false);
  assert.equal(fit(encodings, "camera", size, [{ rid: "h", active: false }, { rid: "?", active: false }]), true);
  assert.deepEqual(encodings.map(({ active }) => active), [true, true, false]);
  assert.equal(fit(encodings, "camera", size, []), true, "the last message is the truth");
});

test("one change is made at a time, and the last wish is the one that holds", async () => {
  const sender = new FakeSender();
  const layers = new Layers(/** @type {any} */ (sender), "camera");
  layers.want([{ rid: "h", active: false }]);
  layers.want([{ rid: "m", active: false }]);
  assert.equal(sender.changes, 1);
  sender.release();
  await settle();
  sender.release();
  await settle();
  assert.equal(sender.changes, 2);
  assert.deepEqual(sender.encodings.map(({ active }) => active), [true, false, true]);
});

test("a sender that refuses is asked again with the next answer", async () => {
  const sender = new FakeSender();
  sender.refuses = true;
  const layers = new Layers(/** @type {any} */ (sender), "camera");
  await layers.want([{ rid: "h", active: false }]);
  sender.refuses = false;
  layers.update();
  sender.release();
  await settle();
  assert.equal(sender.encodings[2].active, false);
});

test("the dependency descriptor is offered where a browser can be asked to", () => {
  const uri = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";
  /** @type {any} */
  let asked = null;
  const transceiver = {
    getHeaderExtensionsToNegotiate: () => [{ uri: "other", direction: "stopped" }, { uri, direction: "stopped" }],
    setHeaderExtensionsToNegotiate: (/** @type {any} */ extensions) => (asked = extensions),
  };
  offerDescriptor(/** @type {any} */ (transceiver));
  assert.deepEqual(asked, [{ uri: "other", direction: "stopped" }, { uri, direction: "sendrecv" }]);
  offerDescriptor(/** @type {any} */ ({}));
});

class FakeSender {
  encodings = encodingsOf("camera").map((encoding) => ({ ...encoding, active: true }));
  track = { getSettings: () => ({ width: 1280, height: 720 }) };
  changes = 0;
  refuses = false;
  release = () => {};

  getParameters() {
    return { encodings: this.encodings.map((encoding) => ({ ...encoding })) };
  }

  /** @param {{encodings: any[]}} parameters */
  async setParameters({ encodings }) {
    if (this.refuses) throw new DOMException("", "InvalidStateError");
    this.changes += 1;
    await new Promise((resolve) => (this.release = () => resolve(undefined)));
    this.encodings = encodings;
  }
}
