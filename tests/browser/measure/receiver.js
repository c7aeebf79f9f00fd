// From raw samples and getStats of one receiving page to the figures of a case.
import { framesPerSecond, longestGapMs, flashStarts, sourceOf as pictureOf } from './video.js';
import { isHeard, median, offsetsMs, sourceOf as toneOf } from './audio.js';

// Figures for what was received from participant `id` between two calls of take().
export function figuresFor(id, before, after) {
  const from = before.now;
  const to = after.now;
  const video = after.video.find(({ frames }) => pictureOf(frames) === id);
  const audio = after.audio.find(({ tones }) => toneOf(tones) === id);
  const frames = video?.frames ?? [];
  const offsets = offsetsMs(flashStarts(frames), audio?.beeps ?? []);
  return {
    fps: round(framesPerSecond(frames, from, to)),
    longestGapMs: round(longestGapMs(frames, from, to)),
    audioHeard: isHeard(audio?.tones ?? [], id),
    avSyncMs: offsets.length >= 3 ? round(Math.abs(median(offsets))) : null,
    beeps: offsets.length,
    size: video?.size ?? null,
  };
}

export function packetsLost(stats) {
  return inbound(stats).reduce((sum, { packetsLost: lost }) => sum + (lost ?? 0), 0);
}

export function srtpCipher(stats) {
  return stats.find(({ type }) => type === 'transport')?.srtpCipher ?? null;
}

export function codecsReceived(stats) {
  return inbound(stats).map(({ codecId }) => stats.find(({ id }) => id === codecId)?.mimeType).filter(Boolean);
}

export function framesDecoded(stats) {
  return inbound(stats).reduce((sum, { framesDecoded: decoded }) => sum + (decoded ?? 0), 0);
}

function inbound(stats) {
  return stats.filter(({ type }) => type === 'inbound-rtp');
}

// The worst of several receivers: the smallest fps, the longest gap, and so on.
export function worst(figures) {
  const sync = figures.map(({ avSyncMs }) => avSyncMs);
  return {
    fps: Math.min(...figures.map(({ fps }) => fps)),
    longestGapMs: Math.max(...figures.map(({ longestGapMs: gap }) => gap)),
    audioHeard: figures.every(({ audioHeard }) => audioHeard),
    avSyncMs: sync.includes(null) ? null : Math.max(...sync),
  };
}

function round(number) {
  return Math.round(number * 10) / 10;
}
