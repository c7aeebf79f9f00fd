/** Starts the worker, wherever the library was loaded from. */

export function spawn(): globalThis.Worker {
  return new Worker(new URL("./worker.ts", import.meta.url)) as globalThis.Worker;
}

/**
 * Under the name that bundlers look for, or they would not build the worker's file. A worker may only come
 * from the page's own origin, but may load its script from another one.
 */
class Worker {
  constructor(address: URL) {
    if (address.origin === location.origin) return new globalThis.Worker(address) as never;
    const script = new Blob([`importScripts(${JSON.stringify(address.href)})`], { type: "text/javascript" });
    const local = URL.createObjectURL(script);
    return new globalThis.Worker(local) as never;
  }
}
