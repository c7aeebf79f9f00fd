// @ts-check
/**
 * The call's media: one RTCPeerConnection, what it sends and the m-lines it receives on. Rooms and
 * names are the roster's business, sockets are signaling's.
 *
 * Events: `well`, `weak`, `lost` (the way of the packets), `broken` (this RTCPeerConnection is of
 * no more use to the server or to us), `renewed` (there is a new one, and no seat of the old),
 * `silenced` (detail: the source; somebody with a right to it muted it).
 *
 * @typedef {import("./signaling.js").Signaling} Signaling
 * @typedef {import("./signaling.js").Source} Source
 * @typedef {import("./signaling.js").Track} Track
 * @typedef {import("./signaling.js").Joined} Joined
 */
import { Health } from "./health.js";
import { encodingsOf, Layers, offerDescriptor } from "./layers.js";
import { Offers } from "./offers.js";

export class Call extends EventTarget {
  /** @type {RTCPeerConnection | null} */
  pc = null;
  #signaling;
  #local;
  #codec;
  #mode;
  /** @type {RTCIceServer[]} */
  #iceServers = [];
  /** How many receiving m-lines the server can use; a renewed connection has them from the start. */
  #receive = { audio: 1, video: 1 };
  /** @type {Offers | null} */
  #offers = null;
  /** @type {Health | null} */
  #health = null;
  /** What we send and on which m-line. @type {Map<Source, RTCRtpTransceiver>} */
  #senders = new Map();
  /** Of those that send pictures. @type {Map<Source, Layers>} */
  #layers = new Map();
  /** What the server calls our tracks. @type {Map<Source, string>} */
  #trackIds = new Map();
  /** Whether the server believes them muted. @type {Map<Source, boolean>} */
  #believed = new Map();
  #sharing = false;
  /** The next offer is the one that brings the screen. */
  #announcing = false;

