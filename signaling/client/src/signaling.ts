/**
 * The way to the server: one WebSocket that joins a room, and comes back by itself when it drops.
 * It knows nothing of media: a call goes on while the socket is away.
 */
import { Emitter } from "./emitter.ts";
import type { ClientMessage, FromServer, MediaPath, ServerMessage } from "./messages.ts";

/** Who we were: enough to come back after a lost socket or a reload. */
export interface Identity {
  roomId: string;
  participantId: string;
  resumeToken: string;
}

/** `waiting` is a pause before the next attempt. */
export type SignalingState = "idle" | "connecting" | "joining" | "joined" | "waiting";

/** What the server refused, or why it is over: a stable code and a sentence. */
export interface Refusal {
  code: string;
  message: string;
}

/** A JSON Web Token for one room, or what gives one. */
export type TokenSource = string | AskForToken;
type AskForToken = () => string | Promise<string>;

/** Which room, and as whom. */
export interface JoinWish {
  roomId: string;
  participantName: string;
  /**
   * Where the server asks for one. A function is asked at the beginning, and again whenever the last one has ended and
   * we have to come in anew, as after a server that was away for long; it may take its time.
   */
  token?: TokenSource | undefined;
  /** Whether we can talk to others directly, where the room's mode allows it. */
  mode?: MediaPath;
  /** Only tries whether calls work from here: in a room of our own, so that nobody sees us come and go. */
  check?: boolean;
}

export interface SignalingOptions {
  /** Opens a new socket. */
  open: () => WebSocket;
  /** Who we were before the page was loaded again. */
  identity?: Identity | null | undefined;
  /** Remembers who we are. */
  keep?: ((identity: Identity | null) => void) | undefined;
  /** 0 to 1. */
  random?: () => number;
  /** The epoch of the keys that our media is sealed with end to end; null: it is not. */
  keyEpoch?: () => number | null;
}

export interface SignalingEvents {
  /** Every message from the server, except why a join was refused. */
  message: ServerMessage;
  state: SignalingState;
  /** The server does not let us in, and we stop trying. */
  refused: Refusal;
  /** There was no token to be had from whoever gives them, who is asked again after a pause. */
  tokenless: Refusal;
}

/** First pause before trying again; doubled each time. A restarted server is back in about 100 ms. */
export const FIRST_PAUSE_MS = 100;
/** Longest pause: a person waiting should not wait longer than this for nothing. */
export const LONGEST_PAUSE_MS = 2000;
/** A socket that has not opened, or a join not answered, by then is given up and tried again. */
export const ANSWER_WITHIN_MS = 5000;

/** Refusals that pass by themselves. */
const PASSING = new Set(["server-busy", "server-draining", "too-fast"]);
/** A token has ended: by its time, or with the secret it was signed with, when that was replaced. */
const ENDED = new Set(["token-expired", "token-invalid"]);
/** `WebSocket.OPEN`, where tests have no WebSocket. */
const OPEN = 1;

