/**
 * Offer and answer, one offer in flight at a time (RFC 8829 §4.1.8: the page always offers, so
 * there is never glare). An offer whose socket dropped is told again, word for word, after
 * resuming: the server may or may not have heard it, and answers alike.
 */

export interface OfferHooks {
  /** An offer was made. What is returned tells the server of it, if it can hear, whatever has changed meanwhile. */
  made: (sdp: string) => () => void;
  /** The offer was not answered in time. */
  onSilence: () => void;
  /** This RTCPeerConnection is of no more use. */
  onBroken: (error: unknown) => void;
}

/** An answer takes a server a few milliseconds; by then the socket is surely dead. */
export const ANSWER_WITHIN_MS = 5000;
/** So many times one offer is told before we give its connection up. */
const TOLD_AT_MOST = 3;

export class Offers {
  #pc;
  #hooks;
  /** Tells of the offer in flight. */
  #send: (() => void) | null = null;
  #busy = false;
  #again = false;
  #silences = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(pc: RTCPeerConnection, hooks: OfferHooks) {
    this.#pc = pc;
    this.#hooks = hooks;
    pc.onnegotiationneeded = () => this.request();
  }

  get inFlight(): boolean {
    return this.#busy;
  }

  /** Offers now, or once more when the offer in flight is answered. */
  async request(): Promise<void> {
    this.#again = this.#busy;
    if (this.#busy) return;
    this.#busy = true;
    this.#send = null;
    try {
      await this.#pc.setLocalDescription();
      const sdp = this.#pc.localDescription?.sdp;
      this.#send = sdp ? this.#hooks.made(sdp) : null;
      this.#tell();
    } catch (error) {
      this.#broken(error);
    }
  }

  async accept(sdp: string): Promise<void> {
    if (this.#pc.signalingState !== "have-local-offer") return;
    clearTimeout(this.#timer);
    try {
      await this.#pc.setRemoteDescription({ type: "answer", sdp });
    } catch (error) {
      this.#broken(error);
      return;
    }
    this.#busy = false;
    this.#silences = 0;
    if (this.#again) this.request();
  }

  /** The socket is back. */
  resend(): void {
    if (this.#pc.signalingState === "have-local-offer") this.#tell();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#pc.onnegotiationneeded = null;
  }

  #tell(): void {
    clearTimeout(this.#timer);
    if (!this.#send || this.#pc.signalingState === "closed") return;
    this.#send();
    this.#timer = setTimeout(() => this.#unanswered(), ANSWER_WITHIN_MS);
  }

  #unanswered(): void {
    this.#silences += 1;
    if (this.#silences >= TOLD_AT_MOST) this.#broken(new Error("no answer to an offer told three times"));
    else this.#hooks.onSilence();
  }

  #broken(error: unknown): void {
    if (this.#pc.signalingState === "closed") return;
    this.close();
    this.#hooks.onBroken(error);
  }
}
