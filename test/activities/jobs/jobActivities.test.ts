import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { storeSubmission } from '../../support/batchFixture.ts';
import { createJobActivities } from '../../../activities/jobs/jobActivities.ts';
import { unitsOf } from '../../../domain/money.ts';
import { objectKeys, type LineRange } from '../../../domain/names.ts';
import type { RunShardResult } from '../../../domain/shards.ts';
import { readAttemptFailures } from '../../../store/attemptFailures.ts';
import { recordComputeAttempt } from '../../../store/computeAttempts.ts';
import { recordMeterReadings } from '../../../store/meters.ts';
import { listHeldVehicles } from '../../../store/vehicleClaims.ts';
import { acceptedTotals, readUsages } from '../../../store/acceptedShards.ts';
import { moveBatch, readBatch } from '../../../store/batches.ts';
import { listClassSpeeds, seedClassSpeed } from '../../../store/classSpeeds.ts';
import { readFile } from '../../../store/files.ts';
import { readBalance } from '../../../store/ledger.ts';
import { readJournal } from '../../../store/journal.ts';
import { addModel } from '../../../store/models.ts';
import { createFileStore } from '../../../store/objects/fileStore.ts';
import type { ObjectStore } from '../../../store/objectStore.ts';
import { sliceSignerWith } from '../../../store/sliceAccess.ts';
import type { SplitBatch } from '../../../domain/workflows/inferenceJob.ts';
import { CELL, enrolFleet } from '../../support/fleetFixture.ts';
import { useTestDatabase } from '../../support/testDatabase.ts';

const ENDPOINT = '/v2/models/ocr/infer';
/** Long after the batches came in: cars have had the time that they claim. */
const NOW_MS = 1_000_000_000;
const { database } = useTestDatabase();
const run = <A, R>(activity: (argument: A) => Promise<R>, argument: A): Promise<R> =>
  new MockActivityEnvironment().run<[A], R, typeof activity>(activity, argument);
let folder: string;
let objects: ObjectStore;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-jobs-'));
  objects = createFileStore(folder);
  await enrolFleet(database, ['car-1', 'car-2']);
  await addModel(database, {
    name: 'ocr',
    version: '1',
    family: 'ocr',
    sha256: '0'.repeat(64),
    manifest: {},
    tenantId: null,
  });
  // 200 s a line: three lines a shard, a part a line.
  await seedClassSpeed(database, {
    modelName: 'ocr',
    modelVersion: '1',
    hardwareClass: 'ai4',
    statedMsPerUnit: 200_000,
  });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const signer = sliceSignerWith('a key for tests');
const carAccess = { url: 'https://cars.example', signer };
const checkKey = Buffer.from('a key for tests');
const jobs = () => createJobActivities({ database, objects, gridNowMs: () => NOW_MS, carAccess, checkKey });
const cellId = CELL.id;
function requestLine(customId: string, url = ENDPOINT): string {
  return JSON.stringify({ custom_id: customId, method: 'POST', url, body: { inputs: [] } });
}

const submitted = (lines: readonly string[]): Promise<string> =>
  storeSubmission({ database, objects }, lines, { endpoint: ENDPOINT, deadlineMs: 9000 });

async function prepared(lines: readonly string[]): Promise<{ batchId: string; split: SplitBatch }> {
  const batchId = await submitted(lines);
  const result = await run(jobs().prepareBatch, { batchId, cellId });
  if (result.kind === 'refused') throw new Error(result.message);
  return { batchId, split: result.split };
}

test('each shard gets a token of its own until the deadline', async () => {
  const batchId = await submitted([requestLine('a'), requestLine('b'), requestLine('c'), requestLine('d')]);
  const prepared = await run(jobs().prepareBatch, { batchId, cellId });
  if (prepared.kind === 'refused') throw new Error(prepared.message);
  const { split } = prepared;
  expect(split.carUrl).toBe('https://cars.example');
  const accesses = await run(jobs().signSlices, { jobId: batchId, split, shards: [1, 0], expiresRealMs: 9000 });
  expect(accesses.map(({ url }) => url)).toEqual([split.carUrl, split.carUrl]);
  const { name, version, sha256 } = split.model;
  for (const [index, shard] of [1, 0].entries()) {
    const scope = { jobId: batchId, shard, model: { name, version, sha256 }, expiresRealMs: 9000 };
    expect(signer.read(accesses[index]?.token ?? '', 8999)).toEqual(scope);
    expect(() => signer.read(accesses[index]?.token ?? '', 9000)).toThrow('expired');
  }
});

