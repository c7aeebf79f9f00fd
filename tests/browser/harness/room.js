// People in a room of the volley under test, each in a page of their own.
import { stats } from './calls.js';
import { SERVER_ADDRESS } from './network.js';
import { until } from './shell.js';

const ORIGIN = 'http://localhost:8080';
const METRICS = `http://${SERVER_ADDRESS}:9090/metrics`;
const NAMES = ['', 'Ada', 'Ben', 'Cleo', 'Dora', 'Emil', 'Fay', 'Gus'];

// The page of a room; it waits in its lobby.
export const joinUrl = (room, query) => `${ORIGIN}/r/${room}?${new URLSearchParams(query)}`;

// Joins through Volley's own page; `id` is painted into the picture and sets the tone. The windows of the
// tests are small, so pictures are asked for at their best whatever their tiles need, unless `lines` says so.
// `secret` encrypts the call end to end.
export async function join(context, kind, id, room, { codec, mode, secret, lines = 'all', ...config } = {}) {
  const query = new URLSearchParams({ name: NAMES[id], autojoin: '1', lines, ...(codec && { codec }), ...(mode && { mode }) });
  const page = await context.open(kind, { id, ...config }, `${ORIGIN}/r/${room}?${query}${secret ? `#e2ee=${secret}` : ''}`);
  const person = { id, kind, page, name: NAMES[id] };
  await until(`${person.name} is connected`, () => isConnected(page), { timeoutMs: 15_000 });
  return person;
}

export function isConnected(page) {
  return page.evaluate(() => volleyTest.meter.connections.some((pc) => pc.connectionState === 'connected'));
}

// By the page's button where there is one; the example client has none, its tab is just closed.
export async function leave({ page }) {
  await page.evaluate(() => document.querySelector('#leave')?.click());
  await page.close();
}

// From pressing Join to the first picture of somebody else, by the page's own marks.
export function joinToFirstFrameMs({ page }) {
  return page.evaluate(() => {
    const [joined] = performance.getEntriesByName('volley-join');
    const [seen] = performance.getEntriesByName('volley-first-frame');
    return joined && seen ? Math.round(seen.startTime - joined.startTime) : null;
  });
}

// When Join was pressed, on the page's clock.
export function joinedAt({ page }) {
  return page.evaluate(() => performance.getEntriesByName('volley-join')[0].startTime);
}

export const callStats = (person) => stats(person.page, 'call');

// What Prometheus would wait for, the slowest of ten times. One before does not count: Node loads and compiles `fetch`
// at its first use, which takes longer than the answer.
export async function slowestScrapeMs() {
  const times = [];
  await (await fetch(METRICS)).text();
  for (let round = 0; round < 10; round += 1) {
    const began = performance.now();
    const text = await (await fetch(METRICS)).text();
    if (!text.includes('volley_turns_total')) throw new Error(`no metrics at ${METRICS}: ${text}`);
    times.push(performance.now() - began);
  }
  return Math.ceil(Math.max(...times));
}

// A counter of the server's, all workers together.
export async function metric(name) {
  const text = await (await fetch(METRICS)).text();
  const rows = text.split('\n').filter((row) => row.startsWith(`${name}{`) || row.startsWith(`${name} `));
  if (rows.length === 0) throw new Error(`there is no metric ${name}`);
  return rows.reduce((sum, row) => sum + Number(row.split(' ').at(-1)), 0);
}

// The server's REST interface.
export async function api(path, options = {}) {
  const response = await fetch(`${ORIGIN}${path}`, options);
  const body = await response.text();
  return { status: response.status, body: parse(body), type: response.headers.get('content-type') };
}

// Its id. By itself a room is made by who joins first, by way of the server and without encryption.
export async function makeRoom(options) {
  const body = JSON.stringify({ name: 'Made', ...options });
  return (await api('/api/rooms', { method: 'POST', headers: { 'content-type': 'application/json' }, body })).body.id;
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
