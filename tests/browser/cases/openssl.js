// OpenSSL, a DTLS stack that is none of the browsers', completes a handshake with an RSA certificate,
// as GStreamer's peers have by default.
import { execFileSync, spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { IceShim } from '../harness/ice-shim.js';
import { until } from '../harness/shell.js';
import { candidatesOf, Socket } from '../harness/stranger.js';

const WANTED = 'SRTP_AEAD_AES_128_GCM';
// The client's order is the opposite of ours: the server's must win.
const OFFERED = `SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_256_GCM:${WANTED}`;
const UFRAG = 'shim';
const PASSWORD = 'a-password-of-24-letters';

export const name = 'openssl';
export const about = 'openssl s_client -dtls1_2 with an RSA-2048 certificate completes a handshake';
export const needsServer = true;
export const cases = [{ name: 'openssl-rsa-2048', run: handshake }];

async function handshake(context) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'openssl-'));
  const [key, certificate] = [path.join(folder, 'key.pem'), path.join(folder, 'certificate.pem')];
  const words = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', '/CN=shim', '-keyout', key, '-out', certificate];
  execFileSync('openssl', words, { stdio: 'ignore' });
  const socket = await Socket.open();
  const sdp = await negotiate(socket, context.room, new X509Certificate(fs.readFileSync(certificate)).fingerprint256);
  const value = (attribute) => new RegExp(`^a=${attribute}:(\\S+)`, 'm').exec(sdp)[1];
  const shim = await IceShim.open({
    target: candidatesOf(sdp)[0],
    username: `${value('ice-ufrag')}:${UFRAG}`,
    password: value('ice-pwd'),
  });
  const output = await connect(shim.port, key, certificate);
  context.keep('s_client.log', output);
  shim.close();
  socket.close();
  const find = (pattern) => pattern.exec(output)?.[1] ?? null;
  const profile = find(/SRTP Extension negotiated, profile=(\S+)/);
  const protocol = find(/^\s*Protocol\s*: (\S+)/m);
  const cipher = find(/^New, .*Cipher is (\S+)/m);
  return {
    srtpProfile: profile,
    protocol,
    cipher,
    failures: [
      profile === WANTED || `profile ${profile} instead of ${WANTED}`,
      protocol === 'DTLSv1.2' || `protocol ${protocol}`,
    ].filter((failure) => failure !== true),
  };
}

async function negotiate(socket, roomId, fingerprint) {
  await socket.ask({ type: 'join', roomId, participantName: 'OpenSSL' }, 'joined');
  const answer = await socket.ask({ type: 'offer', roomId, sdp: offer(fingerprint) }, 'answer', 'error');
  if (answer.type === 'error') throw new Error(`the offer was refused: ${JSON.stringify(answer)}`);
  return answer.sdp;
}

function offer(fingerprint) {
  return [
    'v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 't=0 0', 'a=group:BUNDLE 0', 'a=msid-semantic: WMS',
    'm=audio 9 UDP/TLS/RTP/SAVPF 111', 'c=IN IP4 0.0.0.0', 'a=rtcp:9 IN IP4 0.0.0.0',
    `a=ice-ufrag:${UFRAG}`, `a=ice-pwd:${PASSWORD}`, `a=fingerprint:sha-256 ${fingerprint}`, 'a=setup:active', 'a=mid:0',
    'a=sendrecv', 'a=msid:s t', 'a=rtcp-mux', 'a=rtpmap:111 opus/48000/2', 'a=ssrc:4242 cname:shim', 'a=ssrc:4242 msid:s t', '',
  ].join('\r\n');
}

async function connect(port, key, certificate) {
  const words = ['s_client', '-dtls1_2', '-connect', `127.0.0.1:${port}`, '-cert', certificate, '-key', key, '-use_srtp', OFFERED, '-mtu', '1200'];
  const client = spawn('openssl', words, { stdio: ['pipe', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [client.stdout, client.stderr]) stream.on('data', (data) => (output += data));
  const ended = new Promise((done) => client.once('exit', done));
  // It prints the session once the handshake is over, then waits for input.
  const over = () => /Verify return code|Timeout/.test(output) || client.exitCode !== null;
  await until('openssl s_client to finish its handshake', over).catch(() => {});
  client.kill();
  await ended;
  return output;
}
