/** Notices when nobody can see the page: it is hidden, and no picture of it stands in a window of its own. */
import { Changes } from "../state/changes.ts";

/** Whoever looks something up in another tab and comes back finds pictures that move. */
export const UNSEEN_AFTER_MS = 10_000;

const EVENTS = ["visibilitychange", "enterpictureinpicture", "leavepictureinpicture"];

export class Sight extends Changes {
  isSeen = true;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor() {
    super();
    for (const name of EVENTS) document.addEventListener(name, () => this.#look());
    this.#look();
  }

  #look(): void {
    if (!maybeSeen()) {
      this.#timer ??= setTimeout(() => this.#lookAgain(), UNSEEN_AFTER_MS);
      return;
    }
    if (this.#timer !== null) clearTimeout(this.#timer);
    // A picture that goes with its person leaves its window, and tells nobody.
    this.#timer = document.hidden ? setTimeout(() => this.#lookAgain(), UNSEEN_AFTER_MS) : null;
    this.#set(true);
  }

  #lookAgain(): void {
    this.#timer = null;
    if (maybeSeen()) this.#look();
    else this.#set(false);
  }

  #set(isSeen: boolean): void {
    if (this.isSeen === isSeen) return;
    this.isSeen = isSeen;
    this.changed();
  }
}

/** Firefox takes pictures into windows of their own, too, and tells no page, so there it cannot be known. */
function maybeSeen(): boolean {
  return !document.hidden || !("pictureInPictureElement" in document) || document.pictureInPictureElement !== null;
}
