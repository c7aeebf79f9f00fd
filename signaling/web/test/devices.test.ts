import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type CameraFilter, Devices, FILTER_FAILED, type Problem } from "../src/media/devices.ts";
import { deviceProblem } from "../src/state/errors.ts";
import { t } from "../src/words.ts";

class FakeTrack {
  enabled = true;
  stopped = false;
  onended: (() => void) | null = null;
  readonly kind;

  constructor(kind: "audio" | "video") {
    this.kind = kind;
  }

  stop(): void {
    this.stopped = true;
  }

  getSettings(): object {
    return {};
  }
}

let cameras: FakeTrack[] = [];

beforeEach(() => {
  cameras = [];
  const getUserMedia = async ({ audio, video }: MediaStreamConstraints) => {
    const tracks = [...(audio ? [new FakeTrack("audio")] : []), ...(video ? [new FakeTrack("video")] : [])];
    cameras.push(...tracks.filter(({ kind }) => kind === "video"));
    return { getTracks: () => tracks };
  };
  vi.stubGlobal("navigator", { mediaDevices: { getUserMedia, enumerateDevices: async () => [] } });
});
afterEach(() => vi.unstubAllGlobals());

test("where the background cannot be replaced nothing is seen, the microphone works, and that is said", async () => {
  const { devices, problems } = start();
  await devices.setFilter(broken());
  await devices.open();
  expect([devices.isOn("microphone"), devices.isOn("camera"), devices.tracks.camera]).toEqual([true, false, null]);
  expect([cameras.length, cameras.every(({ stopped }) => stopped)], "the camera's light is out").toEqual([1, true]);
  expect(problems.map(({ devices }) => devices)).toEqual([["camera"]]);
  const { text, action } = deviceProblem(problems[0]!.devices, problems[0]!.error);
  expect([text, action?.does]).toEqual([t("background.withheld"), "retry-devices"]);
});

test("a background that fails in the middle of a call never shows the room behind", async () => {
  const { devices } = start();
  await devices.open();
  expect(devices.tracks.camera).toBe(cameras[0]);
  await devices.setFilter(broken());
  expect(devices.tracks.camera).toBe(null);
  expect(cameras.every(({ stopped }) => stopped)).toBe(true);
});

test("so does one that ends while it is seen, and that is said", async () => {
  const { devices, problems } = start();
  const ends: (() => void)[] = [];
  const filter = { start: async (_: MediaStreamTrack, onFailed: () => void) => (ends.push(onFailed), new FakeTrack("video") as never), stop: () => {} };
  await devices.setFilter(filter);
  await devices.open();
  expect(devices.isOn("camera")).toBe(true);
  ends[0]?.();
  expect([devices.isOn("camera"), devices.tracks.camera, cameras[0]?.stopped]).toEqual([false, null, true]);
  expect(problems.map(({ error }) => (error as DOMException).name)).toEqual([FILTER_FAILED]);
  await devices.retry();
  ends[0]?.();
  expect([devices.isOn("camera"), problems.length], "that was the one before").toEqual([true, 1]);
});

test("it is tried again when somebody wants that, and then it is the replaced picture", async () => {
  const { devices, solved } = start();
  const filter = broken();
  await devices.setFilter(filter);
  await devices.open();
  await devices.retry();
  expect(devices.tracks.camera).toBe(null);
  const painted = new FakeTrack("video");
  filter.start = async () => painted as never;
  await devices.retry();
  expect([devices.tracks.camera, devices.isOn("camera"), solved.at(-1)]).toEqual([painted, true, "camera"]);
});

test("only whoever chooses their own background is seen with it, and at once", async () => {
  const { devices } = start();
  await devices.setFilter(broken());
  await devices.open();
  await devices.setFilter(null);
  expect([devices.isOn("camera"), devices.tracks.camera]).toEqual([true, cameras.at(-1)]);
});

test("a camera that is switched off while its background is prepared stays off", async () => {
  const { devices, problems } = start();
  let ready = (_: MediaStreamTrack) => {};
  await devices.setFilter({ start: () => new Promise((done) => (ready = done)), stop: () => {} });
  const opening = devices.open();
  await vi.waitFor(() => expect(cameras).toHaveLength(1));
  await devices.set("camera", false);
  ready(new FakeTrack("video") as never);
  await opening;
  expect([devices.tracks.camera, cameras[0]?.stopped, problems]).toEqual([null, true, []]);
});

test("a headset that is plugged in again is on only for whoever had it on", async () => {
  for (const isMuted of [true, false]) {
    const heard = new EventTarget();
    let there = true;
    const getUserMedia = async () => {
      if (!there) throw new DOMException("", "NotFoundError");
      return { getTracks: () => [new FakeTrack("audio")] };
    };
    const enumerateDevices = async () => (there ? [{ kind: "audioinput", deviceId: "headset" }] : []);
    const mediaDevices = Object.assign(heard, { getUserMedia, enumerateDevices });
    vi.stubGlobal("navigator", { mediaDevices });
    const { devices, problems, solved } = start();
    devices.wanted.camera = false;
    await devices.open();
    if (isMuted) await devices.set("microphone", false);
    there = false;
    (devices.tracks.microphone as unknown as FakeTrack).onended?.();
    await vi.waitFor(() => expect(problems.length).toBe(1));
    there = true;
    heard.dispatchEvent(new Event("devicechange"));
    await vi.waitFor(() => expect(solved.at(-1)).toBe("microphone"));
    await vi.waitFor(() => expect(devices.isOn("microphone"), `it was muted: ${isMuted}`).toBe(!isMuted));
    await devices.set("microphone", true);
    expect(devices.isOn("microphone"), "and for whoever switches it on").toBe(true);
  }
});

test("a second press while the browser asks which screen shares no second one", async () => {
  const screens: FakeTrack[] = [];
  const choose: (() => void)[] = [];
  const getDisplayMedia = () =>
    new Promise((done) => {
      choose.push(() => {
        const track = new FakeTrack("video");
        screens.push(track);
        done({ getTracks: () => [track], getVideoTracks: () => [track] });
      });
    });
  Object.assign(navigator.mediaDevices, { getDisplayMedia });
  const { devices } = start();
  const presses = [devices.shareScreen(), devices.shareScreen()];
  choose.forEach((one) => one());
  expect(await Promise.all(presses)).toEqual([true, false]);
  // Whoever chooses another one shares that alone.
  const another = devices.shareScreen();
  choose.at(-1)?.();
  await another;
  devices.stopScreen();
  expect(screens.map(({ stopped }) => stopped)).toEqual([true, true]);
});

test("whoever closes the browser's question is asked again at the next press", async () => {
  let asked = 0;
  const getDisplayMedia = async () => {
    asked += 1;
    throw new DOMException("", "NotAllowedError");
  };
  Object.assign(navigator.mediaDevices, { getDisplayMedia });
  const { devices } = start();
  expect([await devices.shareScreen(), await devices.shareScreen(), asked]).toEqual([false, false, 2]);
});

function broken(): CameraFilter {
  return { start: () => Promise.reject(new Error("no model")), stop: () => {} };
}

function start() {
  const problems: Problem[] = [];
  const solved: string[] = [];
  const settings = { width: 1280, height: 720, echoCancellation: true, noiseSuppression: true };
  const devices = new Devices(settings, { preferred: () => "", onProblem: (problem) => problems.push(problem), onSolved: (device) => solved.push(device) });
  return { devices, problems, solved };
}
