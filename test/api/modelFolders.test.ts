import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';

import { DEFAULT_TENANT } from '../../domain/apiKeys.ts';
import { readModel } from '../../store/models.ts';
import { cli } from '../cli/cliRun.ts';
import { modelFolder, writeFolder, type FolderKind } from '../support/modelFolders.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import type { Json } from './apiHarness.ts';
import { useLiveApi } from './liveApi.ts';

const { database } = useTestDatabase();
const api = useLiveApi(database);
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-folders-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const model = (...argv: string[]) => cli('model', ...argv, '--url', `${api.server.url}/v1`, '--key', api.ports.apiKey);
const post = async (path: string, body: unknown) => {
  const headers = { 'content-type': 'application/json' };
  const answer = await api.fetch(path, { method: 'POST', headers, body: JSON.stringify(body) });
  const json: Json = await answer.json();
  return { status: answer.status, body: json };
};
const written = async (name: string, kind: FolderKind): Promise<string> => {
  const place = join(folder, name);
  await writeFolder(place, modelFolder(kind));
  return place;
};

describe('the folder of a model, as Hugging Face lays it out,', () => {
  test('answers /v1/embeddings without a manifest: the mean of its token vectors', async () => {
    const added = await model('add', await written('mean', 'embedding'), '--name', 'BAAI/bge-small');
    expect(added).toMatchObject({ code: 0, err: '' });
    const { data } = await api.client.embeddings.create({ model: 'BAAI/bge-small', input: ['Car soup', 'night'] });
    // [CLS] car soup [SEP], each at its own place, and the vector of length 1.
    for (const place of [1, 2, 4, 5]) expect(data[0]?.embedding[place]).toBeCloseTo(0.5, 6);
    expect(data[1]?.embedding[6]).toBeCloseTo(1 / Math.sqrt(3), 6);
    expect((await api.client.models.retrieve('BAAI/bge-small')).id).toBe('BAAI/bge-small');
  });

  test('is fed int32 where its network asks for it, and pooled by its first token', async () => {
    await model('add', await written('cls', 'embedding-int32'), '--name', 'cls');
    const { data } = await api.client.embeddings.create({ model: 'cls', input: 'car', encoding_format: 'float' });
    expect(data[0]?.embedding).toEqual([0, 1, 0, 0, 0, 0, 0, 0, 0]);
  });

  test('keeps its weights beside its network', async () => {
    const place = await written('external', 'embedding-external');
    const undecided = await model('add', place, '--name', 'external');
    expect(undecided).toMatchObject({ code: 2 });
    expect(undecided.err).toContain('the variants fp32, q8: choose one with --variant');
    expect(await model('add', place, '--name', 'external', '--variant', 'q8')).toMatchObject({ code: 0, err: '' });
    const { data } = await api.client.embeddings.create({ model: 'external', input: 'car', encoding_format: 'float' });
    expect(data[0]?.embedding[1]).toBe(1);
  });

  test('cuts long texts only when told to', async () => {
    await model('add', await written('long', 'embedding'), '--name', 'long');
    const input = 'car '.repeat(20);
    const refused = await post('/v1/embeddings', { model: 'long', input });
    expect(refused).toMatchObject({ status: 400, body: { error: { param: 'input' } } });
    expect(refused.body.error.message).toContain('set truncate to true');
    const cut = await post('/v1/embeddings', { model: 'long', input, truncate: true });
    expect(cut).toMatchObject({ status: 200, body: { usage: { prompt_tokens: 8 } } });
    // Its closing [SEP] is kept.
    expect(cut.body.data[0].embedding[2]).toBeGreaterThan(0);
  });

  test('moderates texts with a classifier', async () => {
    await model('add', await written('classifier', 'classification'), '--name', 'moderator');
    const { results } = await api.client.moderations.create({ model: 'moderator', input: ['good car', 'bad'] });
    expect(results.map(({ flagged }) => flagged)).toEqual([false, true]);
    expect(results[1]?.category_scores).toMatchObject({ harmful: expect.closeTo(1, 3) });
    const odd = await post('/v1/moderations', { model: 'moderator', input: 'x', temperature: 1 });
    expect(odd).toMatchObject({ status: 400, body: { error: { param: 'temperature' } } });
  });

  test('ranks documents with a cross-encoder, the best first', async () => {
    await model('add', await written('cross', 'rerank'), '--name', 'ranker');
    const documents = ['bad soup', { text: 'good car' }, 'night'];
    const request = { model: 'ranker', query: 'car', documents, top_n: 2, return_documents: true };
    const { status, body } = await post('/v1/rerank', request);
    expect(status).toBe(200);
    expect(body.results).toMatchObject([
      { index: 1, document: { text: 'good car' } },
      { index: 0, relevance_score: 0.5 },
    ]);
    expect(await post('/v1/rerank', { model: 'moderator', query: 'a', documents: ['b'] })).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining('/v1/moderations') } },
    });
  });

  test('is refused with what to do when it is not whole', async () => {
    const files = modelFolder('embedding');
    const without = async (path: string, name: string): Promise<string> => {
      const { [path]: _left, ...rest } = files;
      await writeFolder(join(folder, name), rest);
      return (await model('add', join(folder, name), '--name', 'broken')).err;
    };
    expect(await without('tokenizer.json', 'no-tokenizer')).toContain('tokenizer.save_pretrained');
    expect(await without('1_Pooling/config.json', 'no-pooling')).toContain('--pooling');
    expect(await without('onnx/model.onnx', 'no-network')).toContain('optimum-cli export onnx');
    await writeFolder(join(folder, 'lying'), { ...files, 'config.json': '{"architectures": 7}' });
    expect((await model('add', join(folder, 'lying'), '--name', 'broken')).err).toContain('config.json cannot be read');
    await writeFolder(join(folder, 'cut'), {
      ...modelFolder('embedding-external'),
      'onnx/model_q8.onnx_data': 'short',
    });
    const cut = await model('add', join(folder, 'cut'), '--name', 'broken', '--variant', 'q8');
    expect(cut.err).toContain('cut short');
    expect((await model('add', join(folder, 'nowhere'), '--name', 'broken')).err).toContain('no file or folder');
  });
});

