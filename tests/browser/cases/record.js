// A room is recorded: three people, one of whom shares a screen and one of whom leaves and comes back. What
// was painted into the pictures is read from the files again.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { receiving } from '../harness/calls.js';
import { api, join, leave } from '../harness/room.js';
import { log, sleep, until } from '../harness/shell.js';
import { apartMs, beeps, between, counted, flashes, outsideMs, overlooked, pictureAt, pictures, probe } from '../measure/recorded.js';

export const FOLDER = path.join('/tmp', `volley-recordings-${process.pid}`);
const ORIGIN = 'http://localhost:8080';
// Each manifest is brought to the disk, which others use as well.
const COMPLETE_WITHIN_MS = 60_000;
// Sound and picture are compared over so many seconds at either end.
const END_SECONDS = 10;
const MOST_MISREAD = 0.05;
const SECRET = '7k3mq0x9w2vt5r8n4b6c1dfghj';
// A better encoding is recorded once it has come for three seconds.
const SETTLED_MS = 5000;
// Nothing is painted for so long, and what was before has left its publisher after so long.
const STILL_MS = 1000;
// A screen is painted, encoded and sent some time after it is shared; sound, with which cameras begin, is there before.
const SHOWN_MS = 500;
const SENT_MS = 500;
// On the link of each publisher.
const LOST_PER_CENT = 5;

export const name = 'record';
export const about = 'a recorded room: every file plays, in step, and holds every picture that was sent';
export const needsServer = true;
export const environment = { VOLLEY_RECORDING__PATH: FOLDER };
export const cases = [
  { name: 'record-vp8', run: (context) => recorded(context, 'VP8') },
  ...['VP9', 'AV1', 'H264'].map((codec) => ({ name: `record-${codec.toLowerCase()}`, run: (context) => inCodec(context, codec) })),
  ...[['VP9', 'L3T3_KEY'], ['AV1', 'L3T3']].map(([codec, mode]) => ({
    name: `record-${codec.toLowerCase()}-spatial`, run: (context) => inCodec(context, codec, mode),
  })),
  { name: 'record-loss', run: withLoss },
  { name: 'record-sealed', run: sealed },
];

