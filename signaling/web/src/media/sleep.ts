/** Notices that the tab or the machine stood still: timers are then late by as long. */

/** How often is looked. */
const LOOK_EVERY_MS = 2000;
/** Browsers slow the timers of hidden tabs to one a second, and some to one a minute; then they are not asleep. */
const ASLEEP_AFTER_MS = 8000;

/** How long it stood still between two looks, or 0. */
export function sleptFor(before: number, now: number, isHidden: boolean): number {
  const late = now - before - LOOK_EVERY_MS;
  return !isHidden && late > ASLEEP_AFTER_MS ? late : 0;
}

export function watchSleep(onWoken: (ms: number) => void): () => void {
  let last = Date.now();
  let wasHidden = document.hidden;
  const timer = setInterval(() => {
    const now = Date.now();
    const ms = sleptFor(last, now, wasHidden);
    last = now;
    wasHidden = document.hidden;
    if (ms > 0) onWoken(ms);
  }, LOOK_EVERY_MS);
  return () => clearInterval(timer);
}
