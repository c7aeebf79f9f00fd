/**
 * What is heard: one audio element per seat, kept for the life of the connection, so that seats
 * changing hands never interrupt the sound.
 */
export class Speakers {
  #home;
  #onBlocked;
  #device = "";
  #bySeat = new Map<string, HTMLAudioElement>();

  /** `home`: where the elements live. `onBlocked`: the browser wants a touch or a click before it plays sound. */
  constructor(home: HTMLElement, onBlocked: () => void) {
    this.#home = home;
    this.#onBlocked = onBlocked;
  }

  play(seat: string, track: MediaStreamTrack): void {
    const known = this.#bySeat.get(seat);
    if (known && trackOf(known) === track) return;
    const audio = known ?? this.#make(seat);
    audio.srcObject = new MediaStream([track]);
    void this.#start(audio);
  }

  /** Others are silent: whoever is heard another way now is not heard twice. */
  keep(seats: ReadonlySet<string>): void {
    for (const [seat, audio] of this.#bySeat) audio.muted = !seats.has(seat);
  }

  /** Plays on this device from now on; "": the system's choice. */
  async choose(deviceId: string): Promise<void> {
    this.#device = deviceId;
    await Promise.all([...this.#bySeat.values()].map((audio) => send(audio, deviceId)));
  }

  /** After the click the browser asked for. */
  unblock(): void {
    for (const audio of this.#bySeat.values()) void this.#start(audio);
  }

  close(): void {
    for (const audio of this.#bySeat.values()) audio.srcObject = null;
    this.#bySeat.clear();
    this.#home.replaceChildren();
  }

  #make(seat: string): HTMLAudioElement {
    const audio = document.createElement("audio");
    audio.autoplay = true;
    audio.dataset.mid = seat;
    this.#bySeat.set(seat, audio);
    this.#home.append(audio);
    void send(audio, this.#device);
    return audio;
  }

  async #start(audio: HTMLAudioElement): Promise<void> {
    try {
      await audio.play();
    } catch (error) {
      if (error instanceof DOMException && error.name === "NotAllowedError") this.#onBlocked();
    }
  }
}

/** Not every browser lets a page choose; one that is gone is not there to choose. */
async function send(audio: HTMLAudioElement, deviceId: string): Promise<void> {
  if (!("setSinkId" in audio)) return;
  if (deviceId !== "" || audio.sinkId !== "") await audio.setSinkId(deviceId).catch(() => {});
}

function trackOf(audio: HTMLAudioElement): MediaStreamTrack | undefined {
  return audio.srcObject instanceof MediaStream ? audio.srcObject.getTracks()[0] : undefined;
}