async function recorded(context, codec) {
  context.onClose(() => fs.rmSync(FOLDER, { recursive: true, force: true }));
  const { room } = context;
  const ada = await join(context, 'chromium', 1, room, { codec });
  const ben = await join(context, 'chromium', 2, room, { codec });
  await receiving(ada.page, 'call', 2);
  await ada.page.evaluate(listen);
  const before = await Promise.all([ada, ben].map(published));
  const [started, begins] = await during(() => post(`/api/rooms/${room}/recording/start`));
  const again = await post(`/api/rooms/${room}/recording/start`);
  const [cleo, comes] = await during(() => join(context, 'chromium', 3, room, { codec }));
  const [, shares] = await during(() => share(ada.page));
  await sleep(SETTLED_MS);
  const from = await tallies(context, [ada, ben]);
  await sleep(partOf(context, 0.5) - SETTLED_MS);
  const [, goes] = await during(() => leave(cleo));
  const [back, comesBack] = await during(() => join(context, 'chromium', 3, room, { codec }));
  await sleep(partOf(context, 0.5));
  const to = await tallies(context, [ada, ben]);
  const progress = (await api(`/api/rooms/${room}/recording`)).body;
  const after = await Promise.all([ada, ben].map(published));
  const [stopped, ends] = await during(() => post(`/api/rooms/${room}/recording/stop`));
  const manifest = await complete(room, started.body.recordingId);
  const heard = await ada.page.evaluate(() => globalThis.heard);
  shares[1] += SHOWN_MS;
  const expected = [
    [ada, 'camera', begins, ends], [ada, 'screen', shares, ends], [ben, 'camera', begins, ends],
    [cleo, 'camera', comes, goes], [back, 'camera', comesBack, ends],
  ];
  const files = await Promise.all(manifest.files.map((file) => examine(room, manifest, file)));
  // A screen has too few pictures to tell flashes from beeps by.
  const cameras = files.filter(({ shows }) => shows === 'camera');
  const worst = (figure) => Math.max(...cameras.map((file) => file[figure] ?? 0));
  const names = Object.fromEntries(manifest.participants.map(({ participantId, participantName }) => [participantId, participantName]));
  const shown = manifest.files.map(({ participantId, shows }) => `${names[participantId]} ${shows}`).sort();
  const wanted = expected.map(([{ name: who }, shows]) => `${who} ${shows}`).sort();
  const { limits } = context;
  const sent = after.map((frames, place) => frames - before[place]);
  const kept = sent.map((frames, place) => framesOf(manifest, [ada, ben][place].name) / frames);
  const counts = from.map((tally, place) => countedOf(manifest, files, [ada, ben][place].name, tally, to[place]));
  const off = offMs(manifest, expected.map(([{ name: who }, ...rest]) => [who, ...rest]));
  return {
    files: files.length,
    framesDecoded: files.reduce((sum, file) => sum + (file.frames ?? 0), 0),
    // Of what the two who were there all the time sent of their best layer.
    framesPublished: sent,
    // Of the same two, between two moments at which nothing was under way.
    sentAndRecorded: counts,
    shareOfPublished: kept.map((share) => Math.round(share * 1000) / 1000),
    avSyncAtStartMs: worst('startMs'),
    avSyncAtEndMs: worst('endMs'),
    offMs: off,
    droppedPackets: manifest.droppedPackets,
    gaps: manifest.files.reduce((sum, { gaps }) => sum + gaps.length, 0),
    failures: [
      started.status === 201 || `the start was answered with ${started.status}`,
      again.status === 409 || `a second start was answered with ${again.status}`,
      stopped.status === 200 || `the end was answered with ${stopped.status}`,
      progress.bytes > 0 || `in the middle there were ${JSON.stringify(progress)}`,
      JSON.stringify(heard) === '["recording-started","recording-stopped"]' || `the page heard ${JSON.stringify(heard)}`,
      JSON.stringify(shown) === JSON.stringify(wanted) || `the files show ${shown} instead of ${wanted}`,
      manifest.droppedPackets === 0 || `${manifest.droppedPackets} packets were dropped`,
      ...inTime(off, limits),
      kept.every((share) => share >= limits.leastRecorded) || `of ${sent} pictures only ${kept} are in the files`,
      ...apart(counts, limits),
      cameras.some(({ startMs, endMs }) => startMs !== null && endMs !== null) || 'no file has flashes and beeps',
      worst('startMs') <= limits.mostRecordedAvSyncMs || `at the start sound and picture are ${worst('startMs')} ms apart`,
      worst('endMs') <= limits.mostRecordedAvSyncMs || `at the end sound and picture are ${worst('endMs')} ms apart`,
      ...files.flatMap(({ failures }) => failures),
      ...(await removed(room, manifest.recordingId)),
    ].filter((failure) => failure !== true),
  };
}

