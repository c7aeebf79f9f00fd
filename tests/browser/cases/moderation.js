// Whoever runs a room mutes somebody and takes them out over REST: their page obeys, the others see it.
import { receiving } from '../harness/calls.js';
import { api, join } from '../harness/room.js';
import { until } from '../harness/shell.js';

export const name = 'moderation';
export const about = 'muted and taken out over REST: the page obeys and says so, the others see it';
export const needsServer = true;
export const cases = [{ name: 'moderation', run: moderate }];

async function moderate(context) {
  const { room } = context;
  const one = await join(context, 'chromium', 1, room);
  const two = await join(context, 'chromium', 2, room);
  await receiving(two.page, 'call', 1);
  const { participantId } = await state(one);
  const address = `/api/rooms/${room}/participants/${participantId}`;
  const failures = [];
  const post = (what, body) => api(`${address}/${what}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

  await post('mute', { kind: 'audio' });
  await until('the microphone is off', async () => !(await state(one)).microphone);
  await until('the others see it', async () => (await seenBy(two, participantId, 'microphone')).muted);
  const { camera, notices } = await state(one);
  if (!camera) failures.push('the camera went off, too');
  if (!notices.some((text) => text.includes('microphone off'))) failures.push(`the page says ${JSON.stringify(notices)}`);

  // Nobody is switched on by others: the page says at once that its microphone is still off.
  await post('unmute', { kind: 'audio' });
  await until('it is muted again', async () => (await api(address)).body.tracks.find(({ source }) => source === 'microphone').muted);
  if ((await state(one)).microphone) failures.push('the microphone was switched on over REST');

  const removed = await api(address, { method: 'DELETE' });
  if (removed.status !== 204) failures.push(`DELETE was answered with ${removed.status}`);
  await until('the page is in the lobby', async () => (await state(one)).phase === 'lobby');
  await until('the others see them go', async () => (await state(two)).people.length === 0);
  const text = await one.page.evaluate(() => document.querySelector('#lobby').textContent);
  if (!text.includes('You were taken out of this room.')) failures.push('the page does not say why');
  return { failures };
}

const state = ({ page }) => page.evaluate(() => volley.state());

async function seenBy(person, participantId, source) {
  const { people } = await state(person);
  return people.find(({ id }) => id === participantId).tracks.find((track) => track.source === source);
}
