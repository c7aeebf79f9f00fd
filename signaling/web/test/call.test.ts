import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Room } from "volley-client";
import { Call, type CallParts } from "../src/state/call.ts";
import { Chat } from "../src/state/chat.ts";
import { Notices } from "../src/state/notices.ts";
import { Preferences } from "../src/state/preferences.ts";
import { speak, t } from "../src/words.ts";

vi.mock("../src/media/wake.ts", () => ({ keepAwake: async () => {} }));

beforeEach(() => {
  vi.stubGlobal("location", { search: "", hash: "#e2ee=correct-horse", pathname: "/r/room" });
  vi.stubGlobal("history", { replaceState: () => {} });
  vi.stubGlobal("document", { title: "" });
});
afterEach(() => {
  vi.unstubAllGlobals();
  speak("en");
});

test("an encrypted link in a browser that cannot encrypt is refused in a sentence, and one may try again", async () => {
  for (const language of ["en", "de"] as const) {
    speak(language);
    const { call } = lobby();
    for (let attempt = 0; attempt < 2; attempt += 1) {
      call.join({ name: "Ada", roomId: "room" });
      await Promise.resolve();
      expect([call.phase, call.refusal]).toEqual(["lobby", t("e2ee-unsupported")]);
    }
  }
});

test("on a page over plain HTTP the sentence names https", async () => {
  vi.stubGlobal("crypto", {});
  const { call } = lobby();
  call.join({ name: "Ada", roomId: "room" });
  await Promise.resolve();
  expect([call.phase, call.refusal]).toEqual(["lobby", t("e2ee-insecure")]);
  expect(call.refusal).toContain("https://");
});

function lobby() {
  const room = new Room({ server: "https://call.example", open: () => ({}) as WebSocket });
  const notices = new Notices();
  const preferences = new Preferences({ getItem: () => null, setItem: () => {} });
  const devices = { stopScreen: () => {}, onChange: () => {}, isOn: () => false };
  const watch = { clear: () => {}, start: () => {} };
  const parts = { room, devices, notices, preferences, chat: new Chat(), watch, token: undefined, unblock: () => {} };
  return { call: new Call(parts as unknown as CallParts), room };
}