// Two people in another codec, with spatial layers where `mode` names some: the file says which, plays, and is in step.
async function inCodec(context, codec, mode) {
  context.onClose(() => fs.rmSync(FOLDER, { recursive: true, force: true }));
  const { room, limits } = context;
  const ada = await join(context, 'chromium', 1, room, { codec, mode });
  const ben = await join(context, 'chromium', 2, room, { codec, mode });
  await receiving(ada.page, 'call', 2);
  await receiving(ben.page, 'call', 1);
  const [{ body }, begins] = await during(() => post(`/api/rooms/${room}/recording/start`));
  await sleep(SETTLED_MS);
  const from = await tallies(context, [ada, ben]);
  await sleep(Math.max(Math.min(context.seconds, 15), context.isMeasured ? 10 : 8) * 1000 - SETTLED_MS);
  const to = await tallies(context, [ada, ben]);
  const [, ends] = await during(() => post(`/api/rooms/${room}/recording/stop`));
  const manifest = await complete(room, body.recordingId);
  const files = await Promise.all(manifest.files.map((file) => examine(room, manifest, file)));
  const counts = from.map((tally, place) => countedOf(manifest, files, [ada, ben][place].name, tally, to[place]));
  const off = offMs(manifest, [ada, ben].map(({ name: who }) => [who, 'camera', begins, ends]));
  const names = manifest.files.map(({ name: file }) => path.extname(file));
  const codecs = manifest.files.map(({ video }) => video?.codec);
  const sync = Math.max(...files.map(({ startMs, endMs }) => Math.max(startMs ?? 0, endMs ?? 0)));
  return {
    framesDecoded: files.map(({ frames }) => frames),
    sentAndRecorded: counts,
    avSyncMs: sync,
    offMs: off,
    failures: [
      ...apart(counts, limits),
      ...inTime(off, limits),
      files.length === 2 || `${files.length} files instead of two`,
      codecs.every((found) => found === codec) || `the files hold ${codecs}`,
      names.every((end) => end === (codec === 'H264' ? '.mkv' : '.webm')) || `the files end with ${names}`,
      files.every(({ frames }) => frames > 50) || 'there are too few pictures',
      files.some(({ startMs, endMs }) => startMs !== null && endMs !== null) || 'no file has flashes and beeps',
      sync <= limits.mostRecordedAvSyncMs || `sound and picture are ${sync} ms apart`,
      ...files.flatMap(({ failures }) => failures),
      ...(await removed(room, manifest.recordingId)),
    ].filter((failure) => failure !== true),
  };
}

// What people encrypt end to end is in the files as it came, and plays for whoever has the passphrase.
async function sealed(context) {
  const opened = `${FOLDER}-opened`;
  context.onClose(() => [FOLDER, opened].forEach((folder) => fs.rmSync(folder, { recursive: true, force: true })));
  const { room, limits } = context;
  const ada = await join(context, 'chromium', 1, room, { secret: SECRET });
  const ben = await join(context, 'chromium', 2, room, { secret: SECRET });
  await receiving(ada.page, 'call', 2);
  await receiving(ben.page, 'call', 1);
  const { body } = await post(`/api/rooms/${room}/recording/start`);
  await sleep(Math.max(Math.min(context.seconds, 15), 8) * 1000);
  await post(`/api/rooms/${room}/recording/stop`);
  const manifest = await complete(room, body.recordingId);
  const readAsTheyAre = await Promise.all(manifest.files.map(({ name: file }) => readable(path.join(FOLDER, manifest.recordingId, file))));
  const wrong = await decrypt(manifest.recordingId, 'another one', opened);
  const right = await decrypt(manifest.recordingId, SECRET, opened);
  const files = right.code === 0 ? await Promise.all(manifest.files.map((file) => play(opened, file))) : [];
  const worst = (figure) => Math.max(...files.map((file) => file[figure] ?? 0));
  return {
    framesDecoded: files.map(({ frames }) => frames),
    avSyncMs: Math.max(worst('startMs'), worst('endMs')),
    failures: [
      manifest.room.e2ee === true || 'the manifest does not say that it is sealed',
      readAsTheyAre.every((read) => read === 0) || `${readAsTheyAre} pictures can be read without a key`,
      wrong.code === 1 || `another passphrase ended with ${wrong.code}: ${wrong.said}`,
      right.code === 0 || `the passphrase ended with ${right.code}: ${right.said}`,
      files.length === 2 || `${files.length} files instead of two`,
      files.every(({ read, frames, recorded }) => read > 30 && frames === recorded) || `pictures: ${JSON.stringify(files)}`,
      files.some(({ startMs }) => startMs !== null) || 'no file has flashes and beeps',
      worst('startMs') <= limits.mostRecordedAvSyncMs || `sound and picture are ${worst('startMs')} ms apart`,
      ...(await removed(room, manifest.recordingId)),
    ].filter((failure) => failure !== true),
  };
}

