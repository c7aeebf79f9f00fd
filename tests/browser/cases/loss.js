// Packets get lost at random on one person's link: pictures and sound survive it.
import { receiving } from '../harness/calls.js';
import { callStats, join } from '../harness/room.js';
import { sleep } from '../harness/shell.js';
import { concealedShare, decodedShare } from '../measure/receiver.js';

const PER_CENT = [5, 10, 20];
const CONCEALED_AT = 10;
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
  for (const percent of PER_CENT) {
    place.lose(percent, { toServer: publisher });
    await sleep(WARM_UP_MS);
    results.push({ percent, ...(await measure(one, two, Math.min(context.seconds, MOST_SECONDS))) });
  }
  place.lose(0);
  const { leastDecoded, mostConcealed } = context.limits;
  return {
    results,
    failures: results.flatMap(({ percent, decoded, concealed }) => [
      decoded >= leastDecoded[percent] || `${decoded} of the pictures at ${percent} % loss, ${leastDecoded[percent]} wanted`,
      percent !== CONCEALED_AT || concealed < mostConcealed || `${concealed} of the sound concealed at ${percent} % loss`,
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
