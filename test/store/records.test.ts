import { HOUR_MS } from '../../domain/durations.ts';
import { beforeAll, describe, expect, test } from 'vitest';

import { listArrivedEnergy } from '../../store/arrivals.ts';
import {
  insertBatch,
  listBatches,
  listUnstartedBatches,
  markJobStarted,
  moveBatch,
  readBatch,
  type NewBatch,
} from '../../store/batches.ts';
import { only } from '../../store/database.ts';
import { ensureCell } from '../../store/cells.ts';
import {
  deleteFile,
  expireFile,
  listExpiredFiles,
  insertFile,
  listFiles,
  readFile,
  type NewFile,
  type Page,
} from '../../store/files.ts';
import { listOpenJobs, upsertJobProgress, type JobProgress } from '../../store/jobProgress.ts';
import { appendJournal, readJournal } from '../../store/journal.ts';
import { addModel, listModels, readModel, serveVersion } from '../../store/models.ts';
import {
  closeParkingSession,
  listOpenParkingSessions,
  listParkingSessions,
  openParkingSession,
  readParkingSession,
  recordReadyBySoc,
  settleParkingSession,
} from '../../store/parkingSessions.ts';
import { latestPlan, readPlan, savePlan } from '../../store/plans.ts';
import { listFeeders } from '../../store/feeders.ts';
import { listRegions } from '../../store/regions.ts';
import { listVehicles, readVehicle, seedVehicle, type Vehicle } from '../../store/vehicles.ts';
import { listVehicleStates, upsertVehicleStates } from '../../store/vehicleStates.ts';
import { CELL, enrolFleet } from '../support/fleetFixture.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import { DEFAULT_TENANT } from '../../domain/apiKeys.ts';

const { database } = useTestDatabase();
const NOW_MS = Date.UTC(2026, 0, 10, 22);
// Of the lock: other test files wait on the same server.
const HERE = `database = (select oid from pg_database where datname = current_database())`;
let vehicles: Vehicle[];

const file = (id: string, lifeSeconds: number | null = null): NewFile => ({
  id,
  filename: `${id}.jsonl`,
  purpose: 'batch',
  bytes: 10,
  objectKey: `files/${id}`,
  lifeSeconds,
});
const batch = (id: string, idempotencyKey: string | null = null): NewBatch => ({
  id,
  endpoint: '/v1/embeddings',
  inputFileId: 'file-1',
  completionWindow: '24h',
  metadata: { a: 'b' },
  outputExpiresAfterSeconds: null,
  deadlineMs: NOW_MS + HOUR_MS,
  submittedAtMs: NOW_MS,
  idempotencyKey,
  requestHash: `hash of ${id}`,
});

beforeAll(async () => {
  vehicles = await enrolFleet(database, ['car-1', 'car-2']);
});

describe('fleet', () => {
  test('reads back what was enrolled', async () => {
    expect(await listVehicles(database, CELL.id)).toEqual(vehicles);
    expect(await listRegions(database, CELL.id)).toEqual([
      { id: 'oslo', cellId: CELL.id, timeZone: 'Europe/Oslo', feeds: {} },
    ]);
    expect(await listFeeders(database, CELL.id)).toEqual([{ id: 'oslo-1', regionId: 'oslo', failSafeImportKw: 20 }]);
    expect(await readVehicle(database, 'stranger')).toBeUndefined();
  });

  test('a cell keeps its first clock', async () => {
    const other = { ...CELL, clock: { originMs: 1, anchorMs: 2, scale: 3 } };
    expect(await ensureCell(database, other)).toEqual(CELL);
  });

  test('states of many cars are stored at once and replaced', async () => {
    const state = { vehicleId: 'car-1', fused: { gear: 'P' }, pluggedIn: true, online: true, socPercent: 61.5 };
    const silent = { vehicleId: 'car-2', fused: {}, pluggedIn: false, online: false, socPercent: null };
    await upsertVehicleStates(database, [
      { ...state, updatedAtMs: NOW_MS },
      { ...silent, updatedAtMs: NOW_MS },
    ]);
    await upsertVehicleStates(database, [{ ...state, socPercent: 62, updatedAtMs: NOW_MS + 1 }]);
    expect(await listVehicleStates(database, CELL.id)).toEqual([
      { ...state, socPercent: 62, updatedAtMs: NOW_MS + 1 },
      { ...silent, updatedAtMs: NOW_MS },
    ]);
  });
});