const hadUntilMs = new Map<string, number>();

/** What a car's agent leaves behind: parts with their receipts. */
async function compute(
  vehicleId: string,
  jobId: string,
  shard: number,
  range: LineRange,
  statusCode = 200,
): Promise<void> {
  const slice = (await objects.get(objectKeys.shardInput(jobId, shard))).toString('utf8').trimEnd().split('\n');
  const answers = slice.slice(range.start, range.end).map((line) => {
    const { custom_id } = JSON.parse(line) as { custom_id: string };
    const usage = { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 };
    const response = { status_code: statusCode, request_id: 'req', body: { text: custom_id, usage } };
    return `${JSON.stringify({ id: `batch_req_${custom_id}`, custom_id, response, error: null })}\n`;
  });
  const bytes = answers.join('');
  await objects.put(objectKeys.part(jobId, shard, range, vehicleId), bytes);
  const partSha256 = createHash('sha256').update(bytes).digest('hex');
  const lines = range.end - range.start;
  // As the API sees it: the car had the shard for as long as it says that it computed, one after the other.
  const handedOutMs = hadUntilMs.get(vehicleId) ?? 1_000;
  const storedAtMs = handedOutMs + lines * 200_000;
  hadUntilMs.set(vehicleId, storedAtMs);
  await recordComputeAttempt(database, { vehicleId, jobId, shard, handedOutMs, storedAtMs });
  const receipt = { vehicleId, range, energyWh: lines * 10, deviceMs: lines * 200_000, partSha256 };
  await objects.put(objectKeys.receipt(jobId, shard, range, vehicleId), JSON.stringify(receipt));
}

const result = (vehicleId: string): RunShardResult => ({
  vehicleId,
  storedLines: 3,
  computedLines: 3,
  energyWh: 30,
  deviceMs: 1,
  handovers: 0,
  redoneLines: 0,
});

async function accept(batchId: string, split: SplitBatch, shard: number, vehicleId = 'car-1') {
  const request = { jobId: batchId, cellId, split, shards: [{ shard, result: result(vehicleId) }] };
  return (await run(jobs().acceptShards, request))[0];
}

async function earnedBy(vehicleId: string): Promise<number> {
  const of = async (account: string) => (await readBalance(database, `${account}/owner-of-${vehicleId}`)).get('EUR');
  return unitsOf(((await of('owner')) ?? 0) + ((await of('energy')) ?? 0));
}

async function outputOf(
  fileId: string | null | undefined,
): Promise<{ custom_id: string; error: { code: string } | null }[]> {
  const file = fileId ? await readFile(database, fileId) : undefined;
  if (!file) return [];
  const text = (await objects.get(file.objectKey)).toString('utf8');
  expect(text.length).toBe(file.bytes);
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { custom_id: string; error: { code: string } | null });
}

describe('a batch', () => {
  test('is cut into shards that hold its lines in order', async () => {
    const { batchId, split } = await prepared(['a', 'b', 'c', 'd'].map((id) => requestLine(id)));
    expect(split).toMatchObject({ lines: 4, shards: 2, linesPerShard: 3, linesPerPart: 1, deadlineMs: 9000 });
    expect((await objects.get(objectKeys.shardInput(batchId, 1))).toString('utf8')).toBe(`${requestLine('d')}\n`);
    expect(await readBatch(database, batchId)).toMatchObject({ status: 'in_progress', total: 4 });
  });

  test('with a bad line is refused as a whole, with the line’s number and what is wrong', async () => {
    const batchId = await submitted([requestLine('a'), requestLine('a'), requestLine('b', '/v1/other'), '{']);
    const refused = await run(jobs().prepareBatch, { batchId, cellId });
    expect(refused.kind).toBe('refused');
    const batch = await readBatch(database, batchId);
    expect(batch?.status).toBe('failed');
    expect(batch?.errors?.map(({ code, line }) => [code, line])).toEqual([
      ['duplicate_custom_id', 2],
      ['url_mismatch', 3],
      ['invalid_json_line', 4],
    ]);
  });
});

