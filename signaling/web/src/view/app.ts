/** What every view may look at, and how it is told that something is different. */
import { createContext } from "preact";
import { useContext, useLayoutEffect, useReducer } from "preact/hooks";
import type { Room } from "volley-client";
import type { Watch } from "../inside/watch.ts";
import type { Devices } from "../media/devices.ts";
import type { Speakers } from "../media/speakers.ts";
import type { Tape } from "../recording/tape.ts";
import type { Call } from "../state/call.ts";
import type { Changes } from "../state/changes.ts";
import type { Chat } from "../state/chat.ts";
import type { Notices } from "../state/notices.ts";
import type { Preferences } from "../state/preferences.ts";
import type { Screen } from "../state/screen.ts";
import type { Stage } from "../state/stage.ts";

export interface App {
  room: Room;
  devices: Devices;
  speakers: Speakers;
  notices: Notices;
  preferences: Preferences;
  chat: Chat;
  watch: Watch;
  call: Call;
  stage: Stage;
  screen: Screen;
  tape: Tape;
}

const Context = createContext<App | null>(null);

export const Provided = Context.Provider;

export function useApp(): App {
  const app = useContext(Context);
  if (!app) throw new Error("a view stands outside of the page");
  return app;
}

/** Shows the view again whenever one of these has changed. */
export function useChanges(...watched: Changes[]): void {
  const [, again] = useReducer((turn: number, _: void) => turn + 1, 0);
  // Before anything else happens: what changed meanwhile would never be shown.
  useLayoutEffect(() => {
    const stops = watched.map((one) => one.onChange(() => again()));
    return () => stops.forEach((stop) => stop());
  }, watched);
}