export class Signaling extends Emitter<SignalingEvents> {
  state: SignalingState = "idle";
  #open;
  #keep;
  #random;
  #keyEpoch;
  #identity: Identity | null;
  #wish: JoinWish | null = null;
  #socket: WebSocket | null = null;
  #attempt = 0;
  #resuming = false;
  #token: string | undefined;
  /** There is none yet, or it has ended: one is asked for before the next socket is opened. */
  #needsToken = false;
  /** It has just been given: another one would be no better. */
  #isFresh = false;
  /** Counts attempts: what was asked for during another one is of no use. */
  #turn = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor({ open, identity = null, keep = () => {}, random = Math.random, keyEpoch = () => null }: SignalingOptions) {
    super();
    this.#open = open;
    this.#identity = identity;
    this.#keep = keep;
    this.#random = random;
    this.#keyEpoch = keyEpoch;
  }

  /** Who the server says we are, once joined. */
  get participantId(): string | null {
    return this.#identity?.participantId ?? null;
  }

  get roomId(): string | null {
    return this.#wish?.roomId ?? null;
  }

  /** What we came in with. */
  get token(): string | undefined {
    return this.#token;
  }

  join(wish: JoinWish): void {
    this.#wish = wish;
    this.#attempt = 0;
    this.#token = typeof wish.token === "string" ? wish.token : undefined;
    this.#needsToken = typeof wish.token === "function";
    if (this.#identity?.roomId !== wish.roomId) this.#remember(null);
    this.#connect();
  }

  /** Comes in again as somebody new, with nothing left of the old media. */
  rejoin(): void {
    if (!this.#wish) return;
    if (this.state === "joined") this.send({ type: "leave" });
    this.#remember(null);
    this.#connect();
  }

  leave(): void {
    if (this.state === "joined") this.send({ type: "leave" });
    this.#wish = null;
    this.#remember(null);
    this.#drop();
    this.#enter("idle");
  }

  /**
   * Sends a message if the server can hear it now, and says whether; what must not be lost is told
   * again after the next `joined`.
   */
  send(message: ClientMessage): boolean {
    if (this.state !== "joined" || this.#socket?.readyState !== OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  /** Tries at once instead of waiting out the pause: the network has just come back. */
  hurry(): void {
    if (this.state !== "waiting") return;
    this.#attempt = 0;
    this.#connect();
  }

  /** The server stays silent though the socket looks open: take a new one and resume. */
  reconnect(): void {
    if (this.state === "joined") this.#connect();
  }

  #connect(): void {
    this.#drop();
    if (this.#isTurned("connecting")) return;
    const source = this.#wish?.token;
    if (this.#needsToken && typeof source === "function") void this.#askForToken(source);
    else this.#openSocket();
  }

  /** However long that takes: somebody may have to sign in. */
  async #askForToken(source: AskForToken): Promise<void> {
    const turn = this.#turn;
    const answer = await ask(source);
    if (turn !== this.#turn) return;
    if (answer instanceof Error) {
      this.#retry();
      return this.emit("tokenless", { code: "token-unavailable", message: answer.message });
    }
    this.#token = answer;
    this.#needsToken = false;
    this.#isFresh = true;
    this.#openSocket();
  }

  #openSocket(): void {
    const socket = this.#open();
    this.#socket = socket;
    socket.onopen = () => this.#askIn();
    socket.onmessage = (event) => this.#hear(event.data);
    socket.onclose = () => this.#retry();
    this.#timer = setTimeout(() => this.#retry(), ANSWER_WITHIN_MS);
  }

  #askIn(): void {
    if (!this.#wish) return;
    const { roomId, participantName, mode, check } = this.#wish;
    const token = this.#token;
    const known = this.#identity;
    const keyEpoch = this.#keyEpoch();
    this.#resuming = known !== null;
    const proof = known ? { participantId: known.participantId, resumeToken: known.resumeToken } : {};
    this.#enter("joining");
    // Before `joined` nothing goes through `send`.
    const message: ClientMessage = {
      type: "join",
      roomId,
      participantName,
      ...(token !== undefined && { token }),
      ...(mode !== undefined && { mode }),
      ...(check && { check }),
      ...(keyEpoch !== null && { e2ee: true, keyEpoch }),
      ...proof,
    };
    this.#socket?.send(JSON.stringify(message));
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#retry(), ANSWER_WITHIN_MS);
  }

  #hear(data: unknown): void {
    const message = parse(data);
    if (!message) return;
    // What we were is over with the server; whoever comes back comes as somebody new.
    if (message.type === "goodbye" && message.inSeconds === 0) this.#remember(null);
    if (message.type === "joined") this.#enteredRoom(message);
    else if (message.type === "error" && this.state === "joining") this.#notLetIn(message);
    else this.emit("message", message);
  }

  #enteredRoom(joined: FromServer<"joined">): void {
    clearTimeout(this.#timer);
    this.#attempt = 0;
    this.#isFresh = false;
    const { roomId, participantId, resumeToken } = joined;
    this.#remember({ roomId, participantId, resumeToken });
    this.#enter("joined");
    this.emit("message", joined);
  }

  #notLetIn({ code, message }: Refusal): void {
    if (PASSING.has(code)) {
      this.#retry();
    } else if (this.#resuming) {
      this.#remember(null);
      this.#askIn();
    } else if (ENDED.has(code) && !this.#isFresh && typeof this.#wish?.token === "function") {
      this.#needsToken = true;
      this.#connect();
    } else {
      this.leave();
      this.emit("refused", { code, message });
    }
  }

  #retry(): void {
    this.#drop();
    this.#isFresh = false;
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** this.#attempt, LONGEST_PAUSE_MS);
    this.#attempt += 1;
    if (this.#isTurned("waiting")) return;
    this.#timer = setTimeout(() => this.#connect(), pause * spread(this.#random()));
  }

  /** Enters a state, and says whether who was told of it has left, or gone elsewhere, at once. */
  #isTurned(state: SignalingState): boolean {
    const turn = this.#turn;
    this.#enter(state);
    return turn !== this.#turn;
  }

  /** Lets go of the socket without hearing from it again. */
  #drop(): void {
    clearTimeout(this.#timer);
    this.#turn += 1;
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  #remember(identity: Identity | null): void {
    this.#identity = identity;
    this.#keep(identity);
  }

  #enter(state: SignalingState): void {
    if (this.state === state) return;
    this.state = state;
    this.emit("state", state);
  }
}

/** What was answered, or why nothing was. */
async function ask(source: AskForToken): Promise<string | Error> {
  try {
    return await source();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** A tenth either way, so that the pages of a large room do not all knock in the same instant. */
function spread(random: number): number {
  return 0.9 + 0.2 * random;
}

/** Messages of a type that is not in our list come through as well: there will be more. */
function parse(data: unknown): ServerMessage | null {
  try {
    const message = JSON.parse(String(data));
    return typeof message?.type === "string" ? message : null;
  } catch {
    return null;
  }
}
