import fs from "node:fs";
import { createRequire } from "node:module";
import { expect, test } from "vitest";
import * as kernels from "../../src/background/kernels.ts";
import { HEIGHT, WIDTH } from "../../src/background/messages.ts";
import { Network } from "../../src/background/network.ts";

const MODEL = createRequire(import.meta.url).resolve("@mediapipe/selfie_segmentation/selfie_segmentation_landscape.tflite");

test("the model finds somebody where they are, and nobody where nobody is", () => {
  const network = new Network(bytes(MODEL));
  expect([network.width, network.height, network.output.length]).toEqual([WIDTH, HEIGHT, WIDTH * HEIGHT]);
  paint(network, () => false);
  network.run();
  expect(mean(network.output)).toBeLessThan(0.1);
  paint(network, isSomebody);
  network.run();
  const [inside, outside]: [number[], number[]] = [[], []];
  network.output.forEach((value, at) => (isSomebody(at % WIDTH, Math.floor(at / WIDTH)) ? inside : outside).push(value));
  expect(mean(inside)).toBeGreaterThan(0.8);
  expect(mean(outside)).toBeLessThan(0.15);
});

test("what is no model is told", () => {
  expect(() => new Network(new ArrayBuffer(64))).toThrow("no TensorFlow Lite model");
});

test("sums of products are those of the plain way, whatever is left over", () => {
  for (const [rows, length, outputs] of [[1, 1, 1], [3, 5, 7], [8, 16, 4], [5, 9, 6]] as const) {
    const [input, weights, bias] = [noise(rows * length), noise(outputs * length), noise(outputs)];
    const out = new Float32Array(rows * outputs);
    kernels.multiply(input, rows, length, kernels.pack(weights, outputs, length), Float64Array.from(bias), outputs, out);
    for (let row = 0; row < rows; row += 1) {
      for (let output = 0; output < outputs; output += 1) {
        let sum = bias[output]!;
        for (let at = 0; at < length; at += 1) sum += input[row * length + at]! * weights[output * length + at]!;
        expect(out[row * outputs + output]).toBeCloseTo(sum, 4);
      }
    }
  }
});

test("a window that moves by two begins as TensorFlow's does: an even picture has its border at the end", () => {
  const [from, to] = [{ height: 4, width: 4, channels: 1 }, { height: 2, width: 2, channels: 1 }];
  const input = Float32Array.from({ length: 16 }, (_, at) => at + 1);
  const window = { rows: 3, columns: 3, stride: 2 };
  const gathered = new Float32Array(4 * 9);
  kernels.gather(input, from, to, window, gathered);
  expect([...gathered.subarray(0, 9)]).toEqual([1, 2, 3, 5, 6, 7, 9, 10, 11]);
  expect([...gathered.subarray(27)]).toEqual([11, 12, 0, 15, 16, 0, 0, 0, 0]);
  const out = new Float32Array(4);
  kernels.depthwise(input, from, to, window, new Float64Array(9).fill(1), new Float64Array(1), out);
  expect([...out]).toEqual([54, 45, 72, 54]);
});

test("twice as large is straight lines between the middles of pixels", () => {
  const out = new Float32Array(4);
  kernels.resize(Float32Array.of(0, 4), { height: 1, width: 2, channels: 1 }, { height: 1, width: 4, channels: 1 }, out);
  expect([...out]).toEqual([0, 1, 3, 4]);
});

test("each pixel becomes a block by weights of its own", () => {
  const out = new Float32Array(8);
  kernels.spread(Float32Array.of(1, 10), { height: 1, width: 2, channels: 1 }, Float64Array.of(1, 2, 3, 4), 0.5, out);
  expect([...out]).toEqual([1.5, 2.5, 10.5, 20.5, 3.5, 4.5, 30.5, 40.5]);
});

test("curves are those of their names", () => {
  const input = Float32Array.of(-4, -1, 0, 1, 4);
  const by = (curve: (input: Float32Array, out: Float32Array) => void) => {
    const out = new Float32Array(input.length);
    curve(input, out);
    return [...out].map((value) => Math.round(value * 1000) / 1000);
  };
  expect(by(kernels.relu)).toEqual([0, 0, 0, 1, 4]);
  expect(by(kernels.hardSwish)).toEqual([-0, -0.333, 0, 0.667, 4]);
  expect(by(kernels.logistic)).toEqual([0.018, 0.269, 0.5, 0.731, 0.982]);
});

/** A head and shoulders before a wall, as far as a model can tell. */
function isSomebody(x: number, y: number): boolean {
  const head = ((x - 128) / 22) ** 2 + ((y - 55) / 29) ** 2 < 1;
  const neck = Math.abs(x - 128) < 11 && y > 75 && y < 100;
  const shoulders = ((x - 128) / 62) ** 2 + ((y - 144) / 50) ** 2 < 1;
  return head || neck || shoulders;
}

function paint(network: Network, isSkin: (x: number, y: number) => boolean): void {
  for (let y = 0, at = 0; y < HEIGHT; y += 1) {
    for (let x = 0; x < WIDTH; x += 1, at += 3) {
      const isShirt = y > 96;
      const isHair = y < 42;
      const eye = Math.hypot(Math.abs(x - 128) - 9, (y - 52) * 1.4) < 3 || (Math.abs(x - 128) < 8 && Math.abs(y - 70) < 1.5);
      const skin = eye ? [0.25, 0.15, 0.15] : isHair ? [0.2, 0.13, 0.1] : [0.85, 0.65, 0.55];
      const colour = isSkin(x, y) ? (isShirt ? [0.15, 0.2, 0.45] : skin) : [0.72, 0.75, 0.7];
      network.input.set(colour, at);
    }
  }
}

function bytes(path: string): ArrayBuffer {
  return new Uint8Array(fs.readFileSync(path)).buffer;
}

function mean(values: ArrayLike<number>): number {
  return Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;
}

function noise(length: number): Float32Array {
  return Float32Array.from({ length }, (_, at) => Math.sin(at * 12.9898) * 3);
}
