// What is in a recorded file, by Debian's ffmpeg: the counters and flashes that were painted into its
// pictures, the beeps in its sound, and how far apart they are.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import '../page/format.js';
import '../page/sound.js';

const run = promisify(execFile);
const { format, sound } = globalThis.volleyTest;
const RATE = 48_000;
const COLUMNS = 640;
const ROWS = 480;
const STRIP = COLUMNS / format.blocks;
const MOST_BYTES = 1 << 30;
// The first and the last picture that can be read are so close to where they should be.
const NEAR_S = 2;
// Flash and beep of one second belong together when they are closer than this.
const TOGETHER_S = 0.4;

async function ffmpeg(words) {
  const { stdout } = await run('ffmpeg', ['-v', 'error', ...words, '-'], { encoding: 'buffer', maxBuffer: MOST_BYTES });
  return stdout;
}

// Streams and format, as ffprobe tells them.
export async function probe(file) {
  const { stdout } = await run('ffprobe', ['-v', 'error', '-show_streams', '-show_format', '-of', 'json', file]);
  const { streams, format: container } = JSON.parse(stdout);
  const of = (kind) => streams.find(({ codec_type: type }) => type === kind);
  return { video: of('video'), audio: of('audio'), durationMs: Number(container.duration) * 1000 };
}

const strip = ['-vf', `scale=${COLUMNS}:${ROWS}:flags=area,crop=${COLUMNS}:${STRIP}:0:0,format=gray`, '-fps_mode', 'passthrough', '-f', 'rawvideo'];

// Every picture in order: its time, and what is painted into it, or null where that cannot be read.
export async function pictures(file) {
  const decoder = await decoderOf(file);
  // ffprobe of Debian takes no decoder by name; nothing is sent in another order than it is shown.
  const entry = decoder.length ? 'packet=pts_time' : 'frame=best_effort_timestamp_time';
  const words = ['-v', 'error', '-select_streams', 'v:0', '-show_entries', entry, '-of', 'csv=p=0', file];
  const { stdout } = await run('ffprobe', words, { maxBuffer: MOST_BYTES });
  const times = stdout.split('\n').map((line) => line.split(',')[0]).filter(Boolean).map(Number);
  const painted = readStrips(await ffmpeg([...decoder, '-i', file, '-map', '0:v:0', ...strip]));
  if (painted.length !== times.length) throw new Error(`${file}: ${painted.length} pictures decoded of ${times.length}`);
  return painted.map((what, place) => ({ time: times[place], what }));
}

// ffmpeg's own decoder of VP9 shows each spatial layer of a picture; libvpx, which browsers have, the largest alone.
async function decoderOf(file) {
  const { video } = await probe(file);
  return video?.codec_name === 'vp9' ? ['-c:v', 'libvpx-vp9'] : [];
}

// The first picture that a player shows when it is sent to `seconds`.
export async function pictureAt(file, seconds) {
  return readStrips(await ffmpeg([...(await decoderOf(file)), '-ss', String(seconds), '-i', file, '-map', '0:v:0', '-frames:v', '1', ...strip]))[0] ?? null;
}

function readStrips(bytes) {
  const size = COLUMNS * STRIP;
  return Array.from({ length: Math.floor(bytes.length / size) }, (_, place) => readStrip(bytes.subarray(place * size, (place + 1) * size)));
}

// The middle of each block, bright or dark.
export function readStrip(rows) {
  const bits = Array.from({ length: format.blocks }, (_, block) => {
    let sum = 0;
    for (let y = STRIP / 4; y < (STRIP * 3) / 4; y += 1) {
      for (let x = STRIP / 4; x < (STRIP * 3) / 4; x += 1) sum += rows[y * COLUMNS + block * STRIP + x];
    }
    return sum / (STRIP / 2) ** 2 > 128 ? 1 : 0;
  });
  return format.decode(bits);
}

