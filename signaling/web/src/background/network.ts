/**
 * The network that tells people from what is behind them. The model is MediaPipe's (Apache 2.0, out of
 * `@mediapipe/selfie_segmentation`); it has eleven kinds of operators, and this runs those. So nothing is
 * loaded but 250 kB of weights: MediaPipe's own runtime has 13 MB of WebAssembly, which would want
 * `wasm-unsafe-eval` in the page's policy.
 */
import * as kernels from "./kernels.ts";
import type { Size } from "./kernels.ts";
import { type Model, type Operator, readModel } from "./tflite.ts";

/** Numbers of TensorFlow Lite's schema. */
const ADD = 0;
const CONVOLUTION = 3;
const DEPTHWISE = 4;
const DEQUANTIZE = 6;
const LOGISTIC = 14;
const MULTIPLY = 18;
const RELU = 19;
const RESIZE = 23;
const CUSTOM = 32;
const MEAN = 40;
const HARD_SWISH = 117;

type Step = () => void;

export class Network {
  /** Red, green and blue of each pixel, 0 to 1. */
  readonly input: Float32Array;
  /** For each pixel how likely it belongs to a person. */
  readonly output: Float32Array;
  readonly width: number;
  readonly height: number;
  #model: Model;
  #values: (Float32Array | null)[];
  #steps: Step[];

  constructor(bytes: ArrayBuffer) {
    this.#model = readModel(bytes);
    const { tensors, operators, inputs, outputs } = this.#model;
    this.#values = tensors.map(({ constant }) => constant);
    const { width, height } = this.#size(inputs[0]!);
    this.width = width;
    this.height = height;
    this.input = this.#value(inputs[0]!);
    this.#steps = operators.flatMap((operator) => this.#step(operator) ?? []);
    this.output = this.#value(outputs[0]!);
  }

  /** Makes `output` of `input`. */
  run(): void {
    for (const step of this.#steps) step();
  }

  /** What an operator does each time; null: it is done once and for all. */
  #step(operator: Operator): Step | null {
    const [first, second, third] = operator.inputs as [number, number, number];
    const [result] = operator.outputs as [number];
    if (operator.kind === DEQUANTIZE) {
      this.#values[result] = this.#value(first);
      return null;
    }
    const [input, out] = [this.#value(first), this.#value(result)];
    const [from, to] = [this.#size(first), this.#size(result)];
    switch (operator.kind) {
      case CONVOLUTION:
        return this.#convolution(operator, from, to);
      case DEPTHWISE: {
        const [weights, bias] = [Float64Array.from(this.#value(second)), Float64Array.from(this.#value(third))];
        const window = this.#window(operator, second);
        return () => kernels.depthwise(input, from, to, window, weights, bias, out);
      }
      case CUSTOM: {
        const [weights, bias] = [Float64Array.from(this.#value(second)), this.#value(third)[0] ?? 0];
        return () => kernels.spread(input, from, weights, bias, out);
      }
      case RESIZE:
        return () => kernels.resize(input, from, to, out);
      case MEAN:
        return () => kernels.mean(input, from, out);
      case ADD:
      case MULTIPLY: {
        const [other, apply] = [this.#value(second), operator.kind === ADD ? kernels.add : kernels.scale];
        return () => apply(input, other, out);
      }
      case RELU:
        return () => kernels.relu(input, out);
      case HARD_SWISH:
        return () => kernels.hardSwish(input, out);
      case LOGISTIC:
        return () => kernels.logistic(input, out);
      default:
        throw new Error(`the model has an operator that is not known here: ${operator.kind}`);
    }
  }

  #convolution(operator: Operator, from: Size, to: Size): Step {
    const [first, second, third] = operator.inputs as [number, number, number];
    const [input, out] = [this.#value(first), this.#value(operator.outputs[0]!)];
    const window = this.#window(operator, second);
    const length = window.rows * window.columns * from.channels;
    const packed = kernels.pack(this.#value(second), to.channels, length);
    const bias = Float64Array.from(this.#value(third));
    const rows = to.height * to.width;
    const isPlain = length === from.channels && window.stride === 1;
    if (isPlain) return () => kernels.multiply(input, rows, length, packed, bias, to.channels, out);
    const gathered = new Float32Array(rows * length);
    return () => {
      kernels.gather(input, from, to, window, gathered);
      kernels.multiply(gathered, rows, length, packed, bias, to.channels, out);
    };
  }

  /** Options of both kinds of convolution begin alike: padding, then the strides. */
  #window(operator: Operator, weights: number): kernels.Window {
    const [, rows = 1, columns = 1] = this.#model.tensors[weights]!.shape;
    return { rows, columns, stride: operator.int(2) || 1 };
  }

  #size(tensor: number): Size {
    const [, height = 1, width = 1, channels = 1] = this.#model.tensors[tensor]!.shape;
    return { height, width, channels };
  }

  #value(tensor: number): Float32Array {
    const { shape } = this.#model.tensors[tensor]!;
    this.#values[tensor] ??= new Float32Array(shape.reduce((product, length) => product * length, 1));
    return this.#values[tensor];
  }
}
