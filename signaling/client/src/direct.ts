/**
 * A connection with one other person, without the server between. Four m-lines that never change: what
 * is switched on later needs no negotiation. It knows neither sockets nor who else is there.
 */
import { type Encryption, restrict } from "./e2ee/encryption.ts";
import type { Box } from "./layers.ts";
import type { TrackSource } from "./messages.ts";
import { kindOf, type Publications } from "./publications.ts";

/** What the two tell each other; the server passes it on. */
export interface LinkSignal {
  kind: "offer" | "answer" | "candidate";
  data: string;
}

export interface LinkHooks {
  send: (signal: LinkSignal) => void;
  /** Packets have a way, or have lost it. */
  onChange: () => void;
}

/**
 * Candidates found within so long are told together: whoever comes to five others has dozens, each of which
 * as a message would be more than a server takes at once.
 */
export const TOLD_TOGETHER_MS = 20;

/** The m-lines, in their order. */
const SOURCES: readonly TrackSource[] = ["microphone", "camera", "screen", "screen-audio"];
/** Of these somebody may want none for a while. */
export const PICTURES: readonly TrackSource[] = ["camera", "screen"];

export class DirectLink {
  readonly pc: RTCPeerConnection;
  #hooks;
  #publications;
  #boxes;
  #encryption;
  #stopListening;
  #lines: RTCRtpTransceiver[] = [];
  /** Pictures that they have no use for now. */
  #useless = "";
  /** Candidates that came before the description they belong to. */
  #early: string[] = [];
  /** Candidates of ours that are not told yet. */
  #found: string[] = [];
  #telling: ReturnType<typeof setTimeout> | null = null;

  constructor(
    iceServers: RTCIceServer[],
    publications: Publications,
    boxes: Record<"camera" | "screen", Box[]>,
    hooks: LinkHooks,
    encryption: Encryption | null = null,
  ) {
    this.#encryption = encryption;
    this.pc = new RTCPeerConnection({ ...encryption?.configuration, iceServers, bundlePolicy: "max-bundle" });
    this.#hooks = hooks;
    this.#publications = publications;
    this.#boxes = boxes;
    this.#stopListening = publications.on("change", () => this.#sync());
    this.pc.onicecandidate = ({ candidate }) => {
      if (candidate?.candidate) this.#find(candidate.candidate);
    };
    this.pc.onconnectionstatechange = () => hooks.onChange();
  }

  get isConnected(): boolean {
    return this.pc.connectionState === "connected";
  }

  /** Also when it may come back: the server's way is there at once. */
  get isLost(): boolean {
    return ["disconnected", "failed", "closed"].includes(this.pc.connectionState);
  }

  async offer(): Promise<void> {
    for (const source of SOURCES) {
      this.#lines.push(this.pc.addTransceiver(kindOf(source), { direction: "sendrecv", ...this.#encodings(source) }));
    }
    this.#seal();
    this.#sync();
    await this.pc.setLocalDescription();
    this.#tell("offer");
  }

  async hear({ kind, data }: LinkSignal): Promise<void> {
    if (kind === "candidate") {
      for (const candidate of data.split("\n")) await this.#candidate(candidate);
      return;
    }
    await this.pc.setRemoteDescription({ type: kind, sdp: data });
    if (kind === "offer") await this.#answer();
    this.#encryption?.learn(this.pc);
    for (const candidate of this.#early.splice(0)) await this.#candidate(candidate);
  }

  /** What they send of this. */
  receiverOf(source: TrackSource): RTCRtpReceiver | null {
    return this.#lines[SOURCES.indexOf(source)]?.receiver ?? null;
  }

  /** They look at none of these pictures now, and are sent the others. Whatever else it names is sent on. */
  spare(sources: string): void {
    if (this.#useless === sources) return;
    this.#useless = sources;
    this.#sync();
  }

  /** What goes over an m-line, both ways. */
  sourceOf(mid: string): TrackSource | null {
    return SOURCES[this.#lines.findIndex((line) => line.mid === mid)] ?? null;
  }

  close(): void {
    this.#stopListening();
    if (this.#telling !== null) clearTimeout(this.#telling);
    this.pc.onicecandidate = this.pc.onconnectionstatechange = null;
    this.pc.close();
  }

  async #answer(): Promise<void> {
    this.#lines = this.pc.getTransceivers();
    for (const line of this.#lines) line.direction = "sendrecv";
    this.#seal();
    this.#sync();
    await this.pc.setLocalDescription();
    this.#tell("answer");
    await this.#limit();
  }

  /** Before anything goes over the lines. */
  #seal(): void {
    const encryption = this.#encryption;
    if (!encryption) return;
    SOURCES.forEach((source, place) => {
      const line = this.#lines[place];
      if (!line) return;
      encryption.send(line.sender, source);
      encryption.receive(line.receiver);
      restrict(line, kindOf(source), null);
    });
  }

  #tell(kind: "offer" | "answer"): void {
    const sdp = this.pc.localDescription?.sdp;
    if (sdp) this.#hooks.send({ kind, data: sdp });
  }

  #find(candidate: string): void {
    this.#found.push(candidate);
    this.#telling ??= setTimeout(() => {
      this.#telling = null;
      this.#hooks.send({ kind: "candidate", data: this.#found.splice(0).join("\n") });
    }, TOLD_TOGETHER_MS);
  }

  /** Of one bundle, so it does not matter for which m-line it was found. */
  async #candidate(candidate: string): Promise<void> {
    if (!this.pc.remoteDescription) this.#early.push(candidate);
    else await this.pc.addIceCandidate({ candidate, sdpMLineIndex: 0 });
  }

  #sync(): void {
    const useless = PICTURES.filter((source) => this.#useless.split(" ").includes(source));
    SOURCES.forEach((source, place) => {
      const track = useless.includes(source) ? null : this.#publications.track(source);
      this.#lines[place]?.sender.replaceTrack(track).catch(() => {});
    });
  }

  /** One encoding, as good as the best of those that a server is sent. */
  #encodings(source: TrackSource): { sendEncodings?: RTCRtpEncodingParameters[] } {
    const best = source === "camera" || source === "screen" ? this.#boxes[source].at(-1) : undefined;
    return best ? { sendEncodings: [{ maxBitrate: best.maxBitrate, maxFramerate: best.maxFramerate }] } : {};
  }

  /** Who answers cannot say it before. */
  async #limit(): Promise<void> {
    for (const [place, source] of SOURCES.entries()) {
      const sender = this.#lines[place]?.sender;
      const parameters = sender?.getParameters();
      const [wanted] = this.#encodings(source).sendEncodings ?? [];
      const [encoding] = parameters?.encodings ?? [];
      if (!sender || !parameters || !wanted || !encoding) continue;
      Object.assign(encoding, wanted);
      await sender.setParameters(parameters);
    }
  }
}
