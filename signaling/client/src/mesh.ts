/**
 * A call without the server between, where the room's mode allows it: a link with each of the others.
 * The server's way stays open meanwhile, and carries whatever no link has shown to carry: whoever finds
 * no way to the others (behind two symmetric NATs, say) stays with the server, and nothing is cut when
 * the room changes its mode.
 */
import { DirectLink, type LinkSignal, PICTURES } from "./direct.ts";
import type { Encryption } from "./e2ee/encryption.ts";
import { Emitter } from "./emitter.ts";
import type { Boxes } from "./layers.ts";
import type { FromServer, MediaPath, ServerMessage, SignalKind, TrackSource } from "./messages.ts";
import { picturesOf } from "./pictures.ts";
import type { Participant, Seat } from "./people.ts";
import type { Publications } from "./publications.ts";
import type { Signaling } from "./signaling.ts";

/** How often is looked whether pictures come: a change of ways should not be seen. */
const LOOK_EVERY_MS = 100;
/** A way that is open and brings no picture for so long: what comes is taken as it is. */
const PATIENCE_MS = 2000;
/** A link that is not connected by then has no way; a first connection takes well under a second. */
const CONNECT_WITHIN_MS = 8000;
/** After such a failure it is tried again: networks change. */
const AGAIN_AFTER_MS = 30_000;
/** Whoever still looks at what we send has found another way by then. */
const LINGER_MS = 4000;
/** What the name of a direct seat begins with. */
const DIRECT = "direct";

export interface MeshOptions {
  signaling: Pick<Signaling, "send" | "participantId">;
  publications: Publications;
  boxes: Boxes;
  /** The others. */
  people: () => ReadonlyMap<string, Participant>;
  /** How many pictures of somebody's camera the server's way has brought so far. */
  viaServer: (participantId: string) => Promise<number>;
  /** What everything is sealed by, in a room that is encrypted end to end. */
  encryption?: () => Encryption | null;
}

/** A connection with somebody that carries what is shown of them. */
export interface DirectConnection {
  participantId: string;
  /** For statistics, not to be changed. */
  pc: RTCPeerConnection;
  /** The seat in which arrives what comes over an m-line. */
  seatOf: (mid: string) => string | null;
}

export interface MeshEvents {
  /** What arrives directly is something else now. */
  change: void;
  /** True: nobody needs the server for what we send. */
  carried: boolean;
}

interface Entry {
  link: DirectLink;
  /** When it began. */
  since: number;
  connectedAt: number | null;
  /** We show what comes over it. */
  shown: boolean;
  /** They show what we send over it. */
  trusted: boolean;
  /** The room has gone back to the server: when, and how many pictures had come by its way until then. */
  leaving: { since: number; pictures: number } | null;
}

export class Mesh extends Emitter<MeshEvents> {
  #options;
  #path: MediaPath = "sfu";
  #iceServers: RTCIceServer[] = [];
  #entries = new Map<string, Entry>();
  /** When somebody to whom there was no way is tried again. */
  #again = new Map<string, number>();
  /** Seats whose pictures nobody looks at. */
  #unseen = new Set<string>();
  #carried = false;
  #looking = false;
  #timer: ReturnType<typeof setInterval> | null = null;

  constructor(options: MeshOptions) {
    super();
    this.#options = options;
  }

  /** How media goes in this room now. */
  get path(): MediaPath {
    return this.#path;
  }

  /** Those whose sound and pictures come directly. */
  get direct(): string[] {
    return [...this.#entries].filter(([, { shown }]) => shown).map(([id]) => id);
  }

  get connections(): DirectConnection[] {
    return [...this.#entries].flatMap(([participantId, { link, shown }]) => {
      const seatOf = (mid: string) => {
        const source = link.sourceOf(mid);
        return source && seatName(participantId, source);
      };
      return shown ? [{ participantId, pc: link.pc, seatOf }] : [];
    });
  }

