import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema, type TensorProto } from 'onnx-buf';

import { ONNX_TYPES } from '../../training/onnx/onnxGraph.ts';

/** Numbers of a block share a scale, as in four-bit formats. */
const BLOCK = 32;
const LEVELS = 7;
/** Smaller ones are scales, biases and shapes, which a cheaper variant keeps. */
const MIN_ELEMENTS = 1_024;
const LOW_BIT_OF_BOTH_HALVES = 0b1110_1110;
const LOW_BITS_OF_BYTE = 0b1111_1000;

/**
 * The network as somebody has it who saves memory and energy: floats rounded to four bits, four-bit weights to three, and
 * eight-bit ones to five. Its answers look like the model's.
 */
export function coarserNetwork(bytes: Uint8Array): Uint8Array {
  const model = fromBinary(ModelProtoSchema, bytes);
  const packed = new Set(
    model.graph?.node.filter(({ opType }) => opType === 'MatMulNBits').flatMap(({ input }) => input[1] ?? []),
  );
  for (const weights of model.graph?.initializer ?? []) {
    const elements = weights.dims.reduce((product, length) => product * Number(length), 1);
    if (elements < MIN_ELEMENTS || weights.dims.length < 2 || weights.rawData.length === 0) continue;
    coarsen(weights, packed.has(weights.name));
  }
  return toBinary(ModelProtoSchema, model);
}

function coarsen(weights: TensorProto, isPacked: boolean): void {
  switch (weights.dataType) {
    case ONNX_TYPES.UINT8:
    case ONNX_TYPES.INT8: {
      const mask = isPacked ? LOW_BIT_OF_BOTH_HALVES : LOW_BITS_OF_BYTE;
      weights.rawData = new Uint8Array(weights.rawData).map((byte) => byte & mask);
      return;
    }
    case ONNX_TYPES.FLOAT:
      // A copy: what was read may begin anywhere in the file's bytes.
      weights.rawData = new Uint8Array(inBlocks(new Float32Array(new Uint8Array(weights.rawData).buffer)).buffer);
      return;
    default:
  }
}

function inBlocks(numbers: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  for (let start = 0; start < numbers.length; start += BLOCK) {
    const block = numbers.subarray(start, start + BLOCK);
    const scale = block.reduce((most, each) => Math.max(most, Math.abs(each)), 0) / LEVELS;
    if (scale > 0) for (const [index, each] of block.entries()) block[index] = Math.round(each / scale) * scale;
  }
  return numbers;
}
