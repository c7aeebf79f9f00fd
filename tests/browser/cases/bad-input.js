// Nonsense, lies and floods from strangers while two people talk: refused, and the two notice nothing.
import { hostileDatagrams } from '../fixtures/datagrams.js';
import { hostileMessages } from '../fixtures/messages.js';
import { receiving, record } from '../harness/calls.js';
import { api, callStats, join } from '../harness/room.js';
import { sleep } from '../harness/shell.js';
import { candidatesOf, Datagrams, Socket } from '../harness/stranger.js';
import { packetsLost, worst } from '../measure/receiver.js';

const DATAGRAMS_PER_SECOND = 2000;
const BATCH_MS = 10;

export const name = 'bad-input';
export const about = 'malformed messages, lying datagrams and a wrong fingerprint during a call: the call is unharmed';
export const needsServer = true;
export const cases = [
  { name: 'bad-input-messages', run: (context) => besideCall(context, sendMessages) },
  { name: 'bad-input-datagrams', run: (context) => besideCall(context, sendDatagrams) },
  // Who lies is given the time to be believed.
  { name: 'bad-input-fingerprint', run: (context) => besideCall(context, lieAboutFingerprint, 8) },
];

async function besideCall(context, attack, leastSeconds = 5) {
  const people = [await join(context, 'chromium', 1, context.room), await join(context, 'chromium', 2, context.room)];
  const [one, two] = people;
  await receiving(one.page, 'call', 2);
  await receiving(two.page, 'call', 1);
  await sleep(3000);
  const media = context.server.child('media');
  const seconds = Math.max(Math.min(context.seconds, 15), leastSeconds);
  let outcome;
  const received = await record([one.page, two.page], ['call'], seconds, async () => {
    outcome = await attack(context, people, seconds);
  });
  const figures = worst([received(one.page, 'call', 2), received(two.page, 'call', 1)]);
  const lost = (await Promise.all(people.map(callStats))).reduce((sum, stats) => sum + packetsLost(stats), 0);
  const health = await api('/health');
  // No yardstick runs beside this call; what kill-signaling allows is allowed here.
  const { leastFps, mostGapMs, mostLost } = context.limits;
  const { failures, ...rest } = outcome;
  return {
    fps: figures.fps,
    longestGapMs: figures.longestGapMs,
    audioHeard: figures.audioHeard,
    packetsLost: lost,
    ...rest,
    failures: [
      ...failures,
      figures.fps >= leastFps || `${figures.fps} frames per second`,
      figures.longestGapMs <= mostGapMs || `a gap of ${figures.longestGapMs} ms`,
      figures.audioHeard || 'the tone was not heard throughout',
      lost <= mostLost || `${lost} packets lost`,
      context.server.child('media') === media || 'the media process was restarted',
      health.body.status === 'healthy' || `health: ${JSON.stringify(health.body)}`,
    ].filter((failure) => failure !== true),
  };
}

async function sendMessages(context) {
  const failures = [];
  let refused = 0;
  for (const { what, joined, message, code } of hostileMessages(context.room)) {
    const socket = await Socket.open();
    try {
      if (joined) await socket.ask({ type: 'join', roomId: `${context.room}-2`, participantName: 'Mallory' }, 'joined');
      const error = await socket.ask(message, 'error');
      if (error.code === code && error.message) refused += 1;
      else failures.push(`${what}: answered ${JSON.stringify(error)} instead of ${code}`);
      if (!socket.isOpen) failures.push(`${what}: the socket was closed`);
    } catch (error) {
      failures.push(`${what}: ${error.message}`);
    }
    socket.close();
  }
  for (const [path, options, status] of hostileRequests(context.room)) {
    const answer = await api(path, options);
    if (answer.status === status && /problem\+json/.test(answer.type)) refused += 1;
    else failures.push(`${options.method} ${path}: ${answer.status} ${answer.type} instead of ${status} and a problem document`);
  }
  return { refused, failures };
}

function hostileRequests(room) {
  const post = (body) => ({ method: 'POST', headers: { 'content-type': 'application/json' }, body });
  return [
    ['/api/rooms/no-such-room', { method: 'GET' }, 404],
    ['/api/rooms/no-such-room/stats', { method: 'GET' }, 404],
    ['/api/rooms/no-such-room', { method: 'DELETE' }, 404],
    ['/api/rooms', post('{'), 400],
    [`/api/rooms/${room}`, { method: 'PATCH' }, 405],
  ];
}

async function sendDatagrams(context, [one], seconds) {
  const sdp = await one.page.evaluate(() => volley.pc.remoteDescription.sdp);
  const targets = candidatesOf(sdp);
  if (targets.length === 0) return { failures: ['no candidates in the answer'] };
  const kinds = hostileDatagrams(sdp);
  const sockets = await Promise.all(kinds.map(() => Datagrams.open()));
  const until = Date.now() + (seconds - 1) * 1000;
  for (let turn = 0; Date.now() < until; turn++) {
    for (let i = 0; i < (DATAGRAMS_PER_SECOND * BATCH_MS) / 1000; i++) {
      const kind = (turn + i) % kinds.length;
      sockets[kind].send(kinds[kind].make(), targets[i % targets.length]);
    }
    await sleep(BATCH_MS);
  }
  await sleep(200);
  sockets.forEach((socket) => socket.close());
  return {
    datagrams: sockets.reduce((sum, { sent }) => sum + sent, 0),
    answers: sockets.reduce((sum, { answers }) => sum + answers, 0),
    failures: kinds.flatMap(({ what }, kind) => {
      const { longestAnswer, shortestQuestion } = sockets[kind];
      return longestAnswer > shortestQuestion ? [`${what}: ${longestAnswer} bytes in answer to ${shortestQuestion}`] : [];
    }),
  };
}

// Somebody whose certificate is not the one their offer names gets no media, and gives none.
async function lieAboutFingerprint(context, people, seconds) {
  const liar = await context.open('chromium', { id: 3 });
  await liar.evaluate(async (roomId) => {
    const pc = (globalThis.liar = new RTCPeerConnection());
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
    stream.getTracks().forEach((track) => pc.addTrack(track, stream));
    const ws = new WebSocket('ws://localhost:8080/ws');
    await new Promise((open) => ws.addEventListener('open', open));
    ws.onmessage = async ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === 'answer') await pc.setRemoteDescription({ type: 'answer', sdp: message.sdp });
      if (message.type !== 'request-offer' || pc.signalingState !== 'stable') return;
      await pc.setLocalDescription();
      const sdp = pc.localDescription.sdp.replaceAll(/(a=fingerprint:sha-256 )(\S\S)/g, (_, name, byte) => name + (byte === '00' ? '01' : '00'));
      ws.send(JSON.stringify({ type: 'offer', roomId, sdp }));
    };
    ws.send(JSON.stringify({ type: 'join', roomId, participantName: 'Mallory' }));
  }, context.room);
  await sleep((seconds - 2) * 1000);
  const states = await liar.evaluate(() => [liar.iceConnectionState, liar.connectionState]);
  await liar.close();
  return {
    liarState: states[1],
    failures: states[1] === 'connected' || states[0] === 'new' ? [`the liar's connection is ${states.join(', ')}`] : [],
  };
}
