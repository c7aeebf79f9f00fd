// @ts-check
/**
 * What is heard: one audio element per receiving m-line, kept for the life of the connection, so
 * that seats changing hands never interrupt the sound.
 *
 * Event: `blocked` (the browser wants a touch or a click before it plays sound).
 */
export class Speakers extends EventTarget {
  #home;
  /** @type {Map<string, HTMLAudioElement>} */
  #byMid = new Map();

  /** @param {HTMLElement} home where the elements live */
  constructor(home) {
    super();
    this.#home = home;
  }

  /** @param {string} mid @param {MediaStreamTrack} track */
  play(mid, track) {
    const known = this.#byMid.get(mid);
    if (known && trackOf(known) === track) return;
    const audio = known ?? this.#make(mid);
    audio.srcObject = new MediaStream([track]);
    this.#start(audio);
  }

  /** After the click the browser asked for. */
  unblock() {
    for (const audio of this.#byMid.values()) this.#start(audio);
  }

  close() {
    for (const audio of this.#byMid.values()) audio.srcObject = null;
    this.#byMid.clear();
    this.#home.replaceChildren();
  }

  /** @param {string} mid */
  #make(mid) {
    const audio = document.createElement("audio");
    audio.autoplay = true;
    audio.dataset.mid = mid;
    this.#byMid.set(mid, audio);
    this.#home.append(audio);
    return audio;
  }

  /** @param {HTMLAudioElement} audio */
  async #start(audio) {
    try {
      await audio.play();
    } catch (error) {
      if (error instanceof DOMException && error.name === "NotAllowedError") {
        this.dispatchEvent(new Event("blocked"));
      }
    }
  }
}

/** @param {HTMLAudioElement} audio */
function trackOf(audio) {
  return audio.srcObject instanceof MediaStream ? audio.srcObject.getTracks()[0] : null;
}
