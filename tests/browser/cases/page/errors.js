// Everything that can go wrong for a person, one state after another, with what the page says in it. Photographed with
// `--screens`, and checked for what keeps people out in every run.
import { Checks } from '../../harness/checks.js';
import { assertAccessible } from '../../harness/axe.js';
import { SERVER_ADDRESS } from '../../harness/network.js';
import { has, LAPTOP, ORIGIN, state, textOf } from '../../harness/pages.js';
import { makeRoom } from '../../harness/room.js';
import { sleep, until } from '../../harness/shell.js';
import { Socket } from '../../harness/stranger.js';
import { tokenFor } from '../../harness/token.js';
import { cutOff } from './trouble.js';

const DEVICES = {
  refused: ['NotAllowedError', 'Allow it in the address bar'],
  missing: ['NotFoundError', 'was found. Plug one in'],
  'in-use': ['NotReadableError', 'Another program is using your microphone and camera'],
};
const SECRET = '7k3mq0x9vbd2t5w8yz1h4n6jrc';
// Long enough for a page to join with it.
const SHORT_SECONDS = 5;
// The server takes a token for so long after its end, since clocks differ.
const LEEWAY_MS = 6000;

export async function errors(context) {
  const checks = new Checks();
  const open = async (address, config = {}) => {
    const page = await context.open('chromium', { id: 1, ...config }, address);
    await page.setViewport(LAPTOP);
    return page;
  };
  for await (const { name, page, says } of errorStates(context.room, open)) {
    await checks.soon(`${name} is said`, async () => (await textOf(page, '#page')).includes(says));
    await assertAccessible(checks, page, name);
  }
  return checks.figures;
}

// `open` opens a page at an address, with what is to be so of its devices.
export async function* errorStates(room, open) {
  const token = tokenFor(`${room}-short`, ['publish', 'subscribe'], SHORT_SECONDS);
  const short = await open(addressOf(`${room}-short`, { token }));
  const ended = Date.now() + SHORT_SECONDS * 1000 + LEEWAY_MS;
  yield* beforeTheCall(open);
  yield* inTheCall(room, open);
  yield* locked(room, open);
  yield* notLetIn(room, open);
  await sleep(Math.max(0, ended - Date.now()));
  await until('it was in the call', async () => (await state(short)).phase === 'call', { timeoutMs: 20_000 });
  await short.evaluate(() => volley.signaling.rejoin());
  yield { name: 'token-ended', page: short, says: 'your invitation has expired meanwhile' };
  await short.close();
}

async function* beforeTheCall(open) {
  for (const [name, [error, says]] of Object.entries(DEVICES)) {
    const page = await open(`${ORIGIN}/`, { refuses: { name: error } });
    yield { name, page, says };
    await page.close();
  }
  const page = await open(`http://${SERVER_ADDRESS}:8080/`);
  yield { name: 'insecure', page, says: 'Ask for an address with https://' };
  await page.close();
}

async function* inTheCall(room, open) {
  const page = await open(addressOf(`${room}-trouble`));
  await until('the call', () => has(page, '#stage .tile.live'), { timeoutMs: 20_000 });
  await until('media', async () => (await state(page)).media === 'well', { timeoutMs: 20_000 });
  await cutOff(page, true);
  yield { name: 'reconnecting', page, says: 'your call goes on' };
  await cutOff(page, false);
  await until('the server is back', async () => (await state(page)).signaling === 'joined', { timeoutMs: 15_000 });
  await happens(page, 'offline');
  yield { name: 'offline', page, says: 'no network' };
  await happens(page, 'online');
  for (const [name, media, says] of [['network-changed', 'weak', 'Looking for another way'], ['no-way', 'failed', 'No way was found']]) {
    await mediaIs(page, media);
    yield { name, page, says };
    await mediaIs(page, 'well');
  }
  await unplugs(page);
  yield { name: 'unplugged', page, says: 'camera was disconnected' };
  const { roomId, participantId } = await state(page);
  await fetch(`${ORIGIN}/api/rooms/${roomId}/participants/${participantId}`, { method: 'DELETE' });
  await until('the lobby', () => has(page, '#lobby'));
  yield { name: 'removed', page, says: 'You were taken out of this room.' };
  await cutOff(page, true);
  await page.evaluate(() => document.querySelector('#lobby form').requestSubmit());
  yield { name: 'server-away', page, says: 'does not answer' };
  await page.close();
}

// A call that is encrypted, and no key to open it with.
async function* locked(room, open) {
  const other = await open(`${addressOf(`${room}-locked`)}#e2ee=${SECRET}`, { id: 2 });
  await until('the encrypted call', () => has(other, '#stage .tile.live'), { timeoutMs: 20_000 });
  const page = await open(addressOf(`${room}-locked`));
  await until('the lock', () => has(page, '.locked-tile'), { timeoutMs: 20_000 });
  await page.evaluate(() => document.querySelector('.shield .opener').click());
  yield { name: 'locked', page, says: 'Ask for the whole link' };
  await page.close();
  await other.close();
}

async function* notLetIn(room, open) {
  const full = await makeRoom({ maxParticipants: 1 });
  const first = await Socket.open();
  await first.ask({ type: 'join', roomId: full, participantName: 'Ben' }, 'joined');
  const grants = ['publish', 'subscribe'];
  const states = [
    ['room-full', addressOf(full), 'This room is full.'],
    ['token-refused', addressOf(room, { token: tokenFor(`${room}-other`, grants) }), 'This invitation is for another room.'],
    ['token-expired', addressOf(room, { token: tokenFor(room, grants, -60) }), 'This invitation has expired.'],
  ];
  for (const [name, address, says] of states) {
    const page = await open(address);
    await until('why not', () => has(page, '#lobby .refusal:not(:empty)'), { timeoutMs: 15_000 });
    yield { name, page, says };
    await page.close();
  }
  first.close();
}

const addressOf = (room, more = {}) => `${ORIGIN}/r/${room}?${new URLSearchParams({ name: 'Vera Rubin', autojoin: '1', ...more })}`;

const happens = (page, name) => page.evaluate((name) => window.dispatchEvent(new Event(name)), name);

// As the library tells it of a way that is lost.
const mediaIs = (page, media) => page.evaluate((detail) => volley.room.dispatchEvent(new CustomEvent('media', { detail })), media);

function unplugs(page) {
  return page.evaluate(() => {
    volleyTest.config.refuses = { name: 'NotFoundError', only: 'video' };
    const { track } = volley.pc.getSenders().find((sender) => sender.track?.kind === 'video');
    track.stop();
    track.dispatchEvent(new Event('ended'));
  });
}