// How many pictures show what was painted; a decoder may refuse them all.
async function readable(file) {
  return pictures(file).then((all) => all.filter(({ what }) => what).length, () => 0);
}

async function play(folder, { name: file, video }) {
  const all = await pictures(path.join(folder, file));
  const [startMs, endMs] = await inStep(path.join(folder, file), all);
  return { frames: all.length, recorded: video.frames, read: counted(all).read, startMs, endMs };
}

// As a key holder does it, with the program itself.
function decrypt(recording, passphrase, output) {
  const env = { ...process.env, VOLLEY_RECORDING__PATH: FOLDER, VOLLEY_PASSPHRASE: passphrase };
  const words = ['recording', 'decrypt', recording, '--output', output];
  return new Promise((done) => execFile(process.env.VOLLEY_BIN, words, { env }, (error, out, said) => done({ code: error ? error.code : 0, said })));
}

// Of what is lost on the publishers' links nearly all comes again in time to be in its place.
async function withLoss(context) {
  context.onClose(() => fs.rmSync(FOLDER, { recursive: true, force: true }));
  const { room, limits } = context;
  const people = [];
  for (const id of [1, 2]) {
    const place = await context.place();
    people.push({ place, ...(await join(context, 'chromium', id, room, { place })) });
  }
  await receiving(people[0].page, 'call', 2);
  await receiving(people[1].page, 'call', 1);
  for (const { place } of people) place.lose(LOST_PER_CENT, { toServer: true });
  const before = await Promise.all(people.map(published));
  const [{ body }, begins] = await during(() => post(`/api/rooms/${room}/recording/start`));
  await sleep(Math.max(context.seconds, context.isMeasured ? 20 : 8) * 1000);
  const after = await Promise.all(people.map(published));
  const [, ends] = await during(() => post(`/api/rooms/${room}/recording/stop`));
  for (const { place } of people) place.lose(0);
  const manifest = await complete(room, body.recordingId);
  const files = await Promise.all(manifest.files.map((file) => examine(room, manifest, file)));
  const share = Math.max(...manifest.files.map(missingShare));
  // What the recorder itself does not know of: by what was painted, and by what was sent.
  const holes = manifest.files.map(({ gaps }, place) => overlooked(files[place].pictures, gaps, limits.mostUntoldHoleMs));
  const sent = after.map((frames, place) => frames - before[place]);
  const kept = sent.map((frames, place) => framesOf(manifest, people[place].name) / frames);
  const off = offMs(manifest, people.map(({ name: who }) => [who, 'camera', begins, ends]));
  return {
    framesDecoded: files.map(({ frames }) => frames),
    missingShare: Math.round(share * 10_000) / 10_000,
    shareOfPublished: kept.map((part) => Math.round(part * 1000) / 1000),
    offMs: off,
    droppedPackets: manifest.droppedPackets,
    failures: [
      files.length === 2 || `${files.length} files instead of two`,
      files.every(({ frames }) => frames > 50) || 'there are too few pictures',
      manifest.droppedPackets === 0 || `${manifest.droppedPackets} packets were dropped`,
      share <= limits.mostMissingRecorded || `${share} of the pictures are missing`,
      holes.every((found) => found.length === 0) || `the manifest says nothing of ${JSON.stringify(holes)}`,
      kept.every((part) => part >= limits.leastRecorded) || `of ${sent} pictures only ${kept} are in the files`,
      ...inTime(off, limits),
      ...files.flatMap(({ failures }) => failures),
      ...(await removed(room, manifest.recordingId)),
    ].filter((failure) => failure !== true),
  };
}

// Of a file's pictures, those that the manifest says are missing: a gap lasts from the picture before it to the
// one after it.
function missingShare({ durationMs, gaps, video }) {
  const perFrame = durationMs / video.frames;
  const lost = gaps.filter(({ of, cause }) => of === 'video' && cause === 'lost').reduce((sum, { lengthMs }) => sum + lengthMs - perFrame, 0);
  return lost / durationMs;
}

