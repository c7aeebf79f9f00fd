// One UDP port for two workers: twenty people in eight rooms, two of them pages. Each person's first checks
// find the worker they are for; from then on the kernel brings everything straight to it, and no datagram
// is handed from one worker to another.
import { receiving } from '../harness/calls.js';
import { Crowd } from '../harness/crowd.js';
import { outlives } from '../harness/killing.js';
import { SERVER_ADDRESS } from '../harness/network.js';
import { join } from '../harness/room.js';
import { log, sleep } from '../harness/shell.js';

const WORKERS = 2;
// With the pages' own room, eight rooms and twenty people.
const CROWDS = [3, 3, 3, 3, 2, 2, 2];
const PEOPLE = 2 + CROWDS.reduce((sum, count) => sum + count, 0);
const KINDS = ['checks', 'dtls', 'media'];
// The last one's handshake and first checks.
const SETTLES_MS = 2000;

export const name = 'one-port';
export const about = 'two workers on one UDP port, 20 people in 8 rooms; after their first checks nothing is handed between workers';
export const needsServer = true;
export const environment = { VOLLEY_WORKERS: WORKERS, VOLLEY_SECURITY__RATE_LIMIT__ENABLED: 'false' };
export const cases = [{ name, run: (context) => onePort(context, { isSteered: true }) }];

export async function onePort(context, { isSteered }) {
  for (const [index, people] of CROWDS.entries()) {
    await Crowd.join(context, { room: `${context.room}-${index}`, people, turnSeconds: 5 });
  }
  const pages = [await join(context, 'chromium', 1, context.room), await join(context, 'firefox', 2, context.room)];
  await Promise.all(pages.map(({ page }, index) => receiving(page, 'call', 2 - index)));
  await sleep(SETTLES_MS);
  const before = await figures();
  await sleep(context.seconds * 1000);
  const after = await figures();
  const goesOn = () => Promise.all(pages.map(({ page }, index) => receiving(page, 'call', 2 - index)));
  await goesOn();
  const dead = await outlives(context.server, pages, goesOn);
  const ports = [...new Set((await Promise.all(pages.map(portsOfferedTo))).flat())];
  const [handedBefore, handed] = [total(before.handed), minus(after.handed, before.handed)];
  return {
    workers: WORKERS, people: PEOPLE, rooms: CROWDS.length + 1, ports, steered: after.steered, handedBefore, handed,
    packets: after.received.map((count, worker) => count - before.received[worker]),
    failures: [...broken({ isSteered, ports, before, after, handed }), ...dead],
  };
}

function broken({ isSteered, ports, before, after, handed }) {
  const may = after.steered.every((one) => one === 1);
  if (isSteered && !may) log('one-port: the kernel does not let this user steer, so datagrams are handed between workers');
  const steers = isSteered && may;
  return [
    ports.length === 1 || `the answers name the ports ${ports}`,
    sum(after.transports) === PEOPLE || `${after.transports} transports on the workers`,
    after.transports.every((count) => count > 0) || 'one worker has nobody',
    after.received.every((count, worker) => count > before.received[worker] + 100) || 'a worker received next to nothing',
    !steers || sum(Object.values(handed)) === 0 || `handed between workers: ${JSON.stringify(handed)}`,
    steers || handed.media > 0 || 'nothing was handed on although nothing was steered',
    sum(after.failures) === 0 || `${after.failures} addresses could not be noted`,
    after.lost === before.lost || `${after.lost - before.lost} datagrams found no worker`,
  ].filter((failure) => failure !== true);
}

// What the server counts, by worker.
async function figures() {
  const lines = (await (await fetch(`http://${SERVER_ADDRESS}:9090/metrics`)).text()).split('\n');
  const of = (metric, worker, label = '') => {
    const start = `volley_${metric}{worker="${worker}"${label}} `;
    return Number(lines.find((line) => line.startsWith(start)).slice(start.length));
  };
  const each = (metric, label) => Array.from({ length: WORKERS }, (_, worker) => of(metric, worker, label));
  return {
    handed: Object.fromEntries(KINDS.map((kind) => [kind, sum(each('datagrams_handed_total', `,kind="${kind}"`))])),
    lost: sum(['unknown-address', 'unknown-ufrag', 'check-flood'].flatMap((cause) => each('dropped_total', `,cause="${cause}"`))),
    received: each('packets_received_total'),
    steered: each('udp_steered'),
    failures: each('udp_steering_failures_total'),
    transports: each('worker_transports'),
  };
}

const portsOfferedTo = ({ page }) => page.evaluate(() => {
  const sdp = volleyTest.meter.connections.at(-1).remoteDescription.sdp;
  return [...sdp.matchAll(/^a=candidate:\S+ \d+ udp \d+ \S+ (\d+) /gim)].map(([, port]) => Number(port));
});

const sum = (numbers) => numbers.reduce((sum, one) => sum + one, 0);
const total = (handed) => sum(Object.values(handed));
const minus = (after, before) => Object.fromEntries(KINDS.map((kind) => [kind, after[kind] - before[kind]]));
