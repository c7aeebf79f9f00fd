// What happens in rooms is told over HTTP: signed, in order, and nothing is lost though the receiver fails
// now and then and signaling is killed.
import { createHmac, randomBytes } from 'node:crypto';
import http from 'node:http';
import { BROWSER_ADDRESS } from '../harness/network.js';
import { sleep, until } from '../harness/shell.js';
import { Socket } from '../harness/stranger.js';

const PORT = 9977;
const SECRET = randomBytes(32).toString('hex');
const ROUNDS = 6;

export const name = 'webhooks';
export const about = 'a receiver that fails now and then and a killed signaling process: every event arrives, signed and in order';
export const needsServer = true;
export const environment = {
  VOLLEY_WEBHOOKS__URL: `http://${BROWSER_ADDRESS}:${PORT}/hooks`,
  VOLLEY_WEBHOOKS__SECRETS: SECRET,
};
export const cases = [{ name: 'webhooks', run: webhooks }];

async function webhooks(context) {
  const { room, server } = context;
  const receiver = await receive();
  context.onClose(() => receiver.close());
  const expected = ['room-started'];
  const keeper = await enter(room, 'keeper');
  expected.push('participant-joined keeper');
  for (let round = 1; round <= ROUNDS; round += 1) {
    const guest = await enter(room, `guest ${round}`);
    guest.send({ type: 'leave' });
    await until('nobody but the keeper is there', () => keeper.heard.filter(({ type }) => type === 'participant-left').length >= round);
    expected.push(`participant-joined guest ${round}`, `participant-left guest ${round}`);
    guest.close();
  }
  // Some are still on their way, or wait.
  process.kill(Number(server.child('signaling')), 'SIGKILL');
  await until('the last guest has arrived as an event', () => receiver.events.includes(expected.at(-1)), { timeoutMs: 30_000 });
  await sleep(500);
  const failures = [...receiver.failures];
  const told = receiver.events.filter((event, place) => receiver.events.indexOf(event) === place);
  if (JSON.stringify(told) !== JSON.stringify(expected)) failures.push(`told ${JSON.stringify(told)} instead of ${JSON.stringify(expected)}`);
  return { requests: receiver.requests, failures };
}

async function enter(room, participantName) {
  const socket = await Socket.open();
  const answer = await socket.ask({ type: 'join', roomId: room, participantName }, 'joined', 'error');
  if (answer.type !== 'joined') throw new Error(`${participantName} is told ${answer.code}`);
  return socket;
}

// Fails every third time. What was answered with 200 counts as told.
function receive() {
  const receiver = { events: [], failures: [], requests: 0, close: () => server.close() };
  const server = http.createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      receiver.requests += 1;
      if (receiver.requests % 3 === 0) return response.writeHead(500).end();
      const body = Buffer.concat(parts).toString();
      if (!isSigned(request.headers, body)) receiver.failures.push('a signature is wrong');
      const { type, participant } = JSON.parse(body);
      receiver.events.push([type, participant?.participantName].filter(Boolean).join(' '));
      response.writeHead(204).end();
    });
  });
  return new Promise((done) => server.listen(PORT, BROWSER_ADDRESS, () => done(receiver)));
}

function isSigned(headers, body) {
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
  return headers['webhook-signature'] === `v1,${createHmac('sha256', SECRET).update(signed).digest('base64')}`;
}
