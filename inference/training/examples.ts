import { Tensor } from 'onnxruntime-node';

import type { TensorSpec, TrainingPipeline } from '../../domain/models.ts';
import type { TrainingTask } from '../../domain/training.ts';
import { BadRequest } from '../runner/openInference.ts';

/** Examples of a task, by input, each as many numbers as the input's shape says after its first length. */
export interface Examples {
  readonly count: number;
  /** The tensors of a step on these examples. */
  feedsOf(chosen: readonly number[]): Record<string, Tensor>;
}

type Column = Float32Array | Int32Array | Uint8Array;

/** @throws BadRequest that names the input that is missing, too many, or of another size than its examples */
export function readExamples({ examples, inputs }: TrainingTask['data'], pipeline: TrainingPipeline): Examples {
  const known = new Set(pipeline.inputs.map(({ name }) => name));
  const foreign = Object.keys(inputs).find((name) => !known.has(name));
  if (foreign !== undefined)
    throw new BadRequest('invalid_body', 'data', `data.inputs names "${foreign}", which the model does not take.`);
  const columns = pipeline.inputs.map((spec) => {
    const text = inputs[spec.name];
    if (text === undefined) throw new BadRequest('invalid_body', 'data', `data.inputs lacks "${spec.name}".`);
    const each = sizeOfExample(spec);
    const column = columnOf(spec, Buffer.from(text, 'base64'));
    if (column.length !== examples * each) {
      throw new BadRequest(
        'invalid_body',
        'data',
        `"${spec.name}" has ${column.length} numbers, not ${examples} x ${each}.`,
      );
    }
    return { spec, each, column };
  });
  return {
    count: examples,
    feedsOf: (chosen) =>
      Object.fromEntries(
        columns.map(({ spec, each, column }) => [spec.name, tensorOf(spec, gathered(column, each, chosen))]),
      ),
  };
}

/** Numbers of one example. */
export function sizeOfExample({ shape }: TensorSpec): number {
  return shape.slice(1).reduce((product, length) => product * length, 1);
}

function columnOf({ name, datatype }: TensorSpec, bytes: Buffer): Column {
  const own = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + (bytes.byteLength & ~3));
  if (datatype === 'FP32') return new Float32Array(own);
  if (datatype === 'INT64' || datatype === 'INT32') return new Int32Array(own);
  if (datatype === 'BOOL') return new Uint8Array(bytes);
  throw new BadRequest('invalid_body', 'data', `"${name}" is ${datatype}, which is not trained with.`);
}

function gathered(column: Column, each: number, chosen: readonly number[]): Column {
  const rows = column.slice(0, chosen.length * each);
  for (const [place, example] of chosen.entries()) {
    const from = example * each;
    rows.set(column.subarray(from, from + each), place * each);
  }
  return rows;
}

function tensorOf({ datatype, shape }: TensorSpec, rows: Column): Tensor {
  if (rows instanceof Float32Array) return new Tensor('float32', rows, shape);
  if (rows instanceof Uint8Array) return new Tensor('bool', rows, shape);
  return datatype === 'INT32'
    ? new Tensor('int32', rows, shape)
    : new Tensor('int64', BigInt64Array.from(rows, BigInt), shape);
}
