import { expect, test } from 'vitest';
import { insertFile } from '../../store/files.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import { useApi } from './apiHarness.ts';

const { database } = useTestDatabase();
const api = useApi(database);

const put = async (id: string, bytes: number, secondsAgo: number): Promise<void> => {
  await insertFile(database, {
    id,
    filename: `${id}.jsonl`,
    purpose: 'batch_output',
    bytes,
    objectKey: id,
    lifeSeconds: null,
  });
  await database.query(`update files set created_real_at = now() - $2 * interval '1 second' where id = $1`, [
    id,
    secondsAgo,
  ]);
};

const list = async (query: string): Promise<string[]> => {
  const answer = await fetch(`${api.server.url}/v1/files?${query}`, {
    headers: { authorization: `Bearer ${api.ports.apiKey}` },
  });
  const { data } = (await answer.json()) as { data: { id: string }[] };
  return data.map(({ id }) => id);
};

test('lists follow the time of creation whatever the ids, leave out empty outputs, and refuse an unknown after', async () => {
  // Ids of output files follow from their batches' and do not rise with time.
  await put('file-z', 5, 30);
  await put('file-a', 5, 20);
  await put('file-m', 5, 10);
  await put('file-empty', 0, 5);
  expect(await list('order=asc')).toEqual(['file-z', 'file-a', 'file-m']);
  expect(await list('order=desc')).toEqual(['file-m', 'file-a', 'file-z']);
  expect(await list('order=asc&after=file-z')).toEqual(['file-a', 'file-m']);
  expect(await list('order=desc&after=file-a&limit=1')).toEqual(['file-z']);

  for (const path of ['files', 'batches']) {
    const answer = await fetch(`${api.server.url}/v1/${path}?after=nothing`, {
      headers: { authorization: `Bearer ${api.ports.apiKey}` },
    });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { param: 'after', code: 'invalid_request' } });
  }
});
