/**
 * The arithmetic of the network: each function fills `out`. Everything is height × width × channels, channels
 * side by side. Weights are doubles, since JavaScript calculates with those and would convert each time.
 */

/** What a picture is divided into: one layer's height, width and channels. */
export interface Size {
  height: number;
  width: number;
  channels: number;
}

/** Pixels and channels that are worked on together: as many as fit the registers of a processor. */
const CHANNELS = 4;

/** Weights of `outputs` sums over `length` inputs, in the order in which {@link multiply} walks them. */
export function pack(weights: Float32Array, outputs: number, length: number): Float64Array {
  const groups = Math.ceil(outputs / CHANNELS);
  const packed = new Float64Array(groups * CHANNELS * length);
  for (let output = 0; output < outputs; output += 1) {
    const from = Math.floor(output / CHANNELS) * CHANNELS * length + (output % CHANNELS);
    for (let at = 0; at < length; at += 1) packed[from + at * CHANNELS] = weights[output * length + at]!;
  }
  return packed;
}

/** For each of `rows` stretches of `length` inputs: `outputs` sums of products, plus a bias. */
export function multiply(
  input: Float32Array, rows: number, length: number, packed: Float64Array, bias: Float64Array, outputs: number, out: Float32Array,
): void {
  for (let output = 0; output < outputs; output += CHANNELS) {
    const weights = packed.subarray(output * length, (output + CHANNELS) * length);
    const most = Math.min(CHANNELS, outputs - output);
    const [b0, b1, b2, b3] = [bias[output]!, bias[output + 1] ?? 0, bias[output + 2] ?? 0, bias[output + 3] ?? 0];
    let row = 0;
    for (; row + 1 < rows; row += 2) {
      let [p0, p1, p2, p3, q0, q1, q2, q3] = [b0, b1, b2, b3, b0, b1, b2, b3];
      const first = row * length;
      const second = first + length;
      for (let at = 0, weight = 0; at < length; at += 1, weight += CHANNELS) {
        const x = input[first + at]!;
        const y = input[second + at]!;
        const w0 = weights[weight]!;
        const w1 = weights[weight + 1]!;
        const w2 = weights[weight + 2]!;
        const w3 = weights[weight + 3]!;
        p0 += x * w0;
        p1 += x * w1;
        p2 += x * w2;
        p3 += x * w3;
        q0 += y * w0;
        q1 += y * w1;
        q2 += y * w2;
        q3 += y * w3;
      }
      store(out, row * outputs + output, most, p0, p1, p2, p3);
      store(out, (row + 1) * outputs + output, most, q0, q1, q2, q3);
    }
    if (row < rows) last(input, row * length, length, weights, out, row * outputs + output, most, b0, b1, b2, b3);
  }
}

/** An odd row is left over. */
function last(
  input: Float32Array, from: number, length: number, weights: Float64Array, out: Float32Array, to: number, most: number,
  b0: number, b1: number, b2: number, b3: number,
): void {
  let [p0, p1, p2, p3] = [b0, b1, b2, b3];
  for (let at = 0, weight = 0; at < length; at += 1, weight += CHANNELS) {
    const x = input[from + at]!;
    p0 += x * weights[weight]!;
    p1 += x * weights[weight + 1]!;
    p2 += x * weights[weight + 2]!;
    p3 += x * weights[weight + 3]!;
  }
  store(out, to, most, p0, p1, p2, p3);
}

function store(out: Float32Array, at: number, most: number, a: number, b: number, c: number, d: number): void {
  out[at] = a;
  if (most > 1) out[at + 1] = b;
  if (most > 2) out[at + 2] = c;
  if (most > 3) out[at + 3] = d;
}

/** How a window moves over a picture so that the edges are in it, too (TensorFlow's SAME). */
export interface Window {
  rows: number;
  columns: number;
  stride: number;
}

/** How many rows or columns stand before the picture. */
function before(input: number, output: number, window: number, stride: number): number {
  return Math.max(0, (output - 1) * stride + window - input) >> 1;
}

/** Puts what lies under a window side by side, for each of its places. */
export function gather(input: Float32Array, from: Size, to: Size, { rows, columns, stride }: Window, out: Float32Array): void {
  const top = before(from.height, to.height, rows, stride);
  const left = before(from.width, to.width, columns, stride);
  const { channels } = from;
  let at = 0;
  for (let y = 0; y < to.height; y += 1) {
    for (let x = 0; x < to.width; x += 1) {
      for (let row = y * stride - top, end = row + rows; row < end; row += 1) {
        for (let column = x * stride - left, stop = column + columns; column < stop; column += 1) {
          const isInside = row >= 0 && row < from.height && column >= 0 && column < from.width;
          const source = (row * from.width + column) * channels;
          for (let channel = 0; channel < channels; channel += 1) out[at++] = isInside ? input[source + channel]! : 0;
        }
      }
    }
  }
}

