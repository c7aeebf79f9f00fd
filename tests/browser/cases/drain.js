// SIGTERM: calls go on for a while, no room begins, and then everybody is told goodbye and the server ends.
import { receiving } from '../harness/calls.js';
import { api, join } from '../harness/room.js';
import { until } from '../harness/shell.js';
import { Socket } from '../harness/stranger.js';

const SECONDS = 6;

export const name = 'drain';
export const about = 'SIGTERM: the call goes on, no room begins, then goodbye, and the pages say so';
export const needsServer = true;
export const environment = { VOLLEY_SERVER__DRAIN_TIMEOUT: String(SECONDS) };
export const cases = [{ name: 'drain', run: drain }];

async function drain(context) {
  const { room, server } = context;
  const people = [await join(context, 'chromium', 1, room), await join(context, 'chromium', 2, room)];
  await receiving(people[1].page, 'call', 1);
  const failures = [];
  const answers = async (path, wanted) => {
    const { status } = await api(path);
    if (status !== wanted) failures.push(`${path} answers ${status} instead of ${wanted}`);
  };
  await answers('/health/ready', 200);

  const asked = Date.now();
  server.process.kill('SIGTERM');
  for (const { page } of people) await says(page, 'This server stops in');
  await answers('/health/ready', 503);
  await answers('/health/live', 200);
  const socket = await Socket.open();
  const { code } = await socket.ask({ type: 'join', roomId: `${room}-other`, participantName: 'late' }, 'joined', 'error');
  if (code !== 'server-draining') failures.push(`who wants a new room is told ${code}`);
  await receiving(people[1].page, 'call', 1);

  for (const { page } of people) await says(page, 'The server was stopped');
  const { code: exit } = await server.ended;
  const tookMs = Date.now() - asked;
  if (exit !== 0) failures.push(`it ended with ${exit}`);
  if (tookMs < SECONDS * 1000 - 500) failures.push(`it ended after ${tookMs} ms`);
  const goodbye = socket.heard.filter(({ type }) => type === 'goodbye');
  if (goodbye.at(-1)?.inSeconds !== 0) failures.push(`a socket heard ${JSON.stringify(goodbye)}`);
  return { tookMs, failures };
}

function says(page, text) {
  const notices = () => page.evaluate(() => volley.state().notices);
  return until(`the page says "${text}"`, async () => (await notices()).some((notice) => notice.includes(text)), { timeoutMs: 15_000 });
}
