/**
 * The call as this page sees it: from the lobby into a room and back, what the room tells, and what goes
 * wrong. It shows nothing; views watch it.
 */
import type { FromServer, Input, MediaState, Participant, Refusal, Room, SignalingState, TrackSource } from "volley-client";
import type { Watch } from "../inside/watch.ts";
import type { Device, Devices, Problem } from "../media/devices.ts";
import { keepAwake } from "../media/wake.ts";
import { readSecret } from "../privacy/secret.ts";
import { t } from "../words.ts";
import { Changes } from "./changes.ts";
import type { Chat } from "./chat.ts";
import * as errors from "./errors.ts";
import type { Deed, Notices } from "./notices.ts";
import type { Preferences } from "./preferences.ts";
import { pathOf } from "./rooms.ts";

export type Phase = "lobby" | "joining" | "call";

export interface CallParts {
  room: Room;
  devices: Devices;
  notices: Notices;
  preferences: Preferences;
  chat: Chat;
  watch: Watch;
  /** Where the server asks for one. */
  token: string | undefined;
  /** The browser lets sound through again. */
  unblock: () => void;
}

/** Who wants in, and where. */
export interface Entrance {
  name: string;
  roomId: string;
}

/** Longest history that a report tells. */
const MOST_HAPPENINGS = 500;

export class Call extends Changes {
  phase: Phase = "lobby";
  /** Why we were not let in, or are out. */
  refusal = "";
  self = { id: "self", name: "" };
  /** Since when we are in, on the page's clock. */
  since = 0;
  happenings: { at: number; what: string }[] = [];
  #parts;
  /** Whether the server said that it stops now. */
  #isServerGone = false;
  /** Whether the camera was wanted before there was to be sound only. */
  #cameraBefore = false;
  #received;

  constructor(parts: CallParts) {
    super();
    this.#parts = parts;
    this.#received = parts.preferences.all.received;
    this.#listen();
  }

  get mayModerate(): boolean {
    return this.#parts.room.grants.includes("administer");
  }

  join({ name, roomId }: Entrance): void {
    performance.mark("volley-join");
    this.#enter("joining");
    this.refusal = "";
    const { room, token, preferences } = this.#parts;
    preferences.set({ name });
    history.replaceState(null, "", pathOf(roomId) + location.search + location.hash);
    // Why it was not to be is told by `ended`.
    room.join({ roomId, participantName: name, passphrase: readSecret(location.hash), ...(token !== undefined && { token }) }).catch(() => {});
  }

  leave(refusal = ""): void {
    const { room, devices, notices, chat, watch } = this.#parts;
    this.#enter("lobby");
    this.refusal = refusal;
    this.#isServerGone = false;
    room.leave();
    devices.stopScreen();
    notices.clear();
    chat.clear();
    watch.clear();
    void keepAwake(false);
  }

  say(text: string): boolean {
    const said = this.#parts.room.chat(text);
    if (said) this.#parts.chat.hear(null, this.self.name, text);
    return said;
  }

  raiseHand(raised: boolean): void {
    this.#parts.room.raiseHand(raised);
    this.changed();
  }

  async moderate(person: Participant, what: "mute" | "remove"): Promise<void> {
    const { room, notices } = this.#parts;
    try {
      if (what === "remove") await room.remove(person.id);
      else await room.moderate(person.id, { kind: "audio" }, true);
    } catch (error) {
      notices.show("moderation", { text: t("people.failed", { why: error instanceof Error ? error.message : String(error) }) });
    }
  }

  /** What a notice's button does. */
  act(deed: Deed): void {
    const { room, devices, preferences, unblock } = this.#parts;
    const deeds: Record<Deed, () => void> = {
      "retry-devices": () => void devices.retry(),
      "stop-screen": () => devices.stopScreen(),
      "start-again": () => room.renew(),
      "want-pictures": () => preferences.set({ received: "auto" }),
      cancel: () => this.leave(),
      stay: () => {},
      unblock,
    };
    deeds[deed]();
  }

  /** The network is back, or another one, or the page was woken. */
  hurry(what: string): void {
    this.#note(what);
    this.#parts.room.hurry();
  }

  /** What could not be had of the devices. */
  explain({ devices, error }: Problem): void {
    this.#note(`device: ${devices.join(" ")} ${error instanceof DOMException ? error.name : String(error)}`);
    const { notices } = this.#parts;
    for (const device of devices) this.solved(device);
    notices.show(devices.join(" "), errors.deviceProblem(devices, error));
  }

  solved(device: Device): void {
    const { notices, devices } = this.#parts;
    for (const subject of notices.subjects) {
      const all = subject.split(" ") as Device[];
      if (!all.includes(device)) continue;
      notices.hide(subject);
      const others = all.filter((other): other is Input => other !== device && other !== "screen" && devices.whyMissing(other) !== undefined);
      const [why] = others.map((other) => devices.whyMissing(other));
      if (why !== undefined) notices.show(others.join(" "), errors.deviceProblem(others, new DOMException("", why)));
    }
  }

