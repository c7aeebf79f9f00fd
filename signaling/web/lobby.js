// @ts-check
/**
 * The room's front door: who, where, and a look in the mirror.
 *
 * Event: `join` (detail: `{name, roomId}`).
 */
import { proposeRoom, readRoom } from "./rooms.js";

const NAME_KEPT_AS = "volley-name";

export class Lobby extends EventTarget {
  #element;
  #name;
  #room;
  #button;
  #refusal;
  #mirror;
  #hint;

  /**
   * @param {HTMLElement} element
   * @param {{name: string | null, roomId: string}} proposal
   */
  constructor(element, { name, roomId }) {
    super();
    const part = (/** @type {string} */ selector) => /** @type {any} */ (element.querySelector(selector));
    this.#element = element;
    this.#name = /** @type {HTMLInputElement} */ (part("#name"));
    this.#room = /** @type {HTMLInputElement} */ (part("#room"));
    this.#button = /** @type {HTMLButtonElement} */ (part("[type=submit]"));
    this.#refusal = /** @type {HTMLElement} */ (part(".refusal"));
    this.#mirror = /** @type {HTMLVideoElement} */ (part("video"));
    this.#hint = /** @type {HTMLElement} */ (part(".hint"));
    this.#name.value = name ?? localStorage.getItem(NAME_KEPT_AS) ?? "";
    this.#room.value = roomId || proposeRoom();
    part("#propose").onclick = () => (this.#room.value = proposeRoom());
    part("form").onsubmit = (/** @type {Event} */ event) => {
      event.preventDefault();
      this.submit();
    };
  }

  show() {
    this.#element.hidden = false;
    this.busy(false);
    (this.#name.value ? this.#button : this.#name).focus();
  }

  hide() {
    this.#element.hidden = true;
    this.refuse("");
  }

  /** @param {string} text why we may not come in */
  refuse(text) {
    this.#refusal.textContent = text;
    this.busy(false);
  }

  /** @param {boolean} busy */
  busy(busy) {
    this.#button.disabled = busy;
    this.#button.textContent = busy ? "Joining…" : "Join";
  }

  /** @param {MediaStreamTrack | null} track @param {string} hint shown where no picture is */
  mirror(track, hint) {
    this.#hint.textContent = track ? "" : hint;
    const [shown = null] = /** @type {MediaStream | null} */ (this.#mirror.srcObject)?.getTracks() ?? [];
    if (shown !== track) this.#mirror.srcObject = track && new MediaStream([track]);
  }

  submit() {
    const name = this.#name.value.trim();
    const roomId = readRoom(this.#room.value);
    if (!name || !roomId) {
      this.refuse(name ? "A room’s name is made of letters, digits, and . _ ~ -" : "Please give your name.");
      (name ? this.#room : this.#name).focus();
      return;
    }
    this.#room.value = roomId;
    localStorage.setItem(NAME_KEPT_AS, name);
    this.refuse("");
    this.busy(true);
    this.dispatchEvent(new CustomEvent("join", { detail: { name, roomId } }));
  }
}
