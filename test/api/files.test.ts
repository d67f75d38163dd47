import { randomBytes } from 'node:crypto';

import { toFile } from 'openai';
import { describe, expect, test } from 'vitest';

import { BATCH_LIMITS } from '../../domain/batchInput.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import { useApi, type Json } from './apiHarness.ts';

const { database } = useTestDatabase();
const api = useApi(database);

const LINE = '{"custom_id":"a","method":"POST","url":"/v1/embeddings","body":{"model":"m","input":"hi"}}\n';

const upload = async (text: string, name = 'input.jsonl') =>
  api.client.files.create({ file: await toFile(Buffer.from(text), name), purpose: 'batch' });

/** A form as its bytes. */
function form(
  boundary: string,
  ...parts: readonly [disposition: string, body: string][]
): RequestInit & { body: string } {
  const body = parts
    .map(([disposition, text]) => `--${boundary}\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${text}\r\n`)
    .join('');
  return {
    method: 'POST',
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    body: `${body}--${boundary}--\r\n`,
  };
}

const errorOf = async (response: Response): Promise<unknown> => {
  const body: unknown = await response.json();
  return body;
};

test('the stock SDK uploads, reads, lists and deletes', async () => {
  const file = await upload(LINE, 'größe "1".jsonl');
  expect(file).toMatchObject({
    object: 'file',
    bytes: LINE.length,
    filename: 'größe "1".jsonl',
    purpose: 'batch',
    status: 'processed',
  });
  expect(file.expires_at).toBe(file.created_at + 30 * 86_400);
  expect(await api.client.files.retrieve(file.id)).toEqual(file);
  const content = await api.client.files.content(file.id);
  expect(content.headers.get('content-length')).toBe(String(LINE.length));
  expect(await content.text()).toBe(LINE);

  expect(await api.client.files.delete(file.id)).toEqual({ id: file.id, object: 'file', deleted: true });
  await expect(api.client.files.retrieve(file.id)).rejects.toMatchObject({ status: 404, code: 'not_found' });
  await expect(api.client.files.content(file.id)).rejects.toMatchObject({ status: 404 });
  await expect(api.client.files.delete(file.id)).rejects.toMatchObject({ status: 404 });
  expect(await api.ports.objects.list('files/')).toEqual([]);
});

test('expires_after is kept, within its limits', async () => {
  const file = await toFile(Buffer.from(LINE), 'x.jsonl');
  const create = (seconds: number) =>
    api.client.files.create({ file, purpose: 'batch', expires_after: { anchor: 'created_at', seconds } });
  const created = await create(3_600);
  expect(created.expires_at).toBe(created.created_at + 3_600);
  await expect(create(3_599)).rejects.toMatchObject({
    status: 400,
    param: 'expires_after.seconds',
    message: /3600 to 2592000/,
  });
  await api.client.files.delete(created.id);
});

test('lists page by page in both directions, also when the last one seen is deleted meanwhile', async () => {
  const ids: string[] = [];
  for (let count = 0; count < 5; count += 1) ids.push((await upload(LINE)).id);
  const collect = async (order: 'asc' | 'desc'): Promise<string[]> => {
    const found: string[] = [];
    for await (const file of api.client.files.list({ limit: 2, order })) found.push(file.id);
    return found;
  };
  expect(await collect('asc')).toEqual(ids);
  expect(await collect('desc')).toEqual(ids.toReversed());
  const page = await api.client.files.list({ limit: 2, order: 'asc' });
  await api.client.files.delete(ids[1] ?? '');
  expect((await page.getNextPage()).data.map(({ id }) => id)).toEqual(ids.slice(2, 4));
  expect((await api.client.files.list({ purpose: 'batch_output' })).data).toEqual([]);
  for (const id of ids.filter((_, index) => index !== 1)) await api.client.files.delete(id);
});

