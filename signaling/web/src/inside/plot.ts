/** Lines over time, as paths of an SVG: pure arithmetic. */

export interface Point {
  at: number;
  /** Null: nothing was known; the line has a gap there. */
  value: number | null;
}

export interface Frame {
  width: number;
  height: number;
  /** The last moment, at the right edge, and how much time there is to its left. */
  until: number;
  spanMs: number;
  /** The value at the upper edge. */
  most: number;
}

export function pathOf(points: readonly Point[], { width, height, until, spanMs, most }: Frame): string {
  let path = "";
  let isDown = false;
  for (const { at, value } of points) {
    const x = width * (1 - (until - at) / spanMs);
    if (value === null || x < 0) {
      isDown = false;
      continue;
    }
    const y = height * (1 - Math.min(1, Math.max(0, value / most)));
    path += `${isDown ? "L" : "M"}${round(x)} ${round(y)}`;
    isDown = true;
  }
  return path;
}

/** The next larger of 1, 2, 5, 10, 20 …: a round number at the upper edge. */
export function roundedUp(value: number, least: number): number {
  const wanted = Math.max(value, least);
  const power = 10 ** Math.floor(Math.log10(wanted));
  const step = [1, 2, 5, 10].find((one) => one * power >= wanted * 0.999) ?? 10;
  return step * power;
}

export function largest(...lines: readonly (readonly Point[])[]): number {
  return Math.max(0, ...lines.flatMap((line) => line.map(({ value }) => value ?? 0)));
}

/** As many digits as are read at a glance. */
export function figure(value: number | null): string {
  if (value === null) return "–";
  return value >= 100 || Number.isInteger(value) ? String(Math.round(value)) : value.toFixed(value >= 10 ? 0 : 1);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
