/** The room's front door: who, where, and a look in the mirror. */
import { part } from "./dom.ts";
import { proposeRoom, readRoom } from "./rooms.ts";

const NAME_KEPT_AS = "volley-name";

/** Who wants in, and where. */
export interface Entrance {
  name: string;
  roomId: string;
}

export class Lobby {
  #element;
  #name;
  #room;
  #button;
  #refusal;
  #mirror;
  #hint;
  #onJoin;

  constructor(element: HTMLElement, { name, roomId }: { name: string | null; roomId: string }, onJoin: (wish: Entrance) => void) {
    this.#element = element;
    this.#onJoin = onJoin;
    this.#name = part<HTMLInputElement>("#name", element);
    this.#room = part<HTMLInputElement>("#room", element);
    this.#button = part<HTMLButtonElement>("[type=submit]", element);
    this.#refusal = part(".refusal", element);
    this.#mirror = part<HTMLVideoElement>("video", element);
    this.#hint = part(".hint", element);
    this.#name.value = name ?? localStorage.getItem(NAME_KEPT_AS) ?? "";
    this.#room.value = roomId || proposeRoom();
    part("#propose", element).onclick = () => (this.#room.value = proposeRoom());
    part("form", element).onsubmit = (event) => {
      event.preventDefault();
      this.submit();
    };
  }

  show(): void {
    this.#element.hidden = false;
    this.#busy(false);
    (this.#name.value ? this.#button : this.#name).focus();
  }

  hide(): void {
    this.#element.hidden = true;
    this.refuse("");
  }

  /** Says why we may not come in. */
  refuse(text: string): void {
    this.#refusal.textContent = text;
    this.#busy(false);
  }

  /** Shows the camera, or `hint` where no picture is. */
  mirror(track: MediaStreamTrack | null, hint: string): void {
    this.#hint.textContent = track ? "" : hint;
    const [shown = null] = (this.#mirror.srcObject as MediaStream | null)?.getTracks() ?? [];
    if (shown !== track) this.#mirror.srcObject = track && new MediaStream([track]);
  }

  submit(): void {
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
    this.#busy(true);
    this.#onJoin({ name, roomId });
  }

  #busy(busy: boolean): void {
    this.#button.disabled = busy;
    this.#button.textContent = busy ? "Joining…" : "Join";
  }
}