describe('a batch ends', () => {
  test('failed, when its input was deleted before it was read', async () => {
    const batchId = await submitted([requestLine('a')]);
    await database.query('delete from files where id = (select input_file_id from batches where id = $1)', [batchId]);
    expect(await run(jobs().prepareBatch, { batchId, cellId })).toMatchObject({ kind: 'refused' });
    expect(await readBatch(database, batchId)).toMatchObject({
      status: 'failed',
      errors: [{ code: 'missing_input_file', param: 'input_file_id' }],
    });
  });

  test('failed, when its ids cannot be stored as they are', async () => {
    const batchId = await submitted([requestLine('x\0'), requestLine('x\0')]);
    await run(jobs().prepareBatch, { batchId, cellId });
    expect((await readBatch(database, batchId))?.status).toBe('failed');
  });

  test('cancelled, when it was cancelled while it was validated, with a good file and with a bad one', async () => {
    const bad = await submitted(['{']);
    await moveBatch(database, bad, ['validating'], 'cancelling');
    await run(jobs().prepareBatch, { batchId: bad, cellId });
    expect((await readBatch(database, bad))?.status).toBe('cancelled');
    const good = await submitted([requestLine('a')]);
    await moveBatch(database, good, ['validating'], 'cancelling');
    const ready = await run(jobs().prepareBatch, { batchId: good, cellId });
    if (ready.kind === 'refused') throw new Error(ready.message);
    await run(jobs().finishBatch, { batchId: good, cellId, split: ready.split, outcome: 'cancelled' });
    expect((await readBatch(database, good))?.status).toBe('cancelled');
  });
});

/** Ends it as completed; it is cancelled as soon as its output is written. */
async function cancelledWhileWritten(batchId: string, split: SplitBatch): Promise<void> {
  const putStream: ObjectStore['putStream'] = async (key, body) => {
    const bytes = await objects.putStream(key, body);
    await moveBatch(database, batchId, ['finalizing'], 'cancelling');
    return bytes;
  };
  const ports = { database, objects: { ...objects, putStream }, gridNowMs: () => NOW_MS, carAccess, checkKey };
  await run(createJobActivities(ports).finishBatch, { batchId, cellId, split, outcome: 'completed' });
}

describe('the end of a batch that was cancelled', () => {
  test('while its files are written is cancelled, with all that was answered', async () => {
    const { batchId, split } = await prepared(['a', 'b'].map((id) => requestLine(id)));
    await compute('car-1', batchId, 0, { start: 0, end: 2 });
    await cancelledWhileWritten(batchId, split);
    const batch = await readBatch(database, batchId);
    expect(batch).toMatchObject({ status: 'cancelled', completed: 2 });
    expect((await outputOf(batch?.outputFileId)).map((line) => line.custom_id)).toEqual(['a', 'b']);
  });

  test('just before its job saw that all is answered is cancelled, not completed', async () => {
    const { batchId, split } = await prepared([requestLine('a')]);
    await compute('car-1', batchId, 0, { start: 0, end: 1 });
    await moveBatch(database, batchId, ['in_progress'], 'cancelling');
    await run(jobs().finishBatch, { batchId, cellId, split, outcome: 'completed' });
    expect(await readBatch(database, batchId)).toMatchObject({ status: 'cancelled', completed: 1 });
  });
});

test('a shard whose slice is lost holds up neither the end of its batch nor what others answered', async () => {
  const { batchId, split } = await prepared(['a', 'b', 'c', 'd'].map((id) => requestLine(id)));
  await compute('car-1', batchId, 1, { start: 0, end: 1 });
  await objects.delete(objectKeys.shardInput(batchId, 0));
  await run(jobs().finishBatch, { batchId, cellId, split, outcome: 'completed' });
  const batch = await readBatch(database, batchId);
  expect(batch).toMatchObject({ status: 'completed', total: 4, completed: 1, failed: 3 });
  expect((await outputOf(batch?.outputFileId)).map((line) => line.custom_id)).toEqual(['d']);
});

