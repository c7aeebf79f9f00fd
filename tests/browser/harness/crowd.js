// People of the load generator in a room with real pages: they publish, and speak in turn.
import { spawn } from 'node:child_process';
import readline from 'node:readline';
import { SERVER_ADDRESS } from './network.js';
import { log, until } from './shell.js';

const PORT = 8080;
const STAY_SECONDS = 600;

export class Crowd {
  #process;
  #turns = [];
  #isIn = false;
  #end = null;

  // Resolves when all of them are in the room.
  static async join(context, { room, people, turnSeconds }) {
    const crowd = new Crowd();
    context.onClose(() => crowd.leave());
    crowd.#start(['people', '--server', `${SERVER_ADDRESS}:${PORT}`, '--room', room, '--count', people,
      '--speakers-in-turn', turnSeconds, '--seconds', STAY_SECONDS]);
    await until(`${people} people are in the room`, () => {
      if (crowd.#end) throw new Error(`volley-bench ended: ${JSON.stringify(crowd.#end)}`);
      return crowd.#isIn;
    }, { timeoutMs: 30_000 });
    return crowd;
  }

  #start(words) {
    this.#process = spawn(process.env.VOLLEY_BENCH_BIN, words.map(String), { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#process.once('exit', (code, signal) => (this.#end = { code, signal }));
    this.#process.once('error', (error) => (this.#end = { error: error.message }));
    readline.createInterface({ input: this.#process.stderr }).on('line', (line) => this.#hear(line));
  }

  #hear(line) {
    const turn = /(person \d+) speaks since (\d+)/.exec(line);
    if (turn) this.#turns.push({ name: turn[1], at: Number(turn[2]) });
    else log(`volley-bench: ${line}`);
    this.#isIn ||= /people are in room/.test(line);
  }

  // Who began to speak between two moments, and when, in milliseconds of the machine's clock. The last turn
  // before the end may not have been noticed by anybody yet.
  turns(from, to) {
    return this.#turns.filter(({ at }) => at > from && at < to - 1000);
  }

  leave() {
    if (!this.#end) this.#process.kill('SIGKILL');
  }
}