  #listen(): void {
    const { room, devices, notices, preferences } = this.#parts;
    room.on("joined", (joined) => this.#inRoom(joined));
    room.on("ended", (refusal) => this.#ended(refusal));
    room.on("change", () => this.changed());
    room.on("seats", () => this.changed());
    room.on("mode", () => this.changed());
    room.on("state", (state) => this.#connectionTo(state));
    room.on("goodbye", (goodbye) => this.#leaveTaking(goodbye));
    room.on("media", (state) => this.#mediaIs(state));
    room.on("silenced", (source) => this.#silence(source));
    room.on("error", (refusal) => {
      // Who was pinned or named has just left, which is no trouble for anybody.
      if (refusal.code !== "unknown-participant") notices.show("server", errors.complaint(refusal));
    });
    room.on("participant-joined", ({ name }) => notices.say(t("joined", { name })));
    room.on("participant-left", ({ name }) => notices.say(t("left", { name })));
    room.on("chat", (message) => this.#heard(message));
    room.on("message", (message) => this.#hear(message));
    devices.onChange(() => this.#give());
    preferences.onChange(() => this.#wish());
  }

  #inRoom(joined: FromServer<"joined">): void {
    const { roomId, participantId, participantName, resumed } = joined;
    const { notices, watch } = this.#parts;
    this.#isServerGone = false;
    this.#note(resumed ? "resumed" : "joined");
    notices.hide("goodbye");
    this.self = { id: participantId, name: participantName };
    // A call begins with everything; whoever comes in again has it said again by the room.
    if (this.phase !== "call") this.#received = "auto";
    this.#wish();
    if (this.phase !== "call") {
      this.since = performance.now();
      document.title = `${roomId} · Volley`;
      watch.start();
      void keepAwake(true);
    }
    this.#enter("call");
  }

  #ended(refusal: Refusal): void {
    this.#note(`ended: ${refusal.code}`);
    this.leave(errors.refusal(refusal, this.phase === "call"));
  }

  #connectionTo(state: SignalingState): void {
    const { notices } = this.#parts;
    this.#note(`signaling: ${state}`);
    if (state === "joined") for (const subject of ["socket", "server", "woken"]) notices.hide(subject);
    if (state === "waiting" && !this.#isServerGone) notices.show("socket", errors.serverAway(this.phase === "call"));
    this.changed();
  }

  #leaveTaking({ inSeconds }: FromServer<"goodbye">): void {
    this.#isServerGone = inSeconds === 0;
    this.#parts.notices.show("goodbye", errors.goodbye(inSeconds));
  }

  #mediaIs(state: MediaState): void {
    const { notices } = this.#parts;
    this.#note(`media: ${state}`);
    if (state === "well") for (const subject of ["media", "woken"]) notices.hide(subject);
    if (state === "weak") notices.show("media", errors.weak());
    if (state === "failed") notices.show("media", errors.noWay());
    this.changed();
  }

  #silence(source: TrackSource): void {
    const { devices, notices } = this.#parts;
    if (source === "microphone" || source === "camera") void devices.set(source, false);
    else devices.stopScreen();
    // Also to whoever has waved away that it happened before.
    notices.hide("silenced");
    notices.show("silenced", errors.silenced(source));
  }

  #heard({ participantId, participantName, text }: FromServer<"chat">): void {
    this.#parts.chat.hear(participantId, participantName, text);
    this.#parts.notices.say(t("chat.said", { name: participantName, text }));
  }

  #hear(message: { type: string }): void {
    const { room, notices } = this.#parts;
    if (message.type === "hand-raised") {
      const { participantId, raised } = message as FromServer<"hand-raised">;
      const name = room.participants.get(participantId)?.name;
      if (name && raised) notices.say(t("hand.raised", { name }));
    }
  }

  /** The call is given what the devices give. */
  #give(): void {
    const { room, devices, notices } = this.#parts;
    // The call may have ended while the browser asked which screen.
    if (devices.screen && this.phase !== "call") return devices.stopScreen();
    for (const input of ["microphone", "camera"] as const) {
      room.publish(input, devices.tracks[input]);
      room.mute(input, !devices.isOn(input));
    }
    room.shareScreen(devices.screen);
    if (devices.screen) notices.show("sharing", errors.sharing());
    else notices.hide("sharing");
    // Whoever switches their camera on all the same is seen, and switches it off themselves.
    if (this.#received === "sound" && devices.wanted.camera) this.#cameraBefore = false;
    if (notices.subjects.includes("sound-only")) notices.show("sound-only", errors.soundOnly(devices.isOn("camera")));
    this.changed();
  }

  /** Tells the server how good pictures are wanted, when that has changed. */
  #wish(): void {
    const { room, devices, notices, preferences } = this.#parts;
    const { received } = preferences.all;
    if (received === this.#received) return;
    this.#received = received;
    const isSoundOnly = received === "sound";
    room.setQuality(isSoundOnly ? "low" : received);
    this.#spareCamera(isSoundOnly);
    if (isSoundOnly) notices.show("sound-only", errors.soundOnly(devices.isOn("camera")));
    else notices.hide("sound-only");
    this.changed();
  }

  /** Off is also a camera that is still asked for: it would open later. One that is off already was wanted before. */
  #spareCamera(spared: boolean): void {
    const { devices } = this.#parts;
    const wasWanted = this.#cameraBefore;
    this.#cameraBefore = spared && (wasWanted || devices.wanted.camera);
    if (spared) void devices.set("camera", false);
    else if (wasWanted) void devices.set("camera", true);
  }

  #enter(phase: Phase): void {
    this.phase = phase;
    if (phase === "lobby") document.title = "Volley";
    this.changed();
  }

  #note(what: string): void {
    this.happenings = [...this.happenings, { at: performance.now(), what }].slice(-MOST_HAPPENINGS);
  }
}
