import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { createJobActivities } from '../../../activities/jobs/jobActivities.ts';
import { createTrustActivities } from '../../../activities/trust/trustActivities.ts';
import type { TrustedTask, TrustPorts } from '../../../activities/trust/trustPorts.ts';
import { answersSoFar } from '../../../api/http/partialResults.ts';
import type { ApiPorts } from '../../../api/http/ports.ts';
import { answerLine } from '../../../domain/answerLine.ts';
import { requestLinesOf } from '../../../domain/batchLines.ts';
import { HOUR_MS } from '../../../domain/durations.ts';
import { objectKeys } from '../../../domain/names.ts';
import { DEFAULT_CHECK_POLICY } from '../../../domain/trust/checkPolicy.ts';
import { NEW_REPUTATION } from '../../../domain/trust/reputation.ts';
import type { SplitBatch } from '../../../domain/workflows/inferenceJob.ts';
import { runShardInput } from '../../../workflows/shardWaveState.ts';
import { readBatch } from '../../../store/batches.ts';
import { setCheckPolicy } from '../../../store/checkPolicies.ts';
import { seedClassSpeed } from '../../../store/classSpeeds.ts';
import { recordComputeAttempt } from '../../../store/computeAttempts.ts';
import { readBalance } from '../../../store/ledger.ts';
import { checkLedger } from '../../../store/ledgerChecks.ts';
import { addModel } from '../../../store/models.ts';
import { createFileStore } from '../../../store/objects/fileStore.ts';
import type { ObjectStore } from '../../../store/objectStore.ts';
import { updateReputation } from '../../../store/reputations.ts';
import { listShareChecks } from '../../../store/shareChecks.ts';
import { mayRead, sliceSignerWith } from '../../../store/sliceAccess.ts';
import { storeSubmission } from '../../support/batchFixture.ts';
import { CELL, enrolFleet } from '../../support/fleetFixture.ts';
import { emptyLedger } from '../../support/ledgerFixture.ts';
import { useTestDatabase } from '../../support/testDatabase.ts';

const { database } = useTestDatabase();
const ENDPOINT = '/v1/embeddings';
const NOW_MS = 1_000_000_000;
const LINES = 50;
const CAR = 'car-1';
const CELL_ID = CELL.id;
let folder: string;
let objects: ObjectStore;
let asked: string[] = [];
let hadUntilMs = NOW_MS;

const truth = (body: unknown): unknown => ({ data: [{ embedding: [JSON.stringify(body).length, 1, 2] }] });
const ports = (): TrustPorts => ({
  database,
  objects,
  gridNowMs: () => NOW_MS,
  carAccess: { url: 'https://cars.example', signer: sliceSignerWith('a key for tests') },
  checkKey: createHash('sha256').update('checks').digest(),
  log: pino({ level: 'silent' }),
  trusted: {
    answers: async (_, tasks: readonly TrustedTask[]) => {
      asked.push(...tasks.map(({ body }) => JSON.stringify(body)));
      return { answers: tasks.map(({ body }) => ({ statusCode: 200, body: truth(body) })), deviceMs: 36_000 };
    },
    reread: () => Promise.reject(new Error('nothing is generated here')),
  },
});

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-canaries-'));
  objects = createFileStore(folder);
  const model = { name: 'vectors', version: '1', family: 'general', sha256: '0'.repeat(64), manifest: {} };
  await addModel(database, { ...model, tenantId: null });
  await enrolFleet(database, [CAR]);
  const speed = { modelName: 'vectors', modelVersion: '1', hardwareClass: 'ai4', statedMsPerUnit: 30_000 };
  await seedClassSpeed(database, speed);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

beforeEach(async () => {
  asked = [];
  await emptyLedger(database);
  // In good standing for long, and hardly ever looked at: what is found of it, canaries find.
  const key = { vehicleId: CAR, modelFamily: 'general', hardwareClass: 'ai4' };
  await updateReputation(database, key, () => ({ reputation: { ...NEW_REPUTATION, validInRow: 1e9 } }));
});

