/**
 * The call's media by way of the server: one RTCPeerConnection, what it sends and the m-lines it
 * receives on. Rooms and names are the people's business, sockets are signaling's.
 */
import { type Encryption, restrict } from "./e2ee/encryption.ts";
import { Emitter } from "./emitter.ts";
import { Health } from "./health.ts";
import { type Boxes, encodingsOf, Layers, offerDescriptor } from "./layers.ts";
import type { FromServer, ServerMessage, TrackSource } from "./messages.ts";
import { Mutes } from "./mutes.ts";
import { Offers } from "./offers.ts";
import { picturesOf } from "./pictures.ts";
import { kindOf, type Publications } from "./publications.ts";
import type { Signaling } from "./signaling.ts";
import { slim } from "./slim.ts";

/** The most pairs of m-lines to receive on in a first offer: each makes it slower, and with it the first picture. */
const FIRST_PAIRS = 3;
/** Cannot be changed later, so whoever changes something else must name it again. */
const BUNDLE = "max-bundle";

export interface MediaOptions {
  signaling: Signaling;
  publications: Publications;
  boxes: Boxes;
  /** Video codec to prefer: vp8, vp9, h264 or av1. */
  codec: string | null;
  /** Scalability mode of the camera's one encoding, instead of several encodings. */
  mode: string | null;
  /** What everything is sealed by, in a room that is encrypted end to end. */
  encryption?: () => Encryption | null;
}

export interface MediaEvents {
  well: void;
  weak: void;
  /** There is no way for the packets any more. */
  lost: void;
  /** This RTCPeerConnection is of no more use to the server or to us. */
  broken: unknown;
  /** There is a new one, and no seat of the old. */
  renewed: void;
  /** What we send or receive was agreed on anew. */
  negotiated: void;
  /** Somebody with a right to it muted this. */
  silenced: TrackSource;
}

export class Media extends Emitter<MediaEvents> {
  pc: RTCPeerConnection | null = null;
  #signaling;
  #publications;
  #boxes;
  #codec;
  #mode;
  #encryption;
  #iceServers: RTCIceServer[] = [];
  /** How many receiving m-lines the server can use; a renewed connection has them from the start. */
  #receive = { audio: 1, video: 1 };
  /** How many pairs of them are of use to whoever shows them. */
  #seats = 0;
  #offers: Offers | null = null;
  #health: Health | null = null;
  /** What we send and on which m-line. */
  #senders = new Map<TrackSource, RTCRtpTransceiver>();
  /** Of those that send pictures. */
  #layers = new Map<TrackSource, Layers>();
  #mutes: Mutes;
  #sharing = false;
  /** What we send takes another way. */
  #resting = false;
  /** The next offer is the one that brings the screen. */
  #announcing = false;
  /** The server knows nothing yet of the present RTCPeerConnection. */
  #isUnknown = false;

