import { beforeEach, expect, test, vi } from "vitest";
import type { Room } from "volley-client";
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

test("the camera that sound only has switched off is back with the pictures, also where the server forgot us meanwhile", async () => {
  const { camera, enters, joined, wants } = call("sound");
  enters();
  expect(camera.on).toBe(false);
  joined();
  await wants("auto");
  expect(camera.on).toBe(true);
});

test("so it is in a call that begins with sound only once more, or was told to in the lobby", async () => {
  const { call: ada, camera, enters, wants } = call();
  await wants("sound");
  expect(camera.on).toBe(false);
  enters();
  ada.leave();
  enters();
  await wants("auto");
  expect(camera.on).toBe(true);
});

test("a camera that was off stays off", async () => {
  const { camera, enters, joined, wants } = call("sound", false);
  enters();
  joined();
  await wants("auto");
  expect(camera.on).toBe(false);
});

test("whoever leaves a server that is gone and joins another call is told when its server is away", () => {
  const { call: ada, notices, tells, enters } = call();
  enters();
  tells("goodbye", { inSeconds: 0 });
  ada.leave();
  ada.join({ name: "Ada", roomId: "another" });
  tells("state", "waiting");
  expect(notices.texts).toEqual([t("server-away")]);
});

test("whose invitation has expired is told so, and who was in the call, that this is why they are out of it", () => {
  const { call: ada, tells, enters } = call();
  ada.join({ name: "Ada", roomId: "room" });
  tells("ended", { code: "token-expired", message: "" });
  expect([ada.phase, ada.refusal]).toEqual(["lobby", t("token-expired")]);
  enters();
  tells("ended", { code: "token-expired", message: "" });
  expect([ada.phase, ada.refusal]).toEqual(["lobby", t("token-expired.meanwhile")]);
});

/** In the lobby of a page that wants this much of others' pictures. */
function call(received: Received = "auto", on = true) {
  const heard = new Map<string, (detail: object) => void>();
  const nothing = () => {};
  const room = {
    on: (name: string, act: (detail: object) => void) => heard.set(name, act),
    join: async () => {},
    ...{ leave: nothing, publish: nothing, mute: nothing, shareScreen: nothing, setQuality: nothing },
  };
  const preferences = new Preferences({ getItem: () => JSON.stringify({ received }), setItem: nothing });
  const camera = { on };
  const devices = {
    ...{ onChange: nothing, stopScreen: nothing },
    isOn: () => camera.on,
    get wanted() {
      return { camera: camera.on };
    },
    set: async (_: string, on: boolean) => void (camera.on = on),
  };
  const notices = new Notices();
  const watch = { clear: nothing, start: nothing };
  const parts = { room: room as unknown as Room, devices, notices, preferences, chat: new Chat(), watch, token: undefined, unblock: nothing };
  const made = new Call(parts as unknown as CallParts);
  const tells = (name: string, detail: object | string) => heard.get(name)?.(detail as object);
  const joined = () => tells("joined", { roomId: "room", participantId: "1", participantName: "Ada", resumed: false });
  const enters = () => {
    made.join({ name: "Ada", roomId: "room" });
    joined();
  };
  const wants = async (received: Received) => {
    preferences.set({ received });
    await Promise.resolve();
  };
  return { call: made, camera, notices, tells, enters, joined, wants };
}
