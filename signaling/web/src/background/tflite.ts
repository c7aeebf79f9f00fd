/**
 * Reads a TensorFlow Lite model: a flatbuffer with tensors, constants and operators in the order in which
 * they run. It knows no operator's meaning.
 */

export interface Tensor {
  shape: readonly number[];
  /** What does not change: weights, as they are used. */
  constant: Float32Array | null;
}

/** An operator; its options are read by whoever knows them. */
export interface Operator {
  kind: number;
  inputs: readonly number[];
  outputs: readonly number[];
  /** A field of its options table, one byte; 0 when it is left out. */
  byte(field: number): number;
  /** A field of its options table, four bytes; 0 when it is left out. */
  int(field: number): number;
}

export interface Model {
  tensors: readonly Tensor[];
  operators: readonly Operator[];
  inputs: readonly number[];
  outputs: readonly number[];
}

const IDENTIFIER = "TFL3";
const FLOAT32 = 0;
const FLOAT16 = 1;

export function readModel(bytes: ArrayBuffer): Model {
  const view = new DataView(bytes);
  const name = String.fromCharCode(...new Uint8Array(bytes, 4, 4));
  if (name !== IDENTIFIER) throw new Error(`this is no TensorFlow Lite model: it says ${JSON.stringify(name)}`);
  const root = Table.root(view);
  const kinds = root.tables(1).map((code) => Math.max(code.byte(0), code.int(3)));
  const [graph] = root.tables(2);
  if (!graph) throw new Error("the model is empty");
  const buffers = root.tables(4);
  return {
    tensors: graph.tables(0).map((tensor) => readTensor(tensor, buffers)),
    operators: graph.tables(3).map((operator) => readOperator(operator, kinds)),
    inputs: graph.ints(1),
    outputs: graph.ints(2),
  };
}

function readTensor(tensor: Table, buffers: readonly Table[]): Tensor {
  const shape = tensor.ints(0);
  const data = buffers[tensor.int(2)]?.bytes(0);
  const type = tensor.byte(1);
  if (!data || data.byteLength === 0) return { shape, constant: null };
  if (type === FLOAT32) return { shape, constant: floats(data) };
  return { shape, constant: type === FLOAT16 ? halves(data) : null };
}

function readOperator(operator: Table, kinds: readonly number[]): Operator {
  const options = operator.table(4);
  return {
    kind: kinds[operator.int(0)] ?? -1,
    inputs: operator.ints(1),
    outputs: operator.ints(2),
    byte: (field) => options?.byte(field) ?? 0,
    int: (field) => options?.int(field) ?? 0,
  };
}

function floats(data: DataView): Float32Array {
  return Float32Array.from({ length: data.byteLength / 4 }, (_, at) => data.getFloat32(at * 4, true));
}

/** IEEE 754 binary16. */
function halves(data: DataView): Float32Array {
  return Float32Array.from({ length: data.byteLength / 2 }, (_, at) => {
    const bits = data.getUint16(at * 2, true);
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    if (exponent === 0x1f) return fraction ? NaN : sign * Infinity;
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  });
}

/** A table of a flatbuffer: fields by number, each at an offset that its own list of offsets tells. */
class Table {
  #view;
  #at;

  constructor(view: DataView, at: number) {
    this.#view = view;
    this.#at = at;
  }

  static root(view: DataView): Table {
    return new Table(view, view.getUint32(0, true));
  }

  byte(field: number): number {
    const at = this.#field(field);
    return at === 0 ? 0 : this.#view.getUint8(at);
  }

  int(field: number): number {
    const at = this.#field(field);
    return at === 0 ? 0 : this.#view.getInt32(at, true);
  }

  table(field: number): Table | null {
    const at = this.#field(field);
    return at === 0 ? null : new Table(this.#view, this.#follow(at));
  }

  tables(field: number): Table[] {
    return this.#elements(field, 4).map((at) => new Table(this.#view, this.#follow(at)));
  }

  ints(field: number): number[] {
    return this.#elements(field, 4).map((at) => this.#view.getInt32(at, true));
  }

  bytes(field: number): DataView | null {
    const at = this.#field(field);
    if (at === 0) return null;
    const vector = this.#follow(at);
    return new DataView(this.#view.buffer, this.#view.byteOffset + vector + 4, this.#view.getUint32(vector, true));
  }

  /** Where a field stands; 0: it is left out. */
  #field(field: number): number {
    const offsets = this.#at - this.#view.getInt32(this.#at, true);
    const place = 4 + 2 * field;
    if (place >= this.#view.getUint16(offsets, true)) return 0;
    const offset = this.#view.getUint16(offsets + place, true);
    return offset === 0 ? 0 : this.#at + offset;
  }

  #elements(field: number, size: number): number[] {
    const at = this.#field(field);
    if (at === 0) return [];
    const vector = this.#follow(at);
    return Array.from({ length: this.#view.getUint32(vector, true) }, (_, place) => vector + 4 + place * size);
  }

  #follow(at: number): number {
    return at + this.#view.getUint32(at, true);
  }
}
