/**
 * What arrives, whichever way it comes: the seats of the server's way and those of direct ones as one
 * list, and what is in each.
 */
import type { RoomEncryption } from "./e2ee/room.ts";
import { loudnessOf, type Media } from "./media.ts";
import type { Mesh } from "./mesh.ts";
import type { People, Seat } from "./people.ts";

export interface ArrivalsOptions {
  media: Pick<Media, "trackOf" | "loudnessOf" | "isLocked" | "picturesOf">;
  mesh: Pick<Mesh, "seats" | "receiverOf">;
  people: People;
  encryption: RoomEncryption;
}

export class Arrivals {
  #options;
  /** Seats of whose track was told. */
  #told = new Set<string>();

  constructor(options: ArrivalsOptions) {
    this.#options = options;
  }

  /** All of them: whoever comes directly has none of the server's. */
  get seats(): readonly Seat[] {
    const { mesh, people } = this.#options;
    const direct = mesh.seats();
    const others = new Set(direct.map(({ participantId }) => participantId));
    const byServer = ({ participantId }: Seat) => participantId === null || !others.has(participantId);
    return [...direct, ...people.seats.filter(byServer)];
  }

  /** Whether a seat is not the server's. */
  isDirect(seat: string): boolean {
    return this.#options.mesh.receiverOf(seat) !== undefined;
  }

  trackOf(seat: string): MediaStreamTrack | null {
    const { media, mesh } = this.#options;
    const direct = mesh.receiverOf(seat);
    return direct === undefined ? media.trackOf(seat) : (direct?.track ?? null);
  }

  loudnessOf(seat: string): number {
    const { media, mesh } = this.#options;
    const direct = mesh.receiverOf(seat);
    return direct === undefined ? media.loudnessOf(seat) : loudnessOf(direct);
  }

  isLocked(seat: string): boolean {
    const { media, mesh, encryption } = this.#options;
    if (encryption.privacy.locked) return true;
    const direct = mesh.receiverOf(seat);
    if (direct === undefined) return media.isLocked(seat);
    return (direct && encryption.engine?.isLocked(direct)) ?? false;
  }

  /** Seats in which something arrives that was not told of before; tells of each once. */
  news(): { seat: Seat; track: MediaStreamTrack }[] {
    const news = [];
    for (const seat of this.seats) {
      const track = seat.participantId === null || this.#told.has(seat.id) ? null : this.trackOf(seat.id);
      if (!track) continue;
      this.#told.add(seat.id);
      news.push({ seat, track });
    }
    return news;
  }

  /** A direct way that ended brings another track when it begins again. */
  moved(): void {
    for (const seat of [...this.#told]) if (this.#options.mesh.receiverOf(seat) === null) this.#told.delete(seat);
  }

  clear(): void {
    this.#told.clear();
  }

  /** How many pictures of somebody's camera the server's way has brought so far. */
  async viaServer(participantId: string): Promise<number> {
    const { media, people } = this.#options;
    const seats = people.seats.filter((seat) => seat.participantId === participantId && seat.source === "camera");
    const counts = await Promise.all(seats.map(({ id }) => media.picturesOf(id)));
    return counts.reduce((sum, count) => sum + count, 0);
  }
}
