import { expect, test } from 'vitest';
import { useTestDatabase } from '../support/testDatabase.ts';
import { useApi } from './apiHarness.ts';

const { database } = useTestDatabase();
const api = useApi(database);

const call = (method: string, path: string, body?: unknown): Promise<Response> =>
  fetch(`${api.server.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${api.ports.apiKey}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });

test.each([
  ['GET', '/v1/batches/a%00b', undefined, 'id'],
  ['GET', '/v1/batches?after=a%00b', undefined, 'after'],
  ['GET', '/v1/files/a%00b/content', undefined, 'id'],
  ['GET', '/v1/models/a%00b', undefined, 'model'],
  ['POST', '/v2/models/a%00b/infer', { inputs: [] }, 'model'],
  ['POST', '/v1/embeddings', { model: 'a\0b', input: 'x' }, 'model'],
  ['GET', '/fleet/v1/vehicles/a%00b', undefined, 'vin'],
  [
    'POST',
    '/v1/batches',
    { input_file_id: 'file-1', endpoint: '/v1/embeddings', completion_window: '24h', metadata: { note: 'a\0b' } },
    'metadata.note',
  ],
  [
    'POST',
    '/v1/batches',
    { input_file_id: 'a\ud800', endpoint: '/v1/embeddings', completion_window: '24h' },
    'input_file_id',
  ],
])('%s %s with a text that cannot be stored is a 400 that names the field', async (method, path, body, field) => {
  const answer = await call(method, path, body);
  const text = await answer.text();
  expect(answer.status, text).toBe(400);
  expect(text).toContain(`${field}: a text with U+0000`);
});

test('a filename that cannot be stored is a 400 that names the file', async () => {
  const form = ['--b', 'content-disposition: form-data; name="file"; filename="a\0.jsonl"', '', '{}', '--b--', ''].join(
    '\r\n',
  );
  const answer = await fetch(`${api.server.url}/v1/files`, {
    method: 'POST',
    headers: { authorization: `Bearer ${api.ports.apiKey}`, 'content-type': 'multipart/form-data; boundary=b' },
    body: form,
  });
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ error: { code: 'invalid_request', param: 'file' } });
});