const shareOf = (canary_share: number) =>
  setCheckPolicy(
    database,
    { tenantId: null, modelName: 'vectors' },
    { ...DEFAULT_CHECK_POLICY, min_probability: 0, canary_share },
  );

const bodyOf = (index: number) => ({ model: 'vectors', input: `text ${index} ${'x'.repeat(index)}` });

type Prepared = { readonly batchId: string; readonly split: SplitBatch };

async function prepared(): Promise<Prepared> {
  const lines = Array.from({ length: LINES }, (_, index) =>
    JSON.stringify({ custom_id: `r${index}`, method: 'POST', url: ENDPOINT, body: bodyOf(index) }),
  );
  const batchId = await storeSubmission({ database, objects }, lines, { endpoint: ENDPOINT, deadlineMs: NOW_MS * 2 });
  const answer = await createJobActivities(ports()).prepareBatch({ batchId, cellId: CELL_ID });
  if (answer.kind === 'refused') throw new Error(answer.message);
  return { batchId, split: answer.split };
}

/** What the car reads of a shard. */
const sliceOf = async ({ batchId }: Prepared, shard: number) =>
  requestLinesOf(await objects.get(objectKeys.shardInput(batchId, shard))).map(
    (line) => JSON.parse(line) as { custom_id: string; body: { input: string } },
  );

/** What the car's agent makes of a shard, by what its slice says and by nothing else. */
async function compute(batch: Prepared, shard: number, answerOf = truth): Promise<void> {
  const { batchId: jobId } = batch;
  const requests = await sliceOf(batch, shard);
  const { lines } = runShardInput(jobId, batch.split, shard);
  expect(requests).toHaveLength(lines);
  const range = { start: 0, end: lines };
  const body = requests
    .map(({ custom_id: customId, body: request }, line) =>
      answerLine(jobId, shard, line, customId, { statusCode: 200, body: answerOf(request) }),
    )
    .map((line) => `${line}\n`)
    .join('');
  await objects.put(objectKeys.part(jobId, shard, range, CAR), body);
  const partSha256 = createHash('sha256').update(body).digest('hex');
  const receipt = { vehicleId: CAR, range, energyWh: lines, deviceMs: 600_000, partSha256 };
  await objects.put(objectKeys.receipt(jobId, shard, range, CAR), JSON.stringify(receipt));
  // One after the other: what a car had at once, it is not paid for twice.
  hadUntilMs += HOUR_MS;
  const attempt = { jobId, shard, vehicleId: CAR, handedOutMs: hadUntilMs - HOUR_MS, storedAtMs: hadUntilMs };
  await recordComputeAttempt(database, attempt);
}

const check = ({ batchId: jobId, split }: Prepared) =>
  createTrustActivities(ports()).checkShards({ jobId, cellId: CELL_ID, split, shards: null });

/** All of it, as it runs and ends. @returns its output, and what came before it had ended */
async function played(batch: Prepared): Promise<{ readonly output: string; readonly soFar: string }> {
  const { batchId: jobId, split } = batch;
  const jobs = createJobActivities(ports());
  for (let shard = 0; shard < split.shards; shard++) await compute(batch, shard);
  expect(await check(batch)).toEqual([]);
  const shards = Array.from({ length: split.shards }, (_, shard) => ({ shard }));
  const verdicts = await jobs.acceptShards({ jobId, cellId: CELL_ID, split, shards: shards as never });
  expect(verdicts.every(({ accepted }) => accepted)).toBe(true);
  const running = await readBatch(database, jobId);
  const chunks: Uint8Array[] = [];
  if (running) for await (const chunk of answersSoFar({ database, objects } as ApiPorts, running)) chunks.push(chunk);
  await jobs.finishBatch({ batchId: jobId, cellId: CELL_ID, split, outcome: 'completed' });
  const { outputFileId } = (await readBatch(database, jobId)) ?? {};
  const output = (await objects.get(objectKeys.file(outputFileId ?? ''))).toString('utf8');
  return { output, soFar: Buffer.concat(chunks).toString('utf8') };
}

