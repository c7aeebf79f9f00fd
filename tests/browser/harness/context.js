// What one case uses and leaves behind: browsers, pages, and with --keep a folder of evidence.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { launch, openPage } from './browsers.js';
import { Place } from './network.js';
import { log } from './shell.js';

const FIXTURES = new URL('../fixtures/', import.meta.url);

export class CaseContext {
  #browsers = new Map();
  #pages = [];
  #places = [];
  #steps = [];
  #folder = null;
  #capture = null;
  #fixtures = null;

  constructor({ name, seconds, limits, isMeasured, keep, screens, server }) {
    Object.assign(this, { name, seconds, limits, isMeasured, screens, server });
    if (keep) this.#beginEvidence(path.join(keep, name));
  }

  // A room of this case's own.
  get room() {
    return this.name;
  }

  // Somewhere behind a wire of its own; gone with the case.
  async place() {
    const place = new Place();
    this.#places.push(place);
    await place.start();
    return place;
  }

  // One browser of each kind per case and place; every page has its own window in it.
  async open(kind, { place, ...config }, url) {
    const where = `${kind}@${place?.space ?? ''}`;
    if (!this.#browsers.has(where)) this.#browsers.set(where, await launch(kind, place));
    const label = `${kind}-${config.id}`;
    const page = await openPage(this.#browsers.get(where), url ?? (await this.fixture('blank.html')), config, (text) => {
      log(`${this.name} ${label}: ${text}`);
      this.keep(`${label}.console.log`, `${text}\n`);
    });
    this.#pages.push({ label, page });
    return page;
  }

  async fixture(name) {
    this.#fixtures ??= await serveFixtures();
    return `http://localhost:${this.#fixtures.address().port}/${name}`;
  }

  // What else ends with the case.
  onClose(step) {
    this.#steps.push(step);
  }

  // Appends to a file of the case's folder, if one is kept.
  keep(file, text) {
    if (this.#folder) fs.appendFileSync(path.join(this.#folder, file), text);
  }

  async close() {
    this.#fixtures?.close();
    if (this.#folder) await this.#keepPages();
    this.#capture?.kill('SIGINT');
    const browsers = [...this.#browsers.values()];
    this.#browsers.clear();
    await Promise.all(browsers.map(closeBrowser));
    this.#steps.splice(0).forEach((step) => step());
    this.#places.splice(0).forEach((place) => place.end());
  }

  #beginEvidence(folder) {
    fs.mkdirSync(folder, { recursive: true });
    this.#folder = folder;
    const words = ['-i', 'wire', '-w', path.join(folder, 'wire.pcap'), '-U', '-Z', 'root', '-s', '256'];
    this.#capture = spawn('tcpdump', words, { stdio: 'ignore' });
    this.#capture.on('error', (error) => log(`no packet capture: ${error.message}`));
  }

  async #keepPages() {
    for (const { label, page } of this.#pages.splice(0)) {
      if (page.isClosed()) continue;
      try {
        await page.screenshot({ path: path.join(this.#folder, `${label}.png`) });
        this.keep(`${label}.trace.json`, JSON.stringify(await page.evaluate(() => volleyTest.meter.trace())));
      } catch (error) {
        log(`${this.name} ${label} left no evidence: ${error.message}`);
      }
    }
  }
}

async function closeBrowser(browser) {
  const late = setTimeout(() => browser.process()?.kill('SIGKILL'), 5000);
  await browser.close().catch(() => browser.process()?.kill('SIGKILL'));
  clearTimeout(late);
}

function serveFixtures() {
  const server = http.createServer((request, response) => {
    const file = new URL(path.basename(request.url), FIXTURES);
    if (!fs.existsSync(file)) return response.writeHead(204).end(); // the favicon
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(fs.readFileSync(file));
  });
  return new Promise((done) => server.listen(0, '127.0.0.1', () => done(server)));
}
