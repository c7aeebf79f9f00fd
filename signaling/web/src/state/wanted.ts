/**
 * Whom the server need not send, where there are more people than a page has seats: so those on the open page
 * have one, and not those who happened to get theirs before. It knows neither tiles nor sockets.
 */
import type { FromServer, Room } from "volley-client";

/** So many pictures a page takes at once, however many people there are. */
export const MOST_SEATS = 49;
/** Servers keep 256 names for each page: enough for rooms of three hundred. */
const MOST_NAMED = 250;
/** Behind `joined` the server says all that it knows, within that; later it is an answer to somebody's word of now. */
const TOLD_WITHIN_MS = 2000;
/** Whoever drags a window turns pages faster than a server listens. */
const SETTLES_WITHIN_MS = 300;

export interface Demand {
  /** All others, in the order in which they stand. */
  order: readonly string[];
  /** Who is to be seen or heard now. */
  needed: ReadonlySet<string>;
  /** Who sits now. */
  seated: ReadonlySet<string>;
  /** Who was not wanted until now. */
  before: ReadonlySet<string>;
  /** So many people can sit. */
  seats: number;
}

/** Those who take part without being sent. Seats to spare stay with those who have them. */
export function unwantedOf({ order, needed, seated, before, seats }: Demand): Set<string> {
  if (order.length <= MOST_SEATS) return new Set();
  const rank = (id: string) => (seated.has(id) ? 0 : before.has(id) ? 2 : 1);
  const others = order.filter((id) => !needed.has(id)).sort((one, other) => rank(one) - rank(other));
  const spare = Math.max(0, seats - (order.length - others.length));
  return new Set(others.slice(spare, spare + MOST_NAMED));
}

type Kind = "participants" | "tracks";

/** What the server was told of people, or of tracks, that need not be sent, and is told next. */
export class Unwanted {
  #room;
  #kind: Kind;
  #told: ReadonlySet<string> = new Set();
  /** All that we have ever named in this call; the server's answer to an earlier word may come late. */
  #ours = new Set<string>();
  /** Somebody else's word, which is not to be taken back with ours. */
  #theirs: ReadonlySet<string> = new Set();
  /** The server has forgotten us: what it was told it may know again from the library, or not. */
  #isUnsure = false;
  #wished: ReadonlySet<string> = new Set();
  #timer: ReturnType<typeof setTimeout> | null = null;
  /** Nothing is known of what this page said before it was loaded, if it did. */
  #isNew = true;
  #hasJoined = false;
  /** On the page's clock: until then it may be told all that the server knows. */
  #learnsUntil = 0;

  constructor(room: Pick<Room, "participants" | "subscribe" | "unsubscribe" | "on">, kind: Kind) {
    this.#room = room;
    this.#kind = kind;
    room.on("message", (message) => {
      if (message.type === "joined") this.#joined(message.resumed);
      if (message.type === "subscriptions") this.#learn(message);
    });
  }

  /** As the server knows it. */
  get told(): ReadonlySet<string> {
    return this.#told;
  }

  /** These and nobody else. */
  wish(ids: ReadonlySet<string>): void {
    this.#wished = ids;
    if (this.#timer === null) this.#tell();
  }

  /** The call is over. */
  clear(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#told = this.#wished = this.#theirs = new Set();
    this.#ours.clear();
    this.#isUnsure = false;
    this.#learnsUntil = 0;
  }

  #joined(resumed: boolean): void {
    this.#learnsUntil = resumed ? performance.now() + TOLD_WITHIN_MS : 0;
    if (!resumed) this.#isUnsure = true;
    // All that the server knows behind a later one was said in this page's time.
    if (!resumed || this.#hasJoined) this.#isNew = false;
    this.#hasJoined = true;
  }

  /** What somebody else says who has this room, a script beside the page, is not taken back. */
  #learn(message: FromServer<"subscriptions">): void {
    const words = message[this.#kind];
    const known = Object.keys(words).filter((id) => !words[id]);
    if (performance.now() < this.#learnsUntil) {
      this.#learnsUntil = 0;
      // A word that was lost with the socket is said again.
      this.#told = new Set(this.#isNew ? known : known.filter((id) => this.#told.has(id)));
      this.#isNew = false;
    }
    for (const id of this.#told) this.#ours.add(id);
    this.#theirs = new Set(known.filter((id) => !this.#ours.has(id)));
  }

  #tell(): void {
    const here = new Set(this.#all());
    const wanted = [...this.#told].filter((id) => !this.#wished.has(id) && here.has(id));
    const isTold = (id: string) => this.#theirs.has(id) || (this.#told.has(id) && !this.#isUnsure);
    const unwanted = [...this.#wished].filter((id) => !isTold(id) && here.has(id));
    if (wanted.length === 0 && unwanted.length === 0) return;
    this.#isNew = false;
    const room = this.#room;
    const name = this.#kind === "tracks" ? "trackIds" : "participantIds";
    // Seats are free before somebody is to have them. Unheard it is said again with the next change of the stage.
    if (unwanted.length > 0 && !room.unsubscribe({ [name]: unwanted })) return;
    if (wanted.length > 0 && !room.subscribe({ [name]: wanted })) return;
    for (const id of unwanted) this.#ours.add(id);
    this.#isUnsure = false;
    this.#told = new Set([...this.#wished].filter((id) => here.has(id) && !this.#theirs.has(id)));
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#tell();
    }, SETTLES_WITHIN_MS);
  }

  /** All there are now. */
  #all(): string[] {
    const people = [...this.#room.participants];
    return this.#kind === "tracks" ? people.flatMap(([, { tracks }]) => [...tracks.keys()]) : people.map(([id]) => id);
  }
}
