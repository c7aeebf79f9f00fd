// @ts-check
/**
 * The way to the server: one WebSocket that joins a room, and comes back by itself when it drops.
 * It knows nothing of media: a call goes on while the socket is away.
 *
 * Events: `message` (detail: every message from the server), `state` (detail: the new state),
 * `refused` (detail: `{code, message}`; the server does not let us in, and we stop trying).
 *
 * @typedef {"microphone" | "camera" | "screen" | "screen-audio"} Source
 * @typedef {{trackId: string, kind: "audio" | "video", source: Source, muted: boolean}} Track
 * @typedef {{participantId: string, participantName: string, hidden?: boolean, tracks: Track[]}} Participant
 * @typedef {{mid: string, participantId: string | null, trackId: string | null, source: Source | null}} Slot
 * @typedef {{type: "joined", roomId: string, participantId: string, participantName: string,
 *   resumeToken: string, resumed: boolean, iceServers: RTCIceServer[],
 *   participants: Participant[], tracks?: Track[]}} Joined
 * @typedef {{roomId: string, participantId: string, resumeToken: string}} Identity
 * @typedef {"idle" | "connecting" | "joining" | "joined" | "waiting"} State
 * @typedef {{roomId: string, participantName: string, token?: string}} JoinWish
 */

/** First pause before trying again; doubled each time. A restarted server is back in about 100 ms. */
export const FIRST_PAUSE_MS = 100;
/** Longest pause: a person waiting should not wait longer than this for nothing. */
export const LONGEST_PAUSE_MS = 2000;
/** A socket that has not opened, or a join not answered, by then is given up and tried again. */
export const ANSWER_WITHIN_MS = 5000;

/** Refusals that pass by themselves. */
const PASSING = new Set(["server-busy", "server-draining", "too-fast"]);

export class Signaling extends EventTarget {
  /** @type {State} */
  state = "idle";
  /** @type {Identity | null} */
  #identity;
  /** @type {JoinWish | null} */
  #wish = null;
  /** @type {WebSocket | null} */
  #socket = null;
  #attempt = 0;
  #resuming = false;
  /** @type {any} */
  #timer;
  #open;
  #keep;
  #random;

  /**
   * @param {object} options
   * @param {() => WebSocket} options.open opens a new socket
   * @param {Identity | null} [options.identity] who we were before the page was loaded again
   * @param {(identity: Identity | null) => void} [options.keep] remembers who we are
   * @param {() => number} [options.random] 0 to 1
   */
  constructor({ open, identity = null, keep = () => {}, random = Math.random }) {
    super();
    this.#open = open;
    this.#identity = identity;
    this.#keep = keep;
    this.#random = random;
  }

  /** Who the server says we are, once joined. */
  get participantId() {
    return this.#identity?.participantId ?? null;
  }

  get roomId() {
    return this.#wish?.roomId ?? null;
  }

  /** @param {JoinWish} wish */
  join(wish) {
    this.#wish = wish;
    this.#attempt = 0;
    if (this.#identity?.roomId !== wish.roomId) this.#remember(null);
    this.#connect();
  }

  /** Comes in again as somebody new, with nothing left of the old media. */
  rejoin() {
    if (!this.#wish) return;
    if (this.state === "joined") this.send({ type: "leave" });
    this.#remember(null);
    this.#connect();
  }

  leave() {
    if (this.state === "joined") this.send({ type: "leave" });
    this.#wish = null;
    this.#remember(null);
    this.#drop();
    this.#enter("idle");
  }

  /**
   * Sends a message if the server can hear it now; what must not be lost is told again after
   * the next `joined`.
   *
   * @param {{type: string, [field: string]: unknown}} message
   * @returns {boolean} whether it was sent
   */
  send(message) {
    if (this.state !== "joined" || this.#socket?.readyState !== 1) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  /** Tries at once instead of waiting out the pause: the network has just come back. */
  hurry() {
    if (this.state !== "waiting") return;
    this.#attempt = 0;
    this.#connect();
  }

  /** The server stays silent though the socket looks open: take a new one and resume. */
  reconnect() {
    if (this.state === "joined") this.#connect();
  }

  #connect() {
    this.#drop();
    this.#enter("connecting");
    const socket = this.#open();
    this.#socket = socket;
    socket.onopen = () => this.#askIn();
    socket.onmessage = (event) => this.#hear(event.data);
    socket.onclose = () => this.#retry();
    this.#timer = setTimeout(() => this.#retry(), ANSWER_WITHIN_MS);
  }

  #askIn() {
    if (!this.#wish) return;
    const { roomId, participantName, token } = this.#wish;
    const known = this.#identity;
    this.#resuming = known !== null;
    const proof = known ? { participantId: known.participantId, resumeToken: known.resumeToken } : {};
    this.#enter("joining");
    this.#socket?.send(JSON.stringify({ type: "join", roomId, participantName, token, ...proof }));
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#retry(), ANSWER_WITHIN_MS);
  }

  /** @param {unknown} data */
  #hear(data) {
    const message = parse(data);
    if (!message) return;
    // What we were is over with the server; whoever comes back comes as somebody new.
    if (message.type === "goodbye" && message.inSeconds === 0) this.#remember(null);
    if (message.type === "joined") this.#enteredRoom(message);
    else if (message.type === "error" && this.state === "joining") this.#notLetIn(message);
    else this.#tell("message", message);
  }

  /** @param {Joined} joined */
  #enteredRoom(joined) {
    clearTimeout(this.#timer);
    this.#attempt = 0;
    const { roomId, participantId, resumeToken } = joined;
    this.#remember({ roomId, participantId, resumeToken });
    this.#enter("joined");
    this.#tell("message", joined);
  }

  /** @param {{code: string, message: string}} error */
  #notLetIn(error) {
    if (PASSING.has(error.code)) {
      this.#retry();
    } else if (this.#resuming) {
      this.#remember(null);
      this.#askIn();
    } else {
      this.leave();
      this.#tell("refused", error);
    }
  }

  #retry() {
    this.#drop();
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** this.#attempt, LONGEST_PAUSE_MS);
    this.#attempt += 1;
    this.#enter("waiting");
    this.#timer = setTimeout(() => this.#connect(), pause * spread(this.#random()));
  }

  /** Lets go of the socket without hearing from it again. */
  #drop() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  /** @param {Identity | null} identity */
  #remember(identity) {
    this.#identity = identity;
    this.#keep(identity);
  }

  /** @param {State} state */
  #enter(state) {
    if (this.state === state) return;
    this.state = state;
    this.#tell("state", state);
  }

  /** @param {string} type @param {unknown} detail */
  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** A tenth either way, so that the pages of a large room do not all knock in the same instant.
 * @param {number} random */
function spread(random) {
  return 0.9 + 0.2 * random;
}

/** @param {unknown} data @returns {any} */
function parse(data) {
  try {
    const message = JSON.parse(String(data));
    return typeof message?.type === "string" ? message : null;
  } catch {
    return null;
  }
}
