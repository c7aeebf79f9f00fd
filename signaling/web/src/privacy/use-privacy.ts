/** Shows a view again whenever it is otherwise with the encryption of the call. */
import { useLayoutEffect, useReducer } from "preact/hooks";
import type { Privacy, Room } from "volley-client";

/** Somebody sends what our key does not open: they have another passphrase, or we do. */
export function isForeign(room: Pick<Room, "seats" | "isLocked">): boolean {
  return room.seats.some(({ id, participantId }) => participantId !== null && room.isLocked(id));
}

export function usePrivacy(room: Room): Privacy {
  const [, again] = useReducer((turn: number, _: void) => turn + 1, 0);
  useLayoutEffect(() => {
    const stops = [room.on("privacy", () => again()), room.on("joined", () => again()), room.on("seats", () => again())];
    return () => stops.forEach((stop) => stop());
  }, [room]);
  return room.privacy;
}
