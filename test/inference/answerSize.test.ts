import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { node, ONNX_TYPES, onnxFile, value } from '../../training/onnx/onnxGraph.ts';
import type { LoadedModel } from '../../inference/runner/protocol.ts';
import { Runner } from '../../inference/runner/runner.ts';

/** As many zeros as its input says: a hundred bytes that can ask for any answer. */
const network = onnxFile({
  name: 'zeros',
  opset: 17,
  inputs: [value('n', ONNX_TYPES.INT64, [1])],
  outputs: [value('y', ONNX_TYPES.FLOAT, ['n'])],
  weights: [],
  nodes: [node('ConstantOfShape', ['n'], ['y'])],
});
const runner = new Runner({ callLimitMs: 30_000, processesPerCall: 1 });
let folder: string;
let model: LoadedModel;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-answers-'));
  const modelPath = join(folder, 'm.onnx');
  await writeFile(modelPath, network);
  const inputs = [{ name: 'n', datatype: 'INT64' as const, shape: [1] }];
  const outputs = [{ name: 'y', datatype: 'FP32' as const, shape: [-1] }];
  const pipeline = { kind: 'tensors' as const, inputs, outputs };
  model = { name: 'zeros', version: '1', sha256: '0'.repeat(64), modelPath, assetPaths: {}, pipeline };
  await runner.load(model);
});
afterAll(async () => {
  await runner.stop();
  await rm(folder, { recursive: true });
});

const asking = (elements: number, raw = false) => ({
  inputs: [{ name: 'n', datatype: 'INT64', shape: [1], data: [elements] }],
  parameters: { raw_outputs: raw },
});

test('an answer that is too large is refused with its size and the limit, and its neighbours are answered', async () => {
  const answers = await runner.run(model, [
    asking(2),
    asking(2_097_153),
    asking(2_097_153, true),
    asking(8_388_609, true),
    asking(3),
  ]);
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 400, 200, 400, 200]);
  expect(answers[1]?.body).toMatchObject({
    error: {
      code: 'answer_too_large',
      message: expect.stringContaining('"y" [2097153] has 2097153 elements, at most 2097152 in JSON'),
    },
  });
  expect(answers[3]?.body).toMatchObject({ error: { message: expect.stringContaining('at most 33554432') } });
}, 60_000);
