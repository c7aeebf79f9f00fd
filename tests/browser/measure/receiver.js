// From raw samples and getStats of one receiving page to the figures of a case.
import '../page/format.js';
import { framesPerSecond, longestGapMs, flashStarts, sourceOf as pictureOf } from './video.js';
import { isHeard, median, offsetsMs, sourceOf as toneOf } from './audio.js';

const { format } = globalThis.volleyTest;

// Fewer offsets have no meaningful median.
const LEAST_BEEPS = 3;

// Figures for what was received from participant `id` since `from` (milliseconds of the page's clock).
// `samples` is what the page's meter kept: frames, beeps and tones of each m-line since it began.
export function figuresFor(id, samples, from) {
  const since = ([time]) => time > from;
  const videos = samples.video.map(({ frames, size }) => ({ frames: frames.filter(since), size }));
  const audios = samples.audio.map(({ beeps, tones }) => ({ beeps: beeps.filter((time) => time > from), tones: tones.filter(since) }));
  const video = videos.find(({ frames }) => pictureOf(frames) === id);
  const audio = audios.find(({ tones }) => toneOf(tones) === id);
  const frames = video?.frames ?? [];
  const offsets = offsetsMs(flashStarts(frames, format), audio?.beeps ?? []);
  return {
    received: Boolean(video && audio),
    fps: round(framesPerSecond(frames, from, samples.now)),
    longestGapMs: round(longestGapMs(frames, from, samples.now)),
    audioHeard: isHeard(audio?.tones ?? [], id),
    avSyncMs: offsets.length >= LEAST_BEEPS ? round(Math.abs(median(offsets))) : null,
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

// Of the pictures a publisher sent between two looks, the share its receiver decoded. A look is
// [statistics of the publisher, of the receiver]. With several layers, the one sent most often counts:
// a receiver sees one of them.
export function decodedShare(before, after) {
  const sent = ([stats]) => stats
    .filter(({ type, kind }) => type === 'outbound-rtp' && kind === 'video')
    .map(({ framesSent }) => framesSent ?? 0);
  const [was, is] = [sent(before), sent(after)];
  const most = Math.max(...is.map((frames, layer) => frames - (was[layer] ?? 0)));
  return (framesDecoded(after[1]) - framesDecoded(before[1])) / most;
}

// Of the sound a receiver played between two looks, the share that was made up for what was lost.
export function concealedShare(before, after) {
  const sum = (stats, key) => inbound(stats)
    .filter(({ kind }) => kind === 'audio')
    .reduce((total, stream) => total + (stream[key] ?? 0) - (key === 'concealedSamples' ? stream.silentConcealedSamples ?? 0 : 0), 0);
  const all = sum(after, 'totalSamplesReceived') - sum(before, 'totalSamplesReceived');
  return (sum(after, 'concealedSamples') - sum(before, 'concealedSamples')) / all;
}

// What identifies the secure path packets take: stays the same as long as nobody shakes hands again.
export function path(stats) {
  const transport = stats.find(({ type }) => type === 'transport') ?? {};
  const { dtlsState, iceLocalUsernameFragment, localCertificateId, remoteCertificateId, selectedCandidatePairId } = transport;
  return { dtlsState, iceLocalUsernameFragment, localCertificateId, remoteCertificateId, selectedCandidatePairId };
}

// The two candidates that packets go between.
export function selectedPair(stats) {
  const transport = stats.find(({ type }) => type === 'transport');
  const pair = stats.find(({ id }) => id === transport?.selectedCandidatePairId);
  const candidate = (wanted) => stats.find(({ id }) => id === wanted);
  return pair ? { local: candidate(pair.localCandidateId), remote: candidate(pair.remoteCandidateId) } : null;
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
