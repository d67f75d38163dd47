import { bytesOf, node, ONNX_TYPES, onnxFile, tensor, value } from '../../training/onnx/onnxGraph.ts';
import { buildLsa, type LsaModel } from '../../inference/lsa/buildLsa.ts';

/** Enough for words that stand together to be near; built in a moment. */
export const SMALL_LSA = { words: 40, dimensions: 8 } as const;

export function smallLsa(): LsaModel {
  const documents = Array.from({ length: 60 }, (_, index) =>
    index % 2 === 0
      ? `car drive road wheel engine ${['fast', 'slow', 'red'][index % 3]}`
      : `soup cook kitchen salt spoon ${['hot', 'cold', 'good'][index % 3]}`,
  );
  return buildLsa(documents, SMALL_LSA);
}

/** y = 2 x for f32[n, 2], and a copy of an int64 input. */
export function doublingNetwork(): Uint8Array {
  const { FLOAT, INT64 } = ONNX_TYPES;
  return onnxFile({
    name: 'doubling',
    opset: 17,
    inputs: [value('x', FLOAT, ['n', 2]), value('count', INT64, [1])],
    outputs: [value('y', FLOAT, ['n', 2]), value('same', INT64, [1])],
    weights: [tensor('two', FLOAT, [], bytesOf(Float32Array.of(2)))],
    nodes: [node('Mul', ['x', 'two'], ['y']), node('Identity', ['count'], ['same'])],
  });
}

export const DOUBLING_PIPELINE = {
  kind: 'tensors' as const,
  inputs: [
    { name: 'x', datatype: 'FP32' as const, shape: [-1, 2] },
    { name: 'count', datatype: 'INT64' as const, shape: [1] },
  ],
  outputs: [
    { name: 'y', datatype: 'FP32' as const, shape: [-1, 2] },
    { name: 'same', datatype: 'INT64' as const, shape: [1] },
  ],
};
