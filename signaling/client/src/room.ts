/**
 * A call: one room of a Volley server, as one person. Joins and comes back by itself, publishes what
 * it is given, and says who is there, what arrives in which seat, and what goes wrong. Everything that may
 * be asked of a call stands here; how it takes its course, in `course.ts`.
 */
import { Course } from "./course.ts";
import type { SealCounters } from "./e2ee/messages.ts";
import type { Privacy } from "./e2ee/room.ts";
import { Emitter } from "./emitter.ts";
import type { MediaState, RoomEvents } from "./events.ts";
import type { DirectConnection } from "./mesh.ts";
import type { FromServer, MediaPath, Quality } from "./messages.ts";
import { Moderation, type Selection } from "./moderation.ts";
import type { QualityOf, RoomOptions, SubscriptionOf } from "./options.ts";
import type { Participant, Seat } from "./people.ts";
import type { Input } from "./publications.ts";
import type { Recordings } from "./recordings.ts";
import type { JoinWish, Signaling } from "./signaling.ts";

export class Room extends Emitter<RoomEvents> {
  #course: Course;

  constructor(options: RoomOptions = {}) {
    super();
    this.#course = new Course(options, (name, detail) => this.emit(name, detail));
  }

  /** The socket, for whoever wants to send or hear messages themselves. */
  get signaling(): Signaling {
    return this.#course.signaling;
  }

  /** Whether the room is recorded, and what was recorded in it. */
  get recordings(): Recordings {
    return this.#course.recordings;
  }

  /** The others, by id, in the order in which they came. */
  get participants(): ReadonlyMap<string, Participant> {
    return this.#course.people.all;
  }

  /** What arrives, and from whom. */
  get seats(): readonly Seat[] {
    return this.#course.arrivals.seats;
  }

  /** How media goes in the room now. */
  get mode(): MediaPath {
    return this.#course.mesh.path;
  }

  /** Those whose sound and pictures come directly. */
  get direct(): readonly string[] {
    return this.#course.mesh.direct;
  }

  /** The connections with them. */
  get directConnections(): readonly DirectConnection[] {
    return this.#course.mesh.connections;
  }

  /** Who speaks now, whoever began last first. */
  get speakers(): readonly string[] {
    return this.#course.people.speakers;
  }

  /** Whether we ask to speak. */
  get handRaised(): boolean {
    return this.#course.standing.handRaised;
  }

  /** How the packets fare. */
  get mediaState(): MediaState {
    return this.#course.recovery.state;
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
    return this.#course.grants;
  }

  /** The connection to the server: for statistics, not to be changed. */
  get pc(): RTCPeerConnection | null {
    return this.#course.media.pc;
  }

  /** Whether the call is encrypted end to end, and whether we can open it. */
  get privacy(): Privacy {
    return this.#course.encryption.privacy;
  }

  /**
   * Enters a room. Resolves when we are in, rejects with a {@link RoomError} when the server does not
   * let us in; a server that does not answer is asked again until {@link leave}. With a passphrase, which
   * everybody needs and the server never gets, the call is encrypted end to end.
   */
  async join({ passphrase = null, ...wish }: JoinWish & { passphrase?: string | null }): Promise<FromServer<"joined">> {
    return this.#course.begin({ passphrase, ...wish });
  }

  leave(): void {
    this.#course.end();
  }

  /** Opens an encrypted room with this passphrase, or uses another one from now on, which all others need too. */
  unlock(passphrase: string): void {
    this.#course.encryption.unlock(passphrase);
  }

  /** Whether what arrives in a seat cannot be opened: it was sealed with another passphrase, or not at all. */
  isLocked(seat: string): boolean {
    return this.#course.arrivals.isLocked(seat);
  }

  /** What became of encrypted frames; null: the room is not encrypted. */
  async sealCounters(): Promise<SealCounters | null> {
    return (await this.#course.encryption.engine?.counters()) ?? null;
  }

  /** Sends this from now on, or nothing. Works before joining as well, and without any negotiation. */
  publish(input: Input, track: MediaStreamTrack | null): void {
    this.#course.publications.publish(input, track);
  }

  /** What others get of it is nothing from now on; the track stays, and is disabled. */
  mute(input: Input, muted = true): void {
    this.#course.publications.mute(input, muted);
  }

  unmute(input: Input): void {
    this.mute(input, false);
  }

  /** Shows a screen beside the camera, with its sound if it has any; null ends that. */
  shareScreen(screen: MediaStream | null): void {
    this.#course.publications.share(screen);
  }

  /** What arrives in a seat. */
  trackOf(seat: string): MediaStreamTrack | null {
    return this.#course.arrivals.trackOf(seat);
  }

  /** How loud it is in a seat now, 0 to 1. */
  loudnessOf(seat: string): number {
    return this.#course.arrivals.loudnessOf(seat);
  }

  /** Shows somebody before others; null: nobody in particular. */
  pin(participantId: string | null): void {
    this.#course.standing.pin(participantId);
  }

  /**
   * Is sent these again, after {@link unsubscribe}; without any named, everybody, which is how it begins.
   * The server chooses who is shown among those who are wanted. False: it cannot hear it now.
   */
  subscribe(to: SubscriptionOf = {}): boolean {
    return this.#course.standing.subscribe("subscribe", to);
  }

  /** Is sent nothing of these; without any named, of nobody until {@link subscribe} names somebody. */
  unsubscribe(from: SubscriptionOf = {}): boolean {
    return this.#course.standing.subscribe("unsubscribe", from);
  }

  /** Says something to the room. False: the server cannot hear it now. */
  chat(text: string): boolean {
    return this.signaling.send({ type: "chat", text });
  }

  /** Asks to speak, or no longer; the others are told, now or as soon as they can be. */
  raiseHand(raised: boolean): void {
    if (this.#course.standing.raiseHand(raised)) this.emit("change", undefined);
  }

  /** Makes room for so many pictures of others at once, where the server alone would ask for fewer. */
  wantSeats(pairs: number): void {
    this.#course.media.wantSeats(pairs);
  }

  /**
   * Says how good a picture is of use. False: the server cannot hear it now; what was said of all pictures it is told as
   * soon as it can, and whenever it has forgotten us.
   */
  setQuality(quality: Quality, of: QualityOf = {}): boolean {
    return this.#course.standing.wish(quality, of);
  }

  /**
   * How many lines of each seat's picture are shown now. May be told at every change of a window. What comes directly
   * (`direct`) comes whole, or not at all where no line of it is shown.
   */
  setLines(lines: ReadonlyMap<string, number>): void {
    this.#course.mesh.want(lines);
    this.#course.wishes.want(new Map([...lines].filter(([seat]) => !this.#course.arrivals.isDirect(seat))));
  }

  /** Mutes tracks of somebody else, or gives them back. Takes the grant `administer`. */
  moderate(participantId: string, which: Selection, muted: boolean): Promise<void> {
    return new Moderation(this.#course.rest()).mute(participantId, which, muted);
  }

  /** Takes somebody out. Takes the grant `administer`. */
  remove(participantId: string): Promise<void> {
    return new Moderation(this.#course.rest()).remove(participantId);
  }

  /** The network is back, or another one: looks for a way at once instead of waiting out a pause. */
  hurry(): void {
    this.signaling.hurry();
    this.#course.media.hurry();
  }

  /** Starts sound and picture over; for the room we stay who we are. */
  renew(): void {
    this.#course.recovery.renew();
  }
}
