import { toFile } from 'openai';
import { beforeAll, expect, test } from 'vitest';

import { storeModel } from '../support/batchFixture.ts';
import { tidyUp } from '../../api/http/tidyUp.ts';
import { objectKeys } from '../../domain/names.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import { useApi } from './apiHarness.ts';
import { endBatch } from './endBatch.ts';

const { database } = useTestDatabase();
const api = useApi(database);

beforeAll(async () => {
  await storeModel(database, 1);
});

async function uploaded(): Promise<string> {
  const line = { custom_id: 'a', method: 'POST', url: '/v1/embeddings', body: { model: 'm', input: 'x' } };
  const file = await toFile(Buffer.from(`${JSON.stringify(line)}\n`), 'in.jsonl');
  return (await api.client.files.create({ file, purpose: 'batch' })).id;
}

const submitted = async (fileId: string) =>
  (await api.client.batches.create({ input_file_id: fileId, endpoint: '/v1/embeddings', completion_window: '24h' })).id;
const isStored = async (fileId: string) => (await api.ports.objects.head(objectKeys.file(fileId))) !== undefined;
const expire = (fileId: string) =>
  database.query(`update files set expires_real_at = now() - interval '1 second' where id = $1`, [fileId]);

test('the bytes of an expired file go, but not while an open batch reads them', async () => {
  const [kept, expired, read] = [await uploaded(), await uploaded(), await uploaded()];
  const batchId = await submitted(read);
  for (const id of [expired, read]) await expire(id);
  await tidyUp(api.ports);
  expect(await Promise.all([kept, expired, read].map(isStored))).toEqual([true, false, true]);
  expect(await database.query('select id from files where id = $1', [expired])).toEqual([]);
  await database.query(`update batches set status = 'cancelled' where id = $1`, [batchId]);
  await tidyUp(api.ports);
  expect(await isStored(read)).toBe(false);
});

test('what a batch worked with goes a day after its end; its results stay', async () => {
  const batchId = await submitted(await uploaded());
  await endBatch(api.ports, batchId, { 0: 200 }, 'completed');
  const { output_file_id: output } = await api.client.batches.retrieve(batchId);
  const work = () => api.ports.objects.list(objectKeys.jobPrefix(batchId));
  await tidyUp(api.ports);
  expect((await work()).length).toBeGreaterThan(0);
  await database.query(
    `update batches set timestamps = jsonb_set(timestamps, '{completed_at}', to_jsonb(extract(epoch from now())::bigint - 86401))
     where id = $1`,
    [batchId],
  );
  await tidyUp(api.ports);
  expect(await work()).toEqual([]);
  expect(await isStored(output ?? '')).toBe(true);
  expect(await (await api.client.files.content(output ?? '')).text()).toContain('"custom_id":"a"');
});
