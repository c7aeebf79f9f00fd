// A browser publishes by WHIP from far away and loses packets: it sends what restores them, and the server
// restores them. On m-lines that also receive, as the page's camera, that is not agreed on: see ARCHITECTURE.md.
import { receiving } from '../harness/calls.js';
import { addDetour } from '../harness/network.js';
import { callStats, join, metric } from '../harness/room.js';
import { sleep } from '../harness/shell.js';
import { decodedShare } from '../measure/receiver.js';

const ORIGIN = 'http://localhost:8080';
const PUBLISHER = 1;
// libwebrtc corrects pictures from a round trip of 20 ms on.
const ONE_WAY_MS = 50;
const PER_CENT = 5;
// Until its estimate has grown and it has heard of losses.
const WARM_UP_MS = 8000;
const MOST_SECONDS = 15;
const LEAST_RESTORED = 3;

export const name = 'fec';
export const about = 'a browser publishes by WHIP, 100 ms away, and loses 5 %: lost pictures are restored by ULPFEC';
export const needsServer = true;
export const cases = [{ name: 'fec', run: correct }];

async function correct(context) {
  const place = await context.place();
  const detour = await addDetour(ONE_WAY_MS);
  context.onClose(detour.end);
  const viewer = await join(context, 'chromium', 2, context.room, { codec: 'vp8', listens: true });
  // Any page of the server's own origin.
  const page = await context.open('chromium', { id: PUBLISHER, place, detour: detour.port }, `${ORIGIN}/health`);
  const publisher = { page };
  await publisher.page.evaluate(publish, `${ORIGIN}/whip/${context.room}`);
  await receiving(viewer.page, 'call', PUBLISHER);
  place.lose(PER_CENT, { toServer: true });
  await sleep(WARM_UP_MS);
  const before = await look(publisher, viewer);
  await sleep(Math.min(context.seconds, MOST_SECONDS) * 1000);
  const after = await look(publisher, viewer);
  const grew = (key) => after[key] - before[key];
  const figures = {
    packets: grew('packets'), fecPackets: grew('fec'), restored: grew('restored'), sentAgain: grew('again'),
    decoded: Math.round(1000 * decodedShare(before.stats, after.stats)) / 1000,
  };
  return {
    ...figures,
    failures: [
      figures.fecPackets > 0 || 'the browser sent nothing that restores pictures',
      figures.restored >= LEAST_RESTORED || `${figures.restored} packets were restored`,
      figures.decoded >= context.limits.leastDecoded[PER_CENT] || `${figures.decoded} of the pictures were decoded`,
    ].filter((failure) => failure !== true),
  };
}

// In the page: RFC 9725, one encoding of VP8.
async function publish(url) {
  const pc = new RTCPeerConnection();
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  const vp8 = RTCRtpSender.getCapabilities('video').codecs.filter(({ mimeType }) => /vp8|rtx|red|ulpfec/i.test(mimeType));
  for (const track of stream.getTracks()) {
    const transceiver = pc.addTransceiver(track, { direction: 'sendonly', streams: [stream] });
    if (track.kind === 'video') transceiver.setCodecPreferences(vp8);
  }
  await pc.setLocalDescription();
  const headers = { 'content-type': 'application/sdp' };
  const answer = await fetch(url, { method: 'POST', headers, body: pc.localDescription.sdp });
  if (answer.status !== 201) throw new Error(`WHIP: ${answer.status} ${await answer.text()}`);
  await pc.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
}

async function look(publisher, viewer) {
  const stats = await Promise.all([callStats(publisher), callStats(viewer)]);
  const outbound = stats[0].filter(({ type, kind }) => type === 'outbound-rtp' && kind === 'video');
  const sum = (key) => outbound.reduce((total, one) => total + (one[key] ?? 0), 0);
  const [fec, restored] = await Promise.all(['volley_fec_packets_total', 'volley_pictures_restored_total'].map(metric));
  return { stats, fec, restored, packets: sum('packetsSent'), again: sum('retransmittedPacketsSent') };
}
