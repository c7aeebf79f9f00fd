/** The worker that finds people in pictures, one picture at a time. */
import { type Found, type Look, type ToFinder } from "./messages.ts";
import { Network } from "./network.ts";

globalThis.onmessage = ({ data: { port, model } }: MessageEvent<ToFinder>) => {
  const network = new Network(model);
  port.onmessage = ({ data }: MessageEvent<Look>) => {
    const began = performance.now();
    const pixels = new Uint8Array(data.pixels);
    for (let from = 0, to = 0; from < pixels.length; from += 4, to += 3) {
      network.input[to] = pixels[from]! / 255;
      network.input[to + 1] = pixels[from + 1]! / 255;
      network.input[to + 2] = pixels[from + 2]! / 255;
    }
    network.run();
    const mask = new Float32Array(network.output);
    const found: Found = { mask, tookMs: performance.now() - began };
    port.postMessage(found, [mask.buffer]);
  };
};
