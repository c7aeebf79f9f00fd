// Two people in a room see and hear each other through volley as well as they would directly.
import { connectDirectly, receiving, record } from '../harness/calls.js';
import { joinExample } from '../harness/example.js';
import { callStats, join, joinToFirstFrameMs, leave } from '../harness/room.js';
import { sleep } from '../harness/shell.js';
import { codecsReceived, packetsLost, srtpCipher, worst } from '../measure/receiver.js';
import { brokenByReceiver, brokenBySync, brokenByTransport } from '../measure/verdict.js';

const CODEC_SECONDS = 15;
// Until both bandwidth estimates have left their start-up phase and lips are in sync.
const WARM_UP_MS = 5000;
const SHORT_WARM_UP_MS = 2000;
const YARDSTICK_SECONDS = 20;
const MOST_LOOKS = 3;

export const name = 'two-tabs';
export const about = 'two people in a room, browser by browser and codec by codec, beside a direct call';
export const needsServer = true;
export const cases = [
  { name: 'two-tabs-chromium-chromium', run: (context) => pairing(context, 'chromium') },
  { name: 'two-tabs-chromium-firefox', run: (context) => pairing(context, 'firefox') },
  { name: 'two-tabs-example-client', run: exampleClient },
  ...['h264', 'vp9', 'av1'].map((codec) => ({ name: `two-tabs-${codec}`, run: (context) => inCodec(context, codec) })),
];

async function pairing(context, otherKind) {
  const yardstick = await measureDirectly(context, ['chromium', otherKind], context.seconds);
  const one = await join(context, 'chromium', 1, context.room);
  const two = await join(context, otherKind, 2, context.room);
  const figures = await measure(context, one, two, yardstick, { seconds: context.seconds });
  const moved = await moveSeats(context, one, two, (id) => join(context, 'chromium', id, context.room));
  return merge(figures, moved);
}

async function exampleClient(context) {
  const yardstick = await measureDirectly(context, ['chromium', 'chromium'], context.seconds);
  // The first camera resolves after the first request-offer, so an offer without m-lines comes first.
  const one = await joinExample(context, 1, { delayCameraMs: 300 });
  const two = await joinExample(context, 2);
  const figures = await measure(context, one, two, yardstick, { seconds: context.seconds, joinMs: two.joinToFirstFrameMs });
  const moved = await moveSeats(context, one, two, (id) => joinExample(context, id));
  return merge(figures, moved);
}

async function inCodec(context, codec) {
  const seconds = Math.min(context.seconds, CODEC_SECONDS);
  const yardstick = await measureDirectly(context, ['chromium', 'chromium'], seconds, codec);
  const one = await join(context, 'chromium', 1, context.room, { codec });
  const two = await join(context, 'chromium', 2, context.room, { codec });
  const figures = await measure(context, one, two, yardstick, { seconds });
  const used = codecsReceived(await callStats(two)).map((type) => type.toLowerCase());
  if (!used.includes(`video/${codec}`)) figures.failures.push(`received ${used}`);
  return { ...figures, codec };
}

// Directly before the call and not beside it: two busy cores carry one call at full rate, not two.
// The figures of the two receivers, in their order; none where only what works is asked.
async function measureDirectly(context, kinds, seconds, codec) {
  if (!context.isMeasured) return [];
  const [one, two] = [await context.open(kinds[0], { id: 1 }), await context.open(kinds[1], { id: 2 })];
  await connectDirectly(one, two, codec);
  await receiving(one, 'yardstick', 2);
  await receiving(two, 'yardstick', 1);
  await warmUp(context);
  const received = await record([one, two], ['yardstick'], Math.min(seconds, YARDSTICK_SECONDS));
  const figures = [received(one, 'yardstick', 2), received(two, 'yardstick', 1)];
  await Promise.all([one.close(), two.close()]);
  return figures;
}

function warmUp(context) {
  return sleep(context.isMeasured ? WARM_UP_MS : SHORT_WARM_UP_MS);
}

// `yardsticks` are those of the two receivers, in their order, if there are any.
async function measure(context, one, two, yardsticks, { seconds, joinMs }) {
  const { limits } = context;
  await receiving(one.page, 'call', two.id);
  await receiving(two.page, 'call', one.id);
  const joinToFirstFrame = joinMs ?? (await joinToFirstFrameMs(two));
  await warmUp(context);
  const names = [one, two].map(({ kind, id }) => `${kind} ${id}`);
  const judge = (calls) => calls.flatMap((call, index) => brokenByReceiver(limits, names[index], call, yardsticks[index]));
  const calls = await look(context, judge, async () => {
    const received = await record([one.page, two.page], ['call'], seconds);
    return [received(one.page, 'call', two.id), received(two.page, 'call', one.id)];
  });
  const transport = { joinToFirstFrameMs: joinToFirstFrame, ...(await transportFigures([one, two])) };
  return {
    ...worst(calls),
    ...(yardsticks.length > 0 ? yardstickFigures(worst(yardsticks)) : {}),
    ...transport,
    failures: [
      ...judge(calls),
      ...brokenByTransport(limits, transport),
    ],
  };
}

// What works is what comes to work: where two cores carry browsers and server, Firefox takes seconds to bring lips into
// step. Where figures are judged, it is looked once.
async function look(context, judge, once) {
  for (let looks = 1; ; looks += 1) {
    const seen = await once();
    if (context.isMeasured || looks === MOST_LOOKS || judge(seen).length === 0) return seen;
  }
}

function yardstickFigures({ fps, longestGapMs, avSyncMs }) {
  return { yardstickFps: fps, yardstickGapMs: longestGapMs, yardstickAvSyncMs: avSyncMs };
}

async function transportFigures(people) {
  const all = await Promise.all(people.map(callStats));
  const ciphers = all.map(srtpCipher);
  return {
    srtpCipher: ciphers.find((cipher) => !/AEAD/.test(cipher ?? '')) ?? ciphers[0],
    packetsLost: all.reduce((sum, stats) => sum + packetsLost(stats), 0),
  };
}

// A third person joins, the first leaves, and a fourth takes the seat that became free: the lips of
// everybody the second one sees must still be in sync.
async function moveSeats(context, one, two, enter) {
  const { limits, seconds } = context;
  const third = await enter(3);
  await leave(one);
  await receiving(two.page, 'call', third.id);
  const fourth = two.seats === 1 ? null : await enter(4);
  if (fourth) await receiving(two.page, 'call', fourth.id);
  await warmUp(context);
  // As many beeps as for the yardstick: single ones scatter by 30 ms in Firefox, in a direct call too.
  const judge = (seen) => seen.flatMap(({ id, avSyncMs, audioHeard }) => [
    ...brokenBySync(limits, `after a seat has moved, participant ${id}`, avSyncMs),
    ...(audioHeard ? [] : [`after a seat has moved, participant ${id} is not heard`]),
  ]);
  const seen = await look(context, judge, async () => {
    const received = await record([two.page], ['call'], Math.min(seconds, YARDSTICK_SECONDS));
    return [third, fourth].filter(Boolean).map(({ id }) => ({ id, ...received(two.page, 'call', id) }));
  });
  return { avSyncAfterMoveMs: worst(seen).avSyncMs, failures: judge(seen) };
}

function merge({ failures, ...figures }, { failures: more, ...rest }) {
  return { ...figures, ...rest, failures: [...failures, ...more] };
}
