import { expect, test } from "vitest";
import { boxesFor, DEFAULT_PICTURES, type Encoding, encodingsOf, fit, Layers, offerDescriptor } from "../src/layers.ts";
import { settle } from "./fakes.ts";

const { camera: CAMERA, screen: SCREEN } = boxesFor(DEFAULT_PICTURES);

test("three layers are published with every limit on every one", () => {
  const encodings = encodingsOf(CAMERA);
  expect(encodings.map(({ rid }) => rid)).toEqual(["l", "m", "h"]);
  expect(encodings.map(({ maxBitrate }) => maxBitrate)).toEqual([150_000, 500_000, 2_500_000]);
  expect(encodings.map(({ maxFramerate }) => maxFramerate)).toEqual([15, 30, 30]);
  expect(encodings.map(({ scaleResolutionDownBy }) => scaleResolutionDownBy)).toEqual([4, 2, 1]);
  const [whole, ...others] = encodingsOf(CAMERA, "L3T3_KEY");
  expect(others.length).toBe(0);
  expect([whole?.scalabilityMode, whole?.maxBitrate, whole?.maxFramerate]).toEqual(["L3T3_KEY", 3_150_000, 30]);
  for (const { maxFramerate, maxBitrate } of encodingsOf(SCREEN)) expect(maxFramerate && maxBitrate).toBeGreaterThan(0);
});

test("what the server asks for shapes the layers, the lowest first", () => {
  const asked = DEFAULT_PICTURES;
  const layers = (other: Partial<typeof asked>) =>
    boxesFor({ ...asked, ...other }).camera.map(({ rid, maxBitrate }) => [rid, maxBitrate]);
  expect(layers({})).toEqual([["l", 150_000], ["m", 500_000], ["h", 2_500_000]]);
  expect(layers({ maxBitrate: 1_000_000 })).toEqual([["l", 150_000], ["m", 500_000], ["h", 350_000]]);
  expect(layers({ maxBitrate: 700_000 }), "50 kbit/s are no picture").toEqual([["l", 150_000], ["m", 500_000]]);
  expect(layers({ maxBitrate: 90_000 })).toEqual([["l", 90_000]]);
  expect(layers({ simulcast: false })).toEqual([["h", 2_500_000]]);
  expect(layers({ width: 640, height: 360 })).toEqual([["l", 150_000], ["h", 625_000]]);
  expect(boxesFor({ ...asked, simulcast: false }).screen.length).toBe(1);
});

test("a picture fits its box whatever its shape", () => {
  const scales = (width: number, height: number) => {
    const encodings = encodingsOf(CAMERA);
    fit(encodings, CAMERA, { width, height }, []);
    return encodings.map(({ scaleResolutionDownBy }) => scaleResolutionDownBy);
  };
  expect(scales(1280, 720)).toEqual([4, 2, 1]);
  expect(scales(640, 480)).toEqual([2, 1, 1]);
  expect(scales(720, 1280), "a phone held upright").toEqual([4, 2, 1]);
  expect(scales(1920, 1080)).toEqual([6, 3, 1.5]);
  expect(scales(0, 0), "unknown yet").toEqual([4, 2, 1]);
});

test("a picture that fits a smaller box as it is needs no larger one", () => {
  const encodings = encodingsOf(CAMERA).map((encoding) => ({ ...encoding, active: true }));
  fit(encodings, CAMERA, { width: 640, height: 480 }, []);
  expect(encodings.map(({ active }) => active)).toEqual([true, true, false]);
  fit(encodings, CAMERA, { width: 960, height: 540 }, []);
  expect(encodings.map(({ active }) => active)).toEqual([true, true, true]);
});

test("an encoding alone is paused when nobody watches it", () => {
  for (const encodings of [encodingsOf(CAMERA, "L3T3_KEY"), encodingsOf(CAMERA.slice(-1))]) {
    const size = { width: 640, height: 360 };
    const told = (active: boolean) => fit(encodings, CAMERA, size, [{ rid: "", active }]);
    expect([fit(encodings, CAMERA, size, []), told(true)], "it is sent already").toEqual([false, false]);
    expect([told(false), encodings[0]?.active]).toEqual([true, false]);
    expect(told(false)).toBe(false);
    expect([told(true), encodings[0]?.active]).toEqual([true, true]);
    expect(encodings[0]?.scaleResolutionDownBy).toBe(undefined);
  }
});

test("a layer nobody watches is paused, and one the server never named is sent", () => {
  const encodings = encodingsOf(CAMERA).map((encoding) => ({ ...encoding, active: true }));
  const size = { width: 1280, height: 720 };
  expect(fit(encodings, CAMERA, size, [])).toBe(false);
  expect(fit(encodings, CAMERA, size, [{ rid: "h", active: false }, { rid: "?", active: false }])).toBe(true);
  expect(encodings.map(({ active }) => active)).toEqual([true, true, false]);
  expect(fit(encodings, CAMERA, size, []), "the last message is the truth").toBe(true);
});

test("one change is made at a time, and the last wish is the one that holds", async () => {
  const sender = new FakeSender();
  const layers = new Layers(sender as never, CAMERA);
  void layers.want([{ rid: "h", active: false }]);
  void layers.want([{ rid: "m", active: false }]);
  expect(sender.changes).toBe(1);
  sender.release();
  await settle();
  sender.release();
  await settle();
  expect(sender.changes).toBe(2);
  expect(sender.encodings.map(({ active }) => active)).toEqual([true, false, true]);
});

test("a sender that refuses is asked again with the next answer", async () => {
  const sender = new FakeSender();
  sender.refuses = true;
  const layers = new Layers(sender as never, CAMERA);
  await layers.want([{ rid: "h", active: false }]);
  sender.refuses = false;
  void layers.update();
  sender.release();
  await settle();
  expect(sender.encodings[2]?.active).toBe(false);
});

test("the dependency descriptor is offered where a browser can be asked to", () => {
  const uri = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";
  let asked: object | null = null;
  const transceiver = {
    getHeaderExtensionsToNegotiate: () => [{ uri: "other", direction: "stopped" }, { uri, direction: "stopped" }],
    setHeaderExtensionsToNegotiate: (extensions: object) => (asked = extensions),
  };
  offerDescriptor(transceiver);
  expect(asked).toEqual([{ uri: "other", direction: "stopped" }, { uri, direction: "sendrecv" }]);
  offerDescriptor({});
});

class FakeSender {
  encodings: Encoding[] = encodingsOf(CAMERA).map((encoding) => ({ ...encoding, active: true }));
  track = { getSettings: () => ({ width: 1280, height: 720 }) };
  changes = 0;
  refuses = false;
  release = () => {};

  getParameters() {
    return { encodings: this.encodings.map((encoding) => ({ ...encoding })) };
  }

  async setParameters({ encodings }: { encodings: Encoding[] }) {
    if (this.refuses) throw new DOMException("", "InvalidStateError");
    this.changes += 1;
    await new Promise<void>((resolve) => (this.release = resolve));
    this.encodings = encodings;
  }
}
