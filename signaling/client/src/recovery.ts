/** How sound and picture fare, and when they are started over: not more often than helps. */
import { Emitter } from "./emitter.ts";
import type { MediaState } from "./events.ts";

/** New media may be started this often; what fails at once should not fail a thousand times. */
const RENEW_EVERY_MS = 5000;

export class Recovery extends Emitter<{ state: MediaState }> {
  #renew;
  #state: MediaState = "new";
  /** Whether packets ever flowed in this call: else trying again by itself would not help. */
  #everWell = false;
  #renewedAt = -Infinity;
  #renewal: ReturnType<typeof setTimeout> | undefined;

  /** `renew` makes a new connection. */
  constructor(renew: () => void) {
    super();
    this.#renew = renew;
  }

  get state(): MediaState {
    return this.#state;
  }

  /** A call begins. */
  begin(): void {
    this.#everWell = false;
    this.enter("new");
  }

  enter(state: MediaState): void {
    this.#everWell ||= state === "well";
    if (this.#state === state) return;
    this.#state = state;
    this.emit("state", state);
  }

  /** There is no way any more, or there never was one. */
  lost(): void {
    if (this.#everWell) this.renew();
    else this.enter("failed");
  }

  renew(): void {
    clearTimeout(this.#renewal);
    const pause = Math.max(0, this.#renewedAt + RENEW_EVERY_MS - performance.now());
    this.#renewal = setTimeout(() => {
      this.#renewedAt = performance.now();
      this.#renew();
    }, pause);
  }

  close(): void {
    clearTimeout(this.#renewal);
  }
}
