import { createHash } from 'node:crypto';

import { beforeAll, expect, test } from 'vitest';

import { publishModelOrders } from '../../../activities/plan/publishModelOrders.ts';
import { createRolloutActivities } from '../../../activities/rollouts/rolloutActivities.ts';
import { answerLine } from '../../../domain/answerLine.ts';
import { requestLinesOf } from '../../../domain/batchLines.ts';
import { HOUR_MS } from '../../../domain/durations.ts';
import { modelOrderSchema } from '../../../domain/modelOrders.ts';
import { objectKeys, topics } from '../../../domain/names.ts';
import { rolloutSpecSchema } from '../../../domain/rollouts/rolloutSpec.ts';
import type { SplitBatch } from '../../../domain/workflows/inferenceJob.ts';
import { firstRolloutStatus } from '../../../domain/workflows/modelRollout.ts';
import { recordAcceptedShard } from '../../../store/acceptedShards.ts';
import { sha256Of } from '../../../store/answeredLines.ts';
import { recordAttemptFailure } from '../../../store/attemptFailures.ts';
import { moveBatch, readBatchSplit, recordBatchSplit } from '../../../store/batches.ts';
import { insertFile } from '../../../store/files.ts';
import { saveFetchedModel } from '../../../store/modelOrders.ts';
import { addModel } from '../../../store/models.ts';
import { insertRollout, type StoredRollout } from '../../../store/rollouts.ts';
import { mayList, mayRead, mayWrite, sliceSignerWith } from '../../../store/sliceAccess.ts';
import { MemoryObjects } from '../../car/shard/support/memoryObjects.ts';
import { storeBatch } from '../../support/batchFixture.ts';
import { CELL, enrolFleet } from '../../support/fleetFixture.ts';
import { useTestDatabase } from '../../support/testDatabase.ts';

const { database } = useTestDatabase();
const NOW_MS = Date.UTC(2027, 0, 5, 20);
const REQUESTS = 40;
const objects = new MemoryObjects();
const signer = sliceSignerWith('a secret of this test alone');
const carAccess = { url: 'http://127.0.0.1:1', signer };
const activities = createRolloutActivities({
  database,
  objects,
  gridNowMs: () => NOW_MS,
  carAccess,
  now: () => NOW_MS,
});
let rollout: StoredRollout;

beforeAll(async () => {
  await enrolFleet(database, ['a', 'b', 'c', 'd']);
  await database.query(
    `insert into vehicle_states (vehicle_id, fused, plugged_in, online, updated_at)
     select id, '{}', id <> 'd', true, now() from vehicles`,
  );
  for (const version of ['1', '2'])
    await addModel(database, {
      name: 'm',
      version,
      family: 'f',
      sha256: createHash('sha256').update(version).digest('hex'),
      manifest: {},
      tenantId: null,
    });
  const begun = await insertRollout(database, {
    cellId: CELL.id,
    name: 'm',
    version: '2',
    previousVersion: '1',
    baseFamily: 'f',
    spec: rolloutSpecSchema.parse({ waves: [{ share: 0.5 }, { share: 1 }], compare: { requests: REQUESTS } }),
    status: firstRolloutStatus(2, NOW_MS),
    startedAtMs: NOW_MS,
  });
  if (!begun) throw new Error('not begun');
  rollout = begun;
});

/** What each car's retained order is, by topic; null: withdrawn. */
async function published(): Promise<Map<string, unknown>> {
  const sent = new Map<string, unknown>();
  const vehicles = {
    publish: async (topic: string, payload: unknown) => void sent.set(topic, payload),
    withdraw: async (topic: string) => void sent.set(topic, null),
  };
  await publishModelOrders({ database, vehicles, carAccess, now: () => NOW_MS }, CELL.id, NOW_MS);
  return sent;
}

test('a wave draws cars at their plug, orders their downloads, and knows who has the version', async () => {
  expect(await activities.deliverWave({ rollout, wave: 0 })).toEqual({ target: 2, drawn: 2, holding: 0 });
  // Asked again, the same cars.
  expect(await activities.deliverWave({ rollout, wave: 0 })).toEqual({ target: 2, drawn: 2, holding: 0 });
  const orders = await published();
  expect(orders.size).toBe(2);
  const [[topic, payload] = ['', null]] = orders;
  const order = modelOrderSchema.parse(payload);
  expect(order.families).toEqual([{ family: rollout.family, base: 'f' }]);
  expect(order.models).toMatchObject([{ model: { name: 'm', version: '2' }, fromMs: NOW_MS }]);

  const [vehicleId = ''] = ['a', 'b', 'c', 'd'].filter((id) => topics.models(id) === topic);
  const scope = signer.read(order.models[0]?.access.token ?? '', NOW_MS);
  const car = { vehicleId, handedOutRealMs: NOW_MS };
  expect(scope).toMatchObject({ car, model: { name: 'm', version: '2' } });
  expect(mayRead(scope, objectKeys.modelManifest('m', '2'))).toBe(true);
  // Nothing else: no request, no part of anybody's.
  expect(mayRead(scope, objectKeys.shardInput('none', 0))).toBe(false);
  expect(mayList(scope, objectKeys.receiptPrefix('none', 0))).toBe(false);
  const range = { start: 0, end: 1 };
  expect(mayWrite({ ...scope, car }, objectKeys.part('none', 0, range, vehicleId))).toBe(false);

  const { sha256 } = order.models[0]?.model ?? { sha256: '' };
  await saveFetchedModel(database, { vehicleId, name: 'm', version: '2', sha256, bytes: 9, seconds: 1, atMs: NOW_MS });
  expect(await activities.deliverWave({ rollout, wave: 1 })).toEqual({ target: 4, drawn: 3, holding: 1 });
  expect(modelOrderSchema.parse((await published()).get(topic)).models).toEqual([]);
});

