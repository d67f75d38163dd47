import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createDivisionActivities } from '../../../activities/plan/divisionActivities.ts';
import { insertBatch } from '../../../store/batches.ts';
import { ensureCell } from '../../../store/cells.ts';
import { listOpenJobs, upsertJobProgress, type JobProgress } from '../../../store/jobProgress.ts';
import { listShares, saveOffers, type StoredOffer } from '../../../store/jobShares.ts';
import { savePlan } from '../../../store/plans.ts';
import { upsertRegion } from '../../../store/regions.ts';
import { REAL_TIME } from '../../../domain/clock.ts';
import { useTestDatabase } from '../../support/testDatabase.ts';

const { database } = useTestDatabase();
const { divideJobs } = createDivisionActivities({ database });

const NOW_MS = Date.UTC(2026, 0, 14, 20);
const SLOT_MS = 15 * 60_000;
const JOB = 'batch-1';
const offer = (over: Partial<StoredOffer> = {}): StoredOffer => ({
  jobId: JOB,
  eurPerShard: 0.01,
  spareShards: 1_000,
  lateShards: 0,
  ...over,
});

async function plans(cellId: string, slotStartMs: number, offers: readonly StoredOffer[]): Promise<void> {
  const stored = { id: `${cellId}/${slotStartMs}/${Math.random()}`, cellId, slotStartMs, createdAtMs: slotStartMs };
  await savePlan(database, { ...stored, problem: {}, plan: {} });
  await saveOffers(database, cellId, slotStartMs, offers);
}

async function progress(over: Partial<JobProgress>): Promise<void> {
  await upsertJobProgress(database, {
    jobId: JOB,
    cellId: 'home',
    model: { name: 'ocr', version: '1', family: 'ocr', sha256: 'a' },
    shards: 100,
    pending: 100,
    inFlight: 0,
    done: 0,
    linesPerShard: 1,
    unitsPerLine: 1,
    paused: false,
    finished: false,
    ...over,
  });
}

async function here(): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const cellId of ['home', 'near', 'apart']) {
    const [job] = await listOpenJobs(database, cellId);
    if (job) counts[cellId] = job.shardsHere;
  }
  return counts;
}

beforeAll(async () => {
  for (const id of ['home', 'near'])
    await ensureCell(database, { id, clock: REAL_TIME, slotMinutes: 15, incarnation: '1' });
  const otherClock = { originMs: 0, anchorMs: 5, scale: 240 };
  await ensureCell(database, { id: 'apart', clock: otherClock, slotMinutes: 15, incarnation: '1' });
  for (const id of ['home', 'near', 'apart'])
    await upsertRegion(database, { id: `in-${id}`, cellId: id, timeZone: 'UTC', feeds: [] });
  await insertBatch(database, {
    id: JOB,
    endpoint: '/v1/embeddings',
    inputFileId: 'file-1',
    completionWindow: '24h',
    metadata: null,
    outputExpiresAfterSeconds: null,
    deadlineMs: NOW_MS + 24 * 3_600_000,
    submittedAtMs: NOW_MS,
    cellId: 'home',
    idempotencyKey: null,
    requestHash: 'a',
  });
});
beforeEach(async () => {
  for (const table of ['job_shares', 'job_offers', 'plans', 'job_progress'])
    await database.query(`delete from ${table}`);
  await progress({});
});

describe('a job of cells beside each other', () => {
  test('is its own cell’s until it is divided, and nothing to a cell of another clock', async () => {
    expect(await here()).toEqual({ home: 100, near: 0 });
  });

  test('goes in part to a cell that is cheaper; both are told, and what is counted is what there is', async () => {
    await plans('home', NOW_MS, [offer({ eurPerShard: 0.02 })]);
    await plans('near', NOW_MS, [offer({ eurPerShard: 0.01 })]);
    const { cells, summary } = await divideJobs({ cellId: 'home', nowMs: NOW_MS });
    expect(cells).toEqual(['home', 'near']);
    expect(summary).toContain('batch-1: home 50, near 50');
    expect(await here()).toEqual({ home: 50, near: 50 });
    // As shards are done, and while cars of either have some in hand.
    await progress({ pending: 40, inFlight: 21, done: 39, inFlightByRegion: { 'in-home': 6, 'in-near': 15 } });
    expect(await here()).toEqual({ home: 26, near: 35 });
  });

  test('is left alone while prices are the same, and cells are not told', async () => {
    await plans('home', NOW_MS, [offer()]);
    await plans('near', NOW_MS, [offer()]);
    await divideJobs({ cellId: 'home', nowMs: NOW_MS });
    expect((await divideJobs({ cellId: 'home', nowMs: NOW_MS })).cells).toEqual([]);
    expect(await here()).toEqual({ home: 100, near: 0 });
  });

  test('comes back whole from a cell that makes no plans any more, also if that is its own', async () => {
    await plans('home', NOW_MS, [offer({ eurPerShard: 0.02 })]);
    await plans('near', NOW_MS, [offer({ eurPerShard: 0.01 })]);
    await divideJobs({ cellId: 'home', nowMs: NOW_MS });
    await plans('home', NOW_MS + 4 * SLOT_MS, [offer({ eurPerShard: 0.02 })]);
    const { summary } = await divideJobs({ cellId: 'home', nowMs: NOW_MS + 4 * SLOT_MS });
    expect(summary).toContain('no plans of late from near');
    expect(await here()).toEqual({ home: 100, near: 0 });
    await plans('near', NOW_MS + 9 * SLOT_MS, [offer({ eurPerShard: 0.03 })]);
    await divideJobs({ cellId: 'home', nowMs: NOW_MS + 9 * SLOT_MS });
    expect(await here()).toEqual({ home: 0, near: 100 });
  });

  test('waits for a cell whose plan does not know it yet, and for nobody while it is paused', async () => {
    await plans('home', NOW_MS, []);
    await plans('near', NOW_MS, [offer()]);
    expect(await here()).toEqual({ home: 100, near: 0 });
    await divideJobs({ cellId: 'home', nowMs: NOW_MS });
    expect(await here()).toEqual({ home: 100, near: 0 });
    await plans('home', NOW_MS, [offer({ lateShards: 60, spareShards: 0 })]);
    await progress({ paused: true });
    expect((await divideJobs({ cellId: 'home', nowMs: NOW_MS })).cells).toEqual([]);
    expect(await listShares(database, [JOB])).toMatchObject([{ shards: 100 }, { shards: 0 }]);
  });
});
