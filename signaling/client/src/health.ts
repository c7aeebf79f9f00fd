/**
 * Watches the way of the packets and decides when it is ill: first an ICE restart, then a new
 * start. It does neither itself.
 */

export interface HealthHooks {
  /** Packets flow. */
  onWell: () => void;
  /** They have just stopped; it may pass. */
  onWeak: () => void;
  /** Asks for an ICE restart. */
  restart: () => void;
  /** A restart did not help in time, or there was no way yet. One that comes later is told as any other. */
  onLost: () => void;
  /** Whether the server would hear of a restart. */
  canSignal: () => boolean;
}

/**
 * A lost burst heals within this. A browser says `disconnected` when it has heard nothing for some
 * seconds already, and a restart does a way that is well again no harm.
 */
export const RESTART_AFTER_MS = 1500;
/** A first connection or a restart takes well under a second; loss may cost a few retries. */
export const LOST_AFTER_MS = 10_000;

export class Health {
  #pc;
  #hooks;
  /** What helps is on its way, or has come to nothing; until there is a way nothing else is tried. */
  #tried = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(pc: RTCPeerConnection, hooks: HealthHooks) {
    this.#pc = pc;
    this.#hooks = hooks;
    pc.oniceconnectionstatechange = () => this.#look();
    pc.onconnectionstatechange = () => this.#look();
    this.#expect();
  }

  /** The network has just come back, or is another one. */
  hurry(): void {
    if (this.#pc.iceConnectionState === "disconnected" && !this.#tried) this.#restart();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#pc.oniceconnectionstatechange = this.#pc.onconnectionstatechange = null;
  }

  #look(): void {
    const ice = this.#pc.iceConnectionState;
    if (ice === "failed" || ice === "disconnected") {
      if (this.#tried) return;
      if (ice === "failed") return this.#restart();
      this.#hooks.onWeak();
      this.#after(RESTART_AFTER_MS, () => this.#restart());
    } else if (this.#pc.connectionState === "connected") {
      clearTimeout(this.#timer);
      this.#tried = false;
      this.#hooks.onWell();
    } else if (this.#pc.connectionState === "failed") {
      // ICE is fine and DTLS is not: no restart mends that.
      this.#lost();
    }
  }

  #restart(): void {
    this.#hooks.onWeak();
    // Without the server nothing can be mended; it may come back any moment.
    if (!this.#hooks.canSignal()) return this.#after(RESTART_AFTER_MS, () => this.#restart());
    this.#tried = true;
    this.#hooks.restart();
    this.#expect();
  }

  #expect(): void {
    this.#after(LOST_AFTER_MS, () => (this.#isAnswered() ? this.#late() : this.#expect()));
  }

  /** It may come all the same, over a slow relay say, and is watched from then on. */
  #late(): void {
    this.#tried = true;
    this.#hooks.onLost();
  }

  /** Before the server has answered, packets cannot have a way: signaling's trouble, not ours. */
  #isAnswered(): boolean {
    return this.#hooks.canSignal() && this.#pc.signalingState === "stable";
  }

  #lost(): void {
    this.close();
    this.#hooks.onLost();
  }

  #after(ms: number, act: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(act, ms);
  }
}
