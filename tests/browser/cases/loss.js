// Packets get lost at random on one person's link: pictures and sound survive it.
import { receiving } from '../harness/calls.js';
import { callStats, join } from '../harness/room.js';
import { sleep } from '../harness/shell.js';
import { concealedShare, decodedShare } from '../measure/receiver.js';

// Per cent lost, and the least share of the pictures sent that must be decoded.
const RATES = [[5, 0.95], [10, 0.9], [20, 0.7]];
const CONCEALED_AT = 10;
const MOST_CONCEALED = 0.05;
const WARM_UP_MS = 4000;
// Enough for some hundred losses.
const MOST_SECONDS = 20;

export const name = 'loss';
export const about = '5, 10 and 20 % of packets lost on the receiver\'s link, and on the publisher\'s';
export const needsServer = true;
export const cases = [
  { name: 'loss-receiver', run: (context) => onLink(context, { publisher: false }) },
  { name: 'loss-publisher', run: (context) => onLink(context, { publisher: true }) },
];

async function onLink(context, { publisher }) {
  const place = await context.place();
  const one = await join(context, 'chromium', 1, context.room, publisher ? { place } : {});
  const two = await join(context, 'chromium', 2, context.room, publisher ? { listens: true } : { listens: true, place });
  await receiving(two.page, 'call', 1);
  await sleep(WARM_UP_MS);
  const results = [];
  for (const [percent, least] of RATES) {
    place.lose(percent, { toServer: publisher });
    await sleep(WARM_UP_MS);
    results.push({ percent, least, ...(await measure(one, two, Math.min(context.seconds, MOST_SECONDS))) });
  }
  place.lose(0);
  return {
    results: results.map(({ percent, decoded, concealed }) => ({ percent, decoded, concealed })),
    failures: results.flatMap(({ percent, least, decoded, concealed }) => [
      decoded >= least || `${decoded} of the pictures at ${percent} % loss, ${least} wanted`,
      percent !== CONCEALED_AT || concealed < MOST_CONCEALED || `${concealed} of the sound concealed at ${percent} % loss`,
    ]).filter((failure) => failure !== true),
  };
}

async function measure(publisher, receiver, seconds) {
  const read = () => Promise.all([callStats(publisher), callStats(receiver)]);
  const before = await read();
  await sleep(seconds * 1000);
  const after = await read();
  const round = (share) => Math.round(share * 1000) / 1000;
  return { decoded: round(decodedShare(before, after)), concealed: round(concealedShare(before[1], after[1])) };
}
