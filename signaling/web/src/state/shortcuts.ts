/** Which key does what. Letters alone, and only where nobody is writing. */
import type { Word } from "../words.ts";

export type Deed =
  | "microphone"
  | "camera"
  | "share"
  | "hand"
  | "chat"
  | "people"
  | "view"
  | "full-screen"
  | "inside"
  | "previous-page"
  | "next-page"
  | "help";

export interface Shortcut {
  key: string;
  does: Deed;
  /** What the list of them calls it. */
  word: Word;
}

export const SHORTCUTS: readonly Shortcut[] = [
  { key: "M", does: "microphone", word: "shortcut.microphone" },
  { key: "V", does: "camera", word: "shortcut.camera" },
  { key: "S", does: "share", word: "shortcut.share" },
  { key: "H", does: "hand", word: "shortcut.hand" },
  { key: "C", does: "chat", word: "chat" },
  { key: "P", does: "people", word: "people" },
  { key: "G", does: "view", word: "shortcut.view" },
  { key: "F", does: "full-screen", word: "full-screen" },
  { key: "I", does: "inside", word: "inside" },
  { key: "[", does: "previous-page", word: "shortcut.previous-page" },
  { key: "]", does: "next-page", word: "shortcut.next-page" },
  { key: "?", does: "help", word: "shortcut.help" },
];

/** What a key event is made of. */
export interface Key {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  repeat: boolean;
}

/** What the key does, or nothing: with a modifier it is the browser's, held down it is done once. */
export function deedOf({ key, ctrlKey, metaKey, altKey, repeat }: Key, isWriting: boolean): Deed | null {
  if (ctrlKey || metaKey || altKey || repeat || isWriting) return null;
  return SHORTCUTS.find((one) => one.key === key.toUpperCase())?.does ?? null;
}

/** Whether what is typed there is text, or chooses something. */
export function isWritingIn(element: Element | null): boolean {
  return element !== null && element.matches("input, textarea, select, [contenteditable]");
}