describe('a finished shard', () => {
  test('is paid to the cars that computed it, once, however often it is handed in', async () => {
    const { batchId, split } = await prepared(['a', 'b', 'c'].map((id) => requestLine(id)));
    const before = [await earnedBy('car-1'), await earnedBy('car-2')] as const;
    await compute('car-1', batchId, 0, { start: 0, end: 1 });
    await compute('car-2', batchId, 0, { start: 1, end: 3 });
    expect(await accept(batchId, split, 0, 'car-2')).toEqual({ shard: 0, accepted: true, message: '' });
    await accept(batchId, split, 0, 'car-1');
    expect((await earnedBy('car-1')) - before[0]).toBeCloseTo(0.0045, 9);
    expect((await earnedBy('car-2')) - before[1]).toBeCloseTo(0.009, 9);
    expect(await acceptedTotals(database, batchId)).toMatchObject({ shards: 1, completed: 3, failed: 0, handovers: 1 });
    const handover = (await readJournal(database, cellId, 0, 1000)).filter(
      (line) => line.kind === 'handover' && line.subject === batchId,
    );
    expect(handover).toHaveLength(1);
    expect(handover[0]?.message).toContain('Car car-1 did lines 0; Car car-2 did lines 1-2');
    expect((await listClassSpeeds(database))[0]).toMatchObject({ deviceMsPerUnit: 200_000 });
  });

  test('is not paid to a car that claims what another one wrote', async () => {
    const { batchId, split } = await prepared(['a', 'b', 'c'].map((id) => requestLine(id)));
    const range = { start: 0, end: 3 };
    await compute('car-2', batchId, 0, range);
    const claim = { vehicleId: 'car-1', range, energyWh: 30, deviceMs: 600_000, partSha256: '0'.repeat(64) };
    await objects.put(objectKeys.receipt(batchId, 0, range, 'car-1'), JSON.stringify(claim));
    const before = { one: await earnedBy('car-1'), two: await earnedBy('car-2') };
    expect(await accept(batchId, split, 0)).toMatchObject({ accepted: true });
    expect(await earnedBy('car-1')).toBe(before.one);
    expect(await earnedBy('car-2')).toBeGreaterThan(before.two);
  });

  test.each([
    [
      'its receipt is for other bytes',
      async (id: string) => {
        await compute('car-1', id, 0, { start: 0, end: 3 });
        const key = objectKeys.part(id, 0, { start: 0, end: 3 }, 'car-1');
        await objects.put(key, (await objects.get(key)).toString('utf8').replace('"text":"a"', '"text":"z"'));
      },
    ],
    ['a line is missing', async (id: string) => compute('car-1', id, 0, { start: 0, end: 2 })],
    [
      'an answer is for another request',
      async (id: string) => {
        await compute('car-1', id, 0, { start: 0, end: 3 });
        const key = objectKeys.part(id, 0, { start: 0, end: 3 }, 'car-1');
        await objects.put(key, (await objects.get(key)).toString('utf8').replace('"custom_id":"b"', '"custom_id":"x"'));
      },
    ],
    [
      'a part is cut off',
      async (id: string) => {
        await compute('car-1', id, 0, { start: 0, end: 3 });
        const key = objectKeys.part(id, 0, { start: 0, end: 3 }, 'car-1');
        await objects.put(key, (await objects.get(key)).subarray(0, 40));
      },
    ],
    ['an unknown car did it', async (id: string) => compute('car-9', id, 0, { start: 0, end: 3 })],
  ])('is refused when %s, and what does not stand up is computed anew', async (_, tamper) => {
    const { batchId, split } = await prepared(['a', 'b', 'c'].map((id) => requestLine(id)));
    await tamper(batchId);
    expect(await accept(batchId, split, 0)).toMatchObject({ accepted: false });
    expect((await readAttemptFailures(database, [batchId])).get(batchId)).toMatchObject({
      failures: 1,
      lastMessage: expect.stringContaining('shard 0 was refused'),
    });
    expect(await acceptedTotals(database, batchId)).toMatchObject({ shards: 0 });
    await compute('car-1', batchId, 0, { start: 0, end: 3 });
    expect(await accept(batchId, split, 0)).toMatchObject({ accepted: true });
  });
});

