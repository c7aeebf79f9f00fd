// @ts-check
/**
 * Everything that can go wrong, in a sentence a person understands and with a way out.
 *
 * @typedef {{text: string, urgent?: boolean, action?: {label: string, does: Deed}}} Notice
 * @typedef {"retry-devices" | "rejoin" | "cancel" | "unblock" | "stop-screen"} Deed what the button does
 */

/** @type {Record<string, (device: string) => string>} */
const DEVICE_PROBLEMS = {
  NotAllowedError: (device) =>
    `The browser does not let this page use your ${device}. Allow it in the address bar, then try again – or stay and just watch and listen.`,
  NotFoundError: (device) => `No ${device} was found. Plug one in and try again – or stay without it.`,
  NotReadableError: (device) =>
    `Your ${device} is in use by another program. Close that program and try again.`,
  OverconstrainedError: (device) => `Your ${device} cannot give a picture this page can use.`,
  Unplugged: (device) => `Your ${device} was disconnected. Plug it in and try again.`,
  InsecureContext: () =>
    "Browsers give camera and microphone only to pages opened over https:// or on localhost. You can still join to watch and listen.",
};

/**
 * @param {import("./media.js").Device} device
 * @param {unknown} error
 * @returns {Notice}
 */
export function deviceProblem(device, error) {
  const name = error instanceof Error || error instanceof DOMException ? error.name : "";
  if (device === "screen") return { text: "The screen could not be shared. The system may forbid it to the browser." };
  const known = DEVICE_PROBLEMS[name];
  const text = known?.(device) ?? `Your ${device} could not be started. Check it and try again.`;
  if (name === "InsecureContext") return { text };
  return { text, action: { label: "Try again", does: "retry-devices" } };
}

/** @type {Record<string, string>} */
const REFUSALS = {
  "room-full": "This room is full. Wait until somebody leaves and try again, or open another room.",
  "room-not-found": "This room does not exist. Check the link, or open another room.",
  "unauthorized": "This room asks for a valid invitation. Ask for a new link.",
};

/**
 * The server does not let us in.
 *
 * @param {{code: string, message: string}} error
 */
export function refusal({ code, message }) {
  return REFUSALS[code] ?? `The server refused: ${message}`;
}

/** The socket is away. @type {Notice} */
export const RECONNECTING = { text: "Reconnecting to the server – your call goes on." };

/** The socket has not opened yet. @type {Notice} */
export const SERVER_AWAY = {
  text: "The server does not answer. Trying again…",
  action: { label: "Cancel", does: "cancel" },
};

/** @type {Notice} */
export const SHARING = {
  text: "Everybody here sees your screen.",
  action: { label: "Stop sharing", does: "stop-screen" },
};

/** @type {Notice} */
export const WEAK = { text: "Your connection is interrupted. Looking for another way…" };

/** @type {Notice} */
export const NO_WAY = {
  text: "No way was found for sound and picture: a firewall may block UDP to the server.",
  urgent: true,
  action: { label: "Try again", does: "rejoin" },
};

/** @type {Notice} */
export const SOUND_BLOCKED = {
  text: "The browser keeps the sound off until you allow it.",
  action: { label: "Turn sound on", does: "unblock" },
};

/** @type {Notice} */
export const NO_WEBRTC = {
  text: "This browser cannot hold calls: it has no WebRTC. Open this page in a current Firefox, Chrome, Edge or Safari.",
  urgent: true,
};
