// The wire under test. `scripts/e2e` starts node in network, mount and process namespaces of its own, so
// all of this is gone with the process, even after SIGKILL:
//
//   browsers and tests, 10.77.0.2  ── veth "wire" ──  10.77.0.1, the server
//   a browser apart, 10.77.N.2     ── veth "wireN" ──  10.77.N.1, the server
//
// Loopback is not enough: Firefox wants a default route and an address that is not 127.0.0.1.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { relay } from './relay.js';
import { sh } from './shell.js';

export const SERVER_ADDRESS = '10.77.0.1';
export const BROWSER_ADDRESS = '10.77.0.2';
export const SERVER_SPACE = 'server';
const PORT = 8080;
const RELAY = new URL('./relay.js', import.meta.url).pathname;
const DETOUR = new URL('./detour.js', import.meta.url).pathname;
const MEDIA_PORT = 50_000;

export function buildNetwork() {
  if (process.pid !== 1) throw new Error('start the browser tests with ./scripts/e2e, which makes the namespaces');
  // Private to our mount namespace: names of network namespaces, browser profiles, caches.
  sh('mount -t tmpfs tmpfs /run');
  for (const folder of ['/run/netns', '/run/tmp', '/run/home']) fs.mkdirSync(folder);
  Object.assign(process.env, { TMPDIR: '/run/tmp', HOME: '/run/home', XDG_RUNTIME_DIR: '/run/tmp' });
  sh(`ip netns add ${SERVER_SPACE}`);
  sh(`ip link add name wire type veth peer name wire netns ${SERVER_SPACE}`);
  bringUp('ip', 'wire', BROWSER_ADDRESS, SERVER_ADDRESS);
  bringUp(`ip -n ${SERVER_SPACE}`, 'wire', SERVER_ADDRESS, BROWSER_ADDRESS);
}

function bringUp(ip, wire, own, gateway) {
  sh(`${ip} link set lo up`);
  sh(`${ip} addr add ${own}/24 dev ${wire}`);
  // No address of its own making: one that appears a second later makes Chromium drop what it loads.
  sh(`${ip} link set dev ${wire} addrgenmode none`);
  sh(`${ip} link set ${wire} up`);
  if (gateway) sh(`${ip} route add default via ${gateway}`);
}

// Pages are opened as http://localhost:8080, the way a user does and the only address without TLS at
// which browsers offer a camera; HTTP and WebSocket are carried to the server, media takes the wire.
export const relayLocalhost = () => relay(PORT, SERVER_ADDRESS);

// Of what comes to the server over the wire of the tests only what `passes` (as nft says it); `blocked` tells
// how many packets did not.
export function blockAllBut(passes) {
  const nft = (line, options) => sh(`ip netns exec ${SERVER_SPACE} nft ${line}`, options);
  nft('add table inet wall');
  nft('add chain inet wall in { type filter hook input priority 0 ; }');
  nft(`add rule inet wall in iifname wire ${passes.startsWith('tcp ') ? passes : `meta l4proto ${passes}`} accept`);
  nft('add rule inet wall in iifname wire counter drop');
  return {
    blocked: () => Number(/counter packets (\d+)/.exec(nft('list table inet wall'))[1]),
    remove: () => nft('delete table inet wall', { optional: true }),
  };
}

// IPv6 on the wire of the tests, beside IPv4; returns how to end it. Without `nodad` an address could not be
// used for a second.
export function addIpv6(server, own) {
  const ends = [[`ip -n ${SERVER_SPACE}`, server], ['ip', own]];
  for (const [ip, address] of ends) sh(`${ip} addr add ${address}/64 dev wire nodad`);
  return () => ends.forEach(([ip, address]) => sh(`${ip} addr del ${address}/64 dev wire`, { optional: true }));
}