/** A shard that a car has answered, with a receipt that claims this. */
async function claimed(changes: object): Promise<{ batchId: string; split: SplitBatch }> {
  const range = { start: 0, end: 3 };
  const ready = await prepared(['a', 'b', 'c'].map((id) => requestLine(id)));
  await compute('car-1', ready.batchId, 0, range);
  const key = objectKeys.receipt(ready.batchId, 0, range, 'car-1');
  const receipt = JSON.parse((await objects.get(key)).toString('utf8')) as object;
  await objects.put(key, JSON.stringify({ ...receipt, ...changes }));
  return ready;
}

describe('a car', () => {
  test('whose clock saw no time is accepted all the same', async () => {
    const { batchId, split } = await claimed({ energyWh: 0, deviceMs: 0 });
    expect(await accept(batchId, split, 0)).toMatchObject({ accepted: true });
  });

  test('replaces nothing that was accepted', async () => {
    const { batchId, split } = await claimed({});
    await accept(batchId, split, 0);
    const late = answerOf('a', 'EVIL') + answerOf('b', 'EVIL');
    await objects.put(objectKeys.part(batchId, 0, { start: 0, end: 2 }, 'car-1'), late);
    await run(jobs().finishBatch, { batchId, cellId, split, outcome: 'completed' });
    const output = await outputOf((await readBatch(database, batchId))?.outputFileId);
    expect(JSON.stringify(output)).not.toContain('EVIL');
    expect(output).toHaveLength(3);
  });

  test('that leaves junk stops nobody: it counts for nothing, and is removed and told', async () => {
    const { batchId, split } = await claimed({});
    const junk = objectKeys.receipt(batchId, 0, { start: 0, end: 1 }, 'car-2');
    await objects.put(junk, 'not json');
    await objects.put(objectKeys.part(batchId, 0, { start: 0, end: 1 }, 'car-2'), 'garbage\n');
    expect(await accept(batchId, split, 0)).toMatchObject({ accepted: true });
    expect(await objects.head(junk)).toBeUndefined();
    const told = (await readJournal(database, cellId, 0, 1000)).filter(({ subject }) => subject === 'car-2');
    expect(told.map(({ message }) => message)).toEqual([
      expect.stringContaining('it cannot be read'),
      expect.stringContaining('is held for safety: It stored answers'),
    ]);
  });

  test('is paid no more than its class takes in the time that it had the shard, and the rest is held against it', async () => {
    const { batchId, split } = await claimed({ energyWh: 5e8, deviceMs: 1e13 });
    const before = await earnedBy('car-1');
    expect(await accept(batchId, split, 0)).toMatchObject({ accepted: true });
    // Ten minutes at less than 3 kW.
    expect((await earnedBy('car-1')) - before).toBeLessThan(0.25);
    const told = (await readJournal(database, cellId, 0, 1000)).filter(({ subject }) => subject === 'car-1');
    expect(told.some(({ message }) => message.includes('the rest is not paid'))).toBe(true);
    expect(await listHeldVehicles(database, cellId, ['work_not_trusted'])).toEqual(new Set(['car-1', 'car-2']));
  });

  test('is paid nothing for a shard that nobody handed to it', async () => {
    const { batchId, split } = await claimed({});
    await database.query('delete from compute_attempts where job_id = $1', [batchId]);
    const before = await earnedBy('car-1');
    expect(await accept(batchId, split, 0)).toMatchObject({ accepted: true });
    expect(await earnedBy('car-1')).toBe(before);
  });

  test('is paid no more than its meter counted in the quarter hours of the shard', async () => {
    // Away from what it was paid before.
    hadUntilMs.set('car-1', (hadUntilMs.get('car-1') ?? 0) + 2 * 3_600_000);
    const { batchId, split } = await claimed({ energyWh: 300 });
    const readAtMs = hadUntilMs.get('car-1') ?? 0;
    const reading = { vehicleId: 'car-1', chargingKwh: 0 };
    await recordMeterReadings(database, CELL, [
      { ...reading, atMs: readAtMs - 1_800_000, computeKwh: 0 },
      { ...reading, atMs: readAtMs, computeKwh: 0.04 },
    ]);
    const before = await earnedBy('car-1');
    expect(await accept(batchId, split, 0)).toMatchObject({ accepted: true });
    const earnedWh = ((await earnedBy('car-1')) - before) / 0.00045;
    expect(earnedWh).toBeGreaterThan(40);
    expect(earnedWh).toBeLessThan(80);
  });
});

