// An object store that speaks S3, moto as PyPI has it, in the server's network; and a way to it that fails as a
// test wants it.
import { spawn } from 'node:child_process';
import net from 'node:net';
import { BROWSER_ADDRESS, SERVER_ADDRESS, SERVER_SPACE } from './network.js';
import { log, until } from './shell.js';

const PORT = 5000;
const WAY_PORT = 5001;
export const BUCKET = 'recordings';

const SAYS_NO = '<Error><Code>ServiceUnavailable</Code></Error>';
const UNAVAILABLE = `HTTP/1.1 503 Unavailable\r\nconnection: close\r\ncontent-length: ${SAYS_NO.length}\r\n\r\n${SAYS_NO}`;

// Where the server is told that the store is.
export const STORE_URL = `http://${BROWSER_ADDRESS}:${WAY_PORT}`;

const SIGNED = 'AWS4-HMAC-SHA256 Credential=volley/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=none';
// Where it is; STORE_URL is a way there that fails when it is to.
export const STORE = `http://${SERVER_ADDRESS}:${PORT}`;

export class ObjectStore {
  // What there is in the end is asked of the store itself, by nobody's way.
  static async start() {
    const python = process.env.VOLLEY_MOTO;
    if (!python) throw new Error('moto is missing; ./scripts/e2e installs it');
    const store = new ObjectStore();
    store.process = spawn('ip', ['netns', 'exec', SERVER_SPACE, python, '-m', 'moto.server', '-H', SERVER_ADDRESS, '-p', String(PORT)], { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [store.process.stdout, store.process.stderr]) stream.on('data', (data) => (said = (said + data).slice(-4000)));
    await until('moto', async () => {
      if (store.process.exitCode !== null) throw new Error(`moto ended with ${store.process.exitCode}: ${said}`);
      return (await fetch(`${STORE}/${BUCKET}`, { method: 'PUT' }).catch(() => null))?.ok;
    }, { timeoutMs: 30_000, everyMs: 200 });
    log('moto is ready');
    return store;
  }

  stop() {
    this.process.kill('SIGKILL');
  }

  // Names and sizes of all objects.
  async objects() {
    const text = await (await fetch(`${STORE}/${BUCKET}?list-type=2&max-keys=1000`)).text();
    return [...text.matchAll(/<Contents>.*?<\/Contents>/gs)].map(([one]) => ({ key: /<Key>(.*?)<\/Key>/.exec(one)[1], bytes: Number(/<Size>(.*?)<\/Size>/.exec(one)[1]) }));
  }

  // How many uploads in parts have begun and not ended.
  async uploads() {
    const text = await (await fetch(`${STORE}/${BUCKET}?uploads`)).text();
    return text.split('<Upload>').length - 1;
  }

  // It looks at whether something is signed, and not by whom.
  fetch(key) {
    return fetch(`${STORE}/${BUCKET}/${key}`, { headers: { authorization: SIGNED } });
  }
}

// Carries TCP to the store, or does not.
export class FaultyWay {
  #mode = 'gone';
  #pairs = new Set();
  #relay = null;
  requests = 0;

  // `passes`, `unavailable` (503 for whatever is asked), `resets` (after the first bytes), `stalls` (takes what comes,
  // and says nothing), or `gone` (nobody listens).
  async set(mode) {
    this.#mode = mode;
    for (const { near, far } of this.#pairs) [near, far].forEach((socket) => socket?.destroy());
    this.#pairs.clear();
    if (mode === 'gone') return this.stop();
    if (!this.#relay) {
      const relay = net.createServer((near) => this.#carry(near));
      await new Promise((done, fail) => relay.once('error', fail).listen(WAY_PORT, BROWSER_ADDRESS, done));
      this.#relay = relay;
    }
  }

  stop() {
    this.#relay?.close();
    this.#relay = null;
  }

  #carry(near) {
    this.requests += 1;
    const far = this.#mode === 'passes' ? net.connect(PORT, SERVER_ADDRESS) : null;
    const pair = { near, far };
    this.#pairs.add(pair);
    near.on('error', () => {}).on('close', () => {
      far?.destroy();
      this.#pairs.delete(pair);
    });
    if (this.#mode === 'passes') {
      far.on('error', () => near.destroy()).on('close', () => near.destroy());
      near.pipe(far).pipe(near);
    } else if (this.#mode === 'unavailable') {
      near.once('data', () => near.end(UNAVAILABLE)).on('data', () => {});
    } else if (this.#mode === 'resets') {
      near.once('data', () => near.resetAndDestroy());
    } else {
      near.pause();
    }
  }
}
