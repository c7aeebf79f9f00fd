/**
 * A call: one room of a Volley server, as one person. Joins and comes back by itself, publishes what
 * it is given, and says who is there, what arrives in which seat, and what goes wrong.
 */
import type { SealCounters } from "./e2ee/messages.ts";
import { type Privacy, RoomEncryption } from "./e2ee/room.ts";
import { Emitter } from "./emitter.ts";
import { RoomError } from "./errors.ts";
import type { MediaState, RoomEvents } from "./events.ts";
import { boxesFor, DEFAULT_PICTURES } from "./layers.ts";
import { loudnessOf, Media } from "./media.ts";
import { Mesh } from "./mesh.ts";
import type { FromServer, MediaPath, Quality, ServerMessage } from "./messages.ts";
import { Moderation, type Selection } from "./moderation.ts";
import type { QualityOf, RoomOptions } from "./options.ts";
import { type Participant, People, type Seat } from "./people.ts";
import { type Input, Publications } from "./publications.ts";
import { Recordings } from "./recordings.ts";
import { Rest } from "./rest.ts";
import { type JoinWish, type Refusal, Signaling } from "./signaling.ts";
import { Wishes } from "./wishes.ts";

/** After these the call is over for us. */
const OVER = new Set(["room-closed", "removed", "resumed-elsewhere"]);
/** These are mended elsewhere, or need no mending: a track that ended needs no mute. */
const SILENT = new Set(["media-ended", "unknown-track"]);
/** New media may be started this often; what fails at once should not fail a thousand times. */
const RENEW_EVERY_MS = 5000;