test('a car has one open stay at a time, numbered, and is settled once', async () => {
  const arrival = {
    vehicleId: 'car-1',
    pluggedInAtMs: NOW_MS,
    readyByMs: NOW_MS + 9 * HOUR_MS,
    targetSocPercent: 80,
    arrivalSocPercent: 40,
  };
  const [first, again] = await Promise.all([
    openParkingSession(database, arrival),
    openParkingSession(database, arrival),
  ]);
  expect(first).toMatchObject({ ...arrival, stay: 1, unpluggedAtMs: null });
  expect(again).toEqual(first);
  await seedVehicle(database, { ...only(vehicles.slice(0, 1)), displayName: 'Renamed' });
  expect(await listOpenParkingSessions(database, CELL.id)).toEqual([first]);

  await recordReadyBySoc(database, 'car-1', 1, 80.5);
  await recordReadyBySoc(database, 'car-1', 1, 12);
  await closeParkingSession(database, 'car-1', 1, NOW_MS + 10 * HOUR_MS);
  await closeParkingSession(database, 'car-1', 1, NOW_MS + 11 * HOUR_MS);
  expect(await readParkingSession(database, 'car-1', 1)).toMatchObject({
    readyBySocPercent: 80.5,
    unpluggedAtMs: NOW_MS + 10 * HOUR_MS,
  });
  expect(await settleParkingSession(database, 'car-1', 1, { creditEur: 1 })).toBe(true);
  expect(await settleParkingSession(database, 'car-1', 1, { creditEur: 2 })).toBe(false);
  expect(await readParkingSession(database, 'car-1', 1)).toMatchObject({ settled: { creditEur: 1 } });

  const second = await openParkingSession(database, { ...arrival, pluggedInAtMs: NOW_MS + 20 * HOUR_MS });
  expect(second.stay).toBe(2);
  const stays = async (startHour: number, endHour: number): Promise<number[]> =>
    (
      await listParkingSessions(database, CELL.id, {
        startMs: NOW_MS + startHour * HOUR_MS,
        endMs: NOW_MS + endHour * HOUR_MS,
      })
    ).map(({ stay }) => stay);
  expect(await stays(0, 100)).toEqual([1, 2]);
  expect(await stays(10, 20)).toEqual([]);
  expect(await stays(50, 60)).toEqual([2]);
  const [car] = vehicles;
  if (!car) throw new Error('there is no car');
  const arrived = await listArrivedEnergy(database, CELL.id, {
    startMs: NOW_MS - HOUR_MS,
    endMs: NOW_MS + 19 * HOUR_MS,
  });
  expect(arrived).toMatchObject([{ feederId: car.feederId, pluggedInMs: Math.floor(NOW_MS / HOUR_MS) * HOUR_MS }]);
  expect(arrived[0]?.kwh).toBeCloseTo((0.4 * car.batteryKwh) / car.charger.efficiency, 9);
});

test('a plan is stored once, and the latest is that of the newest slot', async () => {
  const plan = {
    id: 'p1',
    cellId: CELL.id,
    slotStartMs: NOW_MS,
    createdAtMs: NOW_MS,
    problem: { t: 1 },
    plan: { jobs: [1, 2], cars: [{ carId: 'a', chargeKw: [0, 7.4], reasons: [{ code: 'x' }] }] },
  };
  await savePlan(database, plan);
  await savePlan(database, { ...plan, plan: {} });
  await savePlan(database, { ...plan, id: 'p0', slotStartMs: NOW_MS - HOUR_MS });
  const { id, cellId, slotStartMs, createdAtMs } = plan;
  expect(await readPlan(database, 'p1')).toEqual({ id, cellId, slotStartMs, createdAtMs, plan: plan.plan });
  expect(await latestPlan(database, CELL.id)).toEqual(plan);
  expect(await latestPlan(database, 'elsewhere')).toBeUndefined();
  // As plans were stored before their cars were packed.
  await database.query(
    `insert into plans (id, cell_id, slot_start, created_at, problem, plan)
     values ('old', $1, to_timestamp(0), to_timestamp(0), '{"cars": [1]}', '{"cars": [{"carId": "a"}]}')`,
    [CELL.id],
  );
  expect(await readPlan(database, 'old')).toMatchObject({ plan: { cars: [{ carId: 'a' }] } });
});

