/**
 * Wires the parts together; every decision is in the parts.
 *
 * In the address: `/r/ROOM` is the room, `?token=…` lets in where tokens are asked for;
 * `?name=…&autojoin=1` joins at once, `?codec=vp8|vp9|h264|av1` prefers a video codec,
 * `?mode=L3T3_KEY` sends one encoding with such layers instead of several encodings, `?tiles=9` shows so
 * many tiles at most, and `?lines=all` asks for every picture at its best, however small its tile (for
 * tests and demos).
 */
import { render } from "preact";
import { Room } from "volley-client";
import { settings } from "volley:settings";
import { exposeToTests } from "./debug.ts";
import { Watch } from "./inside/watch.ts";
import { Devices } from "./media/devices.ts";
import { Sight } from "./media/sight.ts";
import { watchSleep } from "./media/sleep.ts";
import { Speakers } from "./media/speakers.ts";
import { goFullScreen } from "./media/windows.ts";
import { Tape } from "./recording/tape.ts";
import { Call } from "./state/call.ts";
import { Chat } from "./state/chat.ts";
import * as errors from "./state/errors.ts";
import { keepIdentity, recallIdentity } from "./state/identity.ts";
import { Notices } from "./state/notices.ts";
import { Preferences } from "./state/preferences.ts";
import { proposeRoom, readRoom } from "./state/rooms.ts";
import { ownTilesOf } from "./state/roster.ts";
import { Screen } from "./state/screen.ts";
import { type Deed, deedOf, isWritingIn } from "./state/shortcuts.ts";
import { Stage } from "./state/stage.ts";
import { appearance } from "./theme.ts";
import type { App } from "./view/app.ts";
import { Page } from "./view/page.tsx";

const query = new URLSearchParams(location.search);

const preferences = new Preferences();
appearance(preferences);
const notices = new Notices();
const chat = new Chat();
const screen = new Screen();
const devices = new Devices(settings, {
  preferred: (device) => preferences.all[device],
  onProblem: (problem) => call.explain(problem),
  onSolved: (device) => call.solved(device),
});
const room = new Room({
  identity: recallIdentity(),
  keep: keepIdentity,
  pictures: settings,
  codec: query.get("codec"),
  mode: query.get("mode"),
});
const speakers = new Speakers(part("#speakers"), () => notices.show("sound", errors.soundBlocked()));
const watch = new Watch(room);
const tape = new Tape(room, notices);
const call: Call = new Call({
  room,
  devices,
  notices,
  preferences,
  chat,
  watch,
  token: query.get("token") ?? undefined,
  unblock: () => speakers.unblock(),
});
const stage = new Stage({
  room,
  call,
  preferences,
  speakers,
  sight: new Sight(),
  ownTiles: () => ownTilesOf({ ...call.self, muted: !devices.isOn("microphone"), hand: room.handRaised, shares: devices.screen !== null }),
  saves: query.get("lines") !== "all",
});
const app: App = { room, devices, speakers, notices, preferences, chat, watch, call, stage, screen, tape };

const deeds: Record<Deed, () => void> = {
  microphone: () => void devices.set("microphone", !devices.isOn("microphone")),
  camera: () => void devices.set("camera", !devices.isOn("camera")),
  share: () => void (devices.screen ? devices.stopScreen() : devices.shareScreen()),
  hand: () => call.raiseHand(!room.handRaised),
  chat: () => screen.toggle("chat"),
  people: () => screen.toggle("people"),
  view: () => preferences.set({ view: preferences.all.view === "grid" ? "speaker" : "grid" }),
  "full-screen": () => void goFullScreen(),
  inside: () => screen.toggle("inside"),
  "previous-page": () => stage.turn(-1),
  "next-page": () => stage.turn(1),
  help: () => screen.open("shortcuts"),
};

document.addEventListener("keydown", (event) => {
  if (call.phase !== "call" || screen.dialog !== null) return;
  if (event.key === "Escape" && screen.panel !== null) return screen.closePanel();
  const deed = preferences.all.shortcuts ? deedOf(event, isWritingIn(document.activeElement)) : null;
  if (!deed) return;
  event.preventDefault();
  deeds[deed]();
});
window.addEventListener("offline", () => notices.show("network", errors.offline()));
window.addEventListener("online", () => {
  notices.hide("network");
  call.hurry("online");
});
// Chromium alone has it, and the types do not.
(navigator as { connection?: EventTarget }).connection?.addEventListener("change", () => call.hurry("network changed"));
watchSleep((ms) => {
  if (call.phase === "call" && room.mediaState !== "well") notices.show("woken", errors.woken(ms));
  call.hurry("woken");
});
window.addEventListener("pagehide", () => room.leave());
// A page out of the browser's back-forward cache has left its call.
window.addEventListener("pageshow", (event) => event.persisted && location.reload());
void speakers.choose(preferences.all.speaker);
exposeToTests({ room, devices, notices, phase: () => call.phase });

const tiles = Number(query.get("tiles"));
render(<Page app={app} name={query.get("name") ?? ""} most={tiles > 0 ? tiles : null} />, part("#page"));
performance.mark("volley-ready");
if ("RTCPeerConnection" in window) {
  void devices.open();
  const name = query.get("name") ?? preferences.all.name;
  if (query.get("autojoin") === "1" && name) call.join({ name, roomId: readRoom(location.pathname) || proposeRoom() });
} else {
  notices.show("browser", errors.noWebRtc());
}

/** A part of the page's own HTML, which is there. */
function part(selector: string): HTMLElement {
  const found = document.querySelector<HTMLElement>(selector);
  if (!found) throw new Error(`the page has no ${selector}`);
  return found;
}
