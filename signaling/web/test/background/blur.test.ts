import { expect, test } from "vitest";
import { Blur } from "../../src/background/blur.ts";

const [WIDTH, HEIGHT] = [32, 18];

test("one colour stays what it is, up to the edges", () => {
  const pixels = picture(() => [200, 100, 50]);
  new Blur(WIDTH, HEIGHT).apply(pixels, null, 5);
  for (let at = 0; at < pixels.length; at += 4) expect([...pixels.subarray(at, at + 4)]).toEqual([200, 100, 50, 255]);
});

test("a sharp edge becomes a soft one", () => {
  const pixels = picture((x) => (x < WIDTH / 2 ? [0, 0, 0] : [255, 255, 255]));
  new Blur(WIDTH, HEIGHT).apply(pixels, null, 3);
  const row = Array.from({ length: WIDTH }, (_, x) => pixels[(9 * WIDTH + x) * 4]!);
  expect(row).toEqual([...row].sort((one, other) => one - other));
  expect(row[WIDTH / 2]! - row[WIDTH / 2 - 1]!).toBeLessThan(60);
});

test("colours of the person in front do not shine out around them", () => {
  const isPerson = (x: number) => Math.abs(x - WIDTH / 2) < 6;
  const pixels = picture((x) => (isPerson(x) ? [255, 0, 0] : [0, 0, 255]));
  const mask = Float32Array.from({ length: WIDTH * HEIGHT }, (_, at) => (isPerson(at % WIDTH) ? 1 : 0));
  new Blur(WIDTH, HEIGHT).apply(pixels, mask, 3);
  for (let x = 0; x < WIDTH; x += 1) if (!isPerson(x)) expect(pixels[(9 * WIDTH + x) * 4]).toBeLessThan(12);
});

function picture(colour: (x: number) => number[]): Uint8ClampedArray {
  return Uint8ClampedArray.from({ length: WIDTH * HEIGHT * 4 }, (_, at) => [...colour((at >> 2) % WIDTH), 255][at % 4]!);
}
