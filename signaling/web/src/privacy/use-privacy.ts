/** Shows a view again whenever it is otherwise with the encryption of the call. */
import { useLayoutEffect, useReducer } from "preact/hooks";
import type { Privacy, Room } from "volley-client";

export function usePrivacy(room: Room): Privacy {
  const [, again] = useReducer((turn: number, _: void) => turn + 1, 0);
  useLayoutEffect(() => {
    const stops = [room.on("privacy", () => again()), room.on("joined", () => again()), room.on("seats", () => again())];
    return () => stops.forEach((stop) => stop());
  }, [room]);
  return room.privacy;
}
