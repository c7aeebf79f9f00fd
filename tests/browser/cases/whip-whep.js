// Somebody with nothing but a URL publishes into a room, somebody else watches it, and a page talks with both. Then
// ffmpeg publishes, either way round, and a peer that speaks as OBS does.
import { AiortcPeer } from '../harness/aiortc.js';
import { Ffmpeg } from '../harness/ffmpeg.js';
import { Obs } from '../harness/obs.js';
import { receiving } from '../harness/calls.js';
import { outlives } from '../harness/killing.js';
import { api, join } from '../harness/room.js';
import { until } from '../harness/shell.js';

const ORIGIN = 'http://localhost:8080';
const PUBLISHER = 6;
// Half a second of pictures and of sound (aiortc takes sound in steps of 20 ms).
const ENOUGH = { pictures: 10, tones: 25 };

export const name = 'whip-whep';
export const about = 'aiortc publishes by WHIP and watches by WHEP; ffmpeg, and a peer like OBS, publish; a page sees and hears them';
export const needsServer = true;
export const cases = [
  { name: 'whip-whep', run: exchange },
  { name: 'whip-ffmpeg', run: ffmpeg },
  { name: 'whip-obs', run: obs },
];

async function exchange(context) {
  const { room } = context;
  const page = await join(context, 'chromium', 1, room);
  const peers = [];
  try {
    const viewer = start(peers, 'watch', `${ORIGIN}/whep/${room}?name=Watcher`);
    await viewer.until('has seen and heard the page', ({ pictures, tones }) => pictures?.[1] >= ENOUGH.pictures && tones?.[1] >= ENOUGH.tones);
    const publisher = start(peers, 'publish', `${ORIGIN}/whip/${room}?name=Studio`, PUBLISHER);
    await receiving(page.page, 'call', PUBLISHER);
    const dead = await outlives(context.server, [page], () => receiving(page.page, 'call', PUBLISHER));
    const names = await namesIn(page);
    const listed = (await api(`/api/rooms/${room}`)).body.participants.length;
    const [watched, published] = [await viewer.leave(), await publisher.leave()];
    await until('both have left, for the page', async () => (await namesIn(page)).length === 0);
    return {
      picturesWatched: watched.pictures[1],
      soundsWatched: watched.tones[1],
      failures: [
        JSON.stringify(names) === '["Studio","Watcher"]' || `the page saw ${JSON.stringify(names)}`,
        ...dead,
        listed === 3 || `${listed} people were listed`,
        ...[watched, published].flatMap(({ trickled, deleted, again }) => [
          trickled === 204 || `PATCH was answered with ${trickled}`,
          deleted === 200 || `DELETE was answered with ${deleted}`,
          again === 404 || `a second DELETE was answered with ${again}`,
        ]),
      ].filter((failure) => failure !== true),
    };
  } finally {
    peers.forEach((peer) => peer.kill());
  }
}

// It is the server of DTLS, or with `dtls_active` the client; we are whatever is left.
async function ffmpeg(context) {
  const { room } = context;
  const page = await join(context, 'chromium', 1, room);
  const failures = [];
  const seen = [];
  for (const flags of [[], ['-whip_flags', 'dtls_active']]) {
    const publisher = Ffmpeg.publish(`${ORIGIN}/whip/${room}?name=ffmpeg`, flags);
    try {
      seen.push(await seenAndHeard(page, () => publisher.code !== undefined && `ffmpeg ended with ${publisher.code}: ${publisher.said}`));
    } finally {
      await publisher.stop();
    }
    if (publisher.code !== 0) failures.push(`ffmpeg ${flags} ended with ${publisher.code}`);
    // By its DELETE, or where that was lost 30 s after its last packet.
    await until('ffmpeg has left, for the page', async () => (await namesIn(page)).length === 0, { timeoutMs: 40_000 });
  }
  return { seen, failures };
}

async function obs(context) {
  const { room } = context;
  const page = await join(context, 'chromium', 1, room);
  const publisher = await Obs.publish(`${ORIGIN}/whip/${room}?name=OBS`);
  try {
    const seen = await seenAndHeard(page, () => publisher.ffmpeg.code !== undefined && `ffmpeg ended: ${publisher.ffmpeg.said}`);
    const names = await namesIn(page);
    const deleted = await publisher.stop();
    await until('OBS has left, for the page', async () => (await namesIn(page)).length === 0);
    return {
      seen,
      failures: [
        deleted === 200 || `DELETE was answered with ${deleted}`,
        JSON.stringify(names) === '["OBS"]' || `the page saw ${JSON.stringify(names)}`,
      ].filter((failure) => failure !== true),
    };
  } finally {
    publisher.kill();
  }
}

// Resolves when the page decodes more pictures and hears more sound than before; `broken` says why it never will.
async function seenAndHeard({ page }, broken) {
  const before = await received(page);
  return until('the page sees and hears the publisher', async () => {
    const why = broken();
    if (why) throw new Error(why);
    const now = await received(page);
    return now.pictures >= before.pictures + ENOUGH.pictures && now.energy > before.energy && now;
  }, { timeoutMs: 20_000, everyMs: 250 });
}

// Of everybody so far, and how the pictures are coded now.
function received(page) {
  return page.evaluate(async () => {
    const all = [...(await volley.pc.getStats()).values()];
    const inbound = all.filter(({ type }) => type === 'inbound-rtp');
    const sum = (name) => inbound.reduce((sum, one) => sum + (one[name] ?? 0), 0);
    const codec = all.find(({ id }) => inbound.some((one) => one.kind === 'video' && one.codecId === id));
    return { pictures: sum('framesDecoded'), energy: sum('totalAudioEnergy'), codec: codec?.mimeType };
  });
}

function start(peers, ...words) {
  const peer = new AiortcPeer(...words);
  peers.push(peer);
  return peer;
}

function namesIn({ page }) {
  return page.evaluate(() => volley.state().people.map(({ name }) => name).sort());
}
