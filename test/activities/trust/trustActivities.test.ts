import { createHash, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { storeSubmission } from '../../support/batchFixture.ts';
import { createJobActivities } from '../../../activities/jobs/jobActivities.ts';
import { createTrustActivities } from '../../../activities/trust/trustActivities.ts';
import type { TrustedTask, TrustPorts } from '../../../activities/trust/trustPorts.ts';
import { answerLine } from '../../../domain/answerLine.ts';
import { objectKeys } from '../../../domain/names.ts';
import { DEFAULT_CHECK_POLICY } from '../../../domain/trust/checkPolicy.ts';
import { sliceOf } from '../../../domain/trust/quorum.ts';
import type { SplitBatch } from '../../../domain/workflows/inferenceJob.ts';
import { acceptedParts } from '../../../store/acceptedShards.ts';
import { moveBatch, readBatch } from '../../../store/batches.ts';
import { setCheckPolicy } from '../../../store/checkPolicies.ts';
import { seedClassSpeed } from '../../../store/classSpeeds.ts';
import { recordComputeAttempt } from '../../../store/computeAttempts.ts';
import { readJournal } from '../../../store/journal.ts';
import { listCarLines, readBalance } from '../../../store/ledger.ts';
import { checkLedger } from '../../../store/ledgerChecks.ts';
import { addModel } from '../../../store/models.ts';
import { createFileStore } from '../../../store/objects/fileStore.ts';
import type { ObjectStore } from '../../../store/objectStore.ts';
import { listQuarantines } from '../../../store/quarantines.ts';
import { listBatchCorrections } from '../../../store/recalledShards.ts';
import { readReputation } from '../../../store/reputations.ts';
import { listShareChecks } from '../../../store/shareChecks.ts';
import { sliceSignerWith } from '../../../store/sliceAccess.ts';
import { listHeldVehicles } from '../../../store/vehicleClaims.ts';
import { CELL, enrolFleet } from '../../support/fleetFixture.ts';
import { useTestDatabase } from '../../support/testDatabase.ts';

const { database } = useTestDatabase();
const ENDPOINT = '/v1/embeddings';
const NOW_MS = 1_000_000_000;
const LINES = 40;
let folder: string;
let objects: ObjectStore;
let asked = 0;

const outOfMemory = async (): Promise<never> => Promise.reject(new Error('no memory'));
const truth = (body: unknown): unknown => ({ data: [{ embedding: [JSON.stringify(body).length, 1, 2] }] });
const ports = (over: Partial<TrustPorts> = {}): TrustPorts => ({
  database,
  objects,
  gridNowMs: () => NOW_MS,
  carAccess: { url: 'https://cars.example', signer: sliceSignerWith('a key for tests') },
  checkKey: createHash('sha256').update('checks').digest(),
  log: pino({ level: 'silent' }),
  trusted: {
    answers: async (_, tasks: readonly TrustedTask[]) => {
      asked += tasks.length;
      return { answers: tasks.map(({ body }) => ({ statusCode: 200, body: truth(body) })), deviceMs: 36_000 };
    },
    reread: outOfMemory,
  },
  ...over,
});
const cellId = CELL.id;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-trust-'));
  objects = createFileStore(folder);
  await addModel(database, {
    name: 'vectors',
    version: '1',
    family: 'general',
    sha256: '0'.repeat(64),
    manifest: {},
    tenantId: null,
  });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let liar: string;
let honest: string;
beforeEach(async () => {
  asked = 0;
  [liar, honest] = [`liar-${randomUUID().slice(0, 6)}`, `honest-${randomUUID().slice(0, 6)}`];
  await enrolFleet(database, [liar, honest]);
  await seedClassSpeed(database, {
    modelName: 'vectors',
    modelVersion: '1',
    hardwareClass: 'ai4',
    statedMsPerUnit: 30_000,
  });
  for (const modelName of [null, 'vectors']) await setCheckPolicy(database, { tenantId: null, modelName }, null);
});

const bodyOf = (index: number) => ({ model: 'vectors', input: `text ${index} ${'x'.repeat(index)}` });

async function submitted(
  tenantId?: string,
  metadata?: Record<string, string>,
): Promise<{ batchId: string; split: SplitBatch }> {
  const lines = Array.from({ length: LINES }, (_, index) =>
    JSON.stringify({ custom_id: `r${index}`, method: 'POST', url: ENDPOINT, body: bodyOf(index) }),
  );
  const of = {
    endpoint: ENDPOINT,
    deadlineMs: NOW_MS * 2,
    ...(tenantId !== undefined && { tenantId }),
    ...(metadata && { metadata }),
  };
  const batchId = await storeSubmission({ database, objects }, lines, of);
  const prepared = await createJobActivities(ports()).prepareBatch({ batchId, cellId });
  if (prepared.kind === 'refused') throw new Error(prepared.message);
  expect(prepared.split).toMatchObject({ checked: true });
  return { batchId, split: prepared.split };
}

const linesIn = ({ lines, linesPerShard }: SplitBatch, shard: number): number =>
  Math.min(linesPerShard, lines - shard * linesPerShard);

/** What a car's agent leaves behind for a whole shard. */
async function compute(
  vehicleId: string,
  { batchId: jobId, split }: { batchId: string; split: SplitBatch },
  shard: number,
  answerOf: (index: number) => unknown = (index) => truth(bodyOf(index)),
): Promise<void> {
  const slice = sliceOf(split, shard);
  const range = { start: 0, end: linesIn(split, slice) };
  const texts = Array.from({ length: range.end }, (_, line) => {
    const index = slice * split.linesPerShard + line;
    return answerLine(jobId, slice, line, `r${index}`, { statusCode: 200, body: answerOf(index) });
  });
  const body = texts.map((text) => `${text}\n`).join('');
  await objects.put(objectKeys.part(jobId, shard, range, vehicleId), body);
  const partSha256 = createHash('sha256').update(body).digest('hex');
  const receipt = { vehicleId, range, energyWh: 10, deviceMs: 600_000, partSha256 };
  await objects.put(objectKeys.receipt(jobId, shard, range, vehicleId), JSON.stringify(receipt));
  const handedOutMs = NOW_MS - 900_000;
  await recordComputeAttempt(database, { jobId, shard, vehicleId, handedOutMs, storedAtMs: NOW_MS });
}

const trust = (over: Partial<TrustPorts> = {}) => createTrustActivities(ports(over));
const check = (
  { batchId: jobId, split }: { batchId: string; split: SplitBatch },
  over: Partial<TrustPorts> = {},
  shards: readonly number[] | null = null,
) => trust(over).checkShards({ jobId, cellId, split, shards });
const accept = (batch: { batchId: string; split: SplitBatch }, shard: number) =>
  createJobActivities(ports()).acceptShards({
    jobId: batch.batchId,
    cellId,
    split: batch.split,
    shards: [
      {
        shard,
        result: {
          vehicleId: '',
          storedLines: 0,
          computedLines: 0,
          energyWh: 0,
          deviceMs: 0,
          handovers: 0,
          redoneLines: 0,
        },
      },
    ],
  });
const earned = async (vehicleId: string): Promise<number> =>
  (await listCarLines(database, vehicleId, { startMs: 0, endMs: NOW_MS * 2 })).reduce(
    (sum, { amountMicros }) => sum + amountMicros,
    0,
  );
const nearly = (index: number): unknown => ({
  data: [{ embedding: [JSON.stringify(bodyOf(index)).length * 1.000_1, 1.000_1, 2] }],
});
const invented = (): unknown => ({ data: [{ embedding: [9, 9, 9] }] });
async function output(batchId: string): Promise<string[]> {
  const { outputFileId } = (await readBatch(database, batchId)) ?? {};
  const text = (await objects.get(objectKeys.file(outputFileId ?? ''))).toString('utf8');
  return text.trim().split('\n');
}
const rightLines = Array.from({ length: LINES }, (_, index) => truth(bodyOf(index)));
const bodiesOf = (lines: readonly string[]) => lines.map((line) => JSON.parse(line).response.body);

describe('checks of what cars answer', () => {
  test('leave a car that answers rightly alone, and cost a few lines of each shard', async () => {
    const batch = await submitted();
    for (let shard = 0; shard < batch.split.shards; shard++) await compute(honest, batch, shard);
    expect(await check(batch)).toEqual([]);
    expect(asked).toBeLessThan(LINES / 2);
    const key = { vehicleId: honest, modelFamily: 'general', hardwareClass: 'ai4' };
    expect(await readReputation(database, key)).toMatchObject({ validInRow: batch.split.shards, differingLines: 0 });
    // A retry of the activity computes nothing and counts nothing twice.
    const before = asked;
    expect(await check(batch)).toEqual([]);
    expect(asked).toBe(before);
    expect(await listShareChecks(database, honest, 100)).toHaveLength(batch.split.shards);
    expect(await accept(batch, 0)).toMatchObject([{ accepted: true }]);
    expect(await earned(honest)).toBeGreaterThan(0);
  });

  test('come to a car anew that claims more energy than its time and its meter explain', async () => {
    const batch = await submitted();
    await compute(honest, batch, 0);
    await check(batch);
    const key = { vehicleId: honest, modelFamily: 'general', hardwareClass: 'ai4' };
    expect(await readReputation(database, key)).toMatchObject({ validInRow: 1 });
    const [receipt = ''] = await objects.list(objectKeys.receiptPrefix(batch.batchId, 0));
    const claimed = JSON.parse((await objects.get(receipt)).toString('utf8')) as object;
    await objects.put(receipt, JSON.stringify({ ...claimed, energyWh: 1e6 }));
    expect(await accept(batch, 0)).toMatchObject([{ accepted: true }]);
    expect(await readReputation(database, key)).toMatchObject({ validInRow: 0, differingLines: 0 });
  });

  test('take small differences between computers for what they are', async () => {
    const batch = await submitted();
    await compute(honest, batch, 0, nearly);
    expect(await check(batch)).toEqual([]);
    expect(await listShareChecks(database, honest, 1)).toMatchObject([{ verdict: 'valid' }]);
  });

  test('put a liar into quarantine, and neither take nor pay what it stored', async () => {
    const batch = await submitted();
    await compute(liar, batch, 0, invented);
    const caught = await check(batch);
    expect(caught).toMatchObject([{ vehicleId: liar }]);
    // The activity may be tried again before its workflow has heard of it.
    expect(await check(batch)).toEqual(caught);
    expect(await listQuarantines(database, liar)).toMatchObject([
      { endedAtMs: null, reason: expect.stringContaining(`of shard 0 of ${batch.batchId}`) },
    ]);
    expect(await listHeldVehicles(database, cellId, ['quarantined'])).toContain(liar);
    const journal = await readJournal(database, cellId, 0, 1_000);
    expect(journal.filter(({ kind, subject }) => kind === 'quarantined' && subject === liar)).toHaveLength(1);
    expect(await accept(batch, 0)).toMatchObject([{ accepted: false, again: true }]);
    expect(await objects.list(objectKeys.receiptPrefix(batch.batchId, 0))).toEqual([]);
    expect(await earned(liar)).toBe(0);

    await compute(honest, batch, 0);
    expect(await check(batch)).toEqual([]);
    expect(await accept(batch, 0)).toMatchObject([{ accepted: true }]);
  });

  test('put the trusted answer into the place of one that differs', async () => {
    const batch = await submitted();
    await setCheckPolicy(
      database,
      { tenantId: null, modelName: 'vectors' },
      { ...DEFAULT_CHECK_POLICY, line_share: 1 },
    );
    await compute(honest, batch, 0, (index) => (index === 3 ? invented() : truth(bodyOf(index))));
    expect(await check(batch)).toEqual([]);
    expect(await listShareChecks(database, honest, 1)).toMatchObject([{ verdict: 'suspect', differing: 1 }]);
    for (let shard = 1; shard < batch.split.shards; shard++) await compute(honest, batch, shard);
    for (let shard = 0; shard < batch.split.shards; shard++) await accept(batch, shard);
    await createJobActivities(ports()).finishBatch({ ...batch, cellId, outcome: 'completed' });
    expect(bodiesOf(await output(batch.batchId))).toEqual(rightLines);
  });

  test('do not blame cars for a model that does not run on the trusted computer', async () => {
    const batch = await submitted();
    await compute(honest, batch, 0);
    expect(await check(batch, { trusted: { answers: outOfMemory, reread: outOfMemory } })).toEqual([]);
    expect(await accept(batch, 0)).toMatchObject([{ accepted: true }]);
    const journal = await readJournal(database, cellId, 0, 1_000);
    expect(journal.map(({ message }) => message)).toContainEqual(expect.stringContaining('no memory'));
  });

  test('compare every line of a canary, whose answers are computed once, and whose price nobody pays', async () => {
    const first = await submitted('canaries');
    for (let shard = 0; shard < first.split.shards; shard++) await compute(honest, first, shard);
    expect(await check(first)).toEqual([]);
    expect(asked).toBe(LINES);
    for (let shard = 0; shard < first.split.shards; shard++) await accept(first, shard);
    expect(await earned(honest)).toBeGreaterThan(0);
    expect((await readBalance(database, 'tenant/canaries')).size).toBe(0);

    const second = await submitted('canaries');
    await compute(liar, second, 0, (index) => (index === 1 || index === 2 ? invented() : truth(bodyOf(index))));
    await compute(liar, second, 1, invented);
    expect(await check(second)).toMatchObject([{ vehicleId: liar }]);
    expect(asked).toBe(LINES);
    expect((await checkLedger(database)).faults).toEqual([]);
  });

  test('are not made where the operator wants none', async () => {
    const batch = await submitted();
    await setCheckPolicy(database, { tenantId: null, modelName: null }, { ...DEFAULT_CHECK_POLICY, enabled: false });
    await compute(liar, batch, 0, invented);
    expect(await check(batch)).toEqual([]);
    expect(asked).toBe(0);
  });
});

/** Shard 0 was accepted from the liar before it lied where it was seen: in shard 1. */
async function caughtTooLate(): Promise<{ batch: { batchId: string; split: SplitBatch }; quarantineId: number }> {
  const batch = await submitted();
  await compute(liar, batch, 0, invented);
  await accept(batch, 0);
  expect(await earned(liar)).toBeGreaterThan(0);
  await compute(liar, batch, 1, invented);
  const [caught] = await check(batch);
  if (!caught) throw new Error('it was not caught');
  return { batch, quarantineId: caught.quarantineId };
}

describe('a recall of what a caught car has delivered', () => {
  test('has shards of running batches computed again, and takes the pay back', async () => {
    const { batch, quarantineId } = await caughtTooLate();
    const recalled = await trust().recallWork({ vehicleId: liar, quarantineId, cellId });
    expect(recalled).toEqual({ reopened: [{ jobId: batch.batchId, shards: [0] }], ended: [] });
    expect(await trust().recallWork({ vehicleId: liar, quarantineId, cellId })).toEqual(recalled);
    expect(await earned(liar)).toBe(0);
    expect((await acceptedParts(database, batch.batchId)).has(0)).toBe(false);
    expect(await objects.list(objectKeys.receiptPrefix(batch.batchId, 0))).toEqual([]);

    for (let shard = 0; shard < batch.split.shards; shard++) {
      await compute(honest, batch, shard);
      expect(await accept(batch, shard)).toMatchObject([{ accepted: true }]);
    }
    await createJobActivities(ports()).finishBatch({ ...batch, cellId, outcome: 'completed' });
    expect(bodiesOf(await output(batch.batchId))).toEqual(rightLines);
    expect(await trust().correctBatch({ batchId: batch.batchId, cellId })).toBeNull();
    expect((await checkLedger(database)).faults).toEqual([]);
  });

  test('corrects the files of batches that have ended', async () => {
    const { batch, quarantineId } = await caughtTooLate();
    for (let shard = 1; shard < batch.split.shards; shard++) {
      await accept(batch, shard);
      await compute(honest, batch, shard);
      await accept(batch, shard);
    }
    await createJobActivities(ports()).finishBatch({ ...batch, cellId, outcome: 'completed' });
    expect(bodiesOf(await output(batch.batchId))).not.toEqual(rightLines);

    const recalled = await trust().recallWork({ vehicleId: liar, quarantineId, cellId });
    expect(recalled).toEqual({ reopened: [], ended: [batch.batchId] });
    expect(await trust().correctBatch({ batchId: batch.batchId, cellId })).toBe(1);
    expect(bodiesOf(await output(batch.batchId))).toEqual(rightLines);
    expect(await earned(liar)).toBe(0);
    expect(await listBatchCorrections(database, batch.batchId)).toMatchObject([
      { correction: 1, lines: linesIn(batch.split, 0) },
    ]);
    expect(await trust().correctBatch({ batchId: batch.batchId, cellId })).toBeNull();
    expect((await checkLedger(database)).faults).toEqual([]);
  });

  test('waits for a batch that is about to end', async () => {
    const { batch, quarantineId } = await caughtTooLate();
    await moveBatch(database, batch.batchId, ['in_progress'], 'finalizing');
    const recalled = await trust().recallWork({ vehicleId: liar, quarantineId, cellId });
    expect(recalled).toEqual({ reopened: [], ended: [] });
    await expect(trust().correctBatch({ batchId: batch.batchId, cellId })).rejects.toThrow('has not ended');
  });
});

const finish = async (batch: { batchId: string; split: SplitBatch }) => {
  for (let shard = 0; shard < batch.split.shards; shard++) await accept(batch, shard);
  await createJobActivities(ports()).finishBatch({ ...batch, cellId, outcome: 'completed' });
  expect(await readBatch(database, batch.batchId)).toMatchObject({ total: LINES, completed: LINES, failed: 0 });
  expect(bodiesOf(await output(batch.batchId))).toEqual(rightLines);
  expect((await checkLedger(database)).faults).toEqual([]);
};

const quorumOf = async () => {
  // Nothing but the quorum looks at answers.
  await setCheckPolicy(database, { tenantId: null, modelName: null }, { ...DEFAULT_CHECK_POLICY, enabled: false });
  const batch = await submitted('lab', { 'grid.quorum': '2' });
  expect(batch.split).toMatchObject({ quorum: 2, shards: 2 * Math.ceil(LINES / batch.split.linesPerShard) });
  return batch;
};

describe('a quorum', () => {
  let other: string;
  beforeEach(async () => {
    other = `other-${randomUUID().slice(0, 6)}`;
    await enrolFleet(database, [other]);
  });

  test('that agrees is taken as it is, within the tolerance, and both cars are paid', async () => {
    const batch = await quorumOf();
    for (let shard = 0; shard < batch.split.shards; shard++) {
      await (shard % 2 === 0 ? compute(honest, batch, shard) : compute(other, batch, shard, nearly));
      expect(await check(batch, {}, [shard])).toEqual([]);
    }
    expect(asked).toBe(0);
    await finish(batch);
    expect(await earned(other)).toBe(await earned(honest));
  });

  test('that does not agree is settled by a trusted computer, also where an answer was accepted before', async () => {
    const batch = await quorumOf();
    await compute(other, batch, 0, (index) => (index === 2 ? invented() : truth(bodyOf(index))));
    expect(await check(batch, {}, [0])).toEqual([]);
    await accept(batch, 0);
    await compute(honest, batch, 1);
    expect(await check(batch, {}, [1])).toEqual([]);
    expect(asked).toBeLessThanOrEqual(2);
    expect(await listShareChecks(database, other, 9)).toMatchObject([{ checked: 1, differing: 1, verdict: 'suspect' }]);
    expect(await listShareChecks(database, honest, 9)).toMatchObject([{ checked: 1, differing: 0, verdict: 'valid' }]);
    // Whoever looks again finds it settled.
    const before = asked;
    expect(await check(batch)).toEqual([]);
    for (let shard = 2; shard < batch.split.shards; shard++) await compute(shard % 2 ? honest : other, batch, shard);
    expect(await check(batch, {}, [2, 3])).toEqual([]);
    expect(asked).toBe(before);
    await finish(batch);
  });

  test('catches a liar, whose shard another car computes', async () => {
    const batch = await quorumOf();
    await compute(honest, batch, 0);
    await compute(liar, batch, 1, invented);
    expect(await check(batch, {}, [0, 1])).toMatchObject([{ vehicleId: liar }]);
    expect(await accept(batch, 1)).toMatchObject([{ accepted: false, again: true }]);
    for (let shard = 1; shard < batch.split.shards; shard++) await compute(shard % 2 ? other : honest, batch, shard);
    expect(await check(batch)).toEqual([]);
    await finish(batch);
    expect(await earned(liar)).toBe(0);
  });

  test('is none of two cars of one owner, nor of one car at the end: a trusted computer stands for the missing', async () => {
    const batch = await quorumOf();
    await database.query('update vehicles set owner_id = $2 where id = $1', [other, `owner-of-${honest}`]);
    await compute(honest, batch, 0);
    await compute(other, batch, 1);
    expect(await check(batch, {}, [0, 1])).toEqual([]);
    expect(asked).toBeGreaterThanOrEqual(linesIn(batch.split, 0));
    for (let shard = 2; shard < batch.split.shards; shard += 2) await compute(honest, batch, shard);
    const before = asked;
    await check(batch, {}, [2]);
    expect(asked).toBe(before);
    await check(batch);
    expect(asked).toBe(before + LINES - linesIn(batch.split, 0));
    await finish(batch);
  });
});
