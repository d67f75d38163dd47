import { InferenceSession, Tensor } from 'onnxruntime-node';

import {
  finishTraining,
  measurableFile,
  prepareTraining,
  type CompiledTraining,
  type CompileOptions,
  type PreparedNetwork,
} from '../../training/compile.ts';
import type { MeasuredTensor } from '../../training/gradients/tape.ts';
import { ONNX_TYPES } from '../../training/onnx/onnxGraph.ts';
import { lengthsOf, typeOfValue } from '../../training/onnx/readNetwork.ts';
import { TrainingRefusal } from '../../training/refusal.ts';
import { messageOf } from '../../domain/thrown.ts';

/** Longer lists of whole numbers are data, not shapes. */
const MAX_INTEGERS = 64;

/**
 * Turns a forward graph and a loss into a training graph. The forward graph is run once, on zeros, to see the shapes of
 * its tensors: only for graphs that the caller trusts, since it runs in this process.
 * @throws TrainingRefusal
 */
export async function compileTraining(bytes: Uint8Array, options: CompileOptions): Promise<CompiledTraining> {
  const prepared = prepareTraining(bytes, options);
  return finishTraining(prepared, await measured(prepared));
}

async function measured(prepared: PreparedNetwork): Promise<ReadonlyMap<string, MeasuredTensor>> {
  try {
    const session = await InferenceSession.create(measurableFile(prepared), {
      executionProviders: ['cpu'],
      graphOptimizationLevel: 'disabled',
    });
    const outputs = await session.run(Object.fromEntries(prepared.inputs.map((info) => [info.name, zeros(info)])));
    await session.release();
    return new Map(Object.entries(outputs).map(([name, tensor]) => [name, measuredTensor(tensor)]));
  } catch (error) {
    throw new TrainingRefusal(`The network does not run on inputs of these lengths: ${messageOf(error)}`);
  }
}

function measuredTensor({ dims, data }: Tensor): MeasuredTensor {
  const isShort = data instanceof BigInt64Array && data.length <= MAX_INTEGERS;
  return isShort ? { dims, integers: Array.from(data, Number) } : { dims };
}

function zeros(info: PreparedNetwork['inputs'][number]): Tensor {
  const dims = lengthsOf(info).map(Number);
  const count = dims.reduce((product, length) => product * length, 1);
  const { FLOAT, DOUBLE, INT64, INT32, BOOL } = ONNX_TYPES;
  switch (typeOfValue(info)) {
    case FLOAT:
      return new Tensor('float32', new Float32Array(count), dims);
    case DOUBLE:
      return new Tensor('float64', new Float64Array(count), dims);
    case INT64:
      return new Tensor('int64', new BigInt64Array(count), dims);
    case INT32:
      return new Tensor('int32', new Int32Array(count), dims);
    case BOOL:
      return new Tensor('bool', new Uint8Array(count), dims);
    default:
      throw new TrainingRefusal(`The input "${info.name}" is of a type that is not trained with.`);
  }
}
