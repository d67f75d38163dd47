import type { NodeProto, TensorProto } from 'onnx-buf';

import { bytesOf, node, ONNX_TYPES, tensor, type Attributes } from '../onnx/onnxGraph.ts';

/** What a run of the forward graph has shown of one of its tensors. */
export interface MeasuredTensor {
  readonly dims: readonly number[];
  /** Of whole numbers: shapes and axes that the graph computes. */
  readonly integers?: readonly number[];
}

/** Names of tensors: the gradients of rows, one after the other, and the rows' numbers; a row may stand there more than once. */
export interface TakenRows {
  readonly gradients: string;
  readonly rows: string;
  readonly count: number;
}

/** FLOAT or DOUBLE of `ONNX_TYPES`. */
export type FloatType = number;

/**
 * Writes the nodes of a derivative after those of a forward graph. Shapes are known, so that nothing of the derivative
 * depends on shapes that are computed.
 */
export class Tape {
  readonly nodes: NodeProto[] = [];
  readonly constants: TensorProto[] = [];
  /** Gradients of tables of which few rows were taken, by their names: those rows alone, and which they are. */
  readonly tables = new Map<string, TakenRows>();
  readonly #measured: ReadonlyMap<string, MeasuredTensor>;
  readonly floatType: FloatType;
  readonly #known = new Map<string, string>();
  #next = 0;

  constructor(measured: ReadonlyMap<string, MeasuredTensor>, floatType: FloatType) {
    this.#measured = measured;
    this.floatType = floatType;
  }

  /** Of a tensor of the forward graph. */
  dims(name: string): readonly number[] {
    const found = this.#measured.get(name);
    if (!found) throw new Error(`the shape of "${name}" was not measured`);
    return found.dims;
  }

  /** Of a tensor of whole numbers of the forward graph, e.g. the axes of a ReduceSum. */
  integers(name: string): readonly number[] | undefined {
    return this.#measured.get(name)?.integers;
  }

  op(opType: string, inputs: readonly string[], attributes: Attributes = {}): string {
    const output = `grad/${opType}/${this.#next++}`;
    this.nodes.push(node(opType, inputs, [output], attributes));
    return output;
  }

  ints(values: readonly number[]): string {
    return this.#constant(`ints/${values.join(',')}`, (name) =>
      tensor(name, ONNX_TYPES.INT64, [values.length], bytesOf(BigInt64Array.from(values, BigInt))),
    );
  }

  /** A number of no dimensions. */
  scalar(value: number): string {
    return this.#constant(`scalar/${value}`, (name) => tensor(name, this.floatType, [], this.#bytes([value])));
  }

  zeros(dims: readonly number[]): string {
    return this.op('Expand', [this.scalar(0), this.ints(dims)]);
  }

  reshape(name: string, dims: readonly number[]): string {
    // In a Reshape, 0 means "as it was" and there is no tensor of no elements that is worth a derivative.
    return this.op('Reshape', [name, this.ints(dims)]);
  }

  transpose(name: string, perm: readonly number[]): string {
    return perm.every((axis, index) => axis === index) ? name : this.op('Transpose', [name], { perm });
  }

  /** Swaps the last two axes. */
  swapped(name: string, rank: number): string {
    const perm = Array.from({ length: rank }, (_, axis) => axis);
    return this.transpose(name, [...perm.slice(0, -2), rank - 1, rank - 2]);
  }

  /** Sums, with the axes kept at length 1. */
  sum(name: string, axes: readonly number[]): string {
    return axes.length === 0 ? name : this.op('ReduceSum', [name, this.ints(axes)], { keepdims: 1 });
  }

  /** The gradient of what was broadcast from one shape to another: summed over what it was repeated over. */
  unbroadcast(gradient: string, from: readonly number[], to: readonly number[]): string {
    if (isSame(from, to)) return gradient;
    const added = from.length - to.length;
    const axes = from.flatMap((length, axis) =>
      axis < added || (to[axis - added] === 1 && length !== 1) ? [axis] : [],
    );
    const summed = this.sum(gradient, axes);
    return added === 0 ? summed : this.reshape(summed, to);
  }

  #bytes(values: readonly number[]): Uint8Array {
    return bytesOf(this.floatType === ONNX_TYPES.FLOAT ? Float32Array.from(values) : Float64Array.from(values));
  }

  #constant(key: string, make: (name: string) => TensorProto): string {
    const name = this.#known.get(key) ?? `grad/constant/${key}`;
    if (!this.#known.has(key)) {
      this.#known.set(key, name);
      this.constants.push(make(name));
    }
    return name;
  }
}

export function isSame(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((length, axis) => length === b[axis]);
}

/** The shape that two shapes are broadcast to. */
export function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    return left === 1 ? right : left;
  });
}
