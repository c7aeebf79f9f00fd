/** What a room tells: the names of its events and what comes with each. */
import type { Privacy } from "./e2ee/room.ts";
import type { FromServer, MediaPath, ServerMessage, TrackSource } from "./messages.ts";
import type { Participant, Seat } from "./people.ts";
import type { Refusal, SignalingState } from "./signaling.ts";

/** How the packets fare. `weak`: interrupted, and being mended. `failed`: there never was a way. */
export type MediaState = "new" | "well" | "weak" | "failed";

export interface RoomEvents {
  /** We are in, or back in (`resumed`). */
  joined: FromServer<"joined">;
  /** It is over: refused, removed, closed, or taken up elsewhere. We have left. */
  ended: Refusal;
  /** The way to the server, which comes back by itself. A call goes on without it. */
  state: SignalingState;
  /** The way of sound and picture, which heals by itself, unless it never was. */
  media: MediaState;
  /** Anything about people, seats and speakers: look at all of it. */
  change: void;
  "participant-joined": Participant;
  "participant-left": Participant;
  seats: readonly Seat[];
  speakers: readonly string[];
  /** Something arrives in a seat for the first time. Who is in the seat may change later. */
  track: { seat: Seat; track: MediaStreamTrack };
  /** Media began anew, with other seats. */
  renewed: void;
  /** Media goes another way from now on: between people directly, or by the server. */
  mode: MediaPath;
  /** Whether the call is encrypted end to end, its code, or who can be opened. */
  privacy: Privacy;
  /** The room is recorded from now on, under this name, or no longer; everybody is told. */
  recording: string | null;
  chat: FromServer<"chat">;
  /** The server has heard of a wish for a quality. */
  quality: FromServer<"quality">;
  /** Whoever runs the room muted this. It can be unmuted again. */
  silenced: TrackSource;
  /** The server refused something, or there was no new token to be had for it (`token-unavailable`); the call goes on. */
  error: Refusal;
  /** The server is about to stop, or has: then we come back as somebody new, as soon as there is one again. */
  goodbye: FromServer<"goodbye">;
  /** Every message of the server, after it was acted upon. */
  message: ServerMessage;
}
