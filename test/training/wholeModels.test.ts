import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, test } from 'vitest';

import { classifierNetwork, transformerNetwork } from '../../demo/training/networks.ts';
import { compileTraining } from '../../inference/training/compileTraining.ts';
import { forwardFile, gradientName, initialWeights, prepareTraining, sliceOf } from '../../training/compile.ts';
import { LABELS } from '../../training/losses.ts';
import { bytesOf, node, ONNX_TYPES, onnxFile, tensor, value } from '../../training/onnx/onnxGraph.ts';
import { seededRandom } from '../../domain/random.ts';
import { normal } from '../../training/random.ts';

const { FLOAT } = ONNX_TYPES;
const BATCH = 3;
const MODELS = {
  classifier: {
    network: classifierNetwork({ words: 20, dimensions: 4, hidden: 6, classes: 5, length: 7 }),
    words: 20,
    labels: [BATCH],
    classes: 5,
    length: 7,
  },
  transformer: {
    network: transformerNetwork({ words: 11, width: 8, heads: 2, layers: 2, length: 5 }),
    words: 11,
    labels: [BATCH, 5],
    classes: 11,
    length: 5,
  },
} as const;

test.each(Object.entries(MODELS))('the gradient of a whole %s is that of differences along it', async (_, model) => {
  const compiled = await compileTraining(model.network, {
    loss: 'softmax-cross-entropy',
    lengths: { batch: BATCH },
    frozen: ['future'],
  });
  const { description } = compiled;
  const random = seededRandom(5);
  const session = await InferenceSession.create(compiled.file, { logSeverityLevel: 3 });
  // Larger than at the beginning, so that no gradient is lost in rounding.
  const weights = initialWeights(compiled.file, description).map((each) => each + 0.2 * normal(random));
  const ids = (dims: readonly number[], below: number): Tensor => {
    const count = dims.reduce((all, each) => all * each, 1);
    const drawn = BigInt64Array.from({ length: count }, () => BigInt(Math.floor(random() * below)));
    return new Tensor('int64', drawn, dims);
  };
  const feeds = { input_ids: ids([BATCH, model.length], model.words), [LABELS]: ids(model.labels, model.classes) };
  const run = (at: Float32Array) =>
    session.run({
      ...feeds,
      ...Object.fromEntries(
        description.weights.map(({ name, shape }, index) => [
          name,
          new Tensor('float32', sliceOf(description.weights, at, index).slice(), shape),
        ]),
      ),
    });
  const at = await run(weights);
  for (const [index, { name }] of description.weights.entries()) {
    const gradient = at[gradientName(name)]?.data as Float32Array;
    const length = Math.hypot(...gradient);
    // Along the gradient itself the loss climbs by its length; 32 bits are enough to see it.
    const moved = async (by: number): Promise<number> => {
      const next = weights.slice();
      const part = sliceOf(description.weights, next, index);
      for (const [place, slope] of gradient.entries()) part[place] = (part[place] ?? 0) + (by * slope) / length;
      return Number((await run(next))['loss']?.data[0]);
    };
    const difference = async (h: number): Promise<number> => ((await moved(h)) - (await moved(-h))) / (2 * h);
    const expected = (4 * (await difference(0.02)) - (await difference(0.04))) / 3;
    const off = Math.abs(length - expected);
    expect(off, `${name}: ${length} is not ${expected}`).toBeLessThan(1e-4 * Math.max(1, expected));
  }
  const counted = Number(at['counted']?.data[0]);
  expect(counted).toBe(model.labels.reduce((all: number, each) => all * each, 1));
  expect(Number(at['correct']?.data[0])).toBeLessThanOrEqual(counted);

  const forward = await InferenceSession.create(forwardFile(compiled.file, description, weights));
  expect(forward.inputNames).toEqual(['input_ids']);
  expect(forward.outputNames).toEqual(['logits']);
  // Any number of texts again, as before it was compiled.
  const answer = await forward.run({ input_ids: ids([BATCH + 2, model.length], model.words) });
  expect(answer['logits']?.dims).toEqual([BATCH + 2, ...model.labels.slice(1), model.classes]);
});

const odd = (opType: string): Uint8Array =>
  onnxFile({
    name: 'odd',
    opset: 17,
    inputs: [value('x', FLOAT, ['batch', 2])],
    outputs: [value('y', FLOAT, ['batch', 2])],
    weights: [tensor('w', FLOAT, [2], bytesOf(Float32Array.of(0.1, 0.2)))],
    nodes: [node('Mul', ['x', 'w'], ['z']), node(opType, ['z'], ['y'])],
  });

test('what has no derivative is refused by the name of its operator', async () => {
  const refused = compileTraining(odd('Atanh'), { loss: 'mean-squared-error', lengths: { batch: 2 } });
  await expect(refused).rejects.toThrow('No derivative is known of Atanh.');
});

const prepare = (options: object) => () =>
  prepareTraining(odd('Tanh'), { loss: 'mean-squared-error', lengths: { batch: 2 }, ...options });

test('a length that nobody states, a wrong output and a file that is none are refused', () => {
  expect(prepare({ lengths: {} })).toThrow('The input "x" leaves its length "batch" open: say batch=N.');
  expect(prepare({ output: 'q' })).toThrow('Say of which output the loss is: it has y.');
  expect(() => prepareTraining(Buffer.from('no'), { loss: 'output', lengths: {} })).toThrow(
    /not an ONNX model|no graph/,
  );
});
