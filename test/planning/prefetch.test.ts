import { describe, expect, test } from 'vitest';

import { HOUR_MS } from '../../domain/durations.ts';
import { modelKey } from '../../domain/modelOrders.ts';
import { coldMinutesPerShard } from '../../planning/coldStart.ts';
import { plannedUses } from '../../planning/prefetches.ts';
import { planCell } from '../../scheduler/planCell.ts';
import { slotStartMs } from '../../scheduler/time.ts';
import { cellState, problemOf, START_MS } from './cellFixture.ts';

const plain = cellState();
const [job] = plain.jobs;
if (!job) throw new Error('the fixture has no job');
const key = modelKey(job.model);
/** Half an hour at the cell's speed. */
const onCars = (...holders: string[]) => ({
  bytes: new Map([[key, 1_800]]),
  holders: new Map([[key, new Set(holders)]]),
  bytesPerGridSecond: 1,
});

const minutesOf = (...holders: string[]): number =>
  problemOf(cellState({ modelsOnCars: onCars(...holders) })).jobs[0]?.classes[0]?.shardMinutes ?? 0;

describe('a cold start', () => {
  test('adds to each shard its part of the download, where the car has not the model', () => {
    // One car, eight shards: half an hour for all of them together.
    expect(coldMinutesPerShard(cellState({ modelsOnCars: onCars() }), job)('ai4')).toBeCloseTo(30 / 8);
    expect(coldMinutesPerShard(cellState({ modelsOnCars: onCars('CAR1') }), job)('ai4')).toBe(0);
    expect(coldMinutesPerShard(cellState({ modelsOnCars: onCars() }), job)('hw3')).toBe(0);
  });

  test('is counted in the plan’s problem', () => {
    expect(minutesOf() - minutesOf('CAR1')).toBeCloseTo(30 / 8 / 0.85);
  });
});

test('a plan says which cars need which models, and by when', () => {
  const deadlineMs = START_MS + 4 * HOUR_MS;
  const late = cellState({ jobs: [{ ...job, shardsHere: 2, pending: 0, deadlineMs }] });
  const problem = problemOf(late);
  const plan = planCell(problem);
  const uses = plannedUses(problem, plan);
  expect(uses.map(({ jobId, vehicleId }) => [jobId, vehicleId])).toEqual([['batch_1', 'CAR1']]);
  const first = plan.cars[0]?.computeKw.findIndex((kw) => kw > 0) ?? -1;
  expect(uses[0]?.firstMs).toBe(slotStartMs(plan.slots, first));
});
