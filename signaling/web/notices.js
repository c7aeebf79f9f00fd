// @ts-check
/**
 * The slim lines that say what is wrong, and the quiet voice that tells a screen reader what
 * happens. One line per subject; a line waved away stays away until its subject was well again.
 *
 * @typedef {import("./errors.js").Notice} Notice
 * @typedef {import("./errors.js").Deed} Deed
 */
export class Notices {
  #list;
  #voice;
  #act;
  /** @type {Map<string, {line: HTMLElement, text: string}>} */
  #lines = new Map();

  /**
   * @param {HTMLElement} list
   * @param {HTMLElement} voice an `aria-live` region
   * @param {(deed: Deed) => void} act
   */
  constructor(list, voice, act) {
    this.#list = list;
    this.#voice = voice;
    this.#act = act;
  }

  /** What is shown now. */
  get texts() {
    return [...this.#lines.values()].filter(({ line }) => line.isConnected).map(({ text }) => text);
  }

  /** @param {string} subject @param {Notice} notice */
  show(subject, notice) {
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

  /** @param {string} subject */
  hide(subject) {
    this.#lines.get(subject)?.line.remove();
    this.#lines.delete(subject);
  }

  clear() {
    for (const subject of [...this.#lines.keys()]) this.hide(subject);
  }

  /** Said, not shown. @param {string} sentence */
  say(sentence) {
    this.#voice.textContent = sentence;
  }

  /** @param {string} subject @param {Notice} notice */
  #buttons(subject, { action }) {
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

/** @param {string} label @param {() => void} act */
function button(label, act) {
  const element = document.createElement("button");
  element.type = "button";
  element.textContent = label;
  element.onclick = act;
  return element;
}
