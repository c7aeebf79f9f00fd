/**
 * Whether a picture moves. A track tells nobody that its frames have ceased, and a face that stands still looks
 * as if it were there.
 */

/** `still`: it was live, and no frame has come for a while. */
export type Picture = "none" | "live" | "still";

export const LOOK_EVERY_MS = 500;
/** Looks and not time: when the page itself was busy for long, the looks that it missed are not made up for. */
export const STILL_AFTER_LOOKS = 4;

type Presents = Pick<HTMLVideoElement, "requestVideoFrameCallback" | "addEventListener">;

/** `expectsMore`: of a face, not of a screen, which may stand still for hours. Returns how to end it. */
export function watchFrames(video: Presents, expectsMore: boolean, tell: (picture: Picture) => void): () => void {
  const frames = new Frames(video, tell);
  frames.begin(expectsMore);
  return () => frames.end();
}

class Frames {
  #video;
  #tell;
  #picture: Picture = "none";
  #looks = 0;
  #isAsked = false;
  #hasEnded = false;
  #timer: ReturnType<typeof setInterval> | null = null;

  constructor(video: Presents, tell: (picture: Picture) => void) {
    this.#video = video;
    this.#tell = tell;
  }

  begin(expectsMore: boolean): void {
    if (!("requestVideoFrameCallback" in this.#video)) {
      // Firefox before 132 tells of the first picture alone.
      (this.#video as HTMLVideoElement).addEventListener("loadeddata", () => this.#become("live"), { once: true });
      return;
    }
    this.#ask();
    if (expectsMore) this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
  }

  end(): void {
    this.#hasEnded = true;
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  /** Once for each look: thirty times a second for each of dozens of pictures would cost more than it tells. */
  #ask(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    this.#video.requestVideoFrameCallback(() => {
      this.#isAsked = false;
      this.#looks = 0;
      this.#become("live");
    });
  }

  #look(): void {
    // What is not shown presents no frames.
    this.#looks = document.hidden ? 0 : this.#looks + 1;
    if (this.#looks > STILL_AFTER_LOOKS && this.#picture === "live") this.#become("still");
    this.#ask();
  }

  #become(picture: Picture): void {
    if (this.#hasEnded || this.#picture === picture) return;
    this.#picture = picture;
    this.#tell(picture);
  }
}
