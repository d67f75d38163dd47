import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { JobShards, SHARD_FAILURE_LIMIT, type WaveOrder } from '../../workflows/inferenceJobState.ts';
import type { Grant } from '../../domain/workflows/coSchedule.ts';
import type { SplitBatch } from '../../domain/workflows/inferenceJob.ts';

const SLOT_MS = 900_000;

function split(shards: number): SplitBatch {
  const model = { name: 'm', version: '1', family: 'f', sha256: '0'.repeat(64) };
  return { model, lines: shards * 4, shards, linesPerShard: 4, linesPerPart: 2, deadlineMs: 1e12 };
}

function grant(slot: number, shards: number, regionId = 'north', hardwareClass = 'ai4'): Grant {
  const slotStartMs = slot * SLOT_MS;
  return { planId: 'p', jobId: 'j', regionId, hardwareClass, slotStartMs, slotEndMs: slotStartMs + SLOT_MS, shards };
}

function started(orders: readonly WaveOrder[]): readonly number[] {
  return orders.flatMap((order) => (order.kind === 'start' ? order.wave.shards : []));
}

const report = (wave: number) => ({ wave, done: [], returned: [], failed: [] });

describe('release', () => {
  test('starts as many of the oldest shards as are granted', () => {
    const job = JobShards.fresh(split(10));
    expect(started(job.release([grant(0, 3)], 0))).toEqual([0, 1, 2]);
    expect(job.counts()).toEqual({ shards: 10, pending: 7, inFlight: 3, done: 0 });
  });

  test('does not release the same allotment twice when a slot is planned again', () => {
    const job = JobShards.fresh(split(10));
    job.release([grant(0, 3)], 0);
    job.receiveReport({ ...report(1), done: [0] });
    expect(job.release([grant(0, 3)], 1)).toEqual([]);
    expect(started(job.release([grant(0, 5)], 1))).toEqual([3, 4]);
  });

  test('extends what runs into the next slot and counts it there', () => {
    const job = JobShards.fresh(split(10));
    job.release([grant(0, 3)], 0);
    const orders = job.release([grant(1, 4)], SLOT_MS - 1);
    expect(orders[0]).toEqual({ kind: 'extend', wave: 1, endsAtMs: 2 * SLOT_MS });
    expect(started(orders)).toEqual([3]);
  });

  test('releases nothing while more runs than the newest plan grants', () => {
    const job = JobShards.fresh(split(10));
    job.release([grant(0, 5)], 0);
    expect(started(job.release([grant(1, 2)], SLOT_MS - 1))).toEqual([]);
    expect(job.counts().inFlight).toBe(5);
  });

  test('tops a slot up with shards that came back', () => {
    const job = JobShards.fresh(split(3));
    job.release([grant(0, 2)], 0);
    job.receiveReport({ ...report(1), returned: [0] });
    expect(started(job.release([grant(0, 2)], 1))).toEqual([0]);
  });

  test('ignores grants of slots that are over', () => {
    const job = JobShards.fresh(split(3));
    expect(job.release([grant(0, 2)], SLOT_MS)).toEqual([]);
  });
});

test('a shard that keeps failing is given up, and the job can still finish', () => {
  const job = JobShards.fresh(split(1));
  for (let attempt = 1; attempt <= SHARD_FAILURE_LIMIT; attempt++) {
    expect(started(job.release([grant(attempt, 1)], attempt * SLOT_MS))).toEqual([0]);
    job.receiveReport({ ...report(attempt), failed: [{ shard: 0, message: 'bad' }] });
  }
  expect(job.givenUp()).toEqual([0]);
  expect(job.finished).toBe(true);
});

test('shards of a silent wave are taken back, and its late report changes nothing', () => {
  const job = JobShards.fresh(split(2));
  job.release([grant(0, 2)], 0);
  expect(job.nextWatchdogMs(1000)).toBe(SLOT_MS + 1000);
  job.giveUpSilentWaves(SLOT_MS + 999, 1000);
  expect(job.counts().inFlight).toBe(2);
  job.giveUpSilentWaves(SLOT_MS + 1000, 1000);
  expect(job.counts()).toMatchObject({ pending: 2, inFlight: 0 });
  job.receiveReport({ ...report(1), done: [0] });
  expect(job.counts()).toMatchObject({ pending: 2, done: 0 });
});

test('whatever happens, every shard is in exactly one place, also across continue-as-new', () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('grant' as const),
      slot: fc.nat(6),
      shards: fc.nat(8),
      region: fc.constantFrom('a', 'b'),
    }),
    fc.record({ kind: fc.constant('report' as const), wave: fc.nat(8), fate: fc.array(fc.nat(3), { maxLength: 8 }) }),
    fc.record({ kind: fc.constant('watchdog' as const), slot: fc.nat(8) }),
    fc.record({ kind: fc.constant('continue' as const) }),
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), fc.array(step, { maxLength: 40 }), (shards, steps) => {
      let job = JobShards.fresh(split(shards));
      for (const next of steps) {
        if (next.kind === 'grant') {
          job.release([grant(next.slot, next.shards, next.region)], next.slot * SLOT_MS);
        } else if (next.kind === 'report') {
          const members = job.snapshot().waves.find(({ wave }) => wave === next.wave)?.shards ?? [];
          const fated = (fate: number) => members.filter((_, index) => next.fate[index] === fate);
          job.receiveReport({
            wave: next.wave,
            done: fated(1),
            returned: fated(2),
            failed: fated(3).map((shard) => ({ shard, message: 'x' })),
          });
        } else if (next.kind === 'watchdog') job.giveUpSilentWaves(next.slot * SLOT_MS, 0);
        else job = JobShards.restore(job.snapshot());
        const { pending, inFlight, done: finished } = job.counts();
        expect(pending + inFlight + finished + job.givenUp().length).toBe(shards);
      }
    }),
  );
});

test('shards that were accepted are computed again when they are reopened, and no others', () => {
  const job = JobShards.fresh(split(3));
  job.release([grant(0, 2)], 0);
  job.receiveReport({ ...report(1), done: [0, 1] });
  job.reopen([1, 2]);
  expect(job.counts()).toEqual({ shards: 3, pending: 2, inFlight: 0, done: 1 });
  expect(started(job.release([grant(1, 2)], SLOT_MS))).toEqual([1, 2]);
});