const partOf = (context, part) => Math.max(context.seconds, 16) * 1000 * part;

// What came of it, and between which moments it was done.
async function during(what) {
  const from = Date.now();
  const outcome = await what();
  return [outcome, [from, Date.now()]];
}

// How far each file begins and ends from when it must have, on the clock that this test and the server share.
function offMs({ startedAt, files, participants }, expected) {
  const nameOf = (id) => participants.find(({ participantId }) => participantId === id)?.participantName;
  const left = [...files].sort((one, other) => one.offsetMs - other.offsetMs);
  return expected.map(([who, shows, begins, ends]) => {
    const place = left.findIndex((file) => file.shows === shows && nameOf(file.participantId) === who);
    if (place < 0) return [who, shows, null, null];
    const [{ offsetMs, durationMs }] = left.splice(place, 1);
    const from = startedAt + offsetMs;
    return [who, shows, outsideMs(from, begins), outsideMs(from + durationMs, ends)];
  });
}

function inTime(off, { mostRecordedOffMs: most }) {
  return off.map(([who, shows, ...apart]) => apart.every((ms) => ms !== null && ms <= most) || `${who}'s ${shows} begins and ends ${apart} ms beside real time`);
}

const post = (address) => api(address, { method: 'POST' });

// Pictures that somebody sent of the encoding of which they sent the most.
async function published({ page }) {
  const sent = await page.evaluate(async () => [...(await volley.pc.getStats()).values()].filter(({ type, kind }) => type === 'outbound-rtp' && kind === 'video').map(({ framesSent }) => framesSent ?? 0));
  return Math.max(...sent);
}

// What each has sent of the best encoding of their camera, and the number of the last picture, at a moment when nothing
// is under way: nothing is painted, and what was has left. Nothing where limits are those of a shared machine: there
// encodings come and go, and each has a count of its own.
async function tallies({ isMeasured }, people) {
  if (!isMeasured) return [];
  await Promise.all(people.map(({ page }) => page.evaluate((ms) => volleyTest.source.stall(ms), STILL_MS)));
  await sleep(SENT_MS);
  return Promise.all(people.map(({ page }) => page.evaluate(async () => {
    const [camera] = volley.pc.getSenders().filter(({ track }) => track?.kind === 'video');
    const encodings = [...(await camera.getStats()).values()].filter(({ type }) => type === 'outbound-rtp');
    const best = encodings.reduce((best, one) => ((one.frameHeight ?? 0) > (best.frameHeight ?? 0) ? one : best));
    // Chromium counts a picture once for each of its spatial layers.
    const layers = Number(/^L(\d)/.exec(best.scalabilityMode)?.[1] ?? 1);
    return { sent: best.framesSent / layers, painted: volleyTest.source.start().video.painted };
  })));
}

// Pictures that somebody sent between two tallies, and those of them that are in their files.
function countedOf(manifest, files, name, from, to) {
  const { participantId } = manifest.participants.find(({ participantName }) => participantName === name);
  const theirs = manifest.files.flatMap((file, place) => {
    const isTheirs = file.participantId === participantId && file.shows === 'camera';
    return isTheirs ? files[place].pictures.map(({ time, what }) => ({ time: time + file.offsetMs / 1000, what })) : [];
  });
  return [to.sent - from.sent, between(theirs, from.painted, to.painted, (STILL_MS * 0.7) / 1000)];
}

function apart(counts, { mostPicturesApart }) {
  const isFine = ([sent, recorded]) => Math.abs(sent - (recorded ?? 0)) <= mostPicturesApart;
  return counts.map((one) => isFine(one) || `of ${one[0]} pictures that were sent ${one[1]} are in the files`);
}

function framesOf(manifest, name) {
  const { participantId } = manifest.participants.find(({ participantName }) => participantName === name);
  const theirs = manifest.files.filter((file) => file.participantId === participantId && file.shows === 'camera');
  return theirs.reduce((sum, { video }) => sum + (video?.frames ?? 0), 0);
}

