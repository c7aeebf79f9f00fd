/** A moving picture, silent: sound has elements of its own. */
import { useLayoutEffect, useRef } from "preact/hooks";
import { type Picture, watchFrames } from "../media/frames.ts";

interface VideoProps {
  track: MediaStreamTrack | null;
  /** It is told when it stands still. */
  expectsMore?: boolean;
  onPicture?: (picture: Picture) => void;
  /** With the first frame of each track. */
  onFirst?: () => void;
}

export function Video({ track, expectsMore = false, onPicture, onFirst }: VideoProps) {
  const element = useRef<HTMLVideoElement>(null);
  useLayoutEffect(() => {
    const video = element.current;
    if (!video) return;
    onPicture?.("none");
    video.srcObject = track && new MediaStream([track]);
    if (!track) return;
    let isFirst = true;
    const end = watchFrames(video, expectsMore, (picture) => {
      onPicture?.(picture);
      if (isFirst) onFirst?.();
      isFirst = false;
    });
    video.play().catch(() => {}); // Taken up again by `autoplay` once the page may.
    return end;
  }, [track]);
  return <video ref={element} autoplay playsInline muted />;
}
