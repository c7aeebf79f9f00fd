// The wire under test. `scripts/e2e` starts node in network, mount and process namespaces of its own, so
// all of this is gone with the process, even after SIGKILL:
//
//   browsers and tests, 10.77.0.2  ── veth "wire" ──  10.77.0.1, the server
//
// Loopback is not enough: Firefox wants a default route and an address that is not 127.0.0.1.
import fs from 'node:fs';
import net from 'node:net';
import { sh } from './shell.js';

export const SERVER_ADDRESS = '10.77.0.1';
export const BROWSER_ADDRESS = '10.77.0.2';
export const SERVER_SPACE = 'server';
const PORT = 8080;

export function buildNetwork() {
  if (process.pid !== 1) throw new Error('start the browser tests with ./scripts/e2e, which makes the namespaces');
  // Private to our mount namespace: names of network namespaces, browser profiles, caches.
  sh('mount -t tmpfs tmpfs /run');
  for (const folder of ['/run/netns', '/run/tmp', '/run/home']) fs.mkdirSync(folder);
  Object.assign(process.env, { TMPDIR: '/run/tmp', HOME: '/run/home', XDG_RUNTIME_DIR: '/run/tmp' });
  sh(`ip netns add ${SERVER_SPACE}`);
  sh(`ip link add name wire type veth peer name wire netns ${SERVER_SPACE}`);
  bringUp('ip', BROWSER_ADDRESS, SERVER_ADDRESS);
  bringUp(`ip -n ${SERVER_SPACE}`, SERVER_ADDRESS, BROWSER_ADDRESS);
}

function bringUp(ip, own, peer) {
  sh(`${ip} link set lo up`);
  sh(`${ip} addr add ${own}/24 dev wire`);
  sh(`${ip} link set wire up`);
  sh(`${ip} route add default via ${peer}`);
}

// Pages are opened as http://localhost:8080, the way a user does and the only address without TLS at
// which browsers offer a camera; HTTP and WebSocket are carried to the server, media takes the wire.
export async function relayLocalhost() {
  const relay = net.createServer((near) => {
    const far = net.connect(PORT, SERVER_ADDRESS);
    near.on('error', () => far.destroy());
    far.on('error', () => near.destroy());
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
    near.pipe(far).pipe(near);
  });
  await new Promise((done, fail) => relay.once('error', fail).listen(PORT, '127.0.0.1', done));
  return () => relay.close();
}
