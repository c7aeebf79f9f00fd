/** The page in a window of its own, or a picture of it. */

export function isFullScreen(): boolean {
  return document.fullscreenElement !== null;
}

/** In, or out again. */
export async function goFullScreen(): Promise<void> {
  try {
    await (isFullScreen() ? document.exitFullscreen() : document.documentElement.requestFullscreen());
  } catch {
    // The browser or the person does not want it: the page stays as it is.
  }
}

export function canLeavePage(): boolean {
  return document.pictureInPictureEnabled === true;
}

/** Takes the picture that matters most into a window above all others, or back. False: there is none. */
export async function takeOut(): Promise<boolean> {
  if (document.pictureInPictureElement) {
    await document.exitPictureInPicture();
    return true;
  }
  const best = ["large", "speaking:not(.self)", "live:not(.self)", "live"].map((kind) => `#stage .tile.live.${kind} video`);
  const video = best.map((selector) => document.querySelector<HTMLVideoElement>(selector)).find(Boolean);
  if (!video) return false;
  return video.requestPictureInPicture().then(
    () => true,
    () => false,
  );
}
