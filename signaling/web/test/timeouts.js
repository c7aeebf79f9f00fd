// Time that passes when a test says so. Node has such timers of its own, but in Node 18, which Debian 12
// has, they do not fire in order.

let now = 0;
let waiting = new Map();
let last = 0;

/** Takes setTimeout and clearTimeout over; nothing waits yet. */
export function takeTimeouts() {
  now = 0;
  waiting = new Map();
  globalThis.setTimeout = (act, ms = 0) => {
    last += 1;
    waiting.set(last, { act, at: now + ms });
    return last;
  };
  globalThis.clearTimeout = (timer) => waiting.delete(timer);
}

/** Lets time pass; what becomes due happens in its order. @param {number} ms */
export function tick(ms) {
  const end = now + ms;
  for (;;) {
    const [next] = [...waiting].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at);
    if (!next) break;
    const [timer, { act, at }] = next;
    waiting.delete(timer);
    now = at;
    act();
  }
  now = end;
}
