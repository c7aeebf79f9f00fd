/** Everything that can go wrong, in a sentence a person understands and with a way out. */
import type { Refusal, TrackSource } from "volley-client";
import type { Device } from "../media/devices.ts";
import { LANGUAGES, t, type Word } from "../words.ts";
import type { Notice } from "./notices.ts";

const DEVICE_PROBLEMS: Record<string, Word> = {
  NotAllowedError: "refused.device",
  NotFoundError: "missing.device",
  NotReadableError: "busy.device",
  Unplugged: "unplugged.device",
  FilterFailed: "background.withheld",
};

export function deviceProblem(devices: Device[], error: unknown): Notice {
  const name = error instanceof Error || error instanceof DOMException ? error.name : "";
  if (name === "InsecureContext") return { text: t("insecure") };
  if (devices.includes("screen")) return { text: t("screen.refused") };
  const joiner = t(name === "NotFoundError" ? "or" : "and");
  const names = devices.map((device) => t(`the.${device}`)).join(joiner);
  const text = t(DEVICE_PROBLEMS[name] ?? "failed.device", { devices: names });
  return { text, action: { label: t("retry"), does: "retry-devices" } };
}

/** Said in the same words as another. */
const ALIKE: Record<string, Word> = { "token-algorithm": "token-invalid", "token-revoked": "removed" };

/** Codes that have a sentence of their own. */
const TOLD: readonly Word[] = [
  "room-full", "room-limit", "room-not-found", "room-closed", "resumed-elsewhere", "removed", "token-missing",
  "token-invalid", "token-expired", "token-room", "token-grant", "too-many-participants", "too-many-rooms",
  "e2ee-unsupported", "e2ee-insecure", "not-encrypted", "bad-name", "bad-room-id",
];

/** The server does not let us in, or has put us out; `wasIn`: of a call that we were in. */
export function refusal({ code, message }: Refusal, wasIn = false): string {
  if (wasIn && code === "token-expired") return t("token-expired.meanwhile");
  const word = ALIKE[code] ?? TOLD.find((one) => one === code);
  return word !== undefined && word in LANGUAGES.en ? t(word) : t("server-refused", { message });
}

/** The server could not do something we asked for; it says itself what. */
export function complaint({ code, message }: Refusal): Notice {
  const text = t("server-refused", { message });
  return code === "bad-sdp" ? { text, urgent: true, action: { label: t("retry"), does: "start-again" } } : { text };
}

/** Somebody with a right to it muted us. */
export function silenced(source: TrackSource): Notice {
  const isInput = source === "microphone" || source === "camera";
  return { text: t("silenced", { what: t(isInput ? `the.${source}` : "the.screen") }) };
}

/** The server is about to stop, or has. */
export function goodbye(inSeconds: number): Notice {
  if (inSeconds > 0) return { text: t("goodbye", { seconds: inSeconds }) };
  return { text: t("gone"), urgent: true };
}

/** The socket is away: `isCalling` tells whether it has ever opened. */
export function serverAway(isCalling: boolean): Notice {
  if (isCalling) return { text: t("reconnecting") };
  return { text: t("server-away"), action: { label: t("cancel"), does: "cancel" } };
}

export const offline = (): Notice => ({ text: t("offline"), urgent: true });
export const weak = (): Notice => ({ text: t("weak") });
export const woken = (ms: number): Notice => ({ text: t("woken", { seconds: Math.round(ms / 1000) }) });
export const noWebRtc = (): Notice => ({ text: t("no-webrtc"), urgent: true });

export const noWay = (): Notice => ({
  text: t("no-way"),
  urgent: true,
  action: { label: t("retry"), does: "start-again" },
});

export const soundBlocked = (): Notice => ({
  text: t("sound-blocked"),
  action: { label: t("sound-on"), does: "unblock" },
});

export const sharing = (): Notice => ({
  text: t("everybody-sees"),
  action: { label: t("share.off"), does: "stop-screen" },
});

/** `isSeen`: the own camera is on. */
export const soundOnly = (isSeen: boolean): Notice => ({
  text: t(isSeen ? "sound-only.seen" : "sound-only"),
  action: { label: t("pictures-again"), does: "want-pictures" },
});
