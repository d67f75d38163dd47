import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { endpointOfFile } from '../../cli/endpointOfFile.ts';

const folder = await mkdtemp(join(tmpdir(), 'nightshift-endpoint-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

async function fileOf(...lines: readonly string[]): Promise<string> {
  const file = join(folder, 'in.jsonl');
  await writeFile(file, lines.join('\n'));
  return file;
}

test('the endpoint is the one that all lines ask', async () => {
  const line = JSON.stringify({ url: '/v1/embeddings' });
  expect(await endpointOfFile(await fileOf(line, '', line, ''))).toBe('/v1/embeddings');
});

test.each([
  ['another one', [{ url: '/v1/a' }, { url: '/v1/b' }], 'line 2 asks /v1/b, an earlier one /v1/a'],
  ['no url', [{ url: '/v1/a' }, {}], 'line 2 has no url'],
  ['no request', [], 'none has a request'],
])('a file with %s needs --endpoint', async (_, requests, message) => {
  const file = await fileOf(...requests.map((request) => JSON.stringify(request)));
  await expect(endpointOfFile(file)).rejects.toMatchObject({
    field: 'endpoint',
    message: expect.stringContaining(message),
  });
});
