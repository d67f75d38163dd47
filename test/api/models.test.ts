import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { bytesOf, node, ONNX_TYPES, onnxFile, tensor, value } from '../../training/onnx/onnxGraph.ts';
import { upsertJobProgress } from '../../store/jobProgress.ts';
import { insertBatch } from '../../store/batches.ts';
import { readModel } from '../../store/models.ts';
import { cli } from '../cli/cliRun.ts';
import { CELL } from '../support/fleetFixture.ts';
import { doublingNetwork, DOUBLING_PIPELINE } from '../support/smallModels.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import { useLiveApi } from './liveApi.ts';
import { DEFAULT_TENANT } from '../../domain/apiKeys.ts';

const { database } = useTestDatabase();
const api = useLiveApi(database);
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-models-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const model = (...argv: string[]) => cli('model', ...argv, '--url', `${api.server.url}/v1`, '--key', api.ports.apiKey);

/** As an export of a sentence encoder looks: token vectors [batch, seq, 3] by id, and a tokenizer.json. */
async function writeSentenceEncoder(): Promise<{ network: string; manifest: string }> {
  const { FLOAT, INT64 } = ONNX_TYPES;
  const rows = Float32Array.of(0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1);
  const network = onnxFile({
    name: 'encoder',
    opset: 17,
    inputs: ['input_ids', 'attention_mask', 'token_type_ids'].map((name) => value(name, INT64, ['batch', 'seq'])),
    outputs: [value('last_hidden_state', FLOAT, ['batch', 'seq', 3])],
    weights: [tensor('table', FLOAT, [4, 3], bytesOf(rows))],
    nodes: [
      node('Gather', ['table', 'input_ids'], ['vectors'], { axis: 0 }),
      node('Add', ['attention_mask', 'token_type_ids'], ['used']),
      node('Identity', ['vectors'], ['last_hidden_state']),
    ],
  });
  const tokenizer = {
    version: '1.0',
    added_tokens: [],
    normalizer: { type: 'Lowercase' },
    pre_tokenizer: { type: 'Whitespace' },
    post_processor: null,
    decoder: null,
    model: {
      type: 'WordPiece',
      vocab: { '[UNK]': 0, car: 1, soup: 2, night: 3 },
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
    },
  };
  const manifest = {
    description: 'token vectors, their mean',
    pipeline: {
      kind: 'text-embedding',
      tokenizer: { kind: 'huggingface', tokenizerFile: 'tokenizer.json', configFile: 'tokenizer_config.json' },
      maxTokens: 16,
      dimensions: 3,
      pooling: 'mean',
    },
  };
  await writeFile(join(folder, 'model.onnx'), network);
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
  await writeFile(join(folder, 'tokenizer_config.json'), '{"tokenizer_class":"PreTrainedTokenizerFast"}');
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
  return { network: join(folder, 'model.onnx'), manifest: join(folder, 'manifest.json') };
}

test('a user’s export of a sentence encoder answers /v1/embeddings without code', async () => {
  const { network, manifest } = await writeSentenceEncoder();
  const added = await model('add', network, '--name', 'mine', '--manifest', manifest);
  expect(added).toMatchObject({ code: 0, err: '' });
  expect(added.out).toMatch(/^mine {2}[0-9a-f]{12} {2}\/v1\/embeddings/);
  const { data, usage } = await api.client.embeddings.create({ model: 'mine', input: ['Car soup', 'night'] });
  for (const [k, entry] of [Math.SQRT1_2, Math.SQRT1_2, 0].entries()) {
    expect(data[0]?.embedding[k]).toBeCloseTo(entry, 5);
  }
  expect(data[1]?.embedding).toEqual([0, 0, 1]);
  expect(usage.prompt_tokens).toBe(3);
  expect((await model('list')).out).toContain('token vectors, their mean');
});

test('a version is published once, and removed only when no batch uses it', async () => {
  const network = join(folder, 'doubling.onnx');
  const manifest = join(folder, 'doubling.json');
  await writeFile(network, doublingNetwork());
  await writeFile(manifest, JSON.stringify({ pipeline: DOUBLING_PIPELINE }));
  const add = (name: string) => model('add', network, '--name', name, '--model-version', 'v1', '--manifest', manifest);
  expect((await add('doubling')).code).toBe(0);
  await writeFile(manifest, JSON.stringify({ description: 'other', pipeline: DOUBLING_PIPELINE }));
  const again = await add('doubling');
  expect(again.err).toContain('was published with other content');

  const ref = await readModel(database, DEFAULT_TENANT, 'doubling');
  if (!ref) throw new Error('not added');
  const { name, version, family, sha256 } = ref;
  await insertBatch(database, {
    id: 'batch_uses',
    endpoint: '/v2/models/doubling/infer',
    inputFileId: 'file-x',
    completionWindow: '24h',
    metadata: null,
    outputExpiresAfterSeconds: null,
    deadlineMs: 1,
    submittedAtMs: 0,
    idempotencyKey: null,
    requestHash: 'x',
  });
  const shards = { shards: 1, pending: 1, inFlight: 0, done: 0, linesPerShard: 1, unitsPerLine: 1, paused: false };
  const progress = { jobId: 'batch_uses', cellId: CELL.id, model: { name, version, family, sha256 }, ...shards };
  await upsertJobProgress(database, { ...progress, finished: false });
  expect((await model('remove', 'doubling')).err).toContain('A batch that is not finished uses doubling v1');
  await upsertJobProgress(database, { ...progress, finished: true });
  await database.query(`update batches set status = 'completed' where id = 'batch_uses'`);
  expect(await model('remove', 'doubling')).toMatchObject({ code: 0, out: 'doubling removed\n' });
  expect(await readModel(database, DEFAULT_TENANT, 'doubling')).toBeUndefined();
  expect((await add('doubling')).err).toContain('was published with other content');
});

const send = async (parts: Record<string, string | Blob>) => {
  const form = new FormData();
  for (const [name, part] of Object.entries(parts)) form.append(name, part);
  const answer = await api.fetch('/v1/models', { method: 'POST', body: form });
  return { status: answer.status, body: await answer.json() };
};

test('a hostile or broken upload is refused with what is wrong', async () => {
  const manifest = JSON.stringify({ name: 'bad', pipeline: DOUBLING_PIPELINE });
  const file = new Blob(['not a network']);
  expect(await send({ manifest, file })).toMatchObject({ status: 422, body: { error: { code: 'model_refused' } } });
  expect(await send({ file })).toMatchObject({ status: 400, body: { error: { param: 'manifest' } } });
  expect(await send({ manifest })).toMatchObject({ status: 400, body: { error: { param: 'file' } } });
  expect(await send({ manifest: '{', file })).toMatchObject({ status: 400, body: { error: { param: 'manifest' } } });
  expect(await send({ manifest: '{"name":"../x"}', file })).toMatchObject({
    status: 400,
    body: { error: { param: 'manifest.name' } },
  });
  expect(await send({ manifest, file, more: 'x' })).toMatchObject({ status: 400, body: { error: { param: 'more' } } });
});

test('a file above its limit is refused, and nothing of what was sent stays', async () => {
  const manifest = JSON.stringify({ name: 'big', pipeline: DOUBLING_PIPELINE });
  const tooLarge = new Blob([new Uint8Array(64 * 1024 * 1024 + 1)]);
  expect(await send({ manifest, assets: tooLarge, file: new Blob(['x']) })).toMatchObject({
    status: 413,
    body: { error: { code: 'payload_too_large', param: 'assets' } },
  });
  expect(await readdir(api.ports.scratchFolder)).toEqual([]);
});
