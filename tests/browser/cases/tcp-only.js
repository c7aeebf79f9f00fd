// Where no UDP passes, a call comes up over ICE-TCP all the same: at the port of media, or at that of the page
// when nothing else is let through, as with `docker run -p 8080:8080`.
import { receiving } from '../harness/calls.js';
import { outlives } from '../harness/killing.js';
import { blockAllBut } from '../harness/network.js';
import { callStats, join, joinToFirstFrameMs } from '../harness/room.js';
import { sleep } from '../harness/shell.js';
import { framesDecoded, selectedPair } from '../measure/receiver.js';

const PAGE_PORT = 8080;
const MOST_SECONDS = 10;

export const name = 'tcp-only';
export const about = 'no UDP passes: a call over ICE-TCP, at the port of media, and at that of the page alone';
export const needsServer = true;
export const cases = [
  { name: 'tcp-only', run: (context) => blocked(context, 'tcp') },
  { name: 'tcp-only-page-port', run: (context) => blocked(context, `tcp dport ${PAGE_PORT}`, PAGE_PORT) },
];

async function blocked(context, passes, port) {
  const wall = blockAllBut(passes);
  context.onClose(wall.remove);
  const people = [await join(context, 'chromium', 1, context.room), await join(context, 'chromium', 2, context.room)];
  const [one, two] = people;
  await receiving(one.page, 'call', 2);
  await receiving(two.page, 'call', 1);
  const joinMs = await joinToFirstFrameMs(two);
  const dead = await outlives(context.server, people, () => receiving(one.page, 'call', 2));
  const before = await Promise.all(people.map(callStats));
  await sleep(Math.min(context.seconds, MOST_SECONDS) * 1000);
  const after = await Promise.all(people.map(callStats));
  const decoded = after.map((stats, index) => framesDecoded(stats) - framesDecoded(before[index]));
  const remotes = after.map((stats) => selectedPair(stats)?.remote);
  const { mostJoinOverTcpMs } = context.limits;
  return {
    joinToFirstFrameMs: joinMs,
    framesDecoded: decoded,
    over: remotes.map((remote) => `${remote?.protocol} ${remote?.port}`),
    blocked: wall.blocked(),
    failures: [
      joinMs !== null && joinMs <= mostJoinOverTcpMs || `the first picture came after ${joinMs} ms, ${mostJoinOverTcpMs} allowed`,
      decoded.every((frames) => frames > 0) || `decoded: ${decoded}`,
      remotes.every((remote) => remote?.protocol === 'tcp') || 'media does not go over TCP',
      !port || remotes.every((remote) => remote?.port === port) || `media does not go to port ${port}`,
      wall.blocked() > 0 || 'nothing was blocked, so nothing was tested',
      ...dead,
    ].filter((failure) => failure !== true),
  };
}
