import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, test } from 'vitest';

import { classifierNetwork, transformerNetwork } from '../../demo/training/networks.ts';
import { compileTraining } from '../../inference/training/compileTraining.ts';
import { trainingPipelineOf } from '../../inference/training/trainingManifest.ts';
import { TrainingGraph } from '../../inference/training/trainingPipeline.ts';
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

test('of a large table only the rows that were taken have gradients, which add up, call after call', async () => {
  const network = classifierNetwork({ words: 200, dimensions: 4, hidden: 6, classes: 5, length: 7 });
  const { file, description } = await compileTraining(network, {
    loss: 'softmax-cross-entropy',
    lengths: { batch: BATCH },
  });
  expect(description.weights.find(({ name }) => name === 'words')).toMatchObject({ shape: [200, 4], rows: BATCH * 7 });
  const graph = new TrainingGraph(
    await InferenceSession.create(file, { logSeverityLevel: 3 }),
    trainingPipelineOf(description),
  );
  const random = seededRandom(6);
  const weights = initialWeights(file, description).map((each) => each + 0.2 * normal(random));
  const [start, end] = [0, 800];
  // Words that come again, in one call and in the next, and one that is counted from the end.
  for (const first of [5, 9]) {
    const taken = [first, first, 7, 7, 199, 3, -1];
    const feeds = {
      input_ids: new Tensor('int64', BigInt64Array.from([...taken, ...taken, ...taken], BigInt), [BATCH, 7]),
      [LABELS]: new Tensor('int64', BigInt64Array.of(1n, 2n, 3n), [BATCH]),
    };
    const { values, spans } = (await graph.gradient(weights, feeds)).gradient;
    const slope = values.slice();
    const inSpans = new Uint8Array(slope.length);
    for (const span of spans) inSpans.fill(1, span.start, span.end);
    expect(slope.every((each, place) => each === 0 || inSpans[place] === 1)).toBe(true);
    const rows = new Set<number>();
    for (const [place, each] of slope.subarray(start, end).entries()) if (each !== 0) rows.add(Math.floor(place / 4));
    expect(rows).toEqual(new Set([3, first, 7, 199]));
    const length = Math.hypot(...slope.subarray(start, end));
    const lossAt = async (by: number): Promise<number> => {
      const next = weights.slice();
      for (let place = start; place < end; place++)
        next[place] = (next[place] ?? 0) + (by * (slope[place] ?? 0)) / length;
      return (await graph.gradient(next, feeds)).loss;
    };
    const difference = ((await lossAt(0.02)) - (await lossAt(-0.02))) / 0.04;
    expect(Math.abs(length - difference)).toBeLessThan(1e-3 * Math.max(1, length));
  }
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