  constructor({ signaling, publications, boxes, codec, mode, encryption = () => null }: MediaOptions) {
    super();
    this.#signaling = signaling;
    this.#publications = publications;
    this.#boxes = boxes;
    this.#codec = codec;
    this.#mode = mode;
    this.#encryption = encryption;
    this.#mutes = new Mutes({
      publications,
      send: (message) => signaling.send(message),
      offer: () => void this.#offers?.request(),
      onSilenced: (source) => this.emit("silenced", source),
      // What nobody watched of a screen that was shared before is sent of this one.
      onNew: (source) => void this.#layers.get(source)?.want([]),
    });
    publications.on("change", () => this.#sync());
  }

  hear(message: ServerMessage): void {
    switch (message.type) {
      case "joined":
        return this.#joined(message);
      case "ice-servers":
        return this.#reach(message.iceServers as RTCIceServer[]);
      case "request-offer":
        return this.#grow(message.receive);
      case "answer":
        this.#announcing = this.#isUnknown = false;
        this.#mutes.learn(message.tracks);
        void this.#accept(message.sdp);
        return;
      case "publish-layers":
        return this.#wantLayers(message);
      case "track-published":
        if (message.participantId === this.#signaling.participantId) this.#mutes.learn([message.track]);
        return;
      case "track-muted":
        if (message.participantId === this.#signaling.participantId) this.#mutes.obey(message);
        return;
      case "error":
        // Telling the same offer again would be refused again.
        if (message.code === "bad-sdp") this.#offers?.close();
        // A closed one says goodbye to the server, faster than the next is offered: that is no end of the next.
        if (message.code === "media-ended" && !this.#isUnknown) this.emit("broken", message);
    }
  }

  trackOf(mid: string): MediaStreamTrack | null {
    return this.#receiverOf(mid)?.track ?? null;
  }

  /** How many pictures have come on an m-line. */
  async picturesOf(mid: string): Promise<number> {
    const receiver = this.#receiverOf(mid);
    return receiver ? picturesOf(receiver) : 0;
  }

  /** Sends nothing for now, and stays ready to: nobody needs what would come this way. */
  rest(resting: boolean): void {
    if (this.#resting === resting) return;
    this.#resting = resting;
    for (const source of this.#senders.keys()) this.#replace(source);
  }

  /** Whether what arrives on an m-line cannot be opened. */
  isLocked(mid: string): boolean {
    const receiver = this.#receiverOf(mid);
    return (receiver && this.#encryption()?.isLocked(receiver)) ?? false;
  }

  /** Makes room for so many pairs, however few the server asks for. What was made stays. */
  wantSeats(pairs: number): void {
    if (pairs <= this.#seats) return;
    this.#seats = pairs;
    // What is added is offered by itself; before the first answer more would only delay it.
    if (this.pc?.remoteDescription) this.#addReceiving();
  }

  /** Loudness of what arrives on an m-line, 0 to 1. */
  loudnessOf(mid: string): number {
    return loudnessOf(this.#receiverOf(mid));
  }

  /** The network has just come back, or is another one. */
  hurry(): void {
    this.#health?.hurry();
  }

  /** Starts the media over with a new RTCPeerConnection; for the room we stay who we are. */
  renew(): void {
    this.close();
    this.#open();
    this.#isUnknown = true;
    this.emit("renewed", undefined);
  }

  close(): void {
    this.#health?.close();
    this.#offers?.close();
    this.pc?.close();
    this.pc = this.#offers = this.#health = null;
    this.#senders.clear();
    this.#layers.clear();
    this.#mutes.clear();
    this.#sharing = this.#announcing = false;
  }

  #joined(joined: FromServer<"joined">): void {
    this.#reach(joined.iceServers as RTCIceServer[]);
    // Servers of before it did not say.
    const { audio, video } = joined.receive ?? { audio: 1, video: 1 };
    if (!joined.resumed) this.#receive = { audio: Math.min(audio, FIRST_PAIRS), video: Math.min(video, FIRST_PAIRS) };
    // A page that was loaded anew is who it was, and is not asked for what the page before it had.
    else if (!this.pc) this.#receive = { audio, video };
    if (!joined.resumed || !this.pc) this.renew();
    this.#mutes.joined(joined.tracks, joined.silenced);
    this.#offers?.resend();
    this.#mutes.tell();
  }

  /**
   * Credentials end: a connection that is to find another way by a relay needs those of now. One whose
   * servers are the same is left alone, for browsers restart ICE with the next offer when they are not.
   */
  #reach(iceServers: RTCIceServer[]): void {
    const isNews = JSON.stringify(iceServers) !== JSON.stringify(this.#iceServers);
    this.#iceServers = iceServers;
    if (isNews) this.pc?.setConfiguration({ ...this.#encryption()?.configuration, iceServers, bundlePolicy: BUNDLE });
  }

  #open(): void {
    const pc = new RTCPeerConnection({ ...this.#encryption()?.configuration, iceServers: this.#iceServers, bundlePolicy: BUNDLE });
    this.pc = pc;
    this.#offers = new Offers(pc, {
      made: (sdp) => this.#made(sdp),
      onSilence: () => this.#signaling.reconnect(),
      onBroken: (error) => this.emit("broken", error),
    });
    this.#health = new Health(pc, {
      onWell: () => this.emit("well", undefined),
      onWeak: () => this.emit("weak", undefined),
      onLost: () => this.emit("lost", undefined),
      restart: () => {
        pc.restartIce();
        // Where packets have no way the socket has none either, and looks open for long.
        this.#signaling.reconnect();
      },
      canSignal: () => this.#signaling.state === "joined",
    });
    // Always both, also without a device: what is switched on later needs no negotiation then.
    const streams = [new MediaStream()];
    for (const source of ["microphone", "camera"] as const) {
      this.#addSending(pc, source, { direction: "sendrecv", streams });
    }
    this.#addReceiving();
    this.#sync();
  }

  #addSending(pc: RTCPeerConnection, source: TrackSource, init: RTCRtpTransceiverInit): void {
    const boxes = source === "camera" || source === "screen" ? this.#boxes[source] : null;
    const mode = source === "camera" ? this.#mode : null;
    const layers = boxes ? { sendEncodings: encodingsOf(boxes, mode) } : {};
    const transceiver = this.#add(pc, kindOf(source), { ...init, ...layers });
    this.#encryption()?.send(transceiver.sender, source);
    this.#senders.set(source, transceiver);
    if (boxes) this.#layers.set(source, new Layers(transceiver.sender, boxes));
  }

  #rest(source: TrackSource): void {
    const known = this.#senders.get(source);
    if (known) known.direction = "inactive";
  }

  /** False: there is no m-line for it. In Firefox one that rested has lost all encodings but the first, for good. */
  #resume(source: TrackSource, screen: MediaStream): boolean {
    const known = this.#senders.get(source);
    if (!known || known.direction === "sendonly") return known !== undefined;
    const wanted = source === "screen" ? this.#boxes.screen.length : 1;
    if (known.sender.getParameters().encodings.length < wanted) {
      known.stop();
      this.#senders.delete(source);
      this.#layers.delete(source);
      return false;
    }
    known.direction = "sendonly";
    // Sound and picture of it play in step, whichever of them was there before.
    known.sender.setStreams(screen);
    return true;
  }

  async #accept(sdp: string): Promise<void> {
    await this.#offers?.accept(sdp);
    if (this.pc) this.#encryption()?.learn(this.pc);
    for (const layers of this.#layers.values()) void layers.update();
    this.#addReceiving();
    this.emit("negotiated", undefined);
  }

  #wantLayers({ trackId, layers }: FromServer<"publish-layers">): void {
    const source = this.#mutes.sourceOf(trackId);
    if (source !== undefined) void this.#layers.get(source)?.want(layers);
  }

  #add(pc: RTCPeerConnection, kind: "audio" | "video", init: RTCRtpTransceiverInit): RTCRtpTransceiver {
    const transceiver = pc.addTransceiver(kind, init);
    const encryption = this.#encryption();
    encryption?.receive(transceiver.receiver);
    if (encryption) restrict(transceiver, kind, this.#codec);
    else if (kind === "video" && this.#codec) prefer(transceiver, this.#codec);
    if (kind === "video") offerDescriptor(transceiver);
    return transceiver;
  }

  #grow(receive: { audio: number; video: number } | undefined): void {
    if (!this.pc) return;
    if (receive) this.#receive = receive;
    // Before the first answer it is only noted, and else what is added is offered by itself (`negotiationneeded`).
    const isOffered = !!this.pc.remoteDescription && this.#addReceiving();
    if (!isOffered && !this.#offers?.inFlight) void this.#offers?.request();
  }

  /** Adds receiving m-lines until there are as many as the server can use. */
  #addReceiving(): boolean {
    let added = false;
    for (const kind of ["audio", "video"] as const) {
      const asked = this.#receive[kind];
      const wanted = this.pc?.remoteDescription ? Math.max(asked, this.#seats) : asked;
      for (let have = this.#receiving(kind); this.pc && have < wanted; have += 1) {
        const line = this.#add(this.pc, kind, { direction: "recvonly" });
        if (have >= asked) slim(line);
        added = true;
      }
    }
    return added;
  }

  #receiving(kind: "audio" | "video"): number {
    return (this.pc?.getTransceivers() ?? []).filter(
      ({ receiver, direction }) => receiver.track.kind === kind && direction.includes("recv"),
    ).length;
  }

  /**
   * What tells of an offer. Which m-line shows what is of the moment when it was made: a screen that has ended since
   * would be taken for a camera, were it not named. Only what is muted may be told as it is by then.
   */
  #made(sdp: string): () => void {
    const type = this.#announcing ? "start-screen-share" : "offer";
    const lines = [...this.#senders].flatMap(([source, { mid, direction }]) =>
      mid !== null && direction.startsWith("send") ? [{ source, mid }] : [],
    );
    const sources = Object.fromEntries(lines.map(({ source, mid }) => [mid, source]));
    return () => {
      const { roomId } = this.#signaling;
      const muted = lines.filter(({ source }) => this.#publications.isMuted(source)).map(({ mid }) => mid);
      const sent = this.#signaling.send({ type, ...(roomId !== null && { roomId }), sdp, sources, muted });
      if (sent) this.#mutes.offered(lines.map(({ source }) => source));
    };
  }

  /** Lets each m-line send what the person has switched on. */
  #sync(): void {
    if (!this.pc) return;
    this.#replace("microphone");
    this.#replace("camera");
    this.#syncScreen(this.pc, this.#publications.screen);
    this.#mutes.tell();
  }

  #syncScreen(pc: RTCPeerConnection, screen: MediaStream | null): void {
    if ((screen !== null) !== this.#sharing) {
      this.#sharing = this.#announcing = screen !== null;
      if (!screen) this.#signaling.send({ type: "stop-screen-share" });
    }
    for (const source of ["screen", "screen-audio"] as const) {
      const track = this.#publications.track(source);
      if (!track) this.#rest(source);
      else if (screen && !this.#resume(source, screen)) this.#addSending(pc, source, { direction: "sendonly", streams: [screen] });
      this.#replace(source);
    }
  }

  #replace(source: TrackSource): void {
    const track = this.#resting ? null : this.#publications.track(source);
    const replaced = this.#senders.get(source)?.sender.replaceTrack(track);
    // Only now is it known how large the picture is.
    if (track) replaced?.then(() => this.#layers.get(source)?.update()).catch(() => {});
  }

  #receiverOf(mid: string): RTCRtpReceiver | undefined {
    return this.pc?.getTransceivers().find((transceiver) => transceiver.mid === mid)?.receiver;
  }
}

/** 0 to 1. */
export function loudnessOf(receiver: RTCRtpReceiver | null | undefined): number {
  return receiver?.getSynchronizationSources()[0]?.audioLevel ?? 0;
}

/** Puts one codec first; the others stay, so that everybody can still be seen. */
function prefer(transceiver: RTCRtpTransceiver, codec: string): void {
  const known = RTCRtpReceiver.getCapabilities("video")?.codecs ?? [];
  const isWanted = ({ mimeType }: { mimeType: string }) => mimeType.toLowerCase() === `video/${codec.toLowerCase()}`;
  const first = known.filter(isWanted);
  if (first.length === 0 || !("setCodecPreferences" in transceiver)) return;
  transceiver.setCodecPreferences([...first, ...known.filter((one) => !isWanted(one))]);
}
