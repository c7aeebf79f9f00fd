/**
 * Which ways lead to a server: its WebSocket, and for media UDP, TCP and a relay, each tried by itself. A call
 * takes the best that works and does not say what else would have.
 */
import type { FromServer } from "./messages.ts";
import { type Refusal, Signaling } from "./signaling.ts";

export type Way = "websocket" | "udp" | "tcp" | "relay";

/** What came of trying one. */
export interface Tried {
  way: Way;
  /** `none`: the server offers no such way; `untried`: it does not let us in, so that nothing could be tried. */
  outcome: "well" | "blocked" | "none" | "untried";
  /** How long it took until it worked, or was given up. */
  ms: number;
  /** Why not: the code of a refusal, or of what a relay said. */
  code?: string;
  message?: string;
}

export interface ReachOptions {
  /** Where the server is; without it, where this page came from. */
  server?: string | URL;
  /** The room that a token is for. What is tried is tried in one of our own: nobody sees us. */
  roomId?: string;
  token?: string | undefined;
  /** Opens the WebSocket, where it is to be another one. */
  open?: (address: string) => WebSocket;
}

type Media = Exclude<Way, "websocket">;
const MEDIA: readonly Media[] = ["udp", "tcp", "relay"];
/** ICE over TCP by way of a slow proxy takes some seconds; a person waits for the answer. */
export const PATIENCE_MS = 10_000;

/** Tries them all and tells each as soon as it is known. Takes at most three times its patience. */
export async function tryWays(options: ReachOptions, tell: (tried: Tried) => void = () => {}): Promise<Tried[]> {
  const found: Tried[] = [];
  const note = (tried: Tried) => {
    found.push(tried);
    tell(tried);
  };
  const wish = { roomId: "check", ...options };
  const door = await enter(wish);
  door.signaling.leave();
  const { ms, refusal } = door;
  note({ way: "websocket", outcome: door.opened ? "well" : "blocked", ms });
  if (door.joined) await Promise.all(MEDIA.map(async (way) => note(await tryMedia(way, wish))));
  else for (const way of MEDIA) note({ way, outcome: "untried", ms: 0, ...refusal });
  return found;
}

interface Entered {
  signaling: Signaling;
  ms: number;
  /** Whether the socket ever opened. */
  opened: boolean;
  joined?: FromServer<"joined">;
  refusal?: Refusal;
}

function enter({ server, roomId, token, open }: ReachOptions & { roomId: string }): Promise<Entered> {
  const address = `${new URL(server ?? location.href).origin.replace(/^http/, "ws")}/ws`;
  const signaling = new Signaling({ open: () => open?.(address) ?? new WebSocket(address) });
  const began = performance.now();
  let opened = false;
  return new Promise((resolve) => {
    const end = (more: Partial<Entered>) => {
      clearTimeout(timer);
      resolve({ signaling, opened, ms: Math.round(performance.now() - began), ...more });
    };
    const timer = setTimeout(() => end({}), PATIENCE_MS);
    signaling.on("state", (state) => (opened ||= state === "joining"));
    signaling.on("message", (message) => message.type === "joined" && end({ joined: message }));
    signaling.on("refused", ({ code, message }) => end({ refusal: { code, message } }));
    signaling.join({ roomId, participantName: "Connection check", token, check: true });
  });
}

async function tryMedia(way: Media, wish: ReachOptions & { roomId: string }): Promise<Tried> {
  const { signaling, joined, refusal } = await enter(wish);
  try {
    if (!joined) return { way, outcome: "untried", ms: 0, ...refusal };
    const relays = (joined.iceServers as RTCIceServer[]).filter(isRelay);
    if (way === "relay" && relays.length === 0) return { way, outcome: "none", ms: 0 };
    return await connect(way, signaling, relays);
  } finally {
    signaling.leave();
  }
}

const isRelay = ({ urls }: RTCIceServer) => [urls].flat().some((url) => url.startsWith("turn"));

/** One connection for media that has no other way than this. */
async function connect(way: Media, signaling: Signaling, relays: RTCIceServer[]): Promise<Tried> {
  const only: RTCConfiguration = way === "relay" ? { iceServers: relays, iceTransportPolicy: "relay" } : { iceServers: [] };
  const pc = new RTCPeerConnection({ ...only, bundlePolicy: "max-bundle" });
  const began = performance.now();
  let code: string | undefined;
  pc.onicecandidateerror = ({ errorCode }) => (code ??= errorCode === 401 ? "relay-credentials" : "relay-unreachable");
  try {
    const outcome = await new Promise<Tried["outcome"]>((resolve) => {
      const timer = setTimeout(() => resolve("blocked"), PATIENCE_MS);
      const end = (outcome: Tried["outcome"]) => {
        clearTimeout(timer);
        resolve(outcome);
      };
      pc.onconnectionstatechange = () => {
        if (pc.connectionState === "connected") end("well");
        if (pc.connectionState === "failed") end("blocked");
      };
      signaling.on("message", (message) => {
        if (message.type === "error") end("untried");
        if (message.type !== "answer" || pc.remoteDescription) return;
        const sdp = candidatesOf(message.sdp, way);
        if (sdp === null) return end("none");
        pc.setRemoteDescription({ type: "answer", sdp }).catch(() => end("untried"));
      });
      pc.addTransceiver("audio", { direction: "recvonly" });
      pc.setLocalDescription()
        .then(() => signaling.send({ type: "offer", sdp: pc.localDescription?.sdp ?? "" }))
        .catch(() => end("untried"));
    });
    const ms = Math.round(performance.now() - began);
    return { way, outcome, ms, ...(outcome === "blocked" && code !== undefined && { code }) };
  } finally {
    pc.close();
  }
}

/** The answer with those candidates alone that this way leads to; null: there are none. A relay leads to all. */
export function candidatesOf(sdp: string, way: Media): string | null {
  const isOther = (line: string) => way !== "relay" && line.startsWith("a=candidate:") && line.split(" ")[2]?.toLowerCase() !== way;
  const lines = sdp.split("\r\n").filter((line) => !isOther(line));
  return lines.some((line) => line.startsWith("a=candidate:")) ? lines.join("\r\n") : null;
}