// When beeps begin, in seconds. Where nothing was sent there is silence of that length.
export async function beeps(file) {
  const filter = 'aresample=async=1:min_hard_comp=0.01:first_pts=0';
  const bytes = await ffmpeg(['-i', file, '-map', '0:a:0', '-af', filter, '-ac', '1', '-ar', String(RATE), '-f', 'f32le']);
  const samples = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length - (bytes.length % 4)));
  return new sound.BeepFinder(RATE, format.beepHz).push(samples, samples.length, samples.length / RATE);
}

// When flashes begin: the first picture of each whose picture before shows none.
export function flashes(all) {
  return all.filter(({ what }, place) => what?.flash && all[place - 1]?.what?.flash === false).map(({ time }) => time);
}

// Milliseconds by which beeps come after flashes: the median, without sign, of those between two times.
export function apartMs(flashTimes, beepTimes, from, to) {
  const near = (time) => beepTimes.reduce((best, beep) => (Math.abs(beep - time) < Math.abs(best - time) ? beep : best), Infinity);
  const pairs = flashTimes.filter((time) => time >= from && time <= to).map((time) => Math.abs(near(time) - time)).filter((apart) => apart < TOGETHER_S);
  pairs.sort((a, b) => a - b);
  return pairs.length ? Math.round(pairs[Math.floor(pairs.length / 2)] * 1000) : null;
}

// How many pictures of a file, in order, were painted after `after` and not after `upTo`, two numbers at which nothing
// more was painted for `stillS` seconds: there the file has a gap, so a picture that cannot be read counts too.
export function between(all, after, upTo, stillS) {
  const ahead = (of, counter) => (of - counter + format.counterModulus) % format.counterModulus;
  const isSoon = (count) => count < NEAR_S * format.fps;
  let first = all.findIndex(({ what }) => what && what.counter !== after && isSoon(ahead(what.counter, after)));
  let last = all.findLastIndex(({ what }) => what && isSoon(ahead(upTo, what.counter)));
  if (first < 0 || last < first) return null;
  const areTogether = (one, next) => one && next && next.time - one.time < stillS;
  while (areTogether(all[first - 1], all[first])) first -= 1;
  while (areTogether(all[last], all[last + 1])) last += 1;
  return last - first + 1;
}

// Holes in a file that are longer than `mostMs`, in which pictures were painted for as long, and of which no gap of
// the manifest tells: where each begins and how long it is, in milliseconds.
export function overlooked(all, gaps, mostMs) {
  const seen = all.filter(({ what }) => what).map(({ time, what }) => ({ ms: time * 1000, counter: what.counter }));
  const told = ({ of, atMs, lengthMs }, from, to) => of === 'video' && atMs < to && atMs + lengthMs > from;
  return seen.slice(1).flatMap(({ ms, counter }, place) => {
    const before = seen[place];
    const painted = (counter - before.counter + format.counterModulus) % format.counterModulus;
    const isHole = ms - before.ms > mostMs && painted < format.counterModulus / 2 && (painted * 1000) / format.fps > mostMs;
    return isHole && !gaps.some((gap) => told(gap, before.ms, ms)) ? [[Math.round(before.ms), Math.round(ms - before.ms)]] : [];
  });
}

// By how many milliseconds a moment lies outside a span of time, in which it is known to have been.
export const outsideMs = (ms, [from, to]) => Math.max(0, from - ms, ms - to);

// Of the pictures that were painted between the first and the last that can be read, how many are missing.
export function counted(all) {
  const counters = all.map(({ what }) => what?.counter).filter((counter) => counter !== undefined);
  const steps = counters.slice(1).map((counter, place) => (counter - counters[place] + format.counterModulus) % format.counterModulus);
  return { read: counters.length, painted: 1 + steps.reduce((sum, step) => sum + step, 0), backwards: steps.filter((step) => step > format.counterModulus / 2).length };
}
