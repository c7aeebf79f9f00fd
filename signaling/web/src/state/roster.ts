/** Which tiles there are, from who is in the room and who sits where: pure functions. */
import type { Participant, Seat, TrackSource, TrackView } from "volley-client";
import { MOST_SEATS } from "./wanted.ts";

/** What is known of the room. */
export interface Company {
  participants: ReadonlyMap<string, Participant>;
  seats: readonly Seat[];
  speakers: readonly string[];
}

export interface TileModel {
  key: string;
  participantId: string;
  name: string;
  /** A shared screen, not a person. */
  screen: boolean;
  /** This person. */
  self: boolean;
  /** The seat its picture arrives in. */
  seat: string | null;
  /** No sound comes from this person. */
  muted: boolean;
  /** The server has lost sight of this person. */
  hidden: boolean;
  /** They ask to speak. */
  hand: boolean;
}

/** This person, as far as the tile says. */
export interface Own {
  id: string;
  name: string;
  muted: boolean;
  hand: boolean;
  /** Whether they share a screen. */
  shares: boolean;
}

/** So few people are all seen, whoever has a camera; their tiles keep their places. */
const FEW = 9;

/** One tile per person and one per shared screen, screens first. `order`: how people stand, by id. */
export function tilesOf({ participants, seats, speakers }: Company, order: readonly string[] = []): TileModel[] {
  const people = [...participants.values()];
  const places = new Map(order.map((id, place) => [id, place]));
  const placeOf = ({ id }: Participant) => places.get(id) ?? places.size;
  const standing = [...people].sort((one, other) => placeOf(one) - placeOf(other));
  const faces = standing.map((person) => faceOf(person, seats));
  return [...people.flatMap((person) => screensOf(person, seats)), ...seatedFirst(faces, seats, speakers)];
}

/** This person's tile, and beside it the screen they share, as others see it. */
export function ownTilesOf({ id, name, muted, hand, shares }: Own): TileModel[] {
  const face: TileModel = { key: id, participantId: id, name, screen: false, self: true, seat: null, muted, hidden: false, hand };
  const screen: TileModel = { ...face, key: `${id} screen`, screen: true, muted: false, hand: false };
  return shares ? [face, screen] : [face];
}

/** The people whose sound arrives, by seat. */
export function heard(seats: readonly Seat[]): Map<string, string> {
  return new Map(
    seats.flatMap(({ id, participantId, source }) =>
      participantId !== null && source === "microphone" ? [[id, participantId] as const] : [],
    ),
  );
}

/** The seats in which somebody's picture arrives, or would. */
export function pictures(seats: readonly Seat[]): string[] {
  return seats.filter(({ source }) => source === "camera" || source === "screen").map(({ id }) => id);
}

/**
 * Where there are more people than seats, not all have a tile of their own either: those who are
 * seen come first, and among the others those who speak. Where there are more than there can be seats, these go
 * to whoever is on the open page, so nobody's place follows from a seat.
 */
function seatedFirst(faces: TileModel[], seats: readonly Seat[], speakers: readonly string[]): TileModel[] {
  const seated = new Set(seats.map(({ participantId }) => participantId));
  const cameras = seats.filter(({ source }) => source === "camera").length;
  if (faces.length <= FEW || faces.length > MOST_SEATS || cameras >= faces.length) return faces;
  const worth = ({ participantId }: TileModel) =>
    Number(seated.has(participantId)) * 2 + Number(speakers.includes(participantId));
  return faces.sort((one, other) => worth(other) - worth(one));
}

function faceOf(person: Participant, seats: readonly Seat[]): TileModel {
  const camera = find(person, "camera");
  const microphone = find(person, "microphone");
  return {
    key: person.id,
    participantId: person.id,
    name: person.name,
    screen: false,
    self: false,
    seat: camera && !camera.muted ? seatOf(camera, seats) : null,
    muted: !microphone || microphone.muted,
    hidden: person.hidden,
    hand: person.handRaised,
  };
}

function screensOf(person: Participant, seats: readonly Seat[]): TileModel[] {
  const screen = find(person, "screen");
  const seat = screen && seatOf(screen, seats);
  if (!seat) return [];
  return [
    {
      key: `${person.id} screen`,
      participantId: person.id,
      name: person.name,
      screen: true,
      self: false,
      seat,
      muted: false,
      hidden: person.hidden,
      hand: false,
    },
  ];
}

function seatOf(track: TrackView, seats: readonly Seat[]): string | null {
  return seats.find(({ trackId }) => trackId === track.trackId)?.id ?? null;
}

function find(person: Participant, source: TrackSource): TrackView | null {
  return [...person.tracks.values()].find((track) => track.source === source) ?? null;
}