const balances = async () => ({
  tenant: (await readBalance(database, 'tenant/default')).get('EUR') ?? 0,
  owner: (await readBalance(database, `owner/owner-of-${CAR}`)).get('EUR') ?? 0,
});

test('a car reads a slice with canaries as one without: no name, order or form says which they are', async () => {
  await shareOf(0.1);
  const batch = await prepared();
  expect(batch.split).toMatchObject({ canaries: 2, linesPerShard: 20, shards: 3 });
  for (let shard = 0; shard < batch.split.shards; shard++) {
    const bytes = (await objects.get(objectKeys.shardInput(batch.batchId, shard))).toString('utf8');
    expect(bytes).not.toMatch(/"r\d+"/);
    const forms = requestLinesOf(Buffer.from(bytes)).map((line) =>
      line.replace(/"[0-9a-f]{16}"/, '"name"').replace(/text \d+ x*/, 'text'),
    );
    expect(new Set(forms).size).toBe(1);
    // Each is another slice's, so that no line stands twice in one.
    const inputs = (await sliceOf(batch, shard)).map(({ body }) => body.input);
    expect(new Set(inputs).size).toBe(inputs.length);
    const scope = { jobId: batch.batchId, shard, model: batch.split.model, expiresRealMs: 0 };
    expect(mayRead(scope, objectKeys.shardInput(batch.batchId, shard))).toBe(true);
    expect(mayRead(scope, objectKeys.sliceKey(batch.batchId, shard))).toBe(false);
    expect(mayRead(scope, objectKeys.knownAnswer(batch.batchId, '0'.repeat(64)))).toBe(false);
  }
});

const answers = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { custom_id: string; response: { body: unknown } })
    .map(({ custom_id: customId, response }) => [customId, response.body]);

test('canaries are in no output, count and price, and the car is paid for them', async () => {
  await shareOf(0);
  const without = await prepared();
  expect(without.split.canaries).toBeUndefined();
  const plain = await played(without);
  const due = await balances();
  await emptyLedger(database);
  await shareOf(0.1);
  const batch = await prepared();
  const mixed = await played(batch);
  expect(answers(mixed.output)).toEqual(answers(plain.output));
  expect(answers(mixed.soFar)).toEqual(answers(plain.output));
  expect(await readBatch(database, batch.batchId)).toMatchObject({ total: LINES, completed: LINES, failed: 0 });
  const paid = await balances();
  // A line takes a watt-hour; micro-units are rounded once for each shard.
  expect(Math.abs(paid.tenant - due.tenant)).toBeLessThanOrEqual(batch.split.shards);
  expect(paid.owner / due.owner).toBeCloseTo((LINES + 3 * 2) / LINES, 4);
  const { faults } = await checkLedger(database);
  expect(faults.filter(({ text }) => text.includes(batch.batchId))).toEqual([]);
});

test('each canary is answered by the trusted computer once, and looked at in every shard', async () => {
  await shareOf(0.1);
  const batch = await prepared();
  for (let shard = 0; shard < batch.split.shards; shard++) await compute(batch, shard);
  expect(await check(batch)).toEqual([]);
  expect(new Set(asked).size).toBe(asked.length);
  const checks = (await listShareChecks(database, CAR, 100)).filter(({ jobId }) => jobId === batch.batchId);
  expect(checks).toMatchObject(Array.from({ length: batch.split.shards }, () => ({ checked: 2, differing: 0 })));
});

test('a car that is hardly ever looked at is caught by canaries', async () => {
  await shareOf(0.2);
  const batch = await prepared();
  await compute(batch, 0, () => ({ data: [{ embedding: [9, 9, 9] }] }));
  expect(await check(batch)).toMatchObject([{ vehicleId: CAR }]);
});
