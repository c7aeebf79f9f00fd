// What the frames seen by one receiver in a stretch of time amount to.
// A frame is [timeMs, presentedFrames, id, counter, flash, height]; id, counter and flash are null when
// unreadable.

export function framesPerSecond(frames, fromMs, toMs) {
  if (frames.length === 0) return 0;
  // Presented, not called back: a busy page may miss a callback for a frame the user did see.
  const presented = frames.at(-1)[1] - frames[0][1] + 1;
  return (presented * 1000) / (toMs - fromMs);
}

// The longest time without a new frame, beginning and end of the stretch included.
export function longestGapMs(frames, fromMs, toMs) {
  const times = [fromMs, ...frames.map(([time]) => time).filter((time) => time > fromMs && time < toMs), toMs];
  return times.slice(1).reduce((longest, time, index) => Math.max(longest, time - times[index]), 0);
}

// When the picture turned bright. A frame says by its counter how far into the flash it is, so a flash
// whose first frame was dropped still has its time.
export function flashStarts(frames, { fps, flashEvery }) {
  const starts = [];
  let bright = false;
  for (const [time, , , counter, flash] of frames) {
    if (flash === null) continue;
    if (flash && !bright) starts.push(time - ((counter % flashEvery) * 1000) / fps);
    bright = flash;
  }
  // Already bright when the stretch began: its beep may have sounded before.
  return frames[0]?.[4] ? starts.slice(1) : starts;
}

// The heights of the pictures since `from`, lowest first, each once: those that `least` pictures in a
// row had.
export function heightsSince(frames, from, least = 1) {
  const heights = frames.filter(([time]) => time >= from).map((frame) => frame[5]);
  const lasted = heights.filter((height, at) => {
    const begin = heights.findLastIndex((other, before) => before < at && other !== height) + 1;
    const end = heights.findIndex((other, after) => after > at && other !== height);
    return (end < 0 ? heights.length : end) - begin >= least;
  });
  return [...new Set(lasted)].sort((a, b) => a - b);
}

// When pictures turned to `height`, if they did since `from` and have it now; null otherwise.
export function firstAtHeight(frames, height, from) {
  const since = frames.filter(([time]) => time >= from);
  const last = since.findLastIndex((frame) => frame[5] !== height);
  return since[last + 1]?.[0] ?? null;
}

// The source most frames came from, or null.
export function sourceOf(frames) {
  const counts = new Map();
  for (const [, , id] of frames) if (id !== null) counts.set(id, (counts.get(id) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? null;
}
