// What a receiver heard. A tone sample is [timeMs, id of the participant heard or null].

// Heard: in at least nine of ten samples this participant's tone, and no other's.
export function isHeard(tones, id) {
  if (tones.length === 0 || id === null) return false;
  return tones.filter(([, heard]) => heard === id).length >= 0.9 * tones.length;
}

export function sourceOf(tones) {
  const counts = new Map();
  for (const [, id] of tones) if (id !== null) counts.set(id, (counts.get(id) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? null;
}

// Signed offsets of sound against picture, positive when the sound is late; one for each flash with a beep.
export function offsetsMs(flashes, beeps) {
  return flashes
    .map((flash) => beeps.map((beep) => beep - flash).sort((a, b) => Math.abs(a) - Math.abs(b))[0])
    .filter((offset) => offset !== undefined && Math.abs(offset) < 500);
}

export function median(numbers) {
  if (numbers.length === 0) return null;
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
