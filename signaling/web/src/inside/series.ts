/** What readings say of each track over time: pure arithmetic. */
import type { Point } from "./plot.ts";
import type { Flow, Reading } from "./readings.ts";

const MINUTE_MS = 60_000;

/** Bits a second of each flow, by its key, with a gap wherever it was not there. */
export function ratesOf(readings: readonly Reading[], side: "received" | "sent"): Map<string, Point[]> {
  const looks = readings.map((reading) => ({ at: reading.at, flows: new Map(reading[side].map((flow) => [flow.key, flow])) }));
  const keys = new Set(looks.flatMap(({ flows }) => [...flows.keys()]));
  const line = (key: string) => looks.map(({ at, flows }) => ({ at, value: flows.get(key)?.bitrate ?? null }));
  return new Map([...keys].map((key) => [key, line(key)]));
}

/** For how many seconds of the last minute the worst picture stood still; null where the browser does not tell. */
export function frozenPerMinute(readings: readonly Reading[]): Point[] {
  const frozen = new Map<string, number>();
  const add = ({ received }: Reading, sign: 1 | -1) => {
    for (const { key, frozenMs } of received) if (frozenMs !== null) frozen.set(key, (frozen.get(key) ?? 0) + sign * frozenMs);
  };
  let first = 0;
  return readings.map((reading) => {
    add(reading, 1);
    while (readings[first] && reading.at - readings[first]!.at >= MINUTE_MS) add(readings[first++]!, -1);
    const isTold = reading.received.some(({ frozenMs }) => frozenMs !== null);
    return { at: reading.at, value: isTold ? Math.max(0, ...frozen.values()) / 1000 : null };
  });
}

/** Which of a picture's sizes goes over a flow: the layer's name, lines and columns, frames a second, and why not more. */
export function layerOf({ rid, width, height, framesPerSecond, limitedBy }: Flow): string {
  const size = height !== null && (width === null ? `${height}p` : `${width}×${height}`);
  const rate = size && framesPerSecond !== null && `${Math.round(framesPerSecond)}/s`;
  return [rid, size, rate, limitedBy].filter(Boolean).join(" ");
}
