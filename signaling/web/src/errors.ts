/** Everything that can go wrong, in a sentence a person understands and with a way out. */
import type { Refusal, TrackSource } from "volley-client";
import type { Device } from "./devices.ts";

/** What the button of a notice does. */
export type Deed = "retry-devices" | "start-again" | "cancel" | "unblock" | "stop-screen";

export interface Notice {
  text: string;
  urgent?: boolean;
  action?: { label: string; does: Deed };
}

const DEVICE_PROBLEMS: Record<string, (devices: string) => string> = {
  NotAllowedError: (devices) =>
    `The browser does not let this page use your ${devices}. Allow it in the address bar and try again – or just watch and listen.`,
  NotFoundError: (devices) => `No ${devices} was found. Plug one in and try again – or stay without.`,
  NotReadableError: (devices) =>
    `Your ${devices} is in use by another program. Close that program and try again.`,
  Unplugged: (devices) => `Your ${devices} was disconnected. Plug it in and try again.`,
};

export function deviceProblem(devices: Device[], error: unknown): Notice {
  const name = error instanceof Error || error instanceof DOMException ? error.name : "";
  if (name === "InsecureContext") return INSECURE;
  if (devices.includes("screen")) return SCREEN_REFUSED;
  const joiner = name === "NotFoundError" ? " or " : " and ";
  const names = devices.join(joiner);
  const text = DEVICE_PROBLEMS[name]?.(names) ?? `Your ${names} could not be started. Check and try again.`;
  return { text, action: { label: "Try again", does: "retry-devices" } };
}

const INSECURE: Notice = {
  text: "Browsers give camera and microphone only to pages opened over https:// or on localhost. You can still join to watch and listen.",
};

const SCREEN_REFUSED: Notice = {
  text: "The screen could not be shared: the system may forbid it. Allow your browser screen recording and try again.",
};

const REFUSALS: Record<string, string> = {
  "room-full": "This room is full. Wait until somebody leaves and try again, or open another room.",
  "room-not-found": "This room does not exist. Check the link, or open another room.",
  "room-closed": "This room was closed.",
  "resumed-elsewhere": "This call goes on in another tab or window.",
  removed: "You were taken out of this room.",
  "token-missing": "This room asks for an invitation. Ask for a link with one.",
  "token-invalid": "This invitation is not valid here. Ask for a new link.",
  "token-algorithm": "This invitation is not valid here. Ask for a new link.",
  "token-expired": "This invitation has expired. Ask for a new link.",
  "token-room": "This invitation is for another room. Check the link.",
  "token-revoked": "You were taken out of this room.",
  "token-grant": "This invitation lets you neither speak nor listen. Ask for another one.",
  "too-many-participants": "Too many people have joined from your network. Wait until somebody leaves.",
  "too-many-rooms": "Too many rooms were made from your network. Use one of them.",
};

/** The server does not let us in, or has put us out. */
export function refusal({ code, message }: Refusal): string {
  return REFUSALS[code] ?? `The server refused: ${message}`;
}

/** The server could not do something we asked for; it says itself what. */
export function complaint({ code, message }: Refusal): Notice {
  const text = `The server refused: ${message}`;
  return code === "bad-sdp" ? { text, urgent: true, action: { label: "Try again", does: "start-again" } } : { text };
}

/** Somebody with a right to it muted us. */
export function silenced(source: TrackSource): Notice {
  const isInput = source === "microphone" || source === "camera";
  const what = isInput ? source : "screen";
  return { text: `Whoever runs this room switched your ${what} off. You can switch it on again.` };
}

/** The socket is away. */
export const RECONNECTING: Notice = { text: "Reconnecting to the server – your call goes on." };

/** The socket has not opened yet. */
export const SERVER_AWAY: Notice = {
  text: "The server does not answer. Trying again…",
  action: { label: "Cancel", does: "cancel" },
};

export const SHARING: Notice = {
  text: "Everybody here sees your screen.",
  action: { label: "Stop sharing", does: "stop-screen" },
};

export const WEAK: Notice = { text: "Your connection is interrupted. Looking for another way…" };

export const NO_WAY: Notice = {
  text: "No way was found for sound and picture: a firewall may block UDP to the server.",
  urgent: true,
  action: { label: "Try again", does: "start-again" },
};

export const SOUND_BLOCKED: Notice = {
  text: "The browser keeps the sound off until you allow it.",
  action: { label: "Turn sound on", does: "unblock" },
};

export const NO_WEBRTC: Notice = {
  text: "This browser cannot hold calls: it has no WebRTC. Open this page in a current Firefox, Chrome, Edge or Safari.",
  urgent: true,
};
