/**
 * `window.volley`, for tests and for whoever looks into a call from the browser's console:
 *
 * - `volley.pc`: the RTCPeerConnection now in use, or null;
 * - `volley.room`: the call itself, with its `privacy` and `sealCounters()`;
 * - `volley.background`: `choose({ kind: "blur" })`, `choose(null)`, and `count()`;
 * - `volley.signaling`: the socket (its events, `reconnect()`, `participantId`);
 * - `volley.state()`: everything worth asserting on, as plain data.
 *
 * Timings are in `performance.getEntriesByType("mark")`: `volley-ready` when the lobby can be used,
 * `volley-join` when Join is pressed, and
 * `volley-first-frame` (with `detail.participantId`) whenever a tile shows its first picture.
 */
import type { Room } from "volley-client";
import type { Choice } from "./background/background.ts";
import { backgroundChoice } from "./background/choice.ts";
import type { Devices } from "./media/devices.ts";
import type { Notices } from "./state/notices.ts";

export interface Inside {
  room: Room;
  devices: Devices;
  notices: Notices;
  phase: () => string;
}

export function exposeToTests({ room, devices, notices, phase }: Inside): void {
  const state = () => ({
    phase: phase(),
    signaling: room.signaling.state,
    roomId: room.roomId,
    participantId: room.participantId,
    ice: room.pc?.iceConnectionState ?? null,
    connection: room.pc?.connectionState ?? null,
    microphone: devices.isOn("microphone"),
    camera: devices.isOn("camera"),
    screen: devices.screen !== null,
    people: [...room.participants.values()].map((person) => ({ ...person, tracks: [...person.tracks.values()] })),
    handRaised: room.handRaised,
    media: room.mediaState,
    mode: room.mode,
    direct: room.direct,
    // Which layer is sent is another matter than who is shown, and told of another moment.
    slots: room.seats.map(({ id, layer: _, ...rest }) => ({ mid: id, ...rest })),
    tiles: [...document.querySelectorAll<HTMLElement>("#stage .tile")].map(tileState),
    notices: notices.texts,
  });
  Object.defineProperty(window, "volley", {
    value: Object.freeze({
      get pc() {
        return room.pc;
      },
      room,
      background: { choose: (choice: Choice | null) => backgroundChoice.choose(devices, choice), count: () => backgroundChoice.count() },
      signaling: room.signaling,
      state,
    }),
  });
}

function tileState(tile: HTMLElement) {
  const { classList, dataset } = tile;
  return {
    participantId: dataset.participant,
    label: tile.getAttribute("aria-label"),
    self: classList.contains("self"),
    screen: classList.contains("screen"),
    live: classList.contains("live"),
    muted: classList.contains("muted"),
    speaking: classList.contains("speaking"),
    hand: classList.contains("hand"),
    large: classList.contains("large"),
  };
}
