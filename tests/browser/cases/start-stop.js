// Without any configuration volley serves its page, and Ctrl-C ends all of it within two seconds, also
// in the middle of a call.
import fs from 'node:fs';
import { receiving } from '../harness/calls.js';
import { api, join } from '../harness/room.js';

const MOST_STOP_MS = 2000;

export const name = 'start-stop';
export const about = 'starts without configuration, serves its page, and Ctrl-C during a call ends everything within 2 s';
export const needsServer = true;
export const cases = [{ name: 'start-stop', run: startStop }];

async function startStop(context) {
  const { server } = context;
  const page = await api('/');
  const health = await api('/health');
  const one = await join(context, 'chromium', 1, context.room);
  await join(context, 'chromium', 2, context.room);
  await receiving(one.page, 'call', 2);
  const children = ['media', 'signaling', 'recorder'].map((child) => [child, server.child(child)]);
  const stopMs = await server.stop();
  const left = children.filter(([, pid]) => fs.existsSync(`/proc/${pid}`)).map(([child]) => child);
  return {
    readyLine: server.readyLine,
    stopMs,
    failures: [
      (page.status === 200 && /text\/html/.test(page.type)) || `GET /: ${page.status} ${page.type}`,
      health.body.status === 'healthy' || `health: ${JSON.stringify(health.body)}`,
      ...children.map(([child, pid]) => pid !== undefined || `no ${child} process`),
      stopMs <= MOST_STOP_MS || `took ${stopMs} ms to stop`,
      server.end.code === 0 || `ended with ${JSON.stringify(server.end)}`,
      left.length === 0 || `still running: ${left}`,
    ].filter((failure) => failure !== true),
  };
}
