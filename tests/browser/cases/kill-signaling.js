// Signaling may be killed at any time: media goes on, and everybody is signalled again within seconds.
import { receiving, record } from '../harness/calls.js';
import { killSignaling } from '../harness/killing.js';
import { api, callStats, join } from '../harness/room.js';
import { sleep, until } from '../harness/shell.js';
import { packetsLost, path, worst } from '../measure/receiver.js';

export const name = 'kill-signaling';
export const about = 'kill -9 of the signaling process during a call: nobody sees it, everybody is signalled again';
export const needsServer = true;
export const cases = [{ name: 'kill-signaling', run: killed }];

async function killed(context) {
  const one = await join(context, 'chromium', 1, context.room);
  const two = await join(context, 'chromium', 2, context.room);
  await receiving(one.page, 'call', 2);
  await receiving(two.page, 'call', 1);
  await sleep(3000);
  const people = [one, two];
  const before = await whatMustStay(context.room, people);
  const resumed = {};
  const received = await record(people.map(({ page }) => page), ['call'], Math.min(context.seconds, 20), async () => {
    await sleep(2000);
    Object.assign(resumed, await killSignaling(context.server, people));
  });
  const after = await whatMustStay(context.room, people);
  const figures = worst([received(one.page, 'call', 2), received(two.page, 'call', 1)]);
  const stays = Object.keys(before).filter((key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]));
  const third = await newcomer(context, people);
  const lost = (await Promise.all(people.map(callStats))).reduce((sum, stats) => sum + packetsLost(stats), 0);
  return {
    longestGapMs: figures.longestGapMs,
    resumeMs: resumed.ms,
    audioHeard: figures.audioHeard,
    packetsLost: lost,
    dtlsHandshakes: stays.includes('paths') ? 1 : 0,
    failures: [
      figures.longestGapMs <= context.limits.mostGapMs || `a gap of ${figures.longestGapMs} ms`,
      resumed.ms <= context.limits.mostResumeMs || `signalled again only after ${resumed.ms} ms`,
      resumed.asThemselves || 'a page came back as somebody else, or its resume token was refused',
      figures.audioHeard || 'the tone was not heard throughout',
      ...stays.map((key) => `${key} changed from ${JSON.stringify(before[key])} to ${JSON.stringify(after[key])}`),
      ...third,
    ].filter((failure) => failure !== true),
  };
}

// Rooms over REST, names in the pages, and the way of the packets: a new DTLS handshake would need new
// ICE credentials or another connection, and changes one of these.
async function whatMustStay(room, people) {
  const rooms = (await api('/api/rooms')).body;
  const one = (await api(`/api/rooms/${room}`)).body;
  const pages = await Promise.all(people.map(({ page }) => page.evaluate(() => {
    const { roomId, participantId, people, slots } = volley.state();
    return { roomId, participantId, people, slots, connections: volleyTest.meter.connections.length };
  })));
  const paths = await Promise.all(people.map(async (person) => path(await callStats(person))));
  return { rooms, room: one, pages, paths };
}

// The room is not only remembered, it is alive: somebody new is seen by the others, under their name.
async function newcomer(context, people) {
  const third = await join(context, 'chromium', 3, context.room);
  await receiving(third.page, 'call', 1);
  await receiving(people[0].page, 'call', 3);
  const names = await third.page.evaluate(() => volley.state().people.map(({ name }) => name).sort());
  const expected = people.map(({ name }) => name).sort();
  return [JSON.stringify(names) === JSON.stringify(expected) || `somebody new sees ${names} instead of ${expected}`];
}
