/**
 * The course of a call: its parts, wired together, how it begins and ends, and what a message of the server
 * or a turn of media means to each of them and to whoever listens. What else a page may ask of a call is
 * `room.ts`.
 */
import { Arrivals } from "./arrivals.ts";
import { Asking } from "./asking.ts";
import { RoomEncryption } from "./e2ee/room.ts";
import { RoomError } from "./errors.ts";
import type { RoomEvents } from "./events.ts";
import { boxesFor, DEFAULT_PICTURES } from "./layers.ts";
import { Media } from "./media.ts";
import { Mesh } from "./mesh.ts";
import type { FromServer, ServerMessage } from "./messages.ts";
import type { RoomOptions } from "./options.ts";
import { People } from "./people.ts";
import { Publications } from "./publications.ts";
import { Recordings } from "./recordings.ts";
import { Recovery } from "./recovery.ts";
import { Rest } from "./rest.ts";
import { type JoinWish, type Refusal, Signaling } from "./signaling.ts";
import { Standing } from "./standing.ts";
import { Wishes } from "./wishes.ts";

/** After these the call is over for us. */
const OVER = new Set(["room-closed", "removed", "resumed-elsewhere"]);
/** These are mended elsewhere, or need no mending: a track that ended needs no mute. */
const SILENT = new Set(["media-ended", "unknown-track"]);

/** Tells whoever listens to the room. */
type Tell = <Name extends keyof RoomEvents & string>(name: Name, detail: RoomEvents[Name]) => void;

export class Course {
  readonly signaling: Signaling;
  readonly recordings = new Recordings(() => this.rest());
  readonly people = new People();
  readonly publications = new Publications();
  readonly media: Media;
  readonly mesh: Mesh;
  readonly arrivals: Arrivals;
  readonly recovery: Recovery;
  readonly standing: Standing;
  readonly wishes: Wishes;
  readonly encryption: RoomEncryption;
  /** What we may do. */
  grants: readonly string[] = [];
  #asking = new Asking();
  #origin: string;
  #canBeDirect: boolean;
  #tell: Tell;

  constructor({ server, identity, keep, pictures, codec = null, mode = null, direct = true, open, worker }: RoomOptions, tell: Tell) {
    this.#tell = tell;
    this.#canBeDirect = direct;
    this.#origin = new URL(server ?? location.href).origin;
    const address = `${this.#origin.replace(/^http/, "ws")}/ws`;
    const keyEpoch = () => this.encryption.keyEpoch;
    this.encryption = new RoomEncryption({ worker });
    this.signaling = new Signaling({ open: () => open?.(address) ?? new WebSocket(address), identity, keep, keyEpoch });
    const shared = {
      signaling: this.signaling,
      publications: this.publications,
      boxes: boxesFor({ ...DEFAULT_PICTURES, ...pictures }),
      encryption: () => this.encryption.engine,
    };
    this.media = new Media({ ...shared, codec, mode });
    this.mesh = new Mesh({ ...shared, people: () => this.people.all, viaServer: (id) => this.arrivals.viaServer(id) });
    this.arrivals = new Arrivals({ media: this.media, mesh: this.mesh, people: this.people, encryption: this.encryption });
    this.recovery = new Recovery(() => this.media.renew());
    this.standing = new Standing((message) => this.signaling.send(message));
    this.wishes = new Wishes((slot, maxHeight) => this.signaling.send({ type: "update-quality", quality: "auto", slot, maxHeight }));
    this.#listen();
  }

