/**
 * The slim lines that say what is wrong, and the quiet voice that tells a screen reader what
 * happens. One line per subject; a line waved away stays away until its subject was well again.
 */
import type { Deed, Notice } from "./errors.ts";

export class Notices {
  #list;
  #voice;
  #act;
  #lines = new Map<string, { line: HTMLElement; text: string }>();

  /** `voice`: an `aria-live` region. */
  constructor(list: HTMLElement, voice: HTMLElement, act: (deed: Deed) => void) {
    this.#list = list;
    this.#voice = voice;
    this.#act = act;
  }

  /** What is shown now. */
  get texts(): string[] {
    return [...this.#lines.values()].filter(({ line }) => line.isConnected).map(({ text }) => text);
  }

  show(subject: string, notice: Notice): void {
    if (this.#lines.get(subject)?.text === notice.text) return;
    this.hide(subject);
    const line = document.createElement("div");
    line.classList.toggle("urgent", Boolean(notice.urgent));
    const text = document.createElement("span");
    text.textContent = notice.text;
    line.append(text, ...this.#buttons(subject, notice));
    this.#lines.set(subject, { line, text: notice.text });
    this.#list.append(line);
  }

  hide(subject: string): void {
    this.#lines.get(subject)?.line.remove();
    this.#lines.delete(subject);
  }

  clear(): void {
    for (const subject of [...this.#lines.keys()]) this.hide(subject);
  }

  /** Said, not shown. */
  say(sentence: string): void {
    this.#voice.textContent = sentence;
  }

  #buttons(subject: string, { action }: Notice): HTMLElement[] {
    const dismiss = button("×", () => this.#lines.get(subject)?.line.remove());
    dismiss.className = "dismiss";
    dismiss.setAttribute("aria-label", "Dismiss");
    if (!action) return [dismiss];
    const act = button(action.label, () => {
      this.hide(subject);
      this.#act(action.does);
    });
    return [act, dismiss];
  }
}

function button(label: string, act: () => void): HTMLButtonElement {
  const element = document.createElement("button");
  element.type = "button";
  element.textContent = label;
  element.onclick = act;
  return element;
}
