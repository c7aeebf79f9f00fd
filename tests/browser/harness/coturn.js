// coturn, as Debian has it, in the server's network: a TURN server that shares a secret with volley.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import { SERVER_ADDRESS, SERVER_SPACE } from './network.js';
import { log, until } from './shell.js';

const PORT = 3478;

export const TURN_URL = `turn:${SERVER_ADDRESS}:${PORT}?transport=udp`;

// Returns how to end it. It keeps all it writes in the folder of the test, which is gone with the test.
export async function startCoturn(secret) {
  const settings = `/run/tmp/coturn-${process.pid}.conf`;
  fs.writeFileSync(settings, [
    `listening-ip=${SERVER_ADDRESS}`, `relay-ip=${SERVER_ADDRESS}`, `listening-port=${PORT}`,
    'use-auth-secret', `static-auth-secret=${secret}`, 'realm=volley.test',
    'no-tls', 'no-dtls', 'no-cli', 'no-multicast-peers', 'simple-log', 'log-file=stdout',
    'userdb=/run/tmp/coturn.sqlite', 'pidfile=/run/tmp/coturn.pid', '',
  ].join('\n'));
  const coturn = spawn('ip', ['netns', 'exec', SERVER_SPACE, 'turnserver', '-c', settings], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [coturn.stdout, coturn.stderr]) stream.on('data', (data) => (said = (said + data).slice(-4000)));
  coturn.once('error', (error) => (said += error.message));
  try {
    await until('coturn (apt-get install coturn)', () => {
      if (coturn.exitCode !== null) throw new Error(`coturn ended with ${coturn.exitCode}: ${said}`);
      return answers();
    });
  } catch (error) {
    coturn.kill('SIGKILL');
    throw error;
  }
  log('coturn is ready');
  return () => coturn.kill('SIGTERM');
}

// It takes UDP and TCP on the same port; that TCP is taken shows that it listens.
function answers() {
  return new Promise((done) => {
    const socket = net.connect(PORT, SERVER_ADDRESS);
    socket.once('connect', () => done(true)).once('error', () => done(false));
    socket.once('connect', () => socket.destroy());
  });
}
