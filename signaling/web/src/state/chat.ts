/** What was said in writing: the lines, in order, and how many of them nobody has looked at. */
import { Changes } from "./changes.ts";

export interface ChatLine {
  id: number;
  /** Null: this person. */
  participantId: string | null;
  name: string;
  text: string;
  at: Date;
  /** Of the same person shortly after the line before: the name need not be said again. */
  goesOn: boolean;
}

/** As long as a server takes. */
export const LONGEST_TEXT = 2000;
/** Older lines are forgotten: a page that is open for days should not grow. */
const MOST_LINES = 500;
/** Lines of one person within this stand together. */
const TOGETHER_MS = 120_000;

export class Chat extends Changes {
  lines: readonly ChatLine[] = [];
  unread = 0;
  #isOpen = false;
  #next = 1;

  hear(participantId: string | null, name: string, text: string, at = new Date()): void {
    const last = this.lines.at(-1);
    const isSame = last?.participantId === participantId && last.name === name;
    const goesOn = isSame && at.getTime() - last.at.getTime() < TOGETHER_MS;
    const line = { id: this.#next++, participantId, name, text, at, goesOn };
    this.lines = [...this.lines, line].slice(-MOST_LINES);
    if (!this.#isOpen && participantId !== null) this.unread += 1;
    this.changed();
  }

  /** Whether somebody looks at it. */
  look(isOpen: boolean): void {
    if (this.#isOpen === isOpen) return;
    this.#isOpen = isOpen;
    if (isOpen) this.unread = 0;
    this.changed();
  }

  clear(): void {
    this.lines = [];
    this.unread = 0;
    this.changed();
  }
}

/** A text in pieces: addresses of the web, and what stands between them. */
export function piecesOf(text: string): { text: string; link: boolean }[] {
  const pieces: { text: string; link: boolean }[] = [];
  let from = 0;
  for (const match of text.matchAll(/https?:\/\/[^\s<>"]+/g)) {
    // What ends a sentence is not part of the address in it.
    const link = match[0].replace(/[.,;:!?)\]}'’”]+$/, "");
    if (match.index > from) pieces.push({ text: text.slice(from, match.index), link: false });
    pieces.push({ text: link, link: true });
    from = match.index + link.length;
  }
  if (from < text.length) pieces.push({ text: text.slice(from), link: false });
  return pieces;
}
