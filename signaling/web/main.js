// @ts-check
/**
 * Wires the parts together; every decision is in the parts.
 *
 * In the address: `/r/ROOM` is the room, `?token=…` lets in where tokens are asked for;
 * `?name=…&autojoin=1` joins at once, `?codec=vp8|vp9|h264|av1` prefers a video codec,
 * `?mode=L3T3_KEY` sends one encoding with such layers instead of three encodings, and `?lines=all`
 * asks for every picture at its best, however small its tile (for tests and demos).
 */
import { Call } from "./call.js";
import { bindControls } from "./controls.js";
import { exposeToTests } from "./debug.js";
import * as errors from "./errors.js";
import { keepIdentity, recallIdentity } from "./identity.js";
import { bindCopy, linkOf } from "./link.js";
import { Lobby } from "./lobby.js";
import { LocalMedia } from "./media.js";
import { Notices } from "./notices.js";
import { pathOf, readRoom } from "./rooms.js";
import { Roster } from "./roster.js";
import { Signaling } from "./signaling.js";
import { Stage } from "./stage.js";
import { keepAwake } from "./wake.js";
import { Wishes } from "./wishes.js";

/** After these the call is over for us. */
const OVER = new Set(["room-closed", "removed", "resumed-elsewhere"]);
/** These are mended elsewhere, or need no mending: a track that ended needs no mute. */
const SILENT = new Set(["media-ended", "unknown-track"]);
/** New media may be started this often; what fails at once should not fail a thousand times. */
const RENEW_EVERY_MS = 5000;

const query = new URLSearchParams(location.search);
const byId = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));

const local = new LocalMedia();
const roster = new Roster();
const signaling = new Signaling({
  open: () => new WebSocket(`${location.origin.replace(/^http/, "ws")}/ws`),
  identity: recallIdentity(),
  keep: keepIdentity,
});
const call = new Call({ signaling, local, codec: query.get("codec"), mode: query.get("mode") });
const wishes = new Wishes((slot, maxHeight) =>
  signaling.send({ type: "update-quality", quality: "auto", slot, maxHeight }),
);
const stage = new Stage({
  roster,
  call,
  local,
  stage: byId("stage"),
  invitation: byId("invitation"),
  speakers: byId("speakers"),
  wishes: query.get("lines") === "all" ? null : wishes,
});
const notices = new Notices(byId("notices"), byId("voice"), (deed) => deeds[deed]());
const lobby = new Lobby(byId("lobby"), { name: query.get("name"), roomId: readRoom(location.pathname) });

/** @type {"lobby" | "joining" | "call"} */
let phase = "lobby";
/** Whether packets ever flowed in this call: else trying again by itself would not help. */
let everWell = false;
/** Whether the server said that it stops now. */
let stopped = false;
let renewedAt = -Infinity;
/** @type {any} */
let renewal;

/** @type {Record<errors.Deed, () => void>} */
const deeds = {
  "retry-devices": () => local.retry(),
  "stop-screen": () => local.stopScreen(),
  "start-again": () => renew(),
  cancel: () => toLobby(),
  unblock: () => stage.speakers.unblock(),
};

/** @param {{name: string, roomId: string}} wish */
function join({ name, roomId }) {
  performance.mark("volley-join");
  phase = "joining";
  everWell = false;
  history.replaceState(null, "", pathOf(roomId) + location.search);
  signaling.join({ roomId, participantName: name, token: query.get("token") ?? undefined });
}