export class Room extends Emitter<RoomEvents> {
  /** The socket, for whoever wants to send or hear messages themselves. */
  readonly signaling: Signaling;
  /** Whether the room is recorded, and what was recorded in it. */
  readonly recordings = new Recordings(() => this.#rest());
  #origin: string;
  #people = new People();
  #publications = new Publications();
  #media: Media;
  #mesh: Mesh;
  #canBeDirect: boolean;
  #wishes: Wishes;
  #encryption: RoomEncryption;
  #token: string | undefined;
  #grants: readonly string[] = [];
  #pinned: string | null = null;
  #handRaised = false;
  /** Seats of which `track` was told. */
  #arrived = new Set<string>();
  #mediaState: MediaState = "new";
  #asking: { resolve: (joined: FromServer<"joined">) => void; reject: (error: RoomError) => void } | null = null;
  /** Whether packets ever flowed in this call: else trying again by itself would not help. */
  #everWell = false;
  #renewedAt = -Infinity;
  #renewal: ReturnType<typeof setTimeout> | undefined;

  constructor({ server, identity, keep, pictures, codec = null, mode = null, direct = true, open, worker }: RoomOptions = {}) {
    super();
    this.#origin = new URL(server ?? location.href).origin;
    const address = `${this.#origin.replace(/^http/, "ws")}/ws`;
    const encryption = new RoomEncryption({ worker });
    this.#encryption = encryption;
    const keyEpoch = () => encryption.keyEpoch;
    this.signaling = new Signaling({ open: () => open?.(address) ?? new WebSocket(address), identity, keep, keyEpoch });
    const boxes = boxesFor({ ...DEFAULT_PICTURES, ...pictures });
    const [signaling, publications] = [this.signaling, this.#publications];
    this.#media = new Media({ signaling, publications, boxes, codec, mode, encryption: () => encryption.engine });
    this.#canBeDirect = direct;
    this.#mesh = new Mesh({
      signaling,
      publications,
      boxes,
      people: () => this.participants,
      viaServer: (id) => this.#viaServer(id),
      encryption: () => encryption.engine,
    });
    this.#wishes = new Wishes((slot, maxHeight) =>
      this.signaling.send({ type: "update-quality", quality: "auto", slot, maxHeight }),
    );
    this.#listen();
  }

  /** The others, by id, in the order in which they came. */
  get participants(): ReadonlyMap<string, Participant> {
    return this.#people.all;
  }

  /** What arrives, and from whom. */
  get seats(): readonly Seat[] {
    const direct = this.#mesh.seats();
    const others = new Set(direct.map(({ participantId }) => participantId));
    const byServer = ({ participantId }: Seat) => participantId === null || !others.has(participantId);
    return [...direct, ...this.#people.seats.filter(byServer)];
  }

  /** How media goes in the room now. */
  get mode(): MediaPath {
    return this.#mesh.path;
  }

  /** Those whose sound and pictures come directly. */
  get direct(): readonly string[] {
    return this.#mesh.direct;
  }

  /** Who speaks now, whoever began last first. */
  get speakers(): readonly string[] {
    return this.#people.speakers;
  }

  /** Whether we ask to speak. */
  get handRaised(): boolean {
    return this.#handRaised;
  }

  /** How the packets fare. */
  get mediaState(): MediaState {
    return this.#mediaState;
  }

  /** Who the server says we are. */
  get participantId(): string | null {
    return this.signaling.participantId;
  }

  get roomId(): string | null {
    return this.signaling.roomId;
  }

  /** What we may do: of `publish`, `subscribe`, `record`, `administer`. */
  get grants(): readonly string[] {
    return this.#grants;
  }

  /** The connection to the server: for statistics, not to be changed. */
  get pc(): RTCPeerConnection | null {
    return this.#media.pc;
  }

  /** Whether the call is encrypted end to end, and whether we can open it. */
  get privacy(): Privacy {
    return this.#encryption.privacy;
  }

  /**
   * Enters a room. Resolves when we are in, rejects with a {@link RoomError} when the server does not
   * let us in; a server that does not answer is asked again until {@link leave}. With a passphrase, which
   * everybody needs and the server never gets, the call is encrypted end to end.
   */
  join({ passphrase = null, ...wish }: JoinWish & { passphrase?: string | null }): Promise<FromServer<"joined">> {
    this.#giveUp();
    this.#token = wish.token;
    this.#everWell = false;
    this.#enter("new");
    return new Promise((resolve, reject) => {
      this.#encryption.enter(wish.roomId, passphrase);
      this.#asking = { resolve, reject };
      this.signaling.join(this.#canBeDirect ? { mode: "mesh", ...wish } : wish);
    });
  }

  leave(): void {
    clearTimeout(this.#renewal);
    this.signaling.leave();
    this.#mesh.close();
    this.#media.close();
    this.#publications.share(null);
    this.#people.clear();
    this.recordings.clear();
    this.#wishes.forget();
    this.#arrived.clear();
    this.#pinned = null;
    this.#encryption.close();
    this.#handRaised = false;
    this.#giveUp();
  }

  /** Opens an encrypted room with this passphrase, or uses another one from now on, which all others need too. */
  unlock(passphrase: string): void {
    this.#encryption.unlock(passphrase);
  }

  /** Whether what arrives in a seat cannot be opened: it was sealed with another passphrase, or not at all. */
  isLocked(seat: string): boolean {
    if (this.privacy.locked) return true;
    const direct = this.#mesh.receiverOf(seat);
    if (direct === undefined) return this.#media.isLocked(seat);
    return (direct && this.#encryption.engine?.isLocked(direct)) ?? false;
  }

  /** What became of encrypted frames; null: the room is not encrypted. */
  async sealCounters(): Promise<SealCounters | null> {
    return (await this.#encryption.engine?.counters()) ?? null;
  }

  /** Sends this from now on, or nothing. Works before joining as well, and without any negotiation. */
  publish(input: Input, track: MediaStreamTrack | null): void {
    this.#publications.publish(input, track);
  }

  /** What others get of it is nothing from now on; the track stays, and is disabled. */
  mute(input: Input, muted = true): void {
    this.#publications.mute(input, muted);
  }

  unmute(input: Input): void {
    this.mute(input, false);
  }

  /** Shows a screen beside the camera, with its sound if it has any; null ends that. */
  shareScreen(screen: MediaStream | null): void {
    this.#publications.share(screen);
  }

  /** What arrives in a seat. */
  trackOf(seat: string): MediaStreamTrack | null {
    const direct = this.#mesh.receiverOf(seat);
    return direct === undefined ? this.#media.trackOf(seat) : (direct?.track ?? null);
  }

  /** How loud it is in a seat now, 0 to 1. */
  loudnessOf(seat: string): number {
    const direct = this.#mesh.receiverOf(seat);
    return direct === undefined ? this.#media.loudnessOf(seat) : loudnessOf(direct);
  }

  /** Shows somebody before others; null: nobody in particular. */
  pin(participantId: string | null): void {
    this.#pinned = participantId;
    this.signaling.send({ type: "pin", participantId });
  }

  /** Says something to the room. False: the server cannot hear it now. */
  chat(text: string): boolean {
    return this.signaling.send({ type: "chat", text });
  }

  /** Asks to speak, or no longer; the others are told, now or as soon as they can be. */
  raiseHand(raised: boolean): void {
    if (this.#handRaised === raised) return;
    this.#handRaised = raised;
    this.signaling.send({ type: "raise-hand", raised });
    this.emit("change", undefined);
  }

  /** Makes room for so many pictures of others at once, where the server alone would ask for fewer. */
  wantSeats(pairs: number): void {
    this.#media.wantSeats(pairs);
  }

  /** Says how good a picture is of use. False: the server cannot hear it now. */
  setQuality(quality: Quality, { trackId, seat, maxHeight }: QualityOf = {}): boolean {
    return this.signaling.send({
      type: "update-quality",
      quality,
      ...(trackId !== undefined && { trackId }),
      ...(seat !== undefined && { slot: seat }),
      ...(maxHeight !== undefined && { maxHeight }),
    });
  }

  /** How many lines of each seat's picture are shown now. May be told at every change of a window. */
  setLines(lines: ReadonlyMap<string, number>): void {
    this.#wishes.want(new Map([...lines].filter(([seat]) => this.#mesh.receiverOf(seat) === undefined)));
  }

  /** Mutes tracks of somebody else, or gives them back. Takes the grant `administer`. */
  moderate(participantId: string, which: Selection, muted: boolean): Promise<void> {
    return new Moderation(this.#rest()).mute(participantId, which, muted);
  }

  /** Takes somebody out. Takes the grant `administer`. */
  remove(participantId: string): Promise<void> {
    return new Moderation(this.#rest()).remove(participantId);
  }

  /** The network is back, or another one: looks for a way at once instead of waiting out a pause. */
  hurry(): void {
    this.signaling.hurry();
    this.#media.hurry();
  }

  /** Starts sound and picture over; for the room we stay who we are. */
  renew(): void {
    clearTimeout(this.#renewal);
    const pause = Math.max(0, this.#renewedAt + RENEW_EVERY_MS - performance.now());
    this.#renewal = setTimeout(() => {
      this.#renewedAt = performance.now();
      this.#media.renew();
    }, pause);
  }

  #listen(): void {
    this.signaling.on("message", (message) => this.#hear(message));
    this.signaling.on("state", (state) => this.emit("state", state));
    this.signaling.on("refused", (refusal) => this.#end(refusal));
    this.#media.on("well", () => this.#enter("well"));
    this.#media.on("weak", () => this.#enter("weak"));
    this.#media.on("lost", () => (this.#everWell ? this.renew() : this.#enter("failed")));
    this.#media.on("broken", () => this.renew());
    this.#media.on("renewed", () => this.#begun());
    this.#media.on("negotiated", () => this.#seated());
    this.#mesh.on("change", () => this.#moved());
    this.#encryption.on("change", () => this.#unsealed());
    this.#mesh.on("carried", (carried) => this.#media.rest(carried));
    this.#media.on("silenced", (source) => this.emit("silenced", source));
  }

  #hear(message: ServerMessage): void {
    const gone = message.type === "participant-left" ? this.#people.all.get(message.participantId) : undefined;
    if (!this.#seals(message)) return;
    this.#media.hear(message);
    const changed = this.#people.hear(message);
    this.#mesh.hear(message);
    const recorded = this.recordings.hear(message);
    this.#retell(message);
    if (gone) this.emit("participant-left", gone);
    if (changed) this.emit("change", undefined);
    if (recorded) this.emit("recording", this.recordings.current);
    this.emit("message", message);
  }

  #retell(message: ServerMessage): void {
    switch (message.type) {
      case "joined":
        return this.#entered(message);
      case "participant-joined": {
        const person = this.#people.all.get(message.participantId);
        if (person) this.emit("participant-joined", person);
        return;
      }
      case "slots":
        return this.#seated();
      case "active-speakers":
        return this.emit("speakers", this.speakers);
      case "mode-changed":
        return this.emit("mode", message.mode);
      case "chat":
        return this.emit("chat", message);
      case "quality":
        return this.emit("quality", message);
      case "goodbye":
        return this.emit("goodbye", message);
      case "error":
        return this.#complain(message);
    }
  }

  #entered(joined: FromServer<"joined">): void {
    this.#grants = joined.grants;
    if (this.#handRaised) this.signaling.send({ type: "raise-hand", raised: true });
    if (this.#pinned !== null && this.#people.all.has(this.#pinned)) this.pin(this.#pinned);
    this.#asking?.resolve(joined);
    this.#asking = null;
    this.emit("joined", joined);
  }

  /** False: the room is encrypted, and this browser cannot take part. */
  #seals(message: ServerMessage): boolean {
    try {
      this.#encryption.hear(message);
      return true;
    } catch (error) {
      if (!(error instanceof RoomError)) throw error;
      this.#end(error);
      return false;
    }
  }

  /** Keys, or what can be opened by them. */
  #unsealed(): void {
    this.#hide();
    this.emit("privacy", this.privacy);
  }

  /** What cannot be opened need not come, and would make us ask for key frames. */
  #hide(): void {
    const pictures = this.#people.seats.filter(({ source }) => source === "camera" || source === "screen");
    this.#wishes.hide(this.privacy.locked ? pictures.map(({ id }) => id) : null);
  }

  #complain({ code, message }: Refusal): void {
    if (OVER.has(code)) this.#end({ code, message });
    else if (code === "not-joined") this.signaling.rejoin();
    else if (!SILENT.has(code)) this.emit("error", { code, message });
  }

  #end(refusal: Refusal): void {
    this.#asking?.reject(new RoomError(refusal.code, refusal.message));
    this.#asking = null;
    this.leave();
    this.emit("ended", refusal);
  }

  #giveUp(): void {
    this.#asking?.reject(new RoomError("left", "the room was left before it was entered"));
    this.#asking = null;
  }

  #enter(state: MediaState): void {
    this.#everWell ||= state === "well";
    if (this.#mediaState === state) return;
    this.#mediaState = state;
    this.emit("media", state);
  }

  /** There is a new connection: nobody has a seat in it yet. */
  #begun(): void {
    this.#people.seats = [];
    this.#arrived.clear();
    this.#wishes.forget();
    this.#enter("new");
    this.emit("renewed", undefined);
    this.emit("change", undefined);
  }

  /** Somebody is shown by another way than before. */
  #moved(): void {
    for (const seat of [...this.#arrived]) if (this.#mesh.receiverOf(seat) === null) this.#arrived.delete(seat);
    this.#seated();
    this.emit("change", undefined);
  }

  async #viaServer(participantId: string): Promise<number> {
    const seats = this.#people.seats.filter((seat) => seat.participantId === participantId && seat.source === "camera");
    const counts = await Promise.all(seats.map(({ id }) => this.#media.picturesOf(id)));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** Seats were given away, or their m-lines have just become real. */
  #seated(): void {
    this.#hide();
    this.emit("seats", this.seats);
    for (const seat of this.seats) {
      const track = seat.participantId === null || this.#arrived.has(seat.id) ? null : this.trackOf(seat.id);
      if (!track) continue;
      this.#arrived.add(seat.id);
      this.emit("track", { seat, track });
    }
  }

  #rest(): Rest {
    if (this.roomId === null) throw new RoomError("not-joined", "join a room first");
    return new Rest(`${this.#origin}/api/rooms/${encodeURIComponent(this.roomId)}`, this.#token);
  }
}
