/** A moving picture, silent: sound has elements of its own. */
import { useLayoutEffect, useRef } from "preact/hooks";

export function Video({ track, onSeen }: { track: MediaStreamTrack | null; onSeen?: (seen: boolean) => void }) {
  const element = useRef<HTMLVideoElement>(null);
  useLayoutEffect(() => {
    const video = element.current;
    if (!video) return;
    onSeen?.(false);
    video.srcObject = track && new MediaStream([track]);
    if (!track) return;
    let isCurrent = true;
    onFirstFrame(video, () => isCurrent && onSeen?.(true));
    video.play().catch(() => {}); // Taken up again by `autoplay` once the page may.
    return () => {
      isCurrent = false;
    };
  }, [track]);
  return <video ref={element} autoplay playsInline muted />;
}

function onFirstFrame(video: HTMLVideoElement, act: () => void): void {
  if ("requestVideoFrameCallback" in video) video.requestVideoFrameCallback(act);
  else (video as HTMLVideoElement).addEventListener("loadeddata", act, { once: true });
}
