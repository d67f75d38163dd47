import { createHash } from 'node:crypto';

import { beforeAll, describe, expect, test } from 'vitest';

import { publishLsa } from '../../inference/lsa/lsaModel.ts';
import type { ModelManifest } from '../../domain/models.ts';
import { objectKeys } from '../../domain/names.ts';
import { addModel } from '../../store/models.ts';
import { doublingNetwork, DOUBLING_PIPELINE, smallLsa, SMALL_LSA } from '../support/smallModels.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import type { Json } from './apiHarness.ts';
import { useLiveApi } from './liveApi.ts';

const { database } = useTestDatabase();
const api = useLiveApi(database);

beforeAll(async () => {
  const { objects } = api.ports;
  await publishLsa(
    objects,
    (model) => addModel(database, { ...model, tenantId: null }),
    smallLsa(),
    SMALL_LSA.dimensions,
  );
  const network = doublingNetwork();
  const sha256 = createHash('sha256').update(network).digest('hex');
  const manifest: ModelManifest = {
    name: 'doubling',
    version: '1',
    family: 'general',
    sha256,
    sizeBytes: network.length,
    requestUrl: '/v2/models/doubling/infer',
    pipeline: DOUBLING_PIPELINE,
  };
  await objects.put(objectKeys.model(sha256), network);
  await objects.put(objectKeys.modelManifest('doubling', '1'), JSON.stringify(manifest));
  await addModel(database, { name: 'doubling', version: '1', family: 'general', sha256, manifest, tenantId: null });
});

