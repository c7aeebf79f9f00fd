// The `volley` under test: start, stop, and finding its children.
import fs from 'node:fs';
import path from 'node:path';
import { spawn } from 'node:child_process';
import readline from 'node:readline';
import { SERVER_SPACE } from './network.js';
import { log, until } from './shell.js';

export class Server {
  // `launcher` is a command that the server is started by.
  constructor({ io, logFolder, environment, launcher = [] }) {
    const flags = io ? ['--io', io] : [];
    const sink = logFolder ? fs.openSync(path.join(logFolder, 'volley.log'), 'a') : 'inherit';
    // Which programs are tested is no setting of theirs.
    const { VOLLEY_BIN, VOLLEY_BENCH_BIN, ...surroundings } = process.env;
    this.process = spawn('ip', ['netns', 'exec', SERVER_SPACE, ...launcher, VOLLEY_BIN, ...flags], {
      stdio: ['ignore', 'pipe', sink],
      env: { ...surroundings, ...environment },
    });
    this.ended = new Promise((done) => this.process.once('exit', (code, signal) => done((this.end = { code, signal }))));
    readline.createInterface({ input: this.process.stdout }).on('line', (line) => {
      log(`volley: ${line}`);
      if (/^Volley is ready: http:/.test(line)) this.readyLine ??= line;
    });
  }

  ready() {
    return until('the line "Volley is ready: …" of volley', () => {
      if (this.end) throw new Error(`volley ended before it was ready: ${JSON.stringify(this.end)}`);
      return this.readyLine;
    });
  }

  get running() {
    return !this.end;
  }

  // The child process started as `volley NAME`.
  child(name) {
    return fs
      .readdirSync('/proc')
      .filter((entry) => /^\d+$/.test(entry))
      .find((pid) => {
        try {
          const parent = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').pop().split(' ')[1];
          const words = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
          return Number(parent) === this.process.pid && words.includes(name);
        } catch {
          return false; // ended while we looked
        }
      });
  }

  // SIGINT, as Ctrl-C sends it; returns how long everything took to end.
  async stop() {
    const began = Date.now();
    if (this.running) this.process.kill('SIGINT');
    const late = setTimeout(() => this.process.kill('SIGKILL'), 5000);
    await this.ended;
    clearTimeout(late);
    return Date.now() - began;
  }
}
