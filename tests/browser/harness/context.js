// What one case uses and leaves behind: browsers, pages, and with --keep a folder of evidence.
import fs from 'node:fs';
import path from 'node:path';
import http from 'node:http';
import { launch, openPage } from './browsers.js';
import { log } from './shell.js';

const FIXTURES = new URL('../fixtures/', import.meta.url);

export class CaseContext {
  #browsers = new Map();
  #pages = [];
  #folder;
  #fixtures;

  constructor({ name, seconds, keep, server }) {
    Object.assign(this, { name, seconds, server });
    if (keep) this.#folder = path.join(keep, name);
    if (keep) fs.mkdirSync(this.#folder, { recursive: true });
  }

  // One browser of each kind per case; every page has its own window in it.
  async open(kind, config, url) {
    if (!this.#browsers.has(kind)) this.#browsers.set(kind, await launch(kind));
    const label = `${kind}-${config.id}`;
    const page = await openPage(this.#browsers.get(kind), url ?? (await this.#fixture('blank.html')), config, (text) => {
      log(`${this.name} ${label}: ${text}`);
    });
    this.#pages.push({ label, page });
    return page;
  }

  async #fixture(name) {
    this.#fixtures ??= await serveFixtures();
    return `http://localhost:${this.#fixtures.address().port}/${name}`;
  }

  async close() {
    this.#fixtures?.close();
    const browsers = [...this.#browsers.values()];
    this.#browsers.clear();
    await Promise.all(browsers.map((browser) => browser.close().catch(() => browser.process()?.kill('SIGKILL'))));
  }
}

function serveFixtures() {
  const server = http.createServer((request, response) => {
    const file = new URL(path.basename(request.url), FIXTURES);
    if (!fs.existsSync(file)) return response.writeHead(404).end();
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(fs.readFileSync(file));
  });
  return new Promise((done) => server.listen(0, '127.0.0.1', () => done(server)));
}
