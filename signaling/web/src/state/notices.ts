/**
 * The slim lines that say what is wrong, and the quiet voice that tells a screen reader what
 * happens. One line per subject; a line waved away stays away until its subject was well again.
 */
import { Changes } from "./changes.ts";

/** What the button of a notice does. */
export type Deed = "retry-devices" | "start-again" | "cancel" | "unblock" | "stop-screen" | "want-pictures" | "stay";

/** A button of a notice. */
export interface Choice {
  label: string;
  does: Deed;
}

export interface Notice {
  text: string;
  urgent?: boolean;
  action?: Choice;
  /** Where there are two ways on. */
  other?: Choice;
}

/** A notice that is shown. */
export interface Line extends Notice {
  subject: string;
}

export class Notices extends Changes {
  /** What was said last; `turn` tells two equal sentences apart. */
  voice = { text: "", turn: 0 };
  #lines = new Map<string, { notice: Notice; waved: boolean }>();

  /** What is shown now. */
  get lines(): Line[] {
    return [...this.#lines].filter(([, { waved }]) => !waved).map(([subject, { notice }]) => ({ subject, ...notice }));
  }

  /** Of all that is wrong, waved away or not. */
  get subjects(): string[] {
    return [...this.#lines.keys()];
  }

  get texts(): string[] {
    return this.lines.map(({ text }) => text);
  }

  show(subject: string, notice: Notice): void {
    if (this.#lines.get(subject)?.notice.text === notice.text) return;
    this.#lines.delete(subject);
    this.#lines.set(subject, { notice, waved: false });
    this.changed();
  }

  hide(subject: string): void {
    if (this.#lines.delete(subject)) this.changed();
  }

  /** Waved away by the person. */
  dismiss(subject: string): void {
    const line = this.#lines.get(subject);
    if (line) line.waved = true;
    this.changed();
  }

  clear(): void {
    this.#lines.clear();
    this.changed();
  }

  /** Said, not shown. */
  say(text: string): void {
    this.voice = { text, turn: this.voice.turn + 1 };
    this.changed();
  }
}
