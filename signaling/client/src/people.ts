/**
 * Who is in the room, what they send, and which of it arrives in which seat: pure state, told by
 * the server's messages. No DOM, no media.
 */
import type { FromServer, ParticipantView, ServerMessage, SlotLayer, TrackSource, TrackView } from "./messages.ts";

/** Somebody else in the room. */
export interface Participant {
  id: string;
  name: string;
  /** The server has lost sight of them. */
  hidden: boolean;
  /** They ask to speak. */
  handRaised: boolean;
  /** What they publish, by the track's id. */
  tracks: Map<string, TrackView>;
}

/** A place in which something arrives. Who is in it changes without any negotiation. */
export interface Seat {
  /** Stays the same for as long as the connection does; in SDP the m-line's mid. */
  id: string;
  participantId: string | null;
  trackId: string | null;
  source: TrackSource | null;
  /** What of a picture the server sends now; never of one that comes directly. */
  layer?: SlotLayer;
}

export class People {
  /** By id. */
  all = new Map<string, Participant>();
  seats: Seat[] = [];
  /** Who speaks now, whoever began last first. */
  speakers: string[] = [];

  /** True when something may have changed. */
  hear(message: ServerMessage): boolean {
    switch (message.type) {
      case "joined":
        return this.#reset(message);
      case "participant-joined":
        this.#add(message);
        return true;
      case "participant-left":
        return this.all.delete(message.participantId);
      case "participant-hidden":
        return this.#change(message, (person) => (person.hidden = message.hidden));
      case "hand-raised":
        return this.#change(message, (person) => (person.handRaised = message.raised));
      case "track-published":
        return this.#change(message, ({ tracks }) => tracks.set(message.track.trackId, message.track));
      case "track-unpublished":
        return this.#change(message, ({ tracks }) => tracks.delete(message.trackId));
      case "track-muted":
        return this.#change(message, ({ tracks }) => {
          const track = tracks.get(message.trackId);
          if (track) tracks.set(track.trackId, { ...track, muted: message.muted });
        });
      case "active-speakers":
        this.speakers = message.participantIds;
        return true;
      case "slots":
        this.seats = message.slots.map(seatOf);
        return true;
      default:
        return false;
    }
  }

  clear(): void {
    this.all.clear();
    this.seats = [];
    this.speakers = [];
  }

  #reset(joined: FromServer<"joined">): boolean {
    this.all.clear();
    this.speakers = [];
    for (const participant of joined.participants) this.#add(participant);
    if (!joined.resumed) this.seats = [];
    return true;
  }

  #add({ participantId, participantName, hidden = false, handRaised = false, tracks = [] }: Arrival): void {
    this.all.set(participantId, {
      id: participantId,
      name: participantName,
      hidden,
      handRaised,
      tracks: new Map(tracks.map((track) => [track.trackId, track])),
    });
  }

  #change({ participantId }: { participantId: string }, change: (person: Participant) => unknown): boolean {
    const person = this.all.get(participantId);
    if (person) change(person);
    return person !== undefined;
  }
}

type Arrival = Pick<ParticipantView, "participantId" | "participantName"> & Partial<ParticipantView>;

function seatOf({ mid, participantId, trackId, source, layer }: FromServer<"slots">["slots"][number]): Seat {
  const shown = { participantId: participantId ?? null, trackId: trackId ?? null, source: source ?? null };
  return { id: mid, ...shown, ...(layer && { layer }) };
}
