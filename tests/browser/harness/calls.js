// Pages talking to each other, and reading what they received.
import { BROWSER_ADDRESS } from './network.js';
import { figuresFor } from '../measure/receiver.js';
import { sleep, until } from './shell.js';

const RECENT_MS = 1000;

// What can be measured in a page: the page's own call, the direct one, or its own source without any network.
const PICK = `({
  call: () => volleyTest.meter.connections.filter((pc) => pc.connectionState !== 'closed').at(-1),
  yardstick: () => volleyTest.yardstick.pc,
  source: () => volleyTest.source.mirror(),
})`;

async function inPage(page, which, method) {
  return page.evaluate(`(() => { const pc = ${PICK}.${which}(); return pc && volleyTest.meter.${method}(pc); })()`);
}

export const watch = (page, which) => inPage(page, which, 'watchConnection');
export const samples = (page, which) => inPage(page, which, 'samples');
export const stats = (page, which) => inPage(page, which, 'stats');

export async function connectDirectly(one, other, codec) {
  const offer = await one.evaluate((codec) => volleyTest.yardstick.offer(codec), codec);
  const answer = await other.evaluate((sdp) => volleyTest.yardstick.answer(sdp), reachable(offer));
  await one.evaluate((sdp) => volleyTest.yardstick.accept(sdp), reachable(answer));
  for (const page of [one, other]) {
    await until('the direct call connects', () => page.evaluate(() => volleyTest.yardstick.pc.connectionState === 'connected'));
    await watch(page, 'yardstick');
  }
}

// Addresses hidden behind mDNS names that nobody resolves in our namespace.
function reachable(sdp) {
  return sdp.replaceAll(/[0-9a-f-]+\.local/g, BROWSER_ADDRESS);
}

// Resolves when the page receives pictures and sound from participant `id` on that call.
export async function receiving(page, which, id) {
  await until(`page receives participant ${id} (${which})`, async () => {
    await watch(page, which);
    const all = await samples(page, which);
    return all && figuresFor(id, all, all.now - RECENT_MS).received;
  }, { timeoutMs: 15_000, everyMs: 250 });
}

// Measures every page on every call over the same seconds. Returns a function that gives the figures of
// what one page received from participant `id` on one call.
export async function record(pages, calls, seconds, during = async () => {}) {
  for (const page of pages) for (const which of calls) await watch(page, which);
  const starts = await Promise.all(pages.map((page) => page.evaluate(() => performance.now())));
  await Promise.all([sleep(seconds * 1000), during()]);
  const all = await Promise.all(pages.map((page) => Promise.all(calls.map((which) => samples(page, which)))));
  return (page, which, id) => {
    const at = pages.indexOf(page);
    return figuresFor(id, all[at][calls.indexOf(which)], starts[at]);
  };
}
