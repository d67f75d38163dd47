import OpenAI, { toFile } from 'openai';
import { describe, expect, test } from 'vitest';

import { useTestDatabase } from '../support/testDatabase.ts';
import { useApi, type Json } from './apiHarness.ts';

const { database } = useTestDatabase();
const api = useApi(database);

async function admin(method: string, path: string, body?: unknown): Promise<{ status: number; body: Json }> {
  const headers = { 'content-type': 'application/json' };
  const answer = await api.fetch(path, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) });
  return { status: answer.status, body: await answer.json() };
}

async function clientOf(tenant: string, terms: object = {}): Promise<{ client: OpenAI; id: string }> {
  const { body } = await admin('POST', '/ops/v1/keys', { tenant, name: 'test', ...terms });
  return {
    id: body.id,
    client: new OpenAI({ apiKey: body.key, baseURL: `${api.server.url}/v1`, maxRetries: 0 }),
  };
}

const upload = async (client: OpenAI): Promise<string> => {
  const file = await toFile(Buffer.from('{}\n'), 'input.jsonl');
  return (await client.files.create({ file, purpose: 'batch' })).id;
};

const submit = (client: OpenAI, fileId: string, key?: string) =>
  client.batches.create({
    input_file_id: fileId,
    endpoint: '/v1/embeddings',
    completion_window: '24h',
    ...(key === undefined ? {} : { metadata: { 'grid.idempotency_key': key } }),
  });

test('a tenant sees its own files and batches only', async () => {
  const { client: ours } = await clientOf('ours');
  const { client: theirs } = await clientOf('theirs');
  const fileId = await upload(ours);
  const batch = await submit(ours, fileId, 'same');
  expect((await ours.files.list()).data.map(({ id }) => id)).toEqual([fileId]);
  expect((await theirs.files.list()).data).toEqual([]);
  expect((await theirs.batches.list()).data).toEqual([]);
  for (const peek of [
    () => theirs.files.retrieve(fileId),
    () => theirs.files.content(fileId),
    () => theirs.files.delete(fileId),
    () => theirs.batches.retrieve(batch.id),
    () => theirs.batches.cancel(batch.id),
    () => theirs.post(`/batches/${batch.id}/pause`),
  ]) {
    await expect(peek()).rejects.toMatchObject({ status: 404 });
  }
  await expect(submit(theirs, fileId)).rejects.toMatchObject({ status: 400, param: 'input_file_id' });
  const theirBatch = await submit(theirs, await upload(theirs), 'same');
  expect(theirBatch.id).not.toBe(batch.id);
});

describe('a key', () => {
  test('does what its scopes say', async () => {
    const { client } = await clientOf('scoped', { scopes: ['ops'] });
    await expect(client.files.list()).rejects.toMatchObject({ status: 403, code: 'forbidden' });
    await expect(client.get('/../ops/v1/keys')).rejects.toMatchObject({ status: 403 });
    expect(await client.get('/../ops/v1/status')).toMatchObject({ cell: { id: 'test' } });
    expect(await admin('POST', '/ops/v1/keys', { tenant: 't', name: 'n', scopes: ['all'] })).toMatchObject({
      status: 400,
      body: { error: { param: 'scopes.0' } },
    });
  });

  test('is limited to its requests a minute', async () => {
    const { client } = await clientOf('busy', { requests_per_minute: 2 });
    await client.files.list();
    await client.files.list();
    const refused = await client.files.list().catch((error: unknown) => error as InstanceType<typeof OpenAI.APIError>);
    expect(refused).toMatchObject({ status: 429, code: 'rate_limited' });
    expect(Number((refused as Json).headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  });

  test('ends when it is revoked, and is listed without the key', async () => {
    const { client, id } = await clientOf('gone');
    await client.files.list();
    expect((await admin('DELETE', `/ops/v1/keys/${id}`)).body).toMatchObject({ revoked_at: expect.any(Number) });
    await expect
      .poll(() =>
        client.files.list().then(
          () => 200,
          (error: Json) => error.status,
        ),
      )
      .toBe(401);
    const { body } = await admin('GET', '/ops/v1/keys');
    const listed = body.data.find((key: Json) => key.id === id);
    expect(Object.keys(listed)).not.toContain('key');
    expect((await admin('DELETE', '/ops/v1/keys/key_none')).status).toBe(404);
  });
});

test('a quota answers 429 until there is room', async () => {
  const { client } = await clientOf('small');
  await admin('PUT', '/ops/v1/tenants/small', { max_open_batches: 1, max_stored_bytes: 8 });
  const fileId = await upload(client);
  await submit(client, fileId);
  await expect(submit(client, fileId)).rejects.toMatchObject({ status: 429, code: 'quota_exceeded' });
  await upload(client);
  await expect(upload(client)).rejects.toMatchObject({ status: 429, code: 'quota_exceeded' });
  const wider = await admin('PUT', '/ops/v1/tenants/small', { max_stored_bytes: 100 });
  expect(wider.body).toMatchObject({ open_batches: 1, stored_bytes: 6, max_open_batches: null });
  await submit(client, await upload(client));
});