const put = async (id: string, offset: number, part: Uint8Array) => {
  const path = `/v1/model_uploads/${id}/file?path=config.json&offset=${offset}`;
  const answer = await api.fetch(path, { method: 'PUT', body: Buffer.from(part) });
  const json: Json = await answer.json();
  return { status: answer.status, body: json };
};

describe('an upload of a folder', () => {
  const body = Buffer.from('{"a": 1}');
  const sha256 = createHash('sha256').update(body).digest('hex');
  const files = [{ path: 'config.json', sha256, size_bytes: body.length }];
  test('goes on where it broke off', async () => {
    const first = await post('/v1/model_uploads', { name: 'resumed', files });
    expect(first.body.files).toEqual([{ path: 'config.json', size_bytes: 8, received_bytes: 0 }]);
    const { id } = first.body;
    expect(await put(id, 0, body.subarray(0, 5))).toMatchObject({ status: 200, body: { received_bytes: 5 } });
    expect((await put(id, 0, body)).body.error.message).toContain('offset must be 5');
    const again = await post('/v1/model_uploads', { name: 'resumed', files });
    expect(again.body).toMatchObject({ id, files: [{ received_bytes: 5 }] });
    expect((await post(`/v1/model_uploads/${id}/complete`, {})).body.error.message).toContain('5 have arrived');
    expect((await put(id, 5, Buffer.from('xxxx'))).status).toBe(413);
    expect((await put(id, 5, Buffer.from('xxx'))).status).toBe(200);
    expect((await post(`/v1/model_uploads/${id}/complete`, {})).body.error.message).toContain('Send it again');
  });

  test('takes no path out of its folder, no size above the limit, and no stranger’s id', async () => {
    for (const path of ['../evil', '/etc/passwd', 'a/../b', '.ssh/x']) {
      const answer = await post('/v1/model_uploads', { name: 'evil', files: [{ ...files[0], path }] });
      expect(answer, path).toMatchObject({ status: 400, body: { error: { param: 'files.0.path' } } });
    }
    const large = [{ ...files[0], size_bytes: 2 * 1024 ** 3 }];
    expect((await post('/v1/model_uploads', { name: 'large', files: large })).body.error.message).toContain(
      'models.maxBytes',
    );
    expect((await put('0'.repeat(32), 0, body)).status).toBe(404);
    expect((await put('..%2f..', 0, body)).status).toBe(404);
  });
});