test('a large file is streamed: the bytes that come back are those that went in', async () => {
  const bytes = randomBytes(24 * 1024 * 1024);
  const file = await api.client.files.create({ file: await toFile(bytes, 'large.jsonl'), purpose: 'batch' });
  expect(file.bytes).toBe(bytes.byteLength);
  const content = Buffer.from(await (await api.client.files.content(file.id)).arrayBuffer());
  expect(content.equals(bytes)).toBe(true);
  await api.client.files.delete(file.id);
});

test('a file above the limit is refused and nothing of it stays', async () => {
  const chunk = new Uint8Array(1024 * 1024);
  const chunks = BATCH_LIMITS.bytes / chunk.byteLength + 1;
  const head = '--b\r\nContent-Disposition: form-data; name="file"; filename="x.jsonl"\r\n\r\n';
  async function* body(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(head);
    for (let sent = 0; sent < chunks; sent += 1) yield chunk;
    yield Buffer.from('\r\n--b--\r\n');
  }
  const response = await api.fetch('/v1/files', {
    method: 'POST',
    headers: { 'content-type': 'multipart/form-data; boundary=b' },
    body: ReadableStream.from(body()),
    duplex: 'half',
  });
  expect(response.status).toBe(413);
  expect(await errorOf(response)).toMatchObject({ error: { code: 'payload_too_large', param: 'file' } });
  expect(await api.ports.objects.list('files/')).toEqual([]);
});

describe('refuses', () => {
  const file: [string, string] = ['name="file"; filename="x.jsonl"', LINE];
  const purpose: [string, string] = ['name="purpose"', 'batch'];

  test.each([
    [
      'a name that is not .jsonl',
      form('b', ['name="file"; filename="x.txt"', LINE], purpose),
      'file',
      /Must be \.jsonl/,
    ],
    ['no file', form('b', purpose), 'file', /no part "file"/],
    ['two files', form('b', file, file, purpose), 'file', /exactly one file/],
    ['no purpose', form('b', file), 'purpose', /must be "batch"/],
    ['another purpose', form('b', file, ['name="purpose"', 'fine-tune']), 'purpose', /must be "batch"/],
    ['a long field', form('b', ['name="purpose"', 'x'.repeat(5_000)], file), 'purpose', /more than 4096 bytes/],
    ['a part without a name', form('b', ['x="y"', 'z']), null, /without a name/],
    ['too many parts', form('b', ...Array.from({ length: 21 }, () => purpose)), null, /more than 20 parts/],
    ['another content type', { method: 'POST', body: LINE }, 'content-type', /multipart\/form-data/],
    ['an empty body', { ...form('b'), body: '' }, null, /ends before/],
    [
      'a body cut short',
      { ...form('b'), body: '--b\r\nContent-Disposition: form-data; name="file"; filename="x.jsonl"\r\n\r\nabc' },
      null,
      /ends before/,
    ],
    ['endless headers', { ...form('b'), body: `--b\r\n${'x'.repeat(20_000)}` }, null, /headers are longer/],
  ] as const)('%s', async (_what, init, param, message) => {
    const response = await api.fetch('/v1/files', init);
    expect(response.status).toBe(400);
    expect(await errorOf(response)).toEqual({
      error: { type: 'invalid_request_error', code: 'invalid_request', param, message: expect.stringMatching(message) },
    });
    expect(await api.ports.objects.list('files/')).toEqual([]);
  });
});

test('a form is read alike however its bytes arrive, with fields before the file', async () => {
  const init = form(
    'b-1',
    ['name="purpose"', 'batch'],
    ['name="file"; filename="x.jsonl"', 'a\r\n--b-\r\n--b-0 and on'],
  );
  const bytes = Buffer.from(init.body);
  for (const chunkBytes of [1, 7, 64]) {
    async function* trickle(): AsyncGenerator<Uint8Array> {
      for (let from = 0; from < bytes.byteLength; from += chunkBytes) yield bytes.subarray(from, from + chunkBytes);
    }
    const response = await api.fetch('/v1/files', { ...init, body: ReadableStream.from(trickle()), duplex: 'half' });
    const { id }: Json = await response.json();
    expect(await (await api.client.files.content(id)).text()).toBe('a\r\n--b-\r\n--b-0 and on');
    await api.client.files.delete(id);
  }
});
