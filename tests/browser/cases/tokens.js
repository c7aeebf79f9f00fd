// A server that asks for room tokens: every wrong one is refused with its own code, and a right one
// opens what it grants and no more.
import { createHmac, randomBytes } from 'node:crypto';
import { api } from '../harness/room.js';
import { until } from '../harness/shell.js';
import { Socket } from '../harness/stranger.js';

const SECRET = randomBytes(32).toString('hex');
const API_KEY = randomBytes(16).toString('hex');
const HEADER = 'X-Auth-Token';

export const name = 'tokens';
export const about = 'expired, wrong algorithm, none, wrong room, missing grant, revoked: each refused with its own code';
export const needsServer = true;
export const environment = {
  VOLLEY_SECURITY__REQUIRE_AUTH: 'true',
  VOLLEY_SECURITY__TOKEN_SECRETS: SECRET,
  VOLLEY_SECURITY__API_KEYS: API_KEY,
};
export const cases = [{ name: 'tokens', run: tokens }];

async function tokens(context) {
  const { room } = context;
  const failures = [];
  const codes = {};
  const refused = async (what, token, code) => {
    codes[what] = await codeOfJoin(room, token);
    if (codes[what] !== code) failures.push(`${what}: ${codes[what]} instead of ${code}`);
  };
  await refused('missing', undefined, 'token-missing');
  await refused('expired', signed(room, { exp: now() - 60 }), 'token-expired');
  await refused('algorithm', signed(room, {}, { alg: 'HS512', hash: 'sha512' }), 'token-algorithm');
  await refused('none', `${unsigned(room, {}, 'none')}.`, 'token-algorithm');
  await refused('signature', signed(room, {}, { secret: 'another secret of somebody else' }), 'token-invalid');
  await refused('room', signed(`${room}-other`), 'token-room');
  await refused('grant', signed(room, { grants: ['record'] }), 'token-grant');
  failures.push(...(await viewerMayNotPublish(room)));
  failures.push(...(await removedStaysOut(room)));
  failures.push(...(await restAsksForAKey(room)));
  return { codes, failures };
}

async function viewerMayNotPublish(room) {
  const socket = await Socket.open();
  const joined = await socket.ask(join(room, signed(room, { grants: ['subscribe'] })), 'joined', 'error');
  const from = socket.heard.length;
  const answer = await socket.ask({ type: 'offer', sdp: offer() }, 'answer', 'error');
  const error = await socket.next(from, ['error']);
  socket.close();
  return [
    joined.type === 'joined' || `a viewer: ${joined.code}`,
    JSON.stringify(joined.grants) === '["subscribe"]' || `grants of a viewer: ${JSON.stringify(joined.grants)}`,
    /^a=(sendonly|inactive)/m.test(answer.sdp ?? '') || 'what a viewer wants to send was taken',
    !/^a=(sendrecv|recvonly)/m.test(answer.sdp ?? '') || 'what a viewer wants to send was taken',
    error.code === 'token-grant' || `a viewer who publishes is told ${error.code}`,
  ].filter((failure) => failure !== true);
}

async function removedStaysOut(room) {
  const token = signed(room, { sub: 'mallory' });
  const socket = await Socket.open();
  const { participantId } = await socket.ask(join(room, token), 'joined');
  const removed = await rest(`/api/rooms/${room}/participants/${participantId}`, { method: 'DELETE' }, API_KEY);
  const goodbye = await until('the goodbye', () => socket.heard.find(({ code }) => code === 'removed'));
  socket.close();
  const again = await codeOfJoin(room, token);
  const other = await codeOfJoin(room, signed(room, { sub: 'alice' }));
  return [
    removed.status === 204 || `removing: ${removed.status}`,
    Boolean(goodbye) || 'no goodbye',
    again === 'token-revoked' || `a removed person comes back: ${again}`,
    other === null || `somebody else is kept out: ${other}`,
  ].filter((failure) => failure !== true);
}

async function restAsksForAKey(room) {
  const status = async (path, key) => (await rest(path, {}, key)).status;
  const found = {
    nobody: await status('/api/rooms'),
    wrong: await status('/api/rooms', 'not-the-key'),
    key: await status('/api/rooms', API_KEY),
    guest: await status('/api/rooms/none', signed('none')),
    host: await status('/api/rooms/none', signed('none', { grants: ['administer'] })),
    health: await status('/health'),
  };
  const wanted = { nobody: 401, wrong: 401, key: 200, guest: 403, host: 404, health: 200 };
  return Object.keys(wanted)
    .filter((who) => found[who] !== wanted[who])
    .map((who) => `REST answers ${who} with ${found[who]} instead of ${wanted[who]} (${room})`);
}

// The code of the refusal, or null when the server lets us in.
async function codeOfJoin(room, token) {
  const socket = await Socket.open();
  const answer = await socket.ask(join(room, token), 'joined', 'error');
  socket.close();
  return answer.code ?? null;
}

const join = (roomId, token) => ({ type: 'join', roomId, participantName: 'somebody', token });

const rest = (path, options, key) => api(path, { ...options, headers: key ? { [HEADER]: key } : {} });

const now = () => Math.floor(Date.now() / 1000);

function signed(room, claims, { alg = 'HS256', hash = 'sha256', secret = SECRET } = {}) {
  const text = unsigned(room, claims, alg);
  return `${text}.${createHmac(hash, secret).update(text).digest('base64url')}`;
}

function unsigned(room, claims, alg) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const usual = { sub: 'somebody', room, grants: ['publish', 'subscribe'], exp: now() + 600 };
  return `${part({ alg, typ: 'JWT' })}.${part({ ...usual, ...claims })}`;
}

// Somebody who wants to send sound and hear some.
function offer() {
  const fingerprint = Array.from({ length: 32 }, () => 'AB').join(':');
  return [
    'v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 't=0 0', 'a=group:BUNDLE 0',
    'm=audio 9 UDP/TLS/RTP/SAVPF 111', 'c=IN IP4 0.0.0.0', 'a=mid:0', 'a=sendrecv', 'a=rtcp-mux',
    'a=ice-ufrag:abcd', 'a=ice-pwd:abcdefghijklmnopqrstuvwx', `a=fingerprint:sha-256 ${fingerprint}`, 'a=setup:actpass',
    'a=rtpmap:111 opus/48000/2', 'a=ssrc:1234 cname:somebody', '',
  ].join('\r\n');
}
