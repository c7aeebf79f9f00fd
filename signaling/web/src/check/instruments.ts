/** Looks at the devices themselves: each is opened, looked at for a moment, and closed. */
import { watchLevel } from "../media/level.ts";

/** Long enough for a word, or for a fan to be heard. */
const LISTEN_MS = 3000;
/** A camera that is asleep takes a second or two. */
const LOOK_MS = 6000;

export async function listen(): Promise<{ loudest: number }> {
  return withTrack({ audio: true }, async (track) => {
    let loudest = 0;
    const stop = watchLevel(track, (level) => (loudest = Math.max(loudest, level)));
    await pause(LISTEN_MS);
    stop();
    return { loudest };
  });
}

export async function look(): Promise<{ seen: boolean }> {
  return withTrack({ video: true }, async (track) => {
    const video = document.createElement("video");
    video.muted = true;
    video.srcObject = new MediaStream([track]);
    const seen = new Promise<boolean>((done) => {
      video.onloadeddata = () => done(true);
      setTimeout(() => done(false), LOOK_MS);
    });
    video.play().catch(() => {}); // `onloadeddata` tells all there is to know.
    return { seen: await seen };
  });
}

async function withTrack<T>(wanted: MediaStreamConstraints, use: (track: MediaStreamTrack) => Promise<T>): Promise<T> {
  if (!navigator.mediaDevices?.getUserMedia) throw new DOMException("", "InsecureContext");
  const stream = await navigator.mediaDevices.getUserMedia(wanted);
  const [track] = stream.getTracks();
  if (!track) throw new DOMException("", "NotFoundError");
  try {
    return await use(track);
  } finally {
    track.stop();
  }
}

const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));