  /** What the people know must be known already: it asks who is there. */
  hear(message: ServerMessage): void {
    switch (message.type) {
      case "joined":
        this.#iceServers = message.iceServers as RTCIceServer[];
        if (!message.resumed) this.close();
        // What was said while the socket was away is lost, by us and to us: a picture too many goes to who wants none.
        for (const { link } of this.#entries.values()) link.spare("");
        for (const id of this.direct) this.#tell(id, "shown");
        return this.#follow(message.mode, message.resumed && this.#entries.size === 0);
      case "ice-servers":
        this.#iceServers = message.iceServers as RTCIceServer[];
        return;
      case "mode-changed":
        return this.#follow(message.mode, false);
      case "participant-joined":
        return this.#follow(this.#path, false);
      case "participant-left":
        this.#again.delete(message.participantId);
        return this.#drop(message.participantId);
      case "signal":
        return this.#heard(message);
    }
  }

  /** Seats of those who are shown directly. */
  seats(): Seat[] {
    return this.direct.flatMap((participantId) =>
      [...(this.#options.people().get(participantId)?.tracks.values() ?? [])].map(({ trackId, source }) => ({
        id: seatName(participantId, source),
        participantId,
        trackId,
        source,
      })),
    );
  }

  /** What arrives in a direct seat; undefined: it is none. */
  receiverOf(seat: string): RTCRtpReceiver | null | undefined {
    const [kind, participantId = "", source] = seat.split("/");
    if (kind !== DIRECT) return undefined;
    return this.#entries.get(participantId)?.link.receiverOf(source as TrackSource) ?? null;
  }

