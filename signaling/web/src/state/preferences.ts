/** What a person likes, kept in their browser: reading it never fails, whatever stands there. */
import { Changes } from "./changes.ts";

export type Theme = "system" | "light" | "dark";
/** The most that is asked for of others' pictures. `sound`: none at all. */
export type Received = "auto" | "medium" | "low" | "sound";
export type View = "grid" | "speaker";

export interface Wishes {
  name: string;
  theme: Theme;
  language: "" | "en" | "de";
  view: View;
  received: Received;
  /** Most tiles at once. */
  tiles: number;
  /** The own picture as in a mirror. */
  mirrored: boolean;
  /** Letters alone do things (WCAG 2.1.4 wants that they can be told not to). */
  shortcuts: boolean;
  /** The devices chosen, by their ids; "": the system's choice. */
  microphone: string;
  camera: string;
  speaker: string;
}

export const TILE_CHOICES = [9, 16, 25, 49];

export const DEFAULTS: Wishes = {
  name: "",
  theme: "system",
  language: "",
  view: "grid",
  received: "auto",
  tiles: 49,
  mirrored: true,
  shortcuts: true,
  microphone: "",
  camera: "",
  speaker: "",
};

const CHOICES: { [Key in keyof Wishes]?: readonly Wishes[Key][] } = {
  theme: ["system", "light", "dark"],
  language: ["", "en", "de"],
  view: ["grid", "speaker"],
  received: ["auto", "medium", "low", "sound"],
};

const KEPT_AS = "volley-wishes";

/** What was kept, where it still makes sense. */
export function readWishes(kept: string | null): Wishes {
  const found = parse(kept);
  const wishes: Record<string, unknown> = { ...DEFAULTS };
  for (const [key, usual] of Object.entries(DEFAULTS)) {
    const value = found[key];
    const choices: readonly unknown[] | undefined = CHOICES[key as keyof Wishes];
    if (typeof value === typeof usual && (!choices || choices.includes(value))) wishes[key] = value;
  }
  if (!TILE_CHOICES.includes(wishes["tiles"] as number)) wishes["tiles"] = DEFAULTS.tiles;
  return wishes as unknown as Wishes;
}

function parse(kept: string | null): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(kept ?? "{}");
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

export class Preferences extends Changes {
  #wishes: Wishes;
  #store;

  constructor(store: Pick<Storage, "getItem" | "setItem"> = localStorage) {
    super();
    this.#store = store;
    this.#wishes = readWishes(store.getItem(KEPT_AS));
  }

  get all(): Readonly<Wishes> {
    return this.#wishes;
  }

  set(change: Partial<Wishes>): void {
    this.#wishes = { ...this.#wishes, ...change };
    this.#store.setItem(KEPT_AS, JSON.stringify(this.#wishes));
    this.changed();
  }
}
