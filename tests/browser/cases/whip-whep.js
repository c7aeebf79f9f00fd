// Somebody with nothing but a URL publishes into a room, somebody else watches it, and a page talks with both.
import { AiortcPeer } from '../harness/aiortc.js';
import { receiving } from '../harness/calls.js';
import { api, join } from '../harness/room.js';
import { until } from '../harness/shell.js';

const ORIGIN = 'http://localhost:8080';
const PUBLISHER = 6;
// Half a second of pictures and of sound (aiortc takes sound in steps of 20 ms).
const ENOUGH = { pictures: 10, tones: 25 };

export const name = 'whip-whep';
export const about = 'aiortc publishes by WHIP and watches by WHEP; both exchange media with a page';
export const needsServer = true;
export const cases = [{ name: 'whip-whep', run: exchange }];

async function exchange(context) {
  const { room } = context;
  const page = await join(context, 'chromium', 1, room);
  const peers = [];
  try {
    const viewer = start(peers, 'watch', `${ORIGIN}/whep/${room}?name=Watcher`);
    await viewer.until('has seen and heard the page', ({ pictures, tones }) => pictures?.[1] >= ENOUGH.pictures && tones?.[1] >= ENOUGH.tones);
    const publisher = start(peers, 'publish', `${ORIGIN}/whip/${room}?name=Studio`, PUBLISHER);
    await receiving(page.page, 'call', PUBLISHER);
    const names = await namesIn(page);
    const listed = (await api(`/api/rooms/${room}`)).body.participants.length;
    const [watched, published] = [await viewer.leave(), await publisher.leave()];
    await until('both have left, for the page', async () => (await namesIn(page)).length === 0);
    return {
      picturesWatched: watched.pictures[1],
      soundsWatched: watched.tones[1],
      failures: [
        JSON.stringify(names) === '["Studio","Watcher"]' || `the page saw ${JSON.stringify(names)}`,
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

function start(peers, ...words) {
  const peer = new AiortcPeer(...words);
  peers.push(peer);
  return peer;
}

function namesIn({ page }) {
  return page.evaluate(() => volley.state().people.map(({ name }) => name).sort());
}