/** Each channel by itself, under a window with weights of its own. */
export function depthwise(
  input: Float32Array, from: Size, to: Size, { rows, columns, stride }: Window, weights: Float64Array, bias: Float64Array, out: Float32Array,
): void {
  const top = before(from.height, to.height, rows, stride);
  const left = before(from.width, to.width, columns, stride);
  const { channels } = to;
  const sums = new Float64Array(channels);
  for (let y = 0, at = 0; y < to.height; y += 1) {
    for (let x = 0; x < to.width; x += 1, at += channels) {
      sums.set(bias);
      for (let row = 0; row < rows; row += 1) {
        const line = y * stride - top + row;
        if (line < 0 || line >= from.height) continue;
        for (let column = 0; column < columns; column += 1) {
          const place = x * stride - left + column;
          if (place < 0 || place >= from.width) continue;
          const source = (line * from.width + place) * channels;
          const weight = (row * columns + column) * channels;
          for (let channel = 0; channel < channels; channel += 1) sums[channel]! += input[source + channel]! * weights[weight + channel]!;
        }
      }
      out.set(sums, at);
    }
  }
}

/** Each pixel becomes a block of two by two, one channel: what the last layer makes its mask by. */
export function spread(input: Float32Array, from: Size, weights: Float64Array, bias: number, out: Float32Array): void {
  const { height, width, channels } = from;
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const source = (y * width + x) * channels;
      for (let block = 0; block < 4; block += 1) {
        let sum = bias;
        for (let channel = 0; channel < channels; channel += 1) sum += input[source + channel]! * weights[block * channels + channel]!;
        out[(2 * y + (block >> 1)) * 2 * width + 2 * x + (block & 1)] = sum;
      }
    }
  }
}

/** Twice as large, or any other size, straight lines between the middles of pixels. */
export function resize(input: Float32Array, from: Size, to: Size, out: Float32Array): void {
  const { channels } = from;
  const columns = Array.from({ length: to.width }, (_, x) => between(x, to.width, from.width));
  for (let y = 0, at = 0; y < to.height; y += 1) {
    const row = between(y, to.height, from.height);
    for (const column of columns) {
      const a = (row.first * from.width + column.first) * channels;
      const b = (row.first * from.width + column.second) * channels;
      const c = (row.second * from.width + column.first) * channels;
      const d = (row.second * from.width + column.second) * channels;
      for (let channel = 0; channel < channels; channel += 1, at += 1) {
        const upper = input[a + channel]! + (input[b + channel]! - input[a + channel]!) * column.share;
        const lower = input[c + channel]! + (input[d + channel]! - input[c + channel]!) * column.share;
        out[at] = upper + (lower - upper) * row.share;
      }
    }
  }
}

function between(at: number, length: number, of: number): { first: number; second: number; share: number } {
  const place = Math.max(0, ((at + 0.5) * of) / length - 0.5);
  const first = Math.floor(place);
  return { first, second: Math.min(first + 1, of - 1), share: place - first };
}

/** The mean of each channel. */
export function mean(input: Float32Array, from: Size, out: Float32Array): void {
  const { channels } = from;
  out.fill(0);
  for (let at = 0; at < input.length; at += channels) {
    for (let channel = 0; channel < channels; channel += 1) out[channel]! += input[at + channel]!;
  }
  const pixels = input.length / channels;
  for (let channel = 0; channel < channels; channel += 1) out[channel]! /= pixels;
}

export function add(input: Float32Array, other: Float32Array, out: Float32Array): void {
  for (let at = 0; at < input.length; at += 1) out[at] = input[at]! + other[at]!;
}

/** The second may be one pixel, which goes for all. */
export function scale(input: Float32Array, other: Float32Array, out: Float32Array): void {
  const { length } = other;
  for (let from = 0; from < input.length; from += length) {
    for (let at = 0; at < length; at += 1) out[from + at] = input[from + at]! * other[at]!;
  }
}

export function relu(input: Float32Array, out: Float32Array): void {
  for (let at = 0; at < input.length; at += 1) out[at] = Math.max(0, input[at]!);
}

export function hardSwish(input: Float32Array, out: Float32Array): void {
  for (let at = 0; at < input.length; at += 1) out[at] = (input[at]! * Math.min(6, Math.max(0, input[at]! + 3))) / 6;
}

export function logistic(input: Float32Array, out: Float32Array): void {
  for (let at = 0; at < input.length; at += 1) out[at] = 1 / (1 + Math.exp(-input[at]!));
}
