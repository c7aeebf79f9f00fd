// Signaling killed in the middle of a call: whoever is in it is signalled again, as who they are.
import { until } from './shell.js';

// `ms` until everybody was signalled again, and whether they were known then.
export async function killSignaling(server, people) {
  const victim = server.child('signaling');
  if (!victim) throw new Error('no signaling process found');
  for (const { page } of people) await page.evaluate(listen);
  const killedAt = Date.now();
  process.kill(Number(victim), 'SIGKILL');
  const times = await Promise.all(people.map(({ page }) => resumedAt(page)));
  await until('a new signaling process', () => ![undefined, victim].includes(server.child('signaling')));
  const heard = await Promise.all(people.map(({ page }) => page.evaluate(() => globalThis.heard)));
  const asThemselves = heard.every(({ id, joined }) => joined.length === 1 && joined[0].resumed === true && joined[0].participantId === id);
  return { ms: Math.max(...times) - killedAt, asThemselves };
}

// What did not outlive it, in words; `goesOn` resolves when the call does.
export async function outlives(server, people, goesOn) {
  const connections = () => Promise.all(people.map(({ page }) => page.evaluate(() => volleyTest.meter.connections.length)));
  const before = await connections();
  const { asThemselves } = await killSignaling(server, people);
  await goesOn();
  const after = await connections();
  return [
    asThemselves || 'signaling was killed, and a page came back as somebody else',
    `${before}` === `${after}` || `signaling was killed, and of ${before} connections came ${after}`,
  ].filter((failure) => failure !== true);
}

// Runs in the page: keeps every change of the signaling socket's state and every `joined`.
function listen() {
  const heard = (globalThis.heard = { states: [], joined: [], id: volley.signaling.participantId });
  volley.signaling.addEventListener('state', ({ detail }) => heard.states.push([Date.now(), detail]));
  volley.signaling.addEventListener('message', ({ detail }) => detail.type === 'joined' && heard.joined.push(detail));
}

function resumedAt(page) {
  return until('the page is signalled again', () => page.evaluate(() => {
    const { states } = globalThis.heard;
    return states.some(([, state]) => state !== 'joined') && states.at(-1)[1] === 'joined' ? states.at(-1)[0] : null;
  }), { timeoutMs: 10_000, everyMs: 100 });
}
