/**
 * What this person gives to the call: a track per source, and whether it is muted. It knows neither
 * devices nor connections; whoever carries the call listens.
 */
import { Emitter } from "./emitter.ts";
import type { TrackSource } from "./messages.ts";

/** What is switched on and off in a call; a screen is shared or not. */
export type Input = "microphone" | "camera";

export interface PublicationEvents {
  /** A track came, went, or was muted. */
  change: void;
}

export class Publications extends Emitter<PublicationEvents> {
  #tracks = new Map<TrackSource, MediaStreamTrack>();
  #muted = new Set<Input>();
  #screen: MediaStream | null = null;

  /** The shared screen. */
  get screen(): MediaStream | null {
    return this.#screen;
  }

  track(source: TrackSource): MediaStreamTrack | null {
    return this.#tracks.get(source) ?? null;
  }

  /** Whether others get nothing of it: it is muted, or there is nothing. */
  isMuted(source: TrackSource): boolean {
    return isInput(source) && (this.#muted.has(source) || !this.#tracks.has(source));
  }

  publish(input: Input, track: MediaStreamTrack | null): void {
    if (this.track(input) === track) return;
    this.#set(input, track);
    if (track) track.enabled = !this.#muted.has(input);
    this.emit("change", undefined);
  }

  mute(input: Input, muted: boolean): void {
    if (this.#muted.has(input) === muted) return;
    if (muted) this.#muted.add(input);
    else this.#muted.delete(input);
    const track = this.track(input);
    if (track) track.enabled = !muted;
    this.emit("change", undefined);
  }

  share(screen: MediaStream | null): void {
    if (this.#screen === screen) return;
    this.#screen = screen;
    this.#set("screen", screen?.getVideoTracks()[0] ?? null);
    this.#set("screen-audio", screen?.getAudioTracks()[0] ?? null);
    this.emit("change", undefined);
  }

  #set(source: TrackSource, track: MediaStreamTrack | null): void {
    if (track) this.#tracks.set(source, track);
    else this.#tracks.delete(source);
  }
}

export function isInput(source: TrackSource): source is Input {
  return source === "microphone" || source === "camera";
}

export function kindOf(source: TrackSource): "audio" | "video" {
  return source === "microphone" || source === "screen-audio" ? "audio" : "video";
}