/** @param {import("./signaling.js").Joined} joined */
function inRoom(joined) {
  stage.open({ id: joined.participantId, name: joined.participantName });
  stopped = false;
  notices.hide("goodbye");
  if (phase === "call") return;
  phase = "call";
  lobby.hide();
  byId("call").hidden = false;
  byId("room-name").textContent = joined.roomId;
  const address = /** @type {HTMLElement} */ (byId("invitation").querySelector(".address"));
  address.textContent = linkOf(joined.roomId).replace(/^https?:\/\//, "");
  document.title = `${joined.roomId} · Volley`;
  /** @type {HTMLElement} */ (byId("call").querySelector("h1")).focus();
  keepAwake(true);
}

/** @param {string} [refusal] */
function toLobby(refusal = "") {
  phase = "lobby";
  clearTimeout(renewal);
  signaling.leave();
  call.close();
  stage.close();
  local.stopScreen();
  notices.clear();
  byId("call").hidden = true;
  document.title = "Volley";
  lobby.show();
  lobby.refuse(refusal);
  keepAwake(false);
}

/** @param {any} message */
function hear(message) {
  const before = roster.people.get(message.participantId)?.name;
  call.hear(message);
  if (roster.hear(message)) stage.update();
  if (message.type === "joined") inRoom(message);
  if (message.type === "goodbye") leaveTaking(message.inSeconds);
  if (message.type === "answer") stage.update();
  if (message.type === "participant-joined") notices.say(`${message.participantName} joined`);
  if (message.type === "participant-left" && before) notices.say(`${before} left`);
  if (message.type === "error") complain(message);
  const count = roster.people.size + 1;
  byId("count").textContent = count === 1 ? "" : `${count} people`;
}

/** @param {number} inSeconds */
function leaveTaking(inSeconds) {
  stopped = inSeconds === 0;
  notices.show("goodbye", errors.goodbye(inSeconds));
}

/** @param {{code: string, message: string}} error */
function complain(error) {
  if (OVER.has(error.code)) toLobby(errors.refusal(error));
  else if (error.code === "not-joined") signaling.rejoin();
  else if (!SILENT.has(error.code)) notices.show("server", errors.complaint(error));
}

/** @param {import("./signaling.js").State} state */
function connectionTo(state) {
  if (state === "joined") {
    notices.hide("socket");
    notices.hide("server");
  }
  if (state !== "waiting" || stopped) return;
  notices.show("socket", phase === "call" ? errors.RECONNECTING : errors.SERVER_AWAY);
}

/** The way of the packets is gone for good. */
function lost() {
  if (everWell) renew();
  else notices.show("media", errors.NO_WAY);
}

function renew() {
  clearTimeout(renewal);
  const pause = Math.max(0, renewedAt + RENEW_EVERY_MS - performance.now());
  renewal = setTimeout(() => {
    renewedAt = performance.now();
    call.renew();
  }, pause);
}

/** @param {import("./signaling.js").Source} source */
function silence(source) {
  if (source === "microphone" || source === "camera") local.set(source, false);
  else local.stopScreen();
  notices.show("silenced", errors.silenced(source));
}

function mirror() {
  const off = local.wanted.camera ? "Starting your camera…" : "Your camera is off";
  lobby.mirror(local.tracks.camera, off);
  if (local.screen) notices.show("screen", errors.SHARING);
  else notices.hide("screen");
}

lobby.addEventListener("join", (event) => join(/** @type {CustomEvent} */ (event).detail));
signaling.addEventListener("message", (event) => hear(/** @type {CustomEvent} */ (event).detail));
signaling.addEventListener("state", (event) => connectionTo(/** @type {CustomEvent} */ (event).detail));
signaling.addEventListener("refused", (event) =>
  toLobby(errors.refusal(/** @type {CustomEvent} */ (event).detail)),
);
call.addEventListener("well", () => {
  everWell = true;
  notices.hide("media");
});
call.addEventListener("weak", () => notices.show("media", errors.WEAK));
call.addEventListener("lost", lost);
call.addEventListener("broken", renew);
call.addEventListener("renewed", () => {
  roster.slots = [];
  wishes.forget();
  stage.update();
});
call.addEventListener("silenced", (event) => silence(/** @type {CustomEvent} */ (event).detail));
local.addEventListener("change", mirror);
local.addEventListener("problem", (event) => {
  const { devices, error } = /** @type {CustomEvent} */ (event).detail;
  const subject = devices.join(" ");
  notices.hide(subject);
  notices.show(subject, errors.deviceProblem(devices, error));
});
stage.speakers.addEventListener("blocked", () => notices.show("sound", errors.SOUND_BLOCKED));
byId("leave").onclick = () => toLobby();
bindControls(local);
bindCopy(document.querySelectorAll(".copy"), () => linkOf(signaling.roomId ?? ""), (text) => notices.say(text));
window.addEventListener("online", () => signaling.hurry());
window.addEventListener("pagehide", () => signaling.leave());
// A page out of the browser's back-forward cache has left its call.
window.addEventListener("pageshow", (event) => event.persisted && location.reload());
exposeToTests({ call, signaling, roster, local, notices, phase: () => phase });

if (window.RTCPeerConnection) {
  local.open();
  mirror();
  lobby.show();
  if (query.get("autojoin") === "1") lobby.submit();
} else {
  notices.show("browser", errors.NO_WEBRTC);
}