  /**
   * @param {object} parts
   * @param {Signaling} parts.signaling
   * @param {import("./media.js").LocalMedia} parts.local
   * @param {string | null} [parts.codec] video codec to prefer: vp8, vp9, h264 or av1
   * @param {string | null} [parts.mode] scalability mode of the camera's one encoding, instead of three
   */
  constructor({ signaling, local, codec = null, mode = null }) {
    super();
    this.#signaling = signaling;
    this.#local = local;
    this.#codec = codec;
    this.#mode = mode;
    local.addEventListener("change", () => this.#sync());
  }

  /** @param {any} message */
  hear(message) {
    switch (message.type) {
      case "joined":
        return this.#joined(message);
      case "request-offer":
        return this.#grow(message.receive);
      case "answer":
        this.#announcing = false;
        this.#learn(message.tracks);
        return this.#accept(message.sdp);
      case "publish-layers":
        return this.#wantLayers(message);
      case "track-published":
        if (message.participantId === this.#signaling.participantId) this.#learn([message.track]);
        return;
      case "track-muted":
        if (message.participantId === this.#signaling.participantId) this.#obey(message);
        return;
      case "error":
        // Telling the same offer again would be refused again.
        if (message.code === "bad-sdp") this.#offers?.close();
        if (message.code === "media-ended") this.#tell("broken");
    }
  }

  /** @param {string} mid */
  trackOf(mid) {
    return this.#receiverOf(mid)?.track ?? null;
  }

  /** Loudness of what arrives on an m-line, 0 to 1. @param {string} mid */
  loudnessOf(mid) {
    return this.#receiverOf(mid)?.getSynchronizationSources()[0]?.audioLevel ?? 0;
  }

  /** Starts the media over with a new RTCPeerConnection; for the room we stay who we are. */
  renew() {
    this.close();
    this.#open();
    this.#tell("renewed");
  }

  close() {
    this.#health?.close();
    this.#offers?.close();
    this.pc?.close();
    this.pc = this.#offers = this.#health = null;
    this.#senders.clear();
    this.#layers.clear();
    this.#trackIds.clear();
    this.#believed.clear();
    this.#sharing = this.#announcing = false;
  }

  /** @param {Joined} joined */
  #joined(joined) {
    this.#iceServers = joined.iceServers;
    if (!joined.resumed) this.#receive = { audio: 1, video: 1 };
    if (!joined.resumed || !this.pc) this.renew();
    this.#learn(joined.tracks);
    this.#offers?.resend();
    this.#tellMuted();
  }

  #open() {
    const pc = new RTCPeerConnection({ iceServers: this.#iceServers, bundlePolicy: "max-bundle" });
    this.pc = pc;
    this.#offers = new Offers(pc, {
      send: (sdp) => this.#offer(sdp),
      onSilence: () => this.#signaling.reconnect(),
      onBroken: (error) => this.#tell("broken", error),
    });
    this.#health = new Health(pc, {
      onWell: () => this.#tell("well"),
      onWeak: () => this.#tell("weak"),
      onLost: () => this.#tell("lost"),
      restart: () => pc.restartIce(),
      canSignal: () => this.#signaling.state === "joined",
    });
    // Always both, also without a device: what is switched on later needs no negotiation then.
    const streams = [new MediaStream()];
    for (const source of /** @type {const} */ (["microphone", "camera"])) {
      const kind = source === "microphone" ? "audio" : "video";
      this.#addSending(source, kind, { direction: "sendrecv", streams });
    }
    this.#addReceiving();
    this.#sync();
  }

  /**
   * @param {Source} source
   * @param {"audio" | "video"} kind
   * @param {RTCRtpTransceiverInit} init
   */
  #addSending(source, kind, init) {
    const layered = source === "camera" || source === "screen" ? source : null;
    const mode = layered === "camera" ? this.#mode : null;
    const layers = layered ? { sendEncodings: encodingsOf(layered, mode) } : {};
    const transceiver = this.#add(kind, { ...init, ...layers });
    this.#senders.set(source, transceiver);
    if (layered) this.#layers.set(source, new Layers(transceiver.sender, layered));
    return transceiver;
  }

  /** @param {string} sdp */
  async #accept(sdp) {
    await this.#offers?.accept(sdp);
    for (const layers of this.#layers.values()) layers.update();
  }

  /** @param {{trackId: string, layers: import("./layers.js").Layer[]}} message */
  #wantLayers({ trackId, layers }) {
    for (const [source, known] of this.#trackIds) {
      if (known === trackId) this.#layers.get(source)?.want(layers);
    }
  }

  /**
   * @param {"audio" | "video"} kind
   * @param {RTCRtpTransceiverInit} init
   */
  #add(kind, init) {
    const pc = /** @type {RTCPeerConnection} */ (this.pc);
    const transceiver = pc.addTransceiver(kind, init);
    if (kind === "video" && this.#codec) prefer(transceiver, this.#codec);
    if (kind === "video") offerDescriptor(transceiver);
    return transceiver;
  }

  /** @param {{audio: number, video: number} | undefined} receive */
  #grow(receive) {
    if (!this.pc) return;
    if (receive) this.#receive = receive;
    // What is added is offered by itself (`negotiationneeded`).
    if (!this.#addReceiving() && !this.#offers?.inFlight) this.#offers?.request();
  }

  /** Adds receiving m-lines until there are as many as the server can use. */
  #addReceiving() {
    let added = false;
    for (const kind of /** @type {const} */ (["audio", "video"])) {
      for (let have = this.#receiving(kind); have < this.#receive[kind]; have += 1) {
        this.#add(kind, { direction: "recvonly" });
        added = true;
      }
    }
    return added;
  }

  /** @param {"audio" | "video"} kind */
  #receiving(kind) {
    return (this.pc?.getTransceivers() ?? []).filter(
      ({ receiver, direction }) => receiver.track.kind === kind && direction.includes("recv"),
    ).length;
  }

  /** @param {string} sdp */
  #offer(sdp) {
    const sending = [...this.#senders].filter(
      ([, { mid, direction }]) => mid !== null && direction.startsWith("send"),
    );
    const sent = this.#signaling.send({
      type: this.#announcing ? "start-screen-share" : "offer",
      roomId: this.#signaling.roomId,
      sdp,
      sources: Object.fromEntries(sending.map(([source, { mid }]) => [mid, source])),
      muted: sending.filter(([source]) => this.#isMuted(source)).map(([, { mid }]) => mid),
    });
    if (!sent) return;
    for (const [source] of sending) this.#believed.set(source, this.#isMuted(source));
  }

  /** Lets each m-line send what the person has switched on. */
  #sync() {
    if (!this.pc) return;
    const { microphone, camera } = this.#local.tracks;
    this.#replace("microphone", microphone);
    this.#replace("camera", camera);
    this.#syncScreen();
    this.#tellMuted();
  }

  #syncScreen() {
    const screen = this.#local.screen;
    if ((screen !== null) !== this.#sharing) {
      this.#sharing = this.#announcing = screen !== null;
      if (!screen) this.#signaling.send({ type: "stop-screen-share", roomId: this.#signaling.roomId });
    }
    this.#send("screen", "video", screen?.getVideoTracks()[0] ?? null, screen);
    this.#send("screen-audio", "audio", screen?.getAudioTracks()[0] ?? null, screen);
  }

  /**
   * @param {Source} source
   * @param {"audio" | "video"} kind
   * @param {MediaStreamTrack | null} track
   * @param {MediaStream | null} stream
   */
  #send(source, kind, track, stream) {
    const known = this.#senders.get(source);
    if (known) known.direction = track ? "sendonly" : "inactive";
    else if (track && stream) this.#addSending(source, kind, { direction: "sendonly", streams: [stream] });
    this.#replace(source, track);
  }

  /** @param {Source} source @param {MediaStreamTrack | null} track */
  #replace(source, track) {
    const replaced = this.#senders.get(source)?.sender.replaceTrack(track);
    // Only now is it known how large the picture is.
    if (track) replaced?.then(() => this.#layers.get(source)?.update()).catch(() => {});
  }

  /** @param {Track[] | undefined} tracks */
  #learn(tracks = []) {
    for (const { source, trackId, muted } of tracks) {
      this.#trackIds.set(source, trackId);
      this.#believed.set(source, muted);
    }
    this.#tellMuted();
  }

  /** Somebody with a right to it muted one of our tracks, or gave it back: what is off here stays off.
   * @param {{trackId: string, muted: boolean}} message */
  #obey({ trackId, muted }) {
    for (const [source, known] of this.#trackIds) {
      if (known !== trackId) continue;
      this.#believed.set(source, muted);
      if (muted) this.#tell("silenced", source);
    }
    this.#tellMuted();
  }

  /** Tells the server what it does not believe yet; by an offer where it has not named the track. */
  #tellMuted() {
    for (const [source, believed] of this.#believed) {
      const muted = this.#isMuted(source);
      // A screen is shared or not; nobody here mutes it.
      if (muted === believed || !isInput(source)) continue;
      const trackId = this.#trackIds.get(source);
      if (!trackId) this.#offers?.request();
      else if (this.#signaling.send({ type: muted ? "mute" : "unmute", trackId })) this.#believed.set(source, muted);
    }
  }

  /** @param {Source} source */
  #isMuted(source) {
    return isInput(source) && !this.#local.isOn(source);
  }

  /** @param {string} mid */
  #receiverOf(mid) {
    return this.pc?.getTransceivers().find((transceiver) => transceiver.mid === mid)?.receiver;
  }

  /** @param {string} type @param {unknown} [detail] */
  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** @param {Source} source @returns {source is "microphone" | "camera"} */
function isInput(source) {
  return source === "microphone" || source === "camera";
}

/**
 * Puts one codec first; the others stay, so that everybody can still be seen.
 *
 * @param {RTCRtpTransceiver} transceiver
 * @param {string} codec
 */
function prefer(transceiver, codec) {
  const known = RTCRtpReceiver.getCapabilities("video")?.codecs ?? [];
  const isWanted = (/** @type {{mimeType: string}} */ { mimeType }) =>
    mimeType.toLowerCase() === `video/${codec.toLowerCase()}`;
  const first = known.filter(isWanted);
  if (first.length === 0 || !transceiver.setCodecPreferences) return;
  transceiver.setCodecPreferences([...first, ...known.filter((codec) => !isWanted(codec))]);
}
