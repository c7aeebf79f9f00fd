// What a case found to be so, in words, and what not.
import { until } from './shell.js';

export class Checks {
  asserted = [];
  failures = [];

  // `found` is told where it is not so.
  that(what, isSo, found) {
    if (isSo) this.asserted.push(what);
    else this.failures.push(found === undefined ? `not so: ${what}` : `not so: ${what}; found ${JSON.stringify(found)}`);
  }

  // It becomes so within a while.
  async soon(what, probe, { timeoutMs = 10_000 } = {}) {
    const isSo = await until(what, probe, { timeoutMs, everyMs: 100 }).then(() => true, () => false);
    this.that(what, isSo);
    return isSo;
  }

  get figures() {
    return { asserted: this.asserted, failures: this.failures };
  }
}
