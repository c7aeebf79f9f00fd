/**
 * Calls through a Volley server.
 *
 * ```ts
 * const room = new Room({ server: "https://call.example" });
 * room.on("track", ({ track }) => …);
 * await room.join({ roomId: "meeting", participantName: "Ada" });
 * room.publish("camera", track);
 * ```
 */
export { encryptionObstacle, generatePassphrase, type SealCounters, transformWay } from "./e2ee/index.ts";
export type { Privacy } from "./e2ee/room.ts";
export type { Stop } from "./emitter.ts";
export { RoomError } from "./errors.ts";
export type { MediaState, RoomEvents } from "./events.ts";
export { DEFAULT_PICTURES, type PictureSettings } from "./layers.ts";
export type { DirectConnection } from "./mesh.ts";
export type * from "./messages.ts";
export type { Selection } from "./moderation.ts";
export type { Participant, Seat } from "./people.ts";
export type { Input } from "./publications.ts";
export type { QualityOf, RoomOptions, SubscriptionOf } from "./options.ts";
export type { Recording, RecordingFile, Recordings } from "./recordings.ts";
export { type ReachOptions, type Tried, tryWays, type Way } from "./reach.ts";
export { Room } from "./room.ts";
export type { Identity, JoinWish, Refusal, Signaling, SignalingState, TokenSource } from "./signaling.ts";
export { linesOf } from "./wishes.ts";
