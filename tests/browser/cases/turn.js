// Two people who may use nothing but a relay: coturn takes the credentials that Volley made with the secret
// they share, and no others.
import { createHmac, randomBytes } from 'node:crypto';
import { receiving } from '../harness/calls.js';
import { startCoturn, TURN_URL } from '../harness/coturn.js';
import { outlives } from '../harness/killing.js';
import { callStats, join } from '../harness/room.js';
import { sleep } from '../harness/shell.js';
import { framesDecoded, selectedPair } from '../measure/receiver.js';

const SECRET = randomBytes(24).toString('hex');
const RELAY_ONLY = { rtc: { iceTransportPolicy: 'relay' } };
const WATCHED_MS = 3000;
const UNAUTHORIZED = 401;

export const name = 'turn';
export const about = 'two people who may use nothing but a relay (coturn), with the credentials of joined; others are refused';
export const needsServer = true;
export const environment = {
  VOLLEY_WEBRTC__ICE_SERVERS: JSON.stringify([{ urls: [TURN_URL], secret: SECRET }]),
  VOLLEY_WEBRTC__TURN_TTL: '600',
};
export const cases = [{ name: 'turn', run: overRelay }];

async function overRelay(context) {
  context.onClose(await startCoturn(SECRET));
  const people = [await join(context, 'chromium', 1, context.room, RELAY_ONLY), await join(context, 'chromium', 2, context.room, RELAY_ONLY)];
  const [one, two] = people;
  await receiving(one.page, 'call', 2);
  await receiving(two.page, 'call', 1);
  const dead = await outlives(context.server, people, () => receiving(one.page, 'call', 2));
  const before = await Promise.all(people.map(callStats));
  await sleep(WATCHED_MS);
  const after = await Promise.all(people.map(callStats));
  const decoded = after.map((stats, index) => framesDecoded(stats) - framesDecoded(before[index]));
  const kinds = after.map((stats) => selectedPair(stats)?.local.candidateType);
  const { page } = one;
  const given = await page.evaluate(() => volleyTest.meter.messages.find(({ message }) => message.type === 'joined').message.iceServers[0]);
  const asked = {
    given: await gather(page, given),
    wrong: await gather(page, { ...given, credential: 'wrong' }),
    expired: await gather(page, signed(Math.floor(Date.now() / 1000) - 60)),
  };
  return {
    localCandidates: kinds,
    framesDecoded: decoded,
    asked,
    failures: [
      kinds.every((kind) => kind === 'relay') || `media goes over ${kinds}`,
      decoded.every((frames) => frames > 0) || `decoded in ${WATCHED_MS} ms: ${decoded}`,
      ...dead,
      asked.given.relayed || `the credentials of joined get no relay: ${asked.given.errors}`,
      ...['wrong', 'expired'].flatMap((which) => [
        !asked[which].relayed || `${which} credentials get a relay`,
        asked[which].errors.includes(UNAUTHORIZED) || `${which} credentials fail with ${asked[which].errors} instead of ${UNAUTHORIZED}`,
      ]),
    ].filter((failure) => failure !== true),
  };
}

// What the relay has computed, too, but for a time that is over.
function signed(expires) {
  const username = `${expires}:somebody`;
  return { urls: [TURN_URL], username, credential: createHmac('sha1', SECRET).update(username).digest('base64') };
}

// What a browser finds at the relay with these credentials.
function gather(page, server) {
  return page.evaluate(async (server) => {
    const pc = new RTCPeerConnection({ iceServers: [server], iceTransportPolicy: 'relay' });
    const found = { relayed: false, errors: [] };
    pc.onicecandidate = ({ candidate }) => (found.relayed ||= candidate?.type === 'relay');
    pc.onicecandidateerror = ({ errorCode }) => found.errors.push(errorCode);
    const complete = new Promise((done) => (pc.onicegatheringstatechange = () => pc.iceGatheringState === 'complete' && done()));
    pc.createDataChannel('to gather for');
    await pc.setLocalDescription();
    await Promise.race([complete, new Promise((done) => setTimeout(done, 10_000))]);
    pc.close();
    return found;
  }, server);
}
