import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Room } from "volley-client";
import { Devices } from "../src/media/devices.ts";
import { Call, type CallParts } from "../src/state/call.ts";
import { Chat } from "../src/state/chat.ts";
import { Notices } from "../src/state/notices.ts";
import { Preferences, type Received } from "../src/state/preferences.ts";
import { t } from "../src/words.ts";

vi.mock("../src/media/wake.ts", () => ({ keepAwake: async () => {} }));

beforeEach(() => {
  vi.stubGlobal("location", { search: "", hash: "", pathname: "/r/room" });
  vi.stubGlobal("history", { replaceState: () => {} });
  vi.stubGlobal("document", { title: "" });
});
afterEach(() => vi.unstubAllGlobals());

test("a camera that is allowed only after joining is not sent while that is promised, and is afterwards", async () => {
  const { devices, allow, enters, wants, sent, notices } = page("sound");
  const opening = devices.open();
  await vi.waitUntil(() => allow.length === 1);
  enters();
  allow.forEach((yes) => yes());
  await opening;
  expect(notices.texts).toEqual([t("sound-only")]);
  expect([sent.camera, sent.microphone !== null, devices.isOn("microphone")]).toEqual([null, true, true]);
  wants("auto");
  await vi.waitUntil(() => allow.length === 2);
  allow.forEach((yes) => yes());
  await vi.waitFor(() => expect(sent.camera).not.toBe(null));
  expect(notices.texts).toEqual([]);
});

test("nor is one that was switched on in the lobby between two such calls", async () => {
  const { call, devices, allow, enters, sent } = page("sound");
  enters();
  call.leave();
  void devices.set("camera", true);
  await vi.waitUntil(() => allow.length === 1);
  allow.forEach((yes) => yes());
  await vi.waitFor(() => expect(devices.isOn("camera")).toBe(true));
  enters();
  await vi.waitFor(() => expect([devices.isOn("camera"), sent.camera]).toEqual([false, null]));
});

test("whoever switches it on all the same is told that they are seen", async () => {
  const { devices, allow, enters, sent, notices } = page("sound");
  enters();
  const setting = devices.set("camera", true);
  await vi.waitUntil(() => allow.length === 1);
  allow.forEach((yes) => yes());
  await setting;
  expect([sent.camera !== null, notices.texts]).toEqual([true, [t("sound-only.seen")]]);
  await devices.set("camera", false);
  expect(notices.texts).toEqual([t("sound-only")]);
});

test("and has it off when pictures come back, if they switched it off again themselves", async () => {
  const { devices, allow, enters, wants, sent } = page("auto");
  const set = async () => {
    void devices.set("camera", true);
    await vi.waitFor(() => {
      allow.splice(0).forEach((yes) => yes());
      expect(sent.camera ?? devices.tracks.camera).not.toBe(null);
    });
  };
  await set();
  enters();
  wants("sound");
  await vi.waitFor(() => expect(sent.camera).toBe(null));
  await set();
  await devices.set("camera", false);
  wants("auto");
  await new Promise((done) => setTimeout(done, 20));
  expect([allow.length, devices.isOn("camera"), sent.camera]).toEqual([0, false, null]);
});

test("a microphone that is refused is still told of when the camera is not wanted any more", async () => {
  const { call, devices, enters, notices } = page("sound");
  vi.spyOn(devices, "whyMissing").mockImplementation((device) => (device === "microphone" ? "NotAllowedError" : undefined));
  call.explain({ devices: ["microphone", "camera"], error: new DOMException("", "NotAllowedError") });
  call.solved("camera");
  enters();
  expect(notices.texts).toEqual([t("refused.device", { devices: t("the.microphone") }), t("sound-only")]);
});

/** A page whose person answers the browser's question when `allow` is called. */
function page(received: Received) {
  const allow: (() => void)[] = [];
  const track = (kind: string) => ({ kind, enabled: true, stop: () => {}, getSettings: () => ({}) }) as unknown as MediaStreamTrack;
  const getUserMedia = ({ audio, video }: MediaStreamConstraints) =>
    new Promise((done) => allow.push(() => done({ getTracks: () => [...(audio ? [track("audio")] : []), ...(video ? [track("video")] : [])] })));
  vi.stubGlobal("navigator", { mediaDevices: { getUserMedia, enumerateDevices: async () => [] } });
  const settings = { width: 1280, height: 720, echoCancellation: true, noiseSuppression: true };
  const hooks = { preferred: () => "", onProblem: () => {}, onSolved: () => {} };
  const devices = new Devices(settings, hooks);
  const heard = new Map<string, (detail: object) => void>();
  const nothing = () => {};
  const sent: Record<string, MediaStreamTrack | null> = { microphone: null, camera: null };
  const room = {
    on: (name: string, act: (detail: object) => void) => heard.set(name, act),
    join: async () => {},
    publish: (input: string, track: MediaStreamTrack | null) => (sent[input] = track),
    ...{ leave: nothing, mute: nothing, shareScreen: nothing, setQuality: nothing },
  };
  const preferences = new Preferences({ getItem: () => JSON.stringify({ received }), setItem: nothing });
  const notices = new Notices();
  const watch = { clear: nothing, start: nothing };
  const parts = { room: room as unknown as Room, devices, notices, preferences, chat: new Chat(), watch, token: undefined, unblock: nothing };
  const call = new Call(parts as unknown as CallParts);
  const enters = () => {
    call.join({ name: "Ada", roomId: "room" });
    heard.get("joined")?.({ roomId: "room", participantId: "1", participantName: "Ada", resumed: false });
  };
  const wants = (received: Received) => preferences.set({ received });
  return { call, devices, allow, enters, wants, sent, notices };
}
