// A peer that is not a browser: peers/aiortc_peer.py, in the virtual environment that scripts/e2e makes.
import { spawn } from 'node:child_process';
import readline from 'node:readline';
import { log, until } from './shell.js';

const PROGRAM = new URL('../peers/aiortc_peer.py', import.meta.url).pathname;
const START_MS = 20_000;

export class AiortcPeer {
  // All it has said, the newest word on each thing.
  facts = {};

  constructor(role, url, ...more) {
    if (!process.env.VOLLEY_AIORTC) throw new Error('VOLLEY_AIORTC names no Python with aiortc; start this with ./scripts/e2e');
    this.role = role;
    this.process = spawn(process.env.VOLLEY_AIORTC, [PROGRAM, role, url, ...more.map(String)], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.process.once('exit', (code) => (this.code = code ?? -1));
    readline.createInterface({ input: this.process.stdout }).on('line', (line) => {
      Object.assign(this.facts, JSON.parse(line));
      if (!line.includes('"pictures"')) log(`aiortc ${role}: ${line}`);
    });
  }

  // Resolves when what it has said satisfies `test`.
  until(what, test) {
    return until(`aiortc (${this.role}) ${what}`, () => {
      if (this.code !== undefined) throw new Error(`aiortc (${this.role}) ended with ${this.code} before it ${what}`);
      return test(this.facts);
    }, { timeoutMs: START_MS });
  }

  // It takes its session back, and goes.
  async leave() {
    this.process.stdin.end();
    await until(`aiortc (${this.role}) to go`, () => this.code !== undefined);
    return this.facts;
  }

  kill() {
    this.process.kill('SIGKILL');
  }
}
