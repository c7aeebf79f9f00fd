// @ts-check
/**
 * Offer and answer, one offer in flight at a time (RFC 8829 §4.1.8: the page always offers, so
 * there is never glare). An offer whose socket dropped is told again, word for word, after
 * resuming: the server may or may not have heard it, and answers alike.
 *
 * @typedef {object} Hooks
 * @property {(sdp: string) => void} send sends the offer, if the server can hear it
 * @property {() => void} onSilence the offer was not answered in time
 * @property {(error: unknown) => void} onBroken this RTCPeerConnection is of no more use
 */

/** An answer takes a server a few milliseconds; by then the socket is surely dead. */
export const ANSWER_WITHIN_MS = 5000;

export class Offers {
  #pc;
  #hooks;
  #busy = false;
  #again = false;
  #silences = 0;
  /** @type {any} */
  #timer;

  /** @param {RTCPeerConnection} pc @param {Hooks} hooks */
  constructor(pc, hooks) {
    this.#pc = pc;
    this.#hooks = hooks;
    pc.onnegotiationneeded = () => this.request();
  }

  get inFlight() {
    return this.#busy;
  }

  /** Offers now, or once more when the offer in flight is answered. */
  async request() {
    this.#again = this.#busy;
    if (this.#busy) return;
    this.#busy = true;
    try {
      await this.#pc.setLocalDescription();
      this.#tell();
    } catch (error) {
      this.#broken(error);
    }
  }

  /** @param {string} sdp */
  async accept(sdp) {
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
  resend() {
    if (this.#pc.signalingState === "have-local-offer") this.#tell();
  }

  close() {
    clearTimeout(this.#timer);
    this.#pc.onnegotiationneeded = null;
  }

  #tell() {
    clearTimeout(this.#timer);
    const sdp = this.#pc.localDescription?.sdp;
    if (!sdp || this.#pc.signalingState === "closed") return;
    this.#hooks.send(sdp);
    this.#timer = setTimeout(() => this.#unanswered(), ANSWER_WITHIN_MS);
  }

  #unanswered() {
    this.#silences += 1;
    if (this.#silences > 2) this.#broken(new Error("no answer to an offer told three times"));
    else this.#hooks.onSilence();
  }

  /** @param {unknown} error */
  #broken(error) {
    if (this.#pc.signalingState === "closed") return;
    this.close();
    this.#hooks.onBroken(error);
  }
}
