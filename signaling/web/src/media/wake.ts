/** Keeps a phone's screen lit during a call. */

let lock: WakeLockSentinel | null = null;
let wanted = false;

export async function keepAwake(awake: boolean): Promise<void> {
  wanted = awake;
  if (!awake) {
    await lock?.release();
    lock = null;
    return;
  }
  try {
    lock = await navigator.wakeLock.request("screen");
  } catch {
    lock = null; // Not supported, or the battery is low: the call works all the same.
  }
}

// The browser lets go of the lock whenever the page is hidden.
document.addEventListener("visibilitychange", () => {
  if (wanted && document.visibilityState === "visible") void keepAwake(true);
});
