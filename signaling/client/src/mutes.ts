/**
 * What the server knows of the tracks we send: what it calls them, and whether it takes them for muted. What it does
 * not know yet it is told; what somebody with a right to it has muted is muted here as well.
 */
import type { ClientMessage, TrackSource, TrackView } from "./messages.ts";
import { isInput, type Publications } from "./publications.ts";

export interface MutesHooks {
  publications: Publications;
  /** Tells the server; false: it cannot hear. */
  send: (message: ClientMessage) => boolean;
  /** Makes an offer: that tells of tracks which the server has not named. */
  offer: () => void;
  /** Somebody with a right to it muted this. */
  onSilenced: (source: TrackSource) => void;
  /** The server has not said anything yet of what we send of this now. */
  onNew: (source: TrackSource) => void;
}

export class Mutes {
  #hooks;
  /** What the server calls our tracks. */
  #trackIds = new Map<TrackSource, string>();
  /** Whether the server believes them muted. */
  #believed = new Map<TrackSource, boolean>();

  constructor(hooks: MutesHooks) {
    this.#hooks = hooks;
  }

  /** What we send under this name. */
  sourceOf(trackId: string): TrackSource | undefined {
    return [...this.#trackIds].find(([, known]) => known === trackId)?.[0];
  }

  /** An offer has told how it is with these. */
  offered(sources: TrackSource[]): void {
    for (const source of sources) this.#believed.set(source, this.#hooks.publications.isMuted(source));
  }

  /** The server names our tracks. */
  learn(tracks: TrackView[] = []): void {
    for (const { source, trackId, muted } of tracks) {
      if (this.#trackIds.get(source) !== trackId) this.#hooks.onNew(source);
      this.#trackIds.set(source, trackId);
      this.#believed.set(source, muted);
    }
    this.tell();
  }

  /**
   * We are in, or back. Of what was silenced we may not have heard; what we did hear of, and the server believes of us,
   * may have been unmuted here since.
   */
  joined(tracks: TrackView[] = [], silenced: readonly string[] = []): void {
    const news = tracks.filter(({ trackId, source }) => silenced.includes(trackId) && this.#believed.get(source) !== true);
    for (const { source } of news) this.#silence(source);
    this.learn(tracks);
  }

  /** Somebody with a right to it muted one of our tracks, or gave it back: what is off here stays off. */
  obey({ trackId, muted }: { trackId: string; muted: boolean }): void {
    const source = this.sourceOf(trackId);
    if (source === undefined) return;
    if (muted) this.#silence(source);
    else this.#believed.set(source, false);
    this.tell();
  }

  /** Tells the server what it does not believe yet; by an offer where it has not named the track. */
  tell(): void {
    const { publications, send, offer } = this.#hooks;
    for (const [source, believed] of this.#believed) {
      const muted = publications.isMuted(source);
      // A screen is shared or not; nobody here mutes it.
      if (muted === believed || !isInput(source)) continue;
      const trackId = this.#trackIds.get(source);
      if (!trackId) offer();
      else if (send({ type: muted ? "mute" : "unmute", trackId })) this.#believed.set(source, muted);
    }
  }

  clear(): void {
    this.#trackIds.clear();
    this.#believed.clear();
  }

  #silence(source: TrackSource): void {
    this.#believed.set(source, true);
    // Before anybody hears of it: else it would be taken back at once, as something that is not muted here.
    if (isInput(source)) this.#hooks.publications.mute(source, true);
    this.#hooks.onSilenced(source);
  }
}
