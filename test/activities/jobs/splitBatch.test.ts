import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { storeSubmission } from '../../support/batchFixture.ts';
import { splitBatch } from '../../../activities/jobs/splitBatch.ts';
import { objectKeys } from '../../../domain/names.ts';
import { readBatch } from '../../../store/batches.ts';
import { seedClassSpeed } from '../../../store/classSpeeds.ts';
import { addModel } from '../../../store/models.ts';
import { createFileStore } from '../../../store/objects/fileStore.ts';
import type { ObjectStore } from '../../../store/objectStore.ts';
import { readSliceOfJob } from '../../../store/slices.ts';
import { sliceSignerWith } from '../../../store/sliceAccess.ts';
import { CELL, enrolFleet } from '../../support/fleetFixture.ts';
import { useTestDatabase } from '../../support/testDatabase.ts';

const ENDPOINT = '/v2/models/ocr/infer';
const { database } = useTestDatabase();
let folder: string;
let objects: ObjectStore;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-split-'));
  objects = createFileStore(folder);
  await enrolFleet(database, ['car-1']);
  const model = { name: 'ocr', version: '1', family: 'ocr', sha256: '0'.repeat(64), manifest: {}, tenantId: null };
  await addModel(database, model);
  // 200 s a unit: three of them a shard.
  const speed = { modelName: 'ocr', modelVersion: '1', hardwareClass: 'ai4', statedMsPerUnit: 200_000 };
  await seedClassSpeed(database, speed);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const carAccess = { url: 'https://cars.example', signer: sliceSignerWith('a key for tests') };
const checkKey = Buffer.from('a key for tests');
const prepare = (batchId: string) =>
  splitBatch({ database, objects, gridNowMs: Date.now, carAccess, checkKey }, { batchId, cellId: CELL.id });

function requestLine(customId: string): string {
  return JSON.stringify({ custom_id: customId, method: 'POST', url: ENDPOINT, body: { inputs: [] } });
}

const submitted = (lines: readonly string[]): Promise<string> =>
  storeSubmission({ database, objects }, lines, { endpoint: ENDPOINT, deadlineMs: 9000 });

test('a batch for a model of a family that no car takes is refused, instead of waiting for its deadline', async () => {
  const batchId = await submitted([requestLine('a')]);
  await database.query(`update vehicles set model_families = '{general}'`);
  const refused = await prepare(batchId);
  await database.query(`update vehicles set model_families = '{general,ocr}'`);
  expect(refused).toMatchObject({
    kind: 'refused',
    message: expect.stringContaining('No car serves models of the family "ocr"'),
  });
  expect((await readBatch(database, batchId))?.errors).toMatchObject([{ code: 'model_not_served', param: 'model' }]);
});

test('a batch for a model that fits no car’s memory is refused with both sizes', async () => {
  const batchId = await submitted([requestLine('a')]);
  await database.query(`update models set memory_mb = 6000 where name = 'ocr'`);
  await database.query(`update hardware_classes set memory_mb = 4096`);
  const refused = await prepare(batchId);
  await database.query(`update models set memory_mb = null`);
  await database.query(`update hardware_classes set memory_mb = null`);
  expect(refused).toMatchObject({
    kind: 'refused',
    message: expect.stringContaining('"ocr" needs 6000 MiB of a car\'s memory; the cars here have at most 4096'),
  });
  expect((await readBatch(database, batchId))?.errors).toMatchObject([{ code: 'model_too_large', param: 'model' }]);
});

test('a batch whose first lines are lighter than the others is cut anew, in shards that fit all of them', async () => {
  const filler = 'x'.repeat(1024 * 1024);
  const lineOf = (id: string, pictures: number): string =>
    JSON.stringify({
      custom_id: id,
      method: 'POST',
      url: ENDPOINT,
      body: { inputs: [{ shape: [pictures], filler }] },
    });
  const lines = [1, 1, 1, 1, 1, 5, 5, 5, 5, 5].map((pictures, index) => lineOf(`${index}`, pictures));
  const [model] = await database.query<{ manifest: unknown }>(`select manifest from models where name = 'ocr'`);
  const tensor = { name: 'x', datatype: 'FP32', shape: [-1] };
  await database.query(`update models set manifest = $1 where name = 'ocr'`, [
    {
      name: 'ocr',
      version: '1',
      family: 'ocr',
      sha256: '0'.repeat(64),
      sizeBytes: 1,
      requestUrl: ENDPOINT,
      pipeline: { kind: 'tensors', inputs: [tensor], outputs: [tensor] },
    },
  ]);
  const batchId = await submitted(lines);
  const ready = await prepare(batchId);
  await database.query(`update models set manifest = $1 where name = 'ocr'`, [model?.manifest]);
  expect(ready).toMatchObject({ split: { lines: 10, shards: 10, linesPerShard: 1, unitsPerLine: 3 } });
  for (const [shard, line] of lines.entries())
    expect((await readSliceOfJob({ database, objects }, batchId, shard)).toString('utf8')).toBe(`${line}\n`);
});

test('a batch of many small slices is stored in few objects, and each shard still has its own lines', async () => {
  const lines = Array.from({ length: 1_201 }, (_, index) => requestLine(`request-${index}`));
  const batchId = await submitted(lines);
  const ready = await prepare(batchId);
  expect(ready).toMatchObject({ split: { lines: 1_201, shards: 401, linesPerShard: 3, slicesPerPack: 16 } });
  expect(await objects.list(objectKeys.jobPrefix(batchId))).toHaveLength(26);
  const slices: string[] = [];
  for (let shard = 0; shard < 401; shard += 1)
    slices.push((await readSliceOfJob({ database, objects }, batchId, shard)).toString());
  expect(slices[400]).toBe(`${lines[1_200]}\n`);
  expect(slices.join('')).toBe(lines.map((line) => `${line}\n`).join(''));
});
