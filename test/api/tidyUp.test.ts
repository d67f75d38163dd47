import { toFile } from 'openai';
import { beforeAll, expect, test } from 'vitest';

import { storeModel } from '../support/batchFixture.ts';
import { tidyUp } from '../../api/http/tidyUp.ts';
import { objectKeys } from '../../domain/names.ts';
import { checkLedger } from '../../store/ledgerChecks.ts';
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

async function endedDaysAgo(batchId: string, days: number): Promise<void> {
  await database.query(
    `update batches set created_real_at = now() - $2 * interval '1 day',
       timestamps = jsonb_set(timestamps, '{completed_at}', to_jsonb(extract(epoch from now())::bigint - 86400 * $2::bigint))
     where id = $1`,
    [batchId, days],
  );
}

async function answeredAtCost(): Promise<string> {
  const batchId = await submitted(await uploaded());
  await endBatch(api.ports, batchId, { 0: 200 }, 'completed');
  await database.query('update accepted_shards set input_tokens = 7, output_tokens = 2 where job_id = $1', [batchId]);
  await database.query('delete from shard_footprints where job_id = $1', [batchId]);
  await database.query(
    `insert into shard_footprints (job_id, shard, energy_wh, gco2, cost_eur) values ($1, 0, 30, 9, 0.01), ($1, 0, 10, 3, null)`,
    [batchId],
  );
  return batchId;
}

const rowsOf = async (batchId: string): Promise<number> => {
  const [found] = await database.query<{ rows: number }>(
    `select (select count(*) from accepted_shards where job_id = $1)
       + (select count(*) from shard_footprints where job_id = $1) as rows`,
    [batchId],
  );
  return found?.rows ?? 0;
};

test('a batch that ended long ago keeps its sums without its shards, and goes with the last of its results', async () => {
  const [old, young] = [await answeredAtCost(), await answeredAtCost()];
  await endedDaysAgo(old, 401);
  await endedDaysAgo(young, 399);
  const shown = async (): Promise<unknown> => {
    const { usage, request_counts, x_grid } = await api.getJson(`/v1/batches/${old}`);
    const { energy_wh, gco2, cost, shards } = x_grid;
    return { usage, request_counts, energy_wh, gco2, cost, shards };
  };
  const before = await shown();
  expect(before).toMatchObject({ usage: { input_tokens: 7, output_tokens: 2 }, energy_wh: 40, gco2: 12 });

  await tidyUp(api.ports);
  expect(await Promise.all([old, young].map(rowsOf))).toEqual([0, 3]);
  expect(await shown()).toEqual(before);
  await tidyUp(api.ports);
  expect(await shown()).toEqual(before);
  expect(JSON.stringify(await checkLedger(database)).includes(old)).toBe(false);

  const { output_file_id: output } = await api.client.batches.retrieve(old);
  await api.client.files.delete(output ?? '');
  await tidyUp(api.ports);
  await expect(api.client.batches.retrieve(old)).rejects.toMatchObject({ status: 404 });
  expect((await api.client.batches.retrieve(young)).status).toBe('completed');
});