test('a comparison waits for requests, then cuts the same ones for both versions', async () => {
  expect(await activities.beginComparison({ rollout, wave: 0 })).toBeNull();
  const lines = Array.from({ length: REQUESTS + 5 }, (_, index) =>
    JSON.stringify({ custom_id: `r${index}`, method: 'POST', url: '/v1/embeddings', body: { input: `${index}` } }),
  );
  const objectKey = objectKeys.file('file-1');
  await objects.put(objectKey, `${lines.join('\n')}\nnot a request\n`);
  await insertFile(database, {
    id: 'file-1',
    filename: 'in.jsonl',
    purpose: 'batch',
    bytes: 1,
    objectKey,
    lifeSeconds: null,
  });
  await storeBatch(database, 'batch_real', NOW_MS);
  await recordBatchSplit(database, 'batch_real', { model: { name: 'm', version: '1', family: 'f' } });

  const comparison = await activities.beginComparison({ rollout, wave: 0 });
  if (!comparison) throw new Error('there are requests');
  expect(await activities.readComparison({ rollout, ...comparison })).toBeNull();
  const splits = await Promise.all(
    [comparison.presentBatchId, comparison.nextBatchId].map((id) => readBatchSplit<SplitBatch>(database, id)),
  );
  expect(splits.map((split) => [split?.model.version, split?.model.family, split?.lines, split?.priority])).toEqual([
    ['1', rollout.family, REQUESTS, 5],
    ['2', rollout.family, REQUESTS, 5],
  ]);

  /** The batch's shards as a car answers them, four in ten of the last version's answers upside down. */
  const answer = async (jobId: string, deviceMs: number, flipped: (line: number) => boolean): Promise<void> => {
    const split = await readBatchSplit<SplitBatch>(database, jobId);
    for (let shard = 0; shard < (split?.shards ?? 0); shard++) {
      const requests = requestLinesOf(await objects.get(objectKeys.shardInput(jobId, shard)));
      const range = { start: 0, end: requests.length };
      const body = requests.map((_, line) => {
        const embedding = flipped(line) ? [0, 1] : [1, 0];
        return answerLine(jobId, shard, line, `${line}`, { statusCode: 200, body: { data: [{ embedding }] } });
      });
      const bytes = Buffer.from(`${body.join('\n')}\n`);
      const sha256 = sha256Of(bytes);
      const receipt = { vehicleId: 'a', range, energyWh: 1, deviceMs: deviceMs * requests.length, partSha256: sha256 };
      await objects.put(objectKeys.part(jobId, shard, range, 'a'), bytes);
      await objects.put(objectKeys.receipt(jobId, shard, range, 'a'), JSON.stringify(receipt));
      await recordAcceptedShard(database, {
        jobId,
        shard,
        completed: requests.length,
        failed: 0,
        inputTokens: 0,
        outputTokens: 0,
        handovers: 0,
        redoneLines: 0,
        parts: [{ ...range, sha256, vehicleId: 'a' }],
      });
    }
    await moveBatch(database, jobId, ['in_progress'], 'completed');
  };
  await answer(comparison.presentBatchId, 10, () => false);
  await answer(comparison.nextBatchId, 20, (line) => line % 4 === 0);
  await recordAttemptFailure(database, comparison.nextBatchId, 'the runner died');
  const found = await activities.readComparison({ rollout, ...comparison });
  expect(found).toMatchObject({
    compared: REQUESTS,
    disagreeing: REQUESTS / 4,
    meanAgreement: 0.75,
    present: { shards: 3, failedAttempts: 0, byClass: { ai4: { lines: REQUESTS, deviceMs: 10 * REQUESTS } } },
    next: { shards: 3, failedAttempts: 1, byClass: { ai4: { lines: REQUESTS, deviceMs: 20 * REQUESTS } } },
  });
});

test('what is decided is served, and its cars are let go when nothing of it runs', async () => {
  await activities.serveShare({ rollout, share: 0.5 });
  const status = { ...firstRolloutStatus(2, NOW_MS), outcome: 'rolled_back' as const, sinceMs: NOW_MS + HOUR_MS };
  await activities.decideRollout({ rollout, status });
  const [latest] = await database.query('select version, next_version as "next" from model_latest where name = $1', [
    'm',
  ]);
  expect(latest).toEqual({ version: '1', next: null });
  expect(await activities.drainRollout({ rollout })).toBe(0);
  await activities.noteRollout({ rollout, status, tell: true });
  await activities.noteRollout({ rollout, status, tell: true });
  expect(await database.query(`select subject from journal where kind = 'rollout'`)).toEqual([
    { subject: 'model/m/2' },
  ]);
  // Each is told once that it takes part in nothing any more.
  expect([...(await published()).values()]).toEqual([null, null, null]);
  expect((await published()).size).toBe(0);
});
