// Running programs, and undoing things in the right order when a test ends, however it ends.
import { execFileSync } from 'node:child_process';

export function log(...words) {
  console.error(new Date().toISOString().slice(11, 23), ...words);
}

export function sh(line, { optional = false } = {}) {
  const [program, ...words] = line.split(' ');
  try {
    return execFileSync(program, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    if (optional) return null;
    throw new Error(`\`${line}\` failed: ${error.stderr?.trim() || error.message}`);
  }
}

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// Polls until `probe` returns something truthy, and returns that.
export async function until(what, probe, { timeoutMs = 10_000, everyMs = 50 } = {}) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`);
    await sleep(everyMs);
  }
}

// What was set up last is taken down first; one failing step does not keep the others from running.
export class Cleanup {
  #steps = [];

  add(what, step) {
    this.#steps.push({ what, step });
  }

  async run() {
    for (const { what, step } of this.#steps.splice(0).reverse()) {
      try {
        await step();
      } catch (error) {
        log(`cleaning up ${what}: ${error.message}`);
      }
    }
  }
}