async function post(path: string, body: unknown): Promise<{ status: number; body: Json }> {
  const headers = { 'content-type': 'application/json' };
  const answer = await api.fetch(path, { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: answer.status, body: await answer.json() };
}

const cosine = (x: number[], y: number[]): number => x.reduce((sum, entry, k) => sum + entry * (y[k] ?? 0), 0);
const ask = () => api.client.embeddings.create({ model: 'lsa-wordnet', input: 'car' });

describe('/v1/embeddings', () => {
  test('gives the stock SDK vectors of length 1; near words are near', async () => {
    const input = ['drive the car', 'Wheel, engine!', 'cook soup'];
    const { data, model, usage } = await api.client.embeddings.create({ model: 'lsa-wordnet', input });
    expect({ model, usage }).toEqual({ model: 'lsa-wordnet', usage: { prompt_tokens: 7, total_tokens: 7 } });
    const [a = [], b = [], c = []] = data.map(({ embedding }) => embedding);
    expect(a).toHaveLength(SMALL_LSA.dimensions);
    expect(Math.hypot(...a)).toBeCloseTo(1, 5);
    expect(cosine(a, b)).toBeGreaterThan(0.9);
    expect(cosine(a, c)).toBeLessThan(0.3);
  });

  test('takes ids, fewer dimensions and floats as asked', async () => {
    const { body } = await post('/v1/embeddings', {
      model: 'lsa-wordnet',
      input: [2, 3],
      dimensions: 4,
      x_token_ids: true,
    });
    expect(body.data[0].embedding).toHaveLength(4);
    expect(Math.hypot(...body.data[0].embedding)).toBeCloseTo(1, 5);
    const request = { model: 'lsa-wordnet', input: [[2, 3], [4]], dimensions: 4, x_token_ids: true };
    const short = await api.client.embeddings.create(request);
    expect(short.data[0]?.embedding[0]).toBeCloseTo(body.data[0].embedding[0], 6);
  });

  test('takes null for what is not asked for, as some clients send it', async () => {
    const nothing = { encoding_format: null, dimensions: null, user: null };
    const { status, body } = await post('/v1/embeddings', { model: 'lsa-wordnet', input: 'car', ...nothing });
    expect(status, JSON.stringify(body)).toBe(200);
    expect(body.data[0].embedding).toHaveLength(SMALL_LSA.dimensions);
  });

  test('says which texts have no word that the model knows', async () => {
    const answer = await post('/v1/embeddings', { model: 'lsa-wordnet', input: ['car', '?!'] });
    expect(answer).toMatchObject({ status: 200, body: { x_warnings: [{ index: 1, message: expect.any(String) }] } });
    expect((await post('/v1/embeddings', { model: 'lsa-wordnet', input: 'car' })).body.x_warnings).toBeUndefined();
  });

  test('takes no token ids of another vocabulary, and says what to set', async () => {
    const { status, body } = await post('/v1/embeddings', { model: 'lsa-wordnet', input: [[9906, 1917]] });
    expect(status).toBe(400);
    expect(body.error.message).toContain('check_embedding_ctx_length=False');
  });

  test.each([
    [{ input: [] }, 400, 'input'],
    [{ input: '' }, 400, 'input'],
    [{ input: ['a', ''] }, 400, 'input'],
    [{ input: { text: 'a' } }, 400, 'input'],
    [{ input: Array.from({ length: 2049 }, () => 'a') }, 400, 'input'],
    [{ input: [2] }, 400, 'input'],
    [{ input: [999_999], x_token_ids: true }, 400, 'input'],
    [{ input: 'a', temperature: 1 }, 400, 'temperature'],
    [{ input: 'car '.repeat(8_193) }, 400, 'input'],
    [{ input: 'a', dimensions: 9 }, 400, 'dimensions'],
    [{ input: 'a', encoding_format: 'hex' }, 400, 'encoding_format'],
    [{ input: 'a', model: 'none' }, 404, 'model'],
    [{ input: 'a', model: 'doubling' }, 400, 'model'],
  ])('refuses %j', async (part, status, param) => {
    const answer = await post('/v1/embeddings', { model: 'lsa-wordnet', ...part });
    expect(answer).toMatchObject({ status, body: { error: { param, message: expect.any(String) } } });
  });

  test('goes on after its process was killed', async () => {
    await ask();
    expect((await ask()).data).toHaveLength(1);
  });
});

test('/v1/models lists what can be asked, with what it is', async () => {
  expect((await api.client.models.list()).data.map(({ id }) => id)).toEqual(['doubling', 'lsa-wordnet']);
  const model = (await api.client.models.retrieve('lsa-wordnet')) as Json;
  expect(model.x_model).toMatchObject({
    endpoint: '/v1/embeddings',
    description: expect.stringContaining('bag of words'),
  });
  await expect(api.client.models.retrieve('none')).rejects.toMatchObject({ status: 404 });
});

describe('the Open Inference Protocol', () => {
  const x = { name: 'x', datatype: 'FP32', shape: [2, 2], data: [1, 2.5, -3, 4] };
  const count = { name: 'count', datatype: 'INT64', shape: [1], data: [7] };

  test('tells health without a key, and what a model takes', async () => {
    expect(await (await fetch(`${api.server.url}/v2/health/live`)).json()).toEqual({ live: true });
    expect(await (await fetch(`${api.server.url}/v2/health/ready`)).json()).toEqual({ ready: true });
    expect(await api.getJson('/v2/models/doubling/ready')).toEqual({ name: 'doubling', ready: true });
    expect(await api.getJson('/v2/models/doubling/versions/1')).toMatchObject({
      inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }, { name: 'count' }],
    });
    const missing = await api.fetch('/v2/models/none');
    expect(missing.status).toBe(404);
    expect(await missing.json()).toEqual({ error: 'There is no model "none".' });
  });

  test('runs a network on JSON tensors, flat or nested', async () => {
    const nested = {
      ...x,
      data: [
        [1, 2.5],
        [-3, 4],
      ],
    };
    for (const inputs of [
      [x, count],
      [count, nested],
    ]) {
      expect(await post('/v2/models/doubling/infer', { id: 'r1', inputs })).toEqual({
        status: 200,
        body: {
          model_name: 'doubling',
          model_version: '1',
          id: 'r1',
          outputs: [
            { name: 'y', datatype: 'FP32', shape: [2, 2], data: [2, 5, -6, 8] },
            { name: 'same', datatype: 'INT64', shape: [1], data: [7] },
          ],
        },
      });
    }
  });

  test('hands whole numbers of 64 bits through as they are', async () => {
    for (const number of ['9007199254740993', '-9223372036854775808', '42']) {
      const exact = JSON.stringify({ inputs: [x, { ...count, data: ['NUMBER'] }] }).replace('"NUMBER"', number);
      const answer = await api.fetch('/v2/models/doubling/infer', { method: 'POST', body: exact });
      expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining(`"data":[${number}]}]}`)]);
    }
    const beyond = JSON.stringify({ inputs: [x, { ...count, data: ['NUMBER'] }] });
    const refused = await api.fetch('/v2/models/doubling/infer', {
      method: 'POST',
      body: beyond.replace('"NUMBER"', '9223372036854775808'),
    });
    expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining('must be from')]);
  });

  test('runs a network on binary tensors', async () => {
    const raw = Buffer.from(Float32Array.of(1, 2, 3, 4).buffer);
    const json = Buffer.from(
      JSON.stringify({
        inputs: [{ name: 'x', datatype: 'FP32', shape: [2, 2], parameters: { binary_data_size: raw.length } }, count],
        outputs: [{ name: 'y', parameters: { binary_data: true } }],
      }),
    );
    const answer = await api.fetch('/v2/models/doubling/infer', {
      method: 'POST',
      headers: { 'inference-header-content-length': String(json.length) },
      body: Buffer.concat([json, raw]),
    });
    expect(answer.status).toBe(200);
    const bytes = Buffer.from(await answer.arrayBuffer());
    const headerBytes = Number(answer.headers.get('inference-header-content-length'));
    expect(JSON.parse(bytes.toString('utf8', 0, headerBytes)).outputs).toEqual([
      { name: 'y', datatype: 'FP32', shape: [2, 2], parameters: { binary_data_size: 16 } },
    ]);
    const data = new Uint8Array(bytes.subarray(headerBytes));
    expect([...new Float32Array(data.buffer)]).toEqual([2, 4, 6, 8]);
  });

  test.each([
    ['an unknown input', [{ ...x, name: 'z' }, count]],
    ['a missing input', [x]],
    ['a wrong datatype', [{ ...x, datatype: 'FP64' }, count]],
    ['a wrong shape', [{ ...x, shape: [4] }, count]],
    ['too few elements', [{ ...x, data: [1] }, count]],
    ['a text among numbers', [{ ...x, data: [1, 2, 3, 'x'] }, count]],
    ['a fraction as whole number', [x, { ...count, data: [1.5] }]],
    ['a number too large', [x, { ...count, data: [1e20] }]],
    ['no inputs', []],
    ['inputs that are none', 'x'],
  ])('refuses %s', async (_what, inputs) => {
    const { status, body } = await post('/v2/models/doubling/infer', { inputs });
    expect(status).toBe(400);
    expect(body).toEqual({ error: expect.any(String) });
  });
});
