import type { FromServer } from "../src/messages.ts";

/** A socket the test holds the other end of. */
export class FakeSocket {
  readyState = 0;
  sent: any[] = [];
  onopen: ((event: object) => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: object) => void) | null = null;

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(): void {
    this.readyState = 3;
  }

  opens(): void {
    this.readyState = 1;
    this.onopen?.({});
  }

  says(message: object): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  drops(): void {
    this.readyState = 3;
    this.onclose?.({});
  }
}

/** All sockets that were opened. */
export class Sockets {
  #all: FakeSocket[] = [];

  open(): WebSocket {
    const socket = new FakeSocket();
    this.#all.push(socket);
    return socket as never;
  }

  get count(): number {
    return this.#all.length;
  }

  get first(): FakeSocket {
    return this.#at(0);
  }

  get last(): FakeSocket {
    return this.#at(-1);
  }

  #at(place: number): FakeSocket {
    const socket = this.#all.at(place);
    if (!socket) throw new Error("no socket was opened");
    return socket;
  }
}

export function joined(more: Partial<FromServer<"joined">> = {}): FromServer<"joined"> {
  return {
    type: "joined",
    roomId: "room",
    participantId: "p1",
    participantName: "Ada",
    resumeToken: "secret",
    resumed: false,
    mode: "sfu",
    e2ee: false,
    keyEpoch: 0,
    iceServers: [],
    grants: ["publish", "subscribe", "record", "administer"],
    recordable: "yes",
    tracks: [],
    receive: { audio: 1, video: 1 },
    participants: [],
    ...more,
  };
}

/** Lets promises settle without moving the clock. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}

/** A track, as far as anybody here looks at one. */
export class FakeTrack {
  enabled = true;
  readonly kind;

  constructor(kind: "audio" | "video") {
    this.kind = kind;
  }

  getSettings(): object {
    return this.kind === "video" ? { width: 1280, height: 720 } : {};
  }
}

export function track(kind: "audio" | "video"): MediaStreamTrack {
  return new FakeTrack(kind) as never;
}

/** A stream of these, such as a shared screen. */
export function stream(...tracks: MediaStreamTrack[]): MediaStream {
  const of = (kind: string) => () => tracks.filter((one) => one.kind === kind);
  return { getVideoTracks: of("video"), getAudioTracks: of("audio") } as never;
}

class FakeTransceiver {
  mid: string | null = null;
  encodings: object[];
  sent: MediaStreamTrack | null = null;
  readonly receiver;
  readonly sender = {
    replaceTrack: async (track: MediaStreamTrack | null) => void (this.sent = track),
    getParameters: () => ({ encodings: this.encodings }),
    setParameters: async ({ encodings }: { encodings: object[] }) => void (this.encodings = encodings),
    setStreams: () => {},
    track: null,
  };

  #direction: string;
  #ask;

  constructor(peer: FakePeer, kind: "audio" | "video", { direction = "sendrecv", sendEncodings = [{}] }: RTCRtpTransceiverInit) {
    this.#direction = direction;
    this.#ask = () => peer.ask();
    this.encodings = sendEncodings.map((encoding) => ({ ...encoding }));
    const report = () => [{ type: "inbound-rtp", framesDecoded: peer.decoded }];
    this.receiver = {
      track: track(kind),
      getSynchronizationSources: () => [{ audioLevel: 0.5 }],
      getStats: async () => report(),
      getParameters: () => ({ codecs: [] }),
    };
  }

  get direction(): string {
    return this.#direction;
  }

  set direction(direction: string) {
    if (direction !== this.#direction) this.#ask();
    this.#direction = direction;
  }

  stop(): void {
    this.direction = "stopped";
  }
}

/** A connection that offers at once, and takes any answer. Its m-lines get their mids with the offer. */
export class FakePeer {
  /** All that were made. */
  static made: FakePeer[] = [];
  signalingState = "stable";
  connectionState = "new";
  iceConnectionState = "new";
  localDescription: { sdp: string } | null = null;
  remoteDescription: { type: string } | null = null;
  transceivers: FakeTransceiver[] = [];
  candidates: string[] = [];
  configuration: RTCConfiguration;
  /** Pictures that were decoded of each m-line. */
  decoded = 0;
  onnegotiationneeded: (() => void) | null = null;
  oniceconnectionstatechange: (() => void) | null = null;
  onconnectionstatechange: (() => void) | null = null;
  #offers = 0;
  #asked = false;
  /** Something is not in an offer yet. */
  #needed = false;

  constructor(configuration: RTCConfiguration = {}) {
    this.configuration = configuration;
    FakePeer.made.push(this);
  }

  static get last(): FakePeer {
    const peer = FakePeer.made.at(-1);
    if (!peer) throw new Error("no connection was made");
    return peer;
  }

  addTransceiver(kind: "audio" | "video", init: RTCRtpTransceiverInit): FakeTransceiver {
    const transceiver = new FakeTransceiver(this, kind, init);
    this.transceivers.push(transceiver);
    this.ask();
    return transceiver;
  }

  getTransceivers(): FakeTransceiver[] {
    return this.transceivers;
  }

  async setLocalDescription(): Promise<void> {
    this.#offers += 1;
    this.#needed = false;
    this.transceivers.forEach((transceiver, place) => (transceiver.mid = String(place)));
    this.signalingState = "have-local-offer";
    this.localDescription = { sdp: `offer ${this.#offers}` };
  }

  /** An offer brings the four m-lines of a direct connection. */
  async setRemoteDescription(description: { type: string }): Promise<void> {
    this.remoteDescription = description;
    this.signalingState = "stable";
    if (this.#needed) this.ask();
    if (description.type !== "offer") return;
    for (const kind of ["audio", "video", "video", "audio"] as const) {
      this.transceivers.push(new FakeTransceiver(this, kind, { direction: "recvonly" }));
    }
  }

  async addIceCandidate({ candidate }: { candidate: string }): Promise<void> {
    this.candidates.push(candidate);
  }

  setConfiguration(configuration: RTCConfiguration): void {
    this.configuration = configuration;
  }

  restartIce(): void {
    this.ask();
  }

  close(): void {
    this.signalingState = this.connectionState = "closed";
  }

  becomes(state: string): void {
    this.iceConnectionState = this.connectionState = state;
    this.oniceconnectionstatechange?.();
    this.onconnectionstatechange?.();
  }

  /** Once for all that was added in one turn, and while an offer is under way, after it (W3C WebRTC §4.7.3). */
  ask(): void {
    this.#needed = true;
    if (this.#asked) return;
    this.#asked = true;
    queueMicrotask(() => {
      this.#asked = false;
      if (this.#needed && this.signalingState === "stable") this.onnegotiationneeded?.();
    });
  }
}
