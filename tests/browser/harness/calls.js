// Pages talking to each other, and reading what they received.
import { BROWSER_ADDRESS } from './network.js';
import { until } from './shell.js';

// A call is one peer connection of a page: the page's own ('call') or the direct one ('yardstick').
const PICK = `globalThis.volleyTest.pick = (which) => which === 'yardstick'
  ? volleyTest.yardstick.pc
  : volleyTest.meter.connections.filter((pc) => pc.connectionState !== 'closed').at(-1);`;

async function inPage(page, which, method) {
  return page.evaluate(`(() => { ${PICK} const pc = volleyTest.pick(${JSON.stringify(which)}); return pc && volleyTest.meter.${method}(pc); })()`);
}

export const watch = (page, which) => inPage(page, which, 'watchConnection');
export const take = (page, which) => inPage(page, which, 'take');
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
    const { video, audio } = (await take(page, which)) ?? { video: [], audio: [] };
    return video.some(({ frames }) => frames.some((frame) => frame[2] === id))
      && audio.some(({ tones }) => tones.some(([, heard]) => heard === id));
  }, { timeoutMs: 15_000, everyMs: 250 });
}
