/** The worker that paints every picture of a camera anew, and asks another one where people are. */
import { flow } from "./flow.ts";
import type { Counted, Found, FromPainter, Look, ToPainter } from "./messages.ts";
import { Painter } from "./painter.ts";

const painter = new Painter();
const counted: Counted = { painted: 0, found: 0, finderMs: 0, painterMs: 0 };
let finder: MessagePort | null = null;
let isLooking = false;

globalThis.onmessage = ({ data }: MessageEvent<ToPainter>) => {
  switch (data.type) {
    case "effect":
      painter.effect = data.effect;
      return;
    case "count":
      return tell({ type: "counted", counted });
    case "finder":
      finder = data.port;
      finder.onmessage = ({ data }: MessageEvent<Found>) => take(data);
      return;
    case "start":
      flow(data.readable, data.writable, paint).catch(() => tell({ type: "failed", turn: data.turn }));
  }
};

function tell(message: FromPainter): void {
  globalThis.postMessage(message);
}

function take({ mask, tookMs }: Found): void {
  isLooking = false;
  counted.found += 1;
  counted.finderMs = tookMs;
  painter.take(mask);
}

function paint(frame: VideoFrame): VideoFrame {
  const began = performance.now();
  const { displayWidth, displayHeight, timestamp } = frame;
  const look = painter.look(frame);
  ask(look);
  const painted = painter.paint(frame, displayWidth, displayHeight, look);
  const out = new VideoFrame(painted, { timestamp, alpha: "discard" });
  counted.painted += 1;
  counted.painterMs = performance.now() - began;
  return out;
}

/** One picture at a time: where people are is known a picture or two late, and the frame rate stays. */
function ask({ data }: ImageData): void {
  if (!finder || isLooking) return;
  isLooking = true;
  const look: Look = { pixels: data.slice().buffer };
  finder.postMessage(look, [look.pixels]);
}