  /** Resolves when we are in, rejects when we are refused, or refuse ourselves to go in without encryption. */
  begin({ passphrase, ...wish }: JoinWish & { passphrase: string | null }): Promise<FromServer<"joined">> {
    const { roomId } = this.signaling;
    if (roomId !== null && roomId !== wish.roomId) this.end();
    this.#asking.refuse("left", "the room was left before it was entered");
    this.recovery.begin();
    const answer = this.#asking.ask();
    if (this.#orOver(() => this.encryption.enter(wish.roomId, passphrase))) {
      this.signaling.join(this.#canBeDirect ? { mode: "mesh", ...wish } : wish);
    }
    return answer;
  }

  end(): void {
    this.recovery.close();
    this.signaling.leave();
    this.mesh.close();
    this.media.close();
    this.publications.share(null);
    this.people.clear();
    this.recordings.clear();
    this.wishes.forget();
    this.arrivals.clear();
    this.standing.clear();
    this.encryption.close();
    this.#asking.refuse("left", "the room was left before it was entered");
  }

  /** The room in the server's REST interface. */
  rest(): Rest {
    const { roomId } = this.signaling;
    if (roomId === null) throw new RoomError("not-joined", "join a room first");
    return new Rest(`${this.#origin}/api/rooms/${encodeURIComponent(roomId)}`, this.signaling.token);
  }

  #listen(): void {
    this.signaling.on("message", (message) => this.#hear(message));
    this.signaling.on("state", (state) => this.#tell("state", state));
    this.signaling.on("refused", (refusal) => this.#over(refusal));
    this.signaling.on("tokenless", (refusal) => this.#tell("error", refusal));
    this.recovery.on("state", (state) => this.#tell("media", state));
    this.media.on("well", () => this.recovery.enter("well"));
    this.media.on("weak", () => this.recovery.enter("weak"));
    this.media.on("lost", () => this.recovery.lost());
    this.media.on("broken", () => this.recovery.renew());
    this.media.on("renewed", () => this.#begun());
    this.media.on("negotiated", () => this.#seated());
    this.mesh.on("change", () => this.#moved());
    this.encryption.on("change", () => this.#unsealed());
    this.mesh.on("carried", (carried) => this.media.rest(carried));
    this.media.on("silenced", (source) => this.#tell("silenced", source));
  }

  #hear(message: ServerMessage): void {
    const gone = message.type === "participant-left" ? this.people.all.get(message.participantId) : undefined;
    if (!this.#orOver(() => this.encryption.hear(message))) return;
    this.media.hear(message);
    const changed = this.people.hear(message);
    this.mesh.hear(message);
    this.standing.hear(message, this.people.all);
    const recorded = this.recordings.hear(message);
    this.#retell(message);
    if (gone) this.#tell("participant-left", gone);
    if (changed) this.#tell("change", undefined);
    if (recorded) this.#tell("recording", this.recordings.current);
    this.#tell("message", message);
  }

  #retell(message: ServerMessage): void {
    switch (message.type) {
      case "joined":
        return this.#entered(message);
      case "participant-joined": {
        const person = this.people.all.get(message.participantId);
        if (person) this.#tell("participant-joined", person);
        return;
      }
      case "slots":
        return this.#seated();
      case "active-speakers":
        return this.#tell("speakers", this.people.speakers);
      case "mode-changed":
        return this.#tell("mode", message.mode);
      case "chat":
        return this.#tell("chat", message);
      case "quality":
        return this.#tell("quality", message);
      case "goodbye":
        return this.#tell("goodbye", message);
      case "error":
        return this.#complain(message);
    }
  }

  #entered(joined: FromServer<"joined">): void {
    this.grants = joined.grants;
    this.#asking.letIn(joined);
    this.#tell("joined", joined);
  }

  /** False: the room is encrypted, and this browser cannot take part, so the call is over. */
  #orOver(encrypt: () => void): boolean {
    try {
      encrypt();
      return true;
    } catch (error) {
      if (!(error instanceof RoomError)) throw error;
      this.#over(error);
      return false;
    }
  }

  /** Keys, or what can be opened by them. */
  #unsealed(): void {
    this.#hide();
    this.#tell("privacy", this.encryption.privacy);
  }

  /** What cannot be opened need not come, and would make us ask for key frames. */
  #hide(): void {
    const pictures = this.people.seats.filter(({ source }) => source === "camera" || source === "screen");
    this.wishes.hide(this.encryption.privacy.locked ? pictures.map(({ id }) => id) : null);
  }

  #complain({ code, message }: Refusal): void {
    if (OVER.has(code)) this.#over({ code, message });
    else if (code === "not-joined") this.signaling.rejoin();
    else if (!SILENT.has(code)) this.#tell("error", { code, message });
  }

  #over(refusal: Refusal): void {
    this.#asking.refuse(refusal.code, refusal.message);
    this.end();
    this.#tell("ended", refusal);
  }

  /** There is a new connection: nobody has a seat in it yet. */
  #begun(): void {
    this.people.seats = [];
    this.arrivals.clear();
    this.wishes.forget();
    this.recovery.enter("new");
    this.#tell("renewed", undefined);
    this.#tell("change", undefined);
  }

  /** Somebody is shown by another way than before. */
  #moved(): void {
    this.arrivals.moved();
    this.#seated();
    this.#tell("change", undefined);
  }

  /** Seats were given away, or their m-lines have just become real. */
  #seated(): void {
    this.#hide();
    this.#tell("seats", this.arrivals.seats);
    for (const news of this.arrivals.news()) this.#tell("track", news);
  }
}
