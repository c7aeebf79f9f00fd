/**
 * Where features that stand beside the call add themselves: each is a component that takes what it needs
 * from `useApp()`. An empty list shows nothing.
 */
import type { ComponentType } from "preact";
import { BackgroundField } from "../background/field.tsx";
import { Mark } from "../recording/mark.tsx";
import { RecordEntry } from "../recording/entry.tsx";
import { PrivacyField } from "../privacy/field.tsx";
import { SealFigures } from "../privacy/figures.tsx";
import { Lock } from "../privacy/lock.tsx";
import { Shield } from "../privacy/shield.tsx";

export interface Extras {
  /** Rows below the device pickers, in the lobby and in the settings: `<div class="field">` with a label and a control. */
  settings: ComponentType[];
  /** Below the room's name in the lobby: what is to be said of the room before it is entered. */
  room: ComponentType[];
  /** Entries of the menu in the call: a `MenuItem` each. */
  menu: ComponentType[];
  /** Beside the room's name in the call: a mark, or a button of class `quiet`. */
  header: ComponentType[];
  /** On the tile of somebody else, by their id: over the picture, such as a lock where it cannot be opened. */
  tile: ComponentType<{ participantId: string }>[];
  /** Below the tables of the look inside: further tables. */
  inside: ComponentType[];
}

export const EXTRAS: Extras = {
  settings: [BackgroundField],
  room: [PrivacyField],
  menu: [RecordEntry],
  header: [Shield, Mark],
  tile: [Lock],
  inside: [SealFigures],
};
