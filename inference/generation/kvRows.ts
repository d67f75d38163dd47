import { Tensor } from 'onnxruntime-node';

import { halfBits } from '../runner/halfFloat.ts';

/** On which side of a batch's shorter rows the padding stands. */
export type Padding = 'left' | 'right';

/** Keys and values of some rows, as the network takes and gives them: a tensor [rows, heads, width, size] a name. */
export interface KvRows {
  /** By the name of the network's input. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly width: number;
  /** Tokens of each row; the rest of its width is padding. */
  readonly lengths: readonly number[];
}

/** One row of a KvRows. */
export interface KvRow {
  readonly kv: KvRows;
  readonly row: number;
  /** Fewer than the row has: its first ones. */
  readonly length?: number;
}

/** Copies rows into a batch of their own, no wider than the longest of them. */
export function gatherRows(rows: readonly KvRow[], padding: Padding): KvRows {
  const lengths = rows.map(lengthOf);
  const width = Math.max(...lengths);
  const [first] = rows;
  const tensors = new Map<string, Tensor>();
  for (const name of first?.kv.tensors.keys() ?? []) {
    const [, heads = 0, , size = 0] = tensorOf(first, name).dims;
    const elements = rows.length * heads * width * size;
    const type = tensorOf(first, name).type;
    const target = type === 'float16' ? new Uint16Array(elements) : new Float32Array(elements);
    for (const [index, each] of rows.entries()) {
      const { kv, row } = each;
      const length = lengths[index] ?? 0;
      const source = elementsOf(tensorOf(each, name));
      const sourceStart = padding === 'left' ? kv.width - (kv.lengths[row] ?? 0) : 0;
      const targetStart = padding === 'left' ? width - length : 0;
      for (let head = 0; head < heads; head += 1) {
        const from = ((row * heads + head) * kv.width + sourceStart) * size;
        target.set(source.subarray(from, from + length * size), ((index * heads + head) * width + targetStart) * size);
      }
    }
    tensors.set(name, kvTensor(target, [rows.length, heads, width, size]));
  }
  return { tensors, width, lengths };
}

export function kvTensor(data: Float32Array | Uint16Array, dims: readonly number[]): Tensor {
  return data instanceof Uint16Array ? new Tensor('float16', data, dims) : new Tensor('float32', data, dims);
}

function lengthOf({ kv, row, length }: KvRow): number {
  return length ?? kv.lengths[row] ?? 0;
}

function tensorOf(row: KvRow | undefined, name: string): Tensor {
  const tensor = row?.kv.tensors.get(name);
  if (!tensor) throw new Error(`The cache has no "${name}".`);
  return tensor;
}

/** Half-precision numbers stay bits: they are only copied. */
function elementsOf({ data }: Tensor): Float32Array | Uint16Array {
  if (data instanceof Float32Array) return data;
  if (!ArrayBuffer.isView(data)) throw new Error('The cache holds texts.');
  return halfBits(data);
}