test('a shard that cannot be read at all leaves its neighbours accepted', async () => {
  const { batchId, split } = await prepared(['a', 'b', 'c', 'd'].map((id) => requestLine(id)));
  await compute('car-2', batchId, 1, { start: 0, end: 1 });
  await objects.delete(objectKeys.shardInput(batchId, 0));
  const shards = [0, 1].map((shard) => ({ shard, result: result('car-2') }));
  expect(await run(jobs().acceptShards, { jobId: batchId, cellId, split, shards })).toMatchObject([
    { shard: 0, accepted: false },
    { shard: 1, accepted: true },
  ]);
});

function answerOf(customId: string, text: string): string {
  const response = { status_code: 200, request_id: 'q', body: { text } };
  return `${JSON.stringify({ id: 'r', custom_id: customId, response, error: null })}\n`;
}

describe('the end of a batch', () => {
  test('expired: what nobody has verified is not delivered, and what is delivered is paid', async () => {
    const { batchId, split } = await prepared(['a', 'b', 'c'].map((id) => requestLine(id)));
    await objects.put(objectKeys.part(batchId, 0, { start: 0, end: 1 }, 'car-1'), answerOf('another', 'WRONG'));
    await compute('car-2', batchId, 0, { start: 1, end: 2 });
    const before = await earnedBy('car-2');
    await run(jobs().finishBatch, { batchId, cellId, split, outcome: 'expired' });
    const batch = await readBatch(database, batchId);
    expect(batch).toMatchObject({ status: 'expired', completed: 1, expired: 2 });
    expect((await outputOf(batch?.outputFileId)).map((line) => line.custom_id)).toEqual(['b']);
    expect(await earnedBy('car-2')).toBeGreaterThan(before);
  });

  test('completed: every answer in the output file, errors in the error file, in the order of the input', async () => {
    const { batchId, split } = await prepared(['a', 'b', 'c', 'd'].map((id) => requestLine(id)));
    await compute('car-1', batchId, 0, { start: 0, end: 2 });
    // A late attempt wrote an overlapping part: the same line must not be answered twice.
    await compute('car-2', batchId, 0, { start: 1, end: 3 });
    await compute('car-1', batchId, 1, { start: 0, end: 1 }, 400);
    const request = { batchId, cellId, split, outcome: 'completed' as const };
    await run(jobs().finishBatch, request);
    await run(jobs().finishBatch, request);
    const batch = await readBatch(database, batchId);
    expect(batch).toMatchObject({ status: 'completed', total: 4, completed: 3, failed: 1, expired: 0 });
    expect((await readUsages(database, [batchId])).get(batchId)).toMatchObject({ inputTokens: 15, outputTokens: 6 });
    expect((await outputOf(batch?.outputFileId)).map((line) => line.custom_id)).toEqual(['a', 'b', 'c']);
    expect((await outputOf(batch?.errorFileId)).map((line) => line.custom_id)).toEqual(['d']);
  });

  test.each([
    ['expired', 'batch_expired'],
    ['cancelled', 'batch_cancelled'],
  ] as const)('%s: answers that are there are kept, the rest says why', async (outcome, code) => {
    const { batchId, split } = await prepared(['a', 'b'].map((id) => requestLine(id)));
    await compute('car-1', batchId, 0, { start: 1, end: 2 });
    await run(jobs().finishBatch, { batchId, cellId, split, outcome });
    const batch = await readBatch(database, batchId);
    expect(batch).toMatchObject({ status: outcome, completed: 1, failed: 0, expired: 1 });
    expect((await outputOf(batch?.outputFileId)).map((line) => line.custom_id)).toEqual(['b']);
    expect((await outputOf(batch?.errorFileId)).map((line) => [line.custom_id, line.error?.code])).toEqual([
      ['a', code],
    ]);
  });
});
