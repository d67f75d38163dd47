import { createHash } from 'node:crypto';

import { afterEach, expect, test } from 'vitest';

import { Runner } from '../../../inference/runner/runner.ts';
import { bytesOf, node, ONNX_TYPES, onnxFile, tensor, value } from '../../../training/onnx/onnxGraph.ts';
import type { ModelManifest } from '../../../domain/models.ts';
import { objectKeys } from '../../../domain/names.ts';
import { MemoryObjects } from './support/memoryObjects.ts';
import { cleanUp, JOB_ID, storedAnswers, testCar } from './support/testCar.ts';

afterEach(cleanUp);

/** Multiplies two n x n matrices, where n is the input: with a large n it outlasts any limit. */
function slowNetwork(): Uint8Array {
  const { FLOAT, INT64 } = ONNX_TYPES;
  return onnxFile({
    name: 'slow',
    opset: 17,
    inputs: [value('n', INT64, [1])],
    outputs: [value('y', FLOAT, [])],
    weights: [tensor('axes', INT64, [2], bytesOf(BigInt64Array.of(0n, 1n)))],
    nodes: [
      node('Concat', ['n', 'n'], ['shape'], { axis: 0 }),
      node('ConstantOfShape', ['shape'], ['a']),
      node('MatMul', ['a', 'a'], ['b']),
      node('MatMul', ['b', 'a'], ['c']),
      node('ReduceSum', ['c', 'axes'], ['y'], { keepdims: 0 }),
    ],
  });
}

test('a line that kills the runner is found, and its neighbours are answered', { timeout: 90_000 }, async () => {
  const objects = new MemoryObjects();
  const network = slowNetwork();
  const sha256 = createHash('sha256').update(network).digest('hex');
  const model = { name: 'slow', version: '1', family: 'general', sha256 };
  const manifest: ModelManifest = {
    ...model,
    sizeBytes: network.length,
    requestUrl: '/v2/models/slow/infer',
    pipeline: {
      kind: 'tensors',
      inputs: [{ name: 'n', datatype: 'INT64', shape: [1] }],
      outputs: [{ name: 'y', datatype: 'FP32', shape: [] }],
    },
  };
  await objects.put(objectKeys.model(sha256), Buffer.from(network));
  await objects.put(objectKeys.modelManifest('slow', '1'), JSON.stringify(manifest));
  const sizes = [2, 2, 2, 6_000, 2, 2, 2];
  const requests = sizes.map((n, index) =>
    JSON.stringify({
      custom_id: `line-${index}`,
      method: 'POST',
      url: manifest.requestUrl,
      body: { inputs: [{ name: 'n', datatype: 'INT64', shape: [1], data: [n] }] },
    }),
  );
  const inputKey = objectKeys.shardInput(JOB_ID, 0);
  await objects.put(inputKey, `${requests.join('\n')}\n`);
  const input = { jobId: JOB_ID, shard: 0, model, inputKey, lines: 7, linesPerPart: 7, deadlineMs: Date.now() + 1e9 };

  const runner = new Runner({ callLimitMs: 3_000, processesPerCall: 1 });
  const car = await testCar('car-1', objects, { runner });
  try {
    await car.attempt(input).result;
  } finally {
    await runner.stop();
  }
  const answers = storedAnswers(objects, input).map(
    (line) => JSON.parse(line) as { custom_id: string; response: { status_code: number; body: unknown } },
  );
  expect(answers.map(({ response }) => response.status_code)).toEqual([200, 200, 200, 500, 200, 200, 200]);
  expect(answers[3]).toMatchObject({
    custom_id: 'line-3',
    response: { body: { error: { code: 'request_crashed_model' } } },
  });
});
