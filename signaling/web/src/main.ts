/**
 * Wires the parts together; every decision is in the parts.
 *
 * In the address: `/r/ROOM` is the room, `?token=…` lets in where tokens are asked for;
 * `?name=…&autojoin=1` joins at once, `?codec=vp8|vp9|h264|av1` prefers a video codec,
 * `?mode=L3T3_KEY` sends one encoding with such layers instead of several encodings, and `?lines=all`
 * asks for every picture at its best, however small its tile (for tests and demos).
 */
import { type FromServer, type MediaState, type Refusal, Room, type SignalingState, type TrackSource } from "volley-client";
import { settings } from "volley:settings";
import { bindControls } from "./controls.ts";
import { exposeToTests } from "./debug.ts";
import { Devices, type Problem } from "./devices.ts";
import { part } from "./dom.ts";
import * as errors from "./errors.ts";
import { keepIdentity, recallIdentity } from "./identity.ts";
import { bindCopy, linkOf } from "./link.ts";
import { type Entrance, Lobby } from "./lobby.ts";
import { Notices } from "./notices.ts";
import { pathOf, readRoom } from "./rooms.ts";
import { Stage } from "./stage.ts";
import { keepAwake } from "./wake.ts";

const query = new URLSearchParams(location.search);

const devices = new Devices(settings);
const room = new Room({
  identity: recallIdentity(),
  keep: keepIdentity,
  pictures: settings,
  codec: query.get("codec"),
  mode: query.get("mode"),
});
const notices = new Notices(part("#notices"), part("#voice"), (deed) => deeds[deed]());
const stage = new Stage({
  room,
  devices,
  stage: part("#stage"),
  invitation: part("#invitation"),
  speakers: part("#speakers"),
  saves: query.get("lines") !== "all",
  onBlocked: () => notices.show("sound", errors.SOUND_BLOCKED),
});
const lobby = new Lobby(part("#lobby"), { name: query.get("name"), roomId: readRoom(location.pathname) }, join);

let phase: "lobby" | "joining" | "call" = "lobby";

const deeds: Record<errors.Deed, () => void> = {
  "retry-devices": () => void devices.retry(),
  "stop-screen": () => devices.stopScreen(),
  "start-again": () => room.renew(),
  cancel: () => toLobby(),
  unblock: () => stage.speakers.unblock(),
};

function join({ name, roomId }: Entrance): void {
  performance.mark("volley-join");
  phase = "joining";
  history.replaceState(null, "", pathOf(roomId) + location.search);
  // Why it was not to be is told by `ended`.
  room.join({ roomId, participantName: name, token: query.get("token") ?? undefined }).catch(() => {});
}

function inRoom({ roomId, participantId, participantName }: FromServer<"joined">): void {
  stage.open({ id: participantId, name: participantName });
  if (phase === "call") return;
  phase = "call";
  lobby.hide();
  part("#call").hidden = false;
  part("#room-name").textContent = roomId;
  part("#invitation .address").textContent = linkOf(roomId).replace(/^https?:\/\//, "");
  document.title = `${roomId} · Volley`;
  part("#call h1").focus();
  void keepAwake(true);
}

function toLobby(refusal = ""): void {
  phase = "lobby";
  room.leave();
  stage.close();
  devices.stopScreen();
  notices.clear();
  part("#call").hidden = true;
  document.title = "Volley";
  lobby.show();
  lobby.refuse(refusal);
  void keepAwake(false);
}

function showPeople(): void {
  stage.update();
  const count = room.participants.size + 1;
  part("#count").textContent = count === 1 ? "" : `${count} people`;
}

function connectionTo(state: SignalingState): void {
  if (state === "joined") {
    notices.hide("socket");
    notices.hide("server");
  }
  if (state !== "waiting") return;
  notices.show("socket", phase === "call" ? errors.RECONNECTING : errors.SERVER_AWAY);
}

function mediaIs(state: MediaState): void {
  if (state === "well") notices.hide("media");
  if (state === "weak") notices.show("media", errors.WEAK);
  if (state === "failed") notices.show("media", errors.NO_WAY);
}

function silence(source: TrackSource): void {
  if (source === "microphone" || source === "camera") void devices.set(source, false);
  else devices.stopScreen();
  notices.show("silenced", errors.silenced(source));
}

/** The call is given what the devices give, and this person sees it. */
function mirror(): void {
  for (const input of ["microphone", "camera"] as const) {
    room.publish(input, devices.tracks[input]);
    room.mute(input, !devices.isOn(input));
  }
  room.shareScreen(devices.screen);
  const off = devices.wanted.camera ? "Starting your camera…" : "Your camera is off";
  lobby.mirror(devices.tracks.camera, off);
  if (devices.screen) notices.show("screen", errors.SHARING);
  else notices.hide("screen");
}

function explain({ devices, error }: Problem): void {
  const subject = devices.join(" ");
  notices.hide(subject);
  notices.show(subject, errors.deviceProblem(devices, error));
}

room.on("joined", inRoom);
room.on("ended", (refusal) => toLobby(errors.refusal(refusal)));
room.on("change", showPeople);
room.on("seats", () => stage.update());
room.on("state", connectionTo);
room.on("media", mediaIs);
room.on("silenced", silence);
room.on("error", (refusal: Refusal) => notices.show("server", errors.complaint(refusal)));
room.on("participant-joined", ({ name }) => notices.say(`${name} joined`));
room.on("participant-left", ({ name }) => notices.say(`${name} left`));
devices.addEventListener("change", mirror);
devices.addEventListener("problem", (event) => explain((event as CustomEvent<Problem>).detail));
part("#leave").onclick = () => toLobby();
bindControls(devices);
bindCopy(document.querySelectorAll<HTMLElement>(".copy"), () => linkOf(room.roomId ?? ""), (text) => notices.say(text));
window.addEventListener("online", () => room.hurry());
// Chromium alone has it, and the types do not.
(navigator as { connection?: EventTarget }).connection?.addEventListener("change", () => room.hurry());
window.addEventListener("pagehide", () => room.leave());
// A page out of the browser's back-forward cache has left its call.
window.addEventListener("pageshow", (event) => event.persisted && location.reload());
exposeToTests({ room, devices, notices, phase: () => phase });

if ("RTCPeerConnection" in window) {
  void devices.open();
  mirror();
  lobby.show();
  if (query.get("autojoin") === "1") lobby.submit();
} else {
  notices.show("browser", errors.NO_WEBRTC);
}