// Runs in the page: keeps what it is told of recordings.
function listen() {
  globalThis.heard = [];
  volley.signaling.addEventListener('message', ({ detail }) => detail.type.startsWith('recording-') && heard.push(detail.type));
}

// The page's own button, with a painted screen in place of the browser's chooser.
export async function share(page) {
  await page.evaluate(() => {
    const screen = volleyTest.source.start();
    navigator.mediaDevices.getDisplayMedia = async () => new MediaStream([screen.video.track.clone(), screen.audio.track.clone()]);
    document.querySelector('#share').click();
  });
  await until('the screen is shared', () => page.evaluate(() => volley.state().screen));
}

export function complete(room, recordingId) {
  return until('the recording is complete', async () => {
    const { body } = await api(`/api/rooms/${room}/recordings`);
    return body.recordings?.find((one) => one.recordingId === recordingId && one.state === 'complete');
  }, { timeoutMs: COMPLETE_WITHIN_MS, everyMs: 200 });
}

// Fetches a file in two parts, and looks at what is in it.
async function examine(room, manifest, file) {
  const failures = [];
  const address = `${ORIGIN}/api/rooms/${room}/recordings/${manifest.recordingId}/files/${file.name}`;
  const head = await fetch(address, { headers: { range: 'bytes=0-999' } });
  const rest = await fetch(address, { headers: { range: 'bytes=1000-' } });
  const bytes = Buffer.concat([Buffer.from(await head.arrayBuffer()), Buffer.from(await rest.arrayBuffer())]);
  if (head.status !== 206 || rest.status !== 206) failures.push(`${file.name}: parts were answered with ${head.status} and ${rest.status}`);
  if (createHash('sha256').update(bytes).digest('hex') !== file.sha256) failures.push(`${file.name}: another checksum`);
  const copy = path.join(FOLDER, `copy-${file.name}`);
  fs.writeFileSync(copy, bytes);
  const told = await probe(copy);
  if (Math.abs(told.durationMs - file.durationMs) > 100) failures.push(`${file.name}: plays for ${told.durationMs} ms, the manifest says ${file.durationMs}`);
  const all = await pictures(copy);
  if (all.length !== file.video?.frames) failures.push(`${file.name}: ${all.length} pictures decoded of ${file.video?.frames}`);
  const { read, painted, backwards } = counted(all);
  // The smallest layer is sometimes misread.
  if (backwards > read * MOST_MISREAD) failures.push(`${file.name}: ${backwards} of ${read} pictures go back in time`);
  const [startMs, endMs] = await inStep(copy, all);
  log(`${file.name}: ${all.length} pictures, ${read} of ${painted} read, ${startMs} and ${endMs} ms apart`, JSON.stringify(file.gaps));
  failures.push(...(await seeks(copy, file.name, all)));
  return { shows: file.shows, pictures: all, frames: all.length, startMs, endMs, failures };
}

async function inStep(copy, all) {
  const [seen, heard] = [flashes(all), await beeps(copy)];
  const end = all.at(-1)?.time ?? 0;
  return [apartMs(seen, heard, 0, END_SECONDS), apartMs(seen, heard, end - END_SECONDS, end)];
}

async function seeks(copy, file, all) {
  const target = all.slice(Math.floor(all.length / 2)).find(({ what }) => what) ?? all.find(({ what }) => what);
  const found = target && (await pictureAt(copy, target.time));
  if (found && found.counter === target.what.counter) return [];
  return [`${file}: sought ${JSON.stringify(target)} and found ${JSON.stringify(found)}`];
}

async function removed(room, recordingId) {
  const address = `/api/rooms/${room}/recordings/${recordingId}`;
  const { status } = await api(address, { method: 'DELETE' });
  const after = (await api(address)).status;
  return status === 204 && after === 404 ? [] : [`removing was answered with ${status}, and then looking with ${after}`];
}
