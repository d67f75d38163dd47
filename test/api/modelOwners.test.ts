import { expect, test } from 'vitest';

import { node, ONNX_TYPES, onnxFile, tensor, value, bytesOf } from '../../training/onnx/onnxGraph.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import type { Json } from './apiHarness.ts';
import { useLiveApi } from './liveApi.ts';

const { database } = useTestDatabase();
const api = useLiveApi(database);

/** y = factor × x. */
function network(factor: number): Blob {
  const { FLOAT } = ONNX_TYPES;
  const bytes = onnxFile({
    name: 'scale',
    opset: 17,
    inputs: [value('x', FLOAT, ['n', 1])],
    outputs: [value('y', FLOAT, ['n', 1])],
    weights: [tensor('factor', FLOAT, [], bytesOf(Float32Array.of(factor)))],
    nodes: [node('Mul', ['x', 'factor'], ['y'])],
  });
  return new Blob([new Uint8Array(bytes)]);
}

const PIPELINE = {
  kind: 'tensors',
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 1] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1] }],
};

type Call = (method: string, path: string, body?: object) => Promise<{ status: number; body: Json }>;

async function tenant(name: string): Promise<Call> {
  const call =
    (key: string): Call =>
    async (method, path, body) => {
      const isForm = body instanceof FormData;
      const headers = {
        authorization: `Bearer ${key}`,
        ...(!isForm && body && { 'content-type': 'application/json' }),
      };
      const sent = isForm ? body : body && JSON.stringify(body);
      const answer = await api.fetch(path, { method, headers, ...(sent && { body: sent }) });
      return { status: answer.status, body: await answer.json() };
    };
  const terms = { tenant: name, name: 'test', scopes: ['submit', 'models'] };
  return call((await call(api.ports.apiKey)('POST', '/ops/v1/keys', terms)).body.key);
}

function add(as: Call, name: string, factor: number, version?: string) {
  const form = new FormData();
  form.append('manifest', JSON.stringify({ name, version, pipeline: PIPELINE }));
  form.append('file', network(factor));
  return as('POST', '/v1/models', form);
}

async function answerOf(as: Call, name: string): Promise<number | undefined> {
  const inputs = [{ name: 'x', datatype: 'FP32', shape: [1, 1], data: [5] }];
  return (await as('POST', `/v2/models/${name}/infer`, { inputs })).body.outputs?.[0]?.data[0];
}

const listed = async (as: Call): Promise<[id: string, ownedBy: string][]> =>
  (await as('GET', '/v1/models')).body.data.map(({ id, owned_by }: Json) => [id, owned_by]);

test('models of one name do not touch each other', async () => {
  const [lab, shop] = [await tenant('lab'), await tenant('shop')];
  expect(await add(lab, 'scale', 2)).toMatchObject({ status: 200 });
  expect(await answerOf(shop, 'scale')).toBeUndefined();
  expect(await listed(shop)).toEqual([]);
  expect(await shop('DELETE', '/v1/models/scale')).toMatchObject({ status: 404 });

  expect(await add(shop, 'scale', 3)).toMatchObject({ status: 200 });
  expect([await answerOf(lab, 'scale'), await answerOf(shop, 'scale')]).toEqual([10, 15]);
  expect(await listed(lab)).toEqual([['scale', 'lab']]);
  expect(await listed(shop)).toEqual([['scale', 'shop']]);

  expect(await shop('DELETE', '/v1/models/scale')).toMatchObject({ status: 200 });
  expect(await listed(lab)).toEqual([['scale', 'lab']]);
  expect(await answerOf(lab, 'scale')).toBe(10);
});

test('both may add the very same model, and each removes its own', async () => {
  const [lab, shop] = [await tenant('lab-2'), await tenant('shop-2')];
  const [first, second] = [await add(lab, 'public', 7), await add(shop, 'public', 7)];
  expect([first.status, second.status]).toEqual([200, 200]);
  expect(second.body.x_model.version).toBe(first.body.x_model.version);
  expect(await lab('DELETE', '/v1/models/public')).toMatchObject({ status: 200 });
  expect(await listed(lab)).toEqual([]);
  expect(await answerOf(shop, 'public')).toBe(35);
});

test('a version that was published keeps its content, whoever names it', async () => {
  const [lab, shop] = [await tenant('lab-3'), await tenant('shop-3')];
  expect(await add(lab, 'pinned', 2, 'v1')).toMatchObject({ status: 200 });
  expect(await add(shop, 'pinned', 3, 'v1')).toMatchObject({ status: 409, body: { error: { code: 'conflict' } } });
  expect(await answerOf(shop, 'pinned')).toBeUndefined();
  expect(await answerOf(lab, 'pinned')).toBe(10);
});
