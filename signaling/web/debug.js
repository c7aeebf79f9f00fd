// @ts-check
/**
 * `window.volley`, for tests and for whoever looks into a call from the browser's console:
 *
 * - `volley.pc`: the RTCPeerConnection now in use, or null;
 * - `volley.signaling`: the {@link Signaling} (its events, `reconnect()`, `participantId`);
 * - `volley.state()`: everything worth asserting on, as plain data.
 *
 * Timings are in `performance.getEntriesByType("mark")`: `volley-join` when Join is pressed, and
 * `volley-first-frame` (with `detail.participantId`) whenever a tile shows its first picture.
 *
 * @param {object} parts
 * @param {import("./call.js").Call} parts.call
 * @param {import("./signaling.js").Signaling} parts.signaling
 * @param {import("./roster.js").Roster} parts.roster
 * @param {import("./media.js").LocalMedia} parts.local
 * @param {import("./notices.js").Notices} parts.notices
 * @param {() => string} parts.phase
 */
export function exposeToTests({ call, signaling, roster, local, notices, phase }) {
  const state = () => ({
    phase: phase(),
    signaling: signaling.state,
    roomId: signaling.roomId,
    participantId: signaling.participantId,
    ice: call.pc?.iceConnectionState ?? null,
    connection: call.pc?.connectionState ?? null,
    microphone: local.isOn("microphone"),
    camera: local.isOn("camera"),
    screen: local.screen !== null,
    people: [...roster.people.values()].map(({ id, name, hidden, tracks }) => ({
      id,
      name,
      hidden,
      tracks: [...tracks.values()],
    })),
    slots: roster.slots,
    tiles: [...document.querySelectorAll("#stage .tile")].map(tileState),
    notices: notices.texts,
  });
  Object.defineProperty(window, "volley", {
    value: Object.freeze({
      get pc() {
        return call.pc;
      },
      signaling,
      state,
    }),
  });
}

/** @param {Element} tile */
function tileState(tile) {
  const { classList, dataset } = /** @type {HTMLElement} */ (tile);
  return {
    participantId: dataset.participant,
    label: tile.getAttribute("aria-label"),
    self: classList.contains("self"),
    screen: classList.contains("screen"),
    live: classList.contains("live"),
    muted: classList.contains("muted"),
    speaking: classList.contains("speaking"),
  };
}