test('a model version keeps its first hash, and the first version is the default until another one is rolled out', async () => {
  const model = { name: 'ocr', version: '1', family: 'ocr', sha256: 'a', manifest: { inputs: [] }, tenantId: null };
  expect(await addModel(database, model)).toBe(true);
  expect(await addModel(database, { ...model, sha256: 'b' })).toBe(false);
  expect(await readModel(database, DEFAULT_TENANT, 'ocr')).toMatchObject(model);
  await addModel(database, { ...model, version: '2' });
  expect(await readModel(database, DEFAULT_TENANT, 'ocr')).toMatchObject(model);
  expect(await readModel(database, DEFAULT_TENANT, 'ocr', '2')).toMatchObject({ version: '2' });
  await serveVersion(database, 'ocr', '2');
  expect(await readModel(database, DEFAULT_TENANT, 'ocr')).toMatchObject({ version: '2' });
  expect(await readModel(database, DEFAULT_TENANT, 'ocr', '1')).toMatchObject(model);
  expect(await readModel(database, DEFAULT_TENANT, 'none')).toBeUndefined();
});

test("a tenant's model is nobody else's, whatever its name and version", async () => {
  const shared = { name: 'owned', version: '1', family: 'f', sha256: 'a', manifest: {}, tenantId: null };
  await addModel(database, shared);
  await addModel(database, { ...shared, version: '2', sha256: 'b', tenantId: 'lab' });
  await addModel(database, { ...shared, version: '3', sha256: 'c' });
  await serveVersion(database, 'owned', '3');
  expect(await readModel(database, 'lab', 'owned')).toMatchObject({ version: '2' });
  expect(await readModel(database, 'shop', 'owned')).toMatchObject({ version: '3' });
  expect(await readModel(database, 'shop', 'owned', '2')).toBeUndefined();
  expect(await readModel(database, DEFAULT_TENANT, 'owned', '2')).toBeUndefined();
  const versionFor = async (tenantId: string) =>
    (await listModels(database, tenantId)).find(({ name }) => name === 'owned')?.version;
  expect([await versionFor('lab'), await versionFor('shop')]).toEqual(['2', '3']);
});

describe('journal', () => {
  const line = { atMs: NOW_MS, kind: 'plan' as const, subject: 'cell/test', message: 'Planned.' };

  test('a line with a key is written once, others each time, and a reader goes on after what it saw', async () => {
    const [last] = (await readJournal(database, CELL.id, 0, 1_000)).slice(-1);
    const after = last?.seq ?? 0;
    const keyed = { ...line, dedupeKey: 'k', reasons: [{ code: 'cheap', text: 'cheap now', value: 1, limit: 2 }] };
    expect(await appendJournal(database, CELL.id, [line, keyed, keyed, line])).toBe(3);
    expect(await appendJournal(database, CELL.id, [keyed])).toBe(0);
    const lines = await readJournal(database, CELL.id, after, 2);
    expect(lines).toMatchObject([{ ...line, reasons: [] }, { reasons: keyed.reasons }]);
    expect(await readJournal(database, CELL.id, lines[1]?.seq ?? 0, 100)).toHaveLength(1);
    expect(await readJournal(database, 'elsewhere', 0, 100)).toEqual([]);
  });

  test('lines become visible in the order of their numbers', async () => {
    let secondDone = false;
    let second: Promise<void> | undefined;
    await database.transaction(async (tx) => {
      await appendJournal(tx, 'order', [{ ...line, message: 'first' }]);
      second = appendJournal(database, 'order', [{ ...line, message: 'second' }]).then(() => {
        secondDone = true;
      });
      // The second has asked for its turn once PostgreSQL shows a transaction waiting for the lock.
      await expect
        .poll(() => database.query(`select 1 from pg_locks where locktype = 'advisory' and not granted and ${HERE}`))
        .toHaveLength(1);
      expect(secondDone).toBe(false);
    });
    await second;
    expect((await readJournal(database, 'order', 0, 10)).map(({ message }) => message)).toEqual(['first', 'second']);
  });
});