  /** How many lines of each seat's picture are shown: of what shows none, whoever sends it is told to send none. */
  want(lines: ReadonlyMap<string, number>): void {
    const before = new Map(this.direct.map((id) => [id, this.#uselessOf(id)]));
    for (const [seat, height] of lines) {
      if (height > 0) this.#unseen.delete(seat);
      else this.#unseen.add(seat);
    }
    for (const [id, useless] of before) if (this.#uselessOf(id) !== useless) this.#tell(id, "shown");
  }

  close(): void {
    for (const { link } of this.#entries.values()) link.close();
    this.#entries.clear();
    this.#again.clear();
    this.#unseen.clear();
    this.#path = "sfu";
    this.#settle();
  }

  /** `lost`: whatever there was is gone with the page that we were before. */
  #follow(path: MediaPath, lost: boolean): void {
    const isNew = path !== this.#path;
    this.#path = path;
    if (path === "mesh") {
      if (isNew) for (const id of [...this.#entries.keys()]) this.#drop(id);
      for (const id of this.#options.people().keys()) if (!this.#entries.has(id)) this.#ask(id, lost);
    } else if (isNew) {
      for (const [id, entry] of this.#entries) void this.#leave(id, entry);
    }
    this.#settle();
  }

  /** One of the two asks, the other offers: there is no glare. */
  #ask(id: string, always = false): void {
    if (always || isLater(this.#options.signaling.participantId, id)) this.#tell(id, "ask");
  }

  async #leave(id: string, entry: Entry): Promise<void> {
    entry.leaving = { since: performance.now(), pictures: Infinity };
    entry.leaving.pictures = await this.#options.viaServer(id);
  }

  #heard({ participantId: id, kind, data }: FromServer<"signal">): void {
    const entry = this.#entries.get(id);
    switch (kind) {
      case "ask":
        if (this.#path !== "mesh") return;
        if (isLater(this.#options.signaling.participantId, id)) return this.#ask(id);
        return this.#run(id, this.#open(id).link.offer());
      case "offer":
        if (this.#path !== "mesh") return;
        return this.#run(id, this.#open(id).link.hear({ kind, data }));
      case "answer":
      case "candidate":
        if (entry) this.#run(id, entry.link.hear({ kind, data }));
        return;
      case "shown":
        if (entry) entry.trusted = true;
        entry?.link.spare(data);
        return this.#settle();
      case "hidden":
        if (entry?.leaving) entry.trusted = false;
        else if (entry) this.#fail(id, false);
        return this.#settle();
    }
  }

  #open(id: string): Entry {
    this.#drop(id);
    this.#again.delete(id);
    const { publications, boxes, encryption } = this.#options;
    const hooks = {
      send: ({ kind, data }: LinkSignal) => this.#tell(id, kind, data),
      onChange: () => void this.#look(),
    };
    const link = new DirectLink(this.#iceServers, publications, boxes, hooks, encryption?.() ?? null);
    const entry: Entry = { link, since: performance.now(), connectedAt: null, shown: false, trusted: false, leaving: null };
    this.#entries.set(id, entry);
    this.#settle();
    return entry;
  }

  /** What the two browsers cannot agree on is no way either. */
  #run(id: string, step: Promise<void>): void {
    const { link } = this.#entries.get(id) ?? {};
    step.catch(() => {
      if (link && this.#entries.get(id)?.link === link) this.#fail(id, true);
    });
  }

  /** Back to the server's way with this one; `tells`: they do not know yet. */
  #fail(id: string, tells: boolean): void {
    if (tells) this.#tell(id, "hidden");
    this.#again.set(id, performance.now() + AGAIN_AFTER_MS);
    this.#drop(id);
  }

  #drop(id: string): void {
    const entry = this.#entries.get(id);
    if (!entry) return;
    this.#entries.delete(id);
    entry.link.close();
    this.#settle();
    if (entry.shown) this.emit("change", undefined);
  }

  /** Looks after every link; one look at a time, since each takes a while. */
  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      for (const [id, entry] of [...this.#entries]) await this.#lookAt(id, entry, performance.now());
    } finally {
      this.#looking = false;
    }
    for (const [id, at] of this.#again) {
      if (this.#path !== "mesh" || at > performance.now()) continue;
      this.#again.delete(id);
      this.#ask(id);
    }
    this.#settle();
  }

  async #lookAt(id: string, entry: Entry, now: number): Promise<void> {
    const { link, leaving } = entry;
    if (link.isConnected) entry.connectedAt ??= now;
    const isLate = entry.connectedAt === null && now - entry.since > CONNECT_WITHIN_MS;
    if (link.isLost || isLate) {
      if (this.#entries.get(id) === entry) this.#fail(id, true);
    } else if (leaving) {
      await this.#lookBack(id, entry, leaving, now);
    } else if (entry.connectedAt !== null && !entry.shown) {
      const isDue = now - entry.connectedAt > PATIENCE_MS || !this.#isSeen(id);
      if (isDue || (await pictures(link.receiverOf("camera"))) > 0) this.#show(id, entry, true);
    }
  }

  async #lookBack(id: string, entry: Entry, leaving: { since: number; pictures: number }, now: number): Promise<void> {
    if (entry.shown) {
      const isDue = now - leaving.since > PATIENCE_MS || !this.#isSeen(id);
      if (isDue || (await this.#options.viaServer(id)) > leaving.pictures) this.#show(id, entry, false);
    } else if (!entry.trusted || now - leaving.since > LINGER_MS) {
      if (this.#entries.get(id) === entry) this.#drop(id);
    }
  }

  #show(id: string, entry: Entry, shown: boolean): void {
    // Meanwhile it may have been replaced, or the room have changed its mode.
    if (this.#entries.get(id) !== entry || shown === (entry.leaving !== null)) return;
    entry.shown = shown;
    this.#tell(id, shown ? "shown" : "hidden");
    this.emit("change", undefined);
  }

  /** Whether a picture of somebody is to be expected. */
  #isSeen(id: string): boolean {
    const tracks = [...(this.#options.people().get(id)?.tracks.values() ?? [])];
    return tracks.some(({ source, muted }) => source === "camera" && !muted);
  }

  /** Says whether the server is needed, and looks after links for as long as there is something to look after. */
  #settle(): void {
    const people = [...this.#options.people().keys()];
    const isCarried = (id: string) => this.#entries.get(id)?.trusted === true;
    const carried = this.#path === "mesh" && people.length > 0 && people.every(isCarried);
    const changed = carried !== this.#carried;
    this.#carried = carried;
    const isBusy = this.#entries.size > 0 || this.#again.size > 0;
    if (isBusy) this.#timer ??= setInterval(() => void this.#look(), LOOK_EVERY_MS);
    else if (this.#timer !== null) {
      clearInterval(this.#timer);
      this.#timer = null;
    }
    if (changed) this.emit("carried", carried);
  }

  /** Of somebody's pictures those that nobody looks at. */
  #uselessOf(id: string): string {
    return PICTURES.filter((source) => this.#unseen.has(seatName(id, source))).join(" ");
  }

  #tell(participantId: string, kind: SignalKind, data = kind === "shown" ? this.#uselessOf(participantId) : ""): void {
    this.#options.signaling.send({ type: "signal", participantId, kind, data });
  }
}

function seatName(participantId: string, source: TrackSource): string {
  return `${DIRECT}/${participantId}/${source}`;
}

/** The server gives out numbers in turn; any other order would do, so long as it is the same at both ends. */
function isLater(own: string | null, other: string): boolean {
  if (own === null) return false;
  return own.length === other.length ? own > other : own.length > other.length;
}

async function pictures(receiver: RTCRtpReceiver | null): Promise<number> {
  return receiver ? picturesOf(receiver) : 0;
}