describe('model pull', () => {
  const servers: Server[] = [];
  afterEach(() => servers.splice(0).forEach((server) => server.close()));
  const commit = 'c'.repeat(40);

  const keptBytes = async (): Promise<number> => {
    const partial = join(folder, 'state', 'pulled', `acme--tiny@${commit}`, 'onnx', 'model.onnx.partial');
    return (await stat(partial).catch(() => undefined))?.size ?? 0;
  };

  async function startHub(files: Record<string, Uint8Array | string>): Promise<{ url: string; ranges: string[] }> {
    const ranges: string[] = [];
    let broken = false;
    const server = createServer((request, response) => {
      const url = request.url ?? '';
      if (url.startsWith('/api/models/acme/tiny/revision/v1')) {
        const siblings = Object.entries(files).map(([rfilename, content]) => ({
          rfilename,
          size: content.length,
          ...(rfilename.endsWith('.onnx') && { lfs: { sha256: createHash('sha256').update(content).digest('hex') } }),
        }));
        return response.end(JSON.stringify({ sha: commit, siblings: [...siblings, { rfilename: 'README.md' }] }));
      }
      const content = files[url.replace(`/acme/tiny/resolve/${commit}/`, '')];
      if (content === undefined) return response.writeHead(404).end();
      const bytes = Buffer.from(content);
      const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
      if (request.headers.range) ranges.push(request.headers.range);
      response.writeHead(from > 0 ? 206 : 200, { 'content-length': bytes.length - from });
      if (url.endsWith('.onnx') && !broken) {
        broken = true;
        response.write(bytes.subarray(0, 100));
        // Broken off once the bytes lie on the disk: a connection may drop what its reader has not taken.
        const isKept = expect.poll(keptBytes, { timeout: 10_000 }).toBe(100);
        void isKept.finally(() => response.destroy());
        return response;
      }
      return response.end(bytes.subarray(from));
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, ranges };
  }

  test('adds a model of a hub, goes on after a broken download, and pins the commit', async () => {
    const hub = await startHub(modelFolder('embedding'));
    process.env['NIGHTSHIFT_STATE_DIR'] = join(folder, 'state');
    try {
      const pull = () => model('pull', 'acme/tiny@v1', '--hub', hub.url);
      const first = await pull();
      expect(first.err).toContain('Pull again to go on');
      expect(await pull()).toMatchObject({ code: 0, err: '' });
      expect(hub.ranges).toEqual(['bytes=100-']);
      const pinned = z
        .object({ source: z.object({ hub: z.string(), repository: z.string(), revision: z.string() }) })
        .parse((await readModel(database, DEFAULT_TENANT, 'acme/tiny'))?.manifest);
      expect(pinned.source).toEqual({ hub: hub.url, repository: 'acme/tiny', revision: commit });
      const missing = await model('pull', 'acme/none', '--hub', hub.url);
      expect(missing.err).toContain('does not exist: check its name and revision');
      const silent = await model('pull', 'acme/tiny', '--hub', 'http://127.0.0.1:9');
      expect(silent.err).toContain('Without a network, add a folder');
    } finally {
      delete process.env['NIGHTSHIFT_STATE_DIR'];
    }
  });
});

const minilm = process.env['MINILM_DIR'];
test.runIf(minilm !== undefined)(
  'a real sentence encoder gives the vectors of its makers',
  async () => {
    const added = await model('add', minilm ?? '', '--name', 'minilm', '--variant', 'quantized');
    expect(added).toMatchObject({ code: 0, err: '' });
    const reference = z
      .looseObject({
        sentences: z.array(z.string()),
        embeddings: z.looseObject({ onnx_int8: z.array(z.array(z.number())) }),
      })
      .parse(JSON.parse(await readFile(join(minilm ?? '', 'reference_embeddings.json'), 'utf8')));
    const { data } = await api.client.embeddings.create({ model: 'minilm', input: reference.sentences });
    for (const [index, { embedding }] of data.entries()) {
      const cosine = embedding.reduce(
        (sum, entry, k) => sum + entry * (reference.embeddings.onnx_int8[index]?.[k] ?? 0),
        0,
      );
      expect(cosine, reference.sentences[index]).toBeGreaterThan(0.99);
    }
  },
  120_000,
);