describe('files and batches', () => {
  test('files are paged in both directions; expired ones are gone', async () => {
    for (const id of ['file-1', 'file-2', 'file-3']) await insertFile(database, file(id));
    await insertFile(database, file('file-old', -1));
    const second = await readFile(database, 'file-2');
    const ids = async (page: Partial<Page>): Promise<string[]> =>
      (await listFiles(database, { limit: 2, ...page }, 'default')).map(({ id }) => id);
    expect(await ids({})).toEqual(['file-3', 'file-2']);
    expect(await ids({ after: second })).toEqual(['file-1']);
    expect(await ids({ ascending: true })).toEqual(['file-1', 'file-2']);
    expect(await listFiles(database, { limit: 9 }, 'default', 'other')).toEqual([]);
    expect(await listFiles(database, { limit: 9 }, 'somebody')).toEqual([]);
    expect(await readFile(database, 'file-old')).toBeUndefined();
    expect(await expireFile(database, 'file-3')).toMatchObject({ id: 'file-3', objectKey: 'files/file-3' });
    expect(await readFile(database, 'file-3')).toBeUndefined();
    expect(await expireFile(database, 'file-3')).toBeUndefined();
    expect((await listExpiredFiles(database, 9)).map(({ id }) => id)).toEqual(['file-old', 'file-3']);
    await deleteFile(database, 'file-3');
    expect((await listExpiredFiles(database, 9)).map(({ id }) => id)).toEqual(['file-old']);
  });

  test('a batch moves only from the named states, and stamps each', async () => {
    const inserted = await insertBatch(database, batch('batch-1', 'key'));
    expect(inserted).toMatchObject({ status: 'validating', total: 0, metadata: { a: 'b' } });
    expect(await insertBatch(database, batch('batch-2', 'key'))).toBeUndefined();
    expect(await moveBatch(database, 'batch-1', ['validating'], 'in_progress')).toMatchObject({
      status: 'in_progress',
    });
    expect(await moveBatch(database, 'batch-1', ['validating'], 'failed')).toBeUndefined();
    await moveBatch(database, 'batch-1', ['in_progress'], 'completed', { outputFileId: 'file-out' });
    const stored = await readBatch(database, 'batch-1');
    expect(stored).toMatchObject({ status: 'completed', outputFileId: 'file-out', errorFileId: null });
    expect(Object.keys(stored?.timestamps ?? {})).toEqual(['completed_at', 'in_progress_at']);
    expect(stored?.timestamps['completed_at']).toBeCloseTo(Date.now() / 1000, -2);
  });

  test('batches are paged newest first, and those that Temporal has not taken are known', async () => {
    await insertBatch(database, batch('batch-3'));
    expect((await listBatches(database, { limit: 1 }, 'default')).map(({ id }) => id)).toEqual(['batch-3']);
    const newest = await readBatch(database, 'batch-3');
    expect((await listBatches(database, { limit: 5, after: newest }, 'default')).map(({ id }) => id)).toEqual([
      'batch-1',
    ]);
    expect(await listUnstartedBatches(database, CELL.id)).toEqual(['batch-1', 'batch-3']);
    await markJobStarted(database, 'batch-1');
    expect(await listUnstartedBatches(database, CELL.id)).toEqual(['batch-3']);
  });

  test('open jobs carry their deadline and leave when finished', async () => {
    const progress: JobProgress = {
      jobId: 'batch-3',
      cellId: CELL.id,
      model: { name: 'ocr', version: '1', family: 'ocr', sha256: 'a' },
      shards: 4,
      pending: 4,
      inFlight: 0,
      done: 0,
      linesPerShard: 100,
      unitsPerLine: 1,
      paused: false,
      finished: false,
    };
    await upsertJobProgress(database, progress);
    await upsertJobProgress(database, { ...progress, pending: 3, inFlight: 1 });
    expect(await listOpenJobs(database, CELL.id)).toEqual([
      {
        ...progress,
        pending: 3,
        inFlight: 1,
        inFlightByRegion: {},
        shardsHere: 4,
        deadlineMs: NOW_MS + HOUR_MS,
        submittedAtMs: NOW_MS,
        metadata: { a: 'b' },
      },
    ]);
    await upsertJobProgress(database, { ...progress, finished: true });
    expect(await listOpenJobs(database, CELL.id)).toEqual([]);
  });
});
