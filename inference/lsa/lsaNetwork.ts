import { bytesOf, node, ONNX_TYPES, onnxFile, tensor, value } from '../../training/onnx/onnxGraph.ts';

const LONGEST_INT8 = 127;
const SMALLEST_NORM = 1e-12;

/**
 * A network that adds up the rows of its tokens and gives the sum length 1, with the inputs and output that exports of
 * sentence encoders have. Rows are kept as int8 with a scale each: a quarter of the size, and no difference that shows.
 * @param rows row by row, a row for each token
 */
export function lsaNetwork(rows: Float64Array, dimensions: number): Uint8Array {
  const tokens = rows.length / dimensions;
  const table = new Int8Array(rows.length);
  const scales = new Float32Array(tokens);
  for (let token = 0; token < tokens; token++) {
    const row = rows.subarray(token * dimensions, (token + 1) * dimensions);
    const longest = row.reduce((most, entry) => Math.max(most, Math.abs(entry)), 0);
    const scale = longest / LONGEST_INT8;
    scales[token] = scale;
    if (scale > 0)
      for (const [index, entry] of row.entries()) table[token * dimensions + index] = Math.round(entry / scale);
  }
  const { INT8, FLOAT, INT64 } = ONNX_TYPES;
  return onnxFile({
    name: 'lsa',
    opset: 17,
    inputs: [value('input_ids', INT64, ['batch', 'seq']), value('attention_mask', INT64, ['batch', 'seq'])],
    outputs: [value('sentence_embedding', FLOAT, ['batch', dimensions])],
    weights: [
      tensor('table', INT8, [tokens, dimensions], bytesOf(table)),
      tensor('scales', FLOAT, [tokens, 1], bytesOf(scales)),
      tensor('words', INT64, [1], bytesOf(BigInt64Array.of(1n))),
      tensor('last', INT64, [1], bytesOf(BigInt64Array.of(2n))),
      tensor('smallest', FLOAT, [], bytesOf(Float32Array.of(SMALLEST_NORM))),
    ],
    nodes: [
      node('Gather', ['table', 'input_ids'], ['rows8'], { axis: 0 }),
      node('Cast', ['rows8'], ['rows'], { to: FLOAT }),
      node('Gather', ['scales', 'input_ids'], ['scale'], { axis: 0 }),
      node('Cast', ['attention_mask'], ['mask2'], { to: FLOAT }),
      node('Unsqueeze', ['mask2', 'last'], ['mask']),
      node('Mul', ['scale', 'mask'], ['weight']),
      node('Mul', ['rows', 'weight'], ['weighted']),
      node('ReduceSum', ['weighted', 'words'], ['sum'], { keepdims: 0 }),
      node('ReduceL2', ['sum'], ['norm0'], { axes: [1], keepdims: 1 }),
      node('Max', ['norm0', 'smallest'], ['norm']),
      node('Div', ['sum', 'norm'], ['sentence_embedding']),
    ],
  });
}