// A port of the server whose datagrams take `ms` longer each way; returns port and how to end it.
export async function addDetour(ms) {
  const port = MEDIA_PORT + 50;
  const words = [DETOUR, SERVER_ADDRESS, port, MEDIA_PORT, ms].map(String);
  const detour = spawn('ip', ['netns', 'exec', SERVER_SPACE, process.execPath, ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((done, fail) => detour.once('error', fail).stdout.once('data', done));
  return { port, end: () => detour.kill() };
}

// A place for browsers behind a wire of their own, whose link can be made thin or lossy without
// anybody else noticing.
export class Place {
  static #places = 0;
  #number = (Place.#places += 1);
  #relay = null;

  constructor() {
    this.space = `place${this.#number}`;
    this.wire = `wire${this.#number}`;
    const [server, own] = [1, 2].map((host) => `10.77.${this.#number}.${host}`);
    sh(`ip netns add ${this.space}`);
    sh(`ip -n ${this.space} link add name wire type veth peer name ${this.wire} netns ${SERVER_SPACE}`);
    bringUp(`ip -n ${this.space}`, 'wire', own, server);
    bringUp(`ip -n ${SERVER_SPACE}`, this.wire, server);
    // The server was told to browsers under one address, and must answer from it.
    sh(`ip -n ${SERVER_SPACE} route replace 10.77.${this.#number}.0/24 dev ${this.wire} src ${SERVER_ADDRESS}`);
    // A train crosses a veth as one packet, and would be lost or delayed as one.
    for (const [space, wire] of [[this.space, 'wire'], [SERVER_SPACE, this.wire]]) {
      sh(`ip -n ${space} link set dev ${wire} gso_max_segs 1`);
    }
  }

  // The relay of localhost, in this place.
  async start() {
    this.#relay = spawn('ip', ['netns', 'exec', this.space, process.execPath, RELAY, String(PORT), SERVER_ADDRESS], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((done, fail) => this.#relay.once('error', fail).stdout.once('data', done));
  }

  // The program, as one that runs here.
  program(path) {
    const script = `/run/tmp/${this.space}-${path.replaceAll('/', '-')}`;
    fs.writeFileSync(script, `#!/bin/sh\nexec ip netns exec ${this.space} ${path} "$@"\n`, { mode: 0o755 });
    return script;
  }

  // What comes from the server gets so much room; a queue of at most 300 ms forms before packets are lost.
  narrow(kilobits) {
    const verb = this.narrowed ? 'change' : 'add';
    sh(`ip netns exec ${SERVER_SPACE} tc qdisc ${verb} dev ${this.wire} root tbf rate ${kilobits}kbit burst 3000 latency 300ms`);
    this.narrowed = true;
  }

  widen() {
    if (this.narrowed) sh(`ip netns exec ${SERVER_SPACE} tc qdisc del dev ${this.wire} root`);
    this.narrowed = false;
  }

  // So many of a hundred UDP packets are lost at random: those that come from the server, or those that go to it.
  lose(percent, { toServer = false } = {}) {
    const [space, wire] = toServer ? [SERVER_SPACE, this.wire] : [this.space, 'wire'];
    const nft = (line) => sh(`ip netns exec ${space} nft ${line}`);
    sh(`ip netns exec ${space} nft delete table netdev loss`, { optional: true });
    if (percent === 0) return;
    nft('add table netdev loss');
    nft(`add chain netdev loss some { type filter hook ingress device ${wire} priority 0 ; }`);
    nft(`add rule netdev loss some ip protocol udp numgen random mod 1000 < ${Math.round(percent * 10)} counter drop`);
  }

  // A router forgets who was behind its ports: from now on what leaves here has other ports, and only what is
  // sent to those comes back.
  rebind() {
    const nft = (line) => sh(`ip netns exec ${this.space} nft ${line}`);
    nft('add table ip router');
    nft('add chain ip router out { type filter hook postrouting priority 0 ; }');
    nft('add chain ip router in { type filter hook prerouting priority -300 ; }');
    // One bit of the port is turned, which needs no memory: what comes back is turned once more.
    for (const [chain, side] of [['out', 'sport'], ['in', 'dport']]) {
      nft(`add rule ip router ${chain} ip protocol udp udp ${side} set udp ${side} ^ 0x2000`);
    }
  }

  // The address goes and another one comes, as when a phone leaves the house.
  readdress() {
    const [old, own] = [2, 3].map((host) => `10.77.${this.#number}.${host}`);
    const ip = (line) => sh(`ip -n ${this.space} ${line}`);
    ip(`addr del ${old}/24 dev wire`);
    ip(`addr add ${own}/24 dev wire`);
    ip(`route replace default via 10.77.${this.#number}.1`);
  }

  end() {
    this.#relay?.kill();
    sh(`ip -n ${SERVER_SPACE} link del ${this.wire}`, { optional: true });
    sh(`ip netns del ${this.space}`, { optional: true });
  }
}
