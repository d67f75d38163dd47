import { at } from './columns.ts';
import type { PlanningJob, PlanningProblem } from './problem.ts';

/**
 * Standard deviations by which the work that cars may still do is taken below its expectation before a job waits for
 * cheaper slots: it is then enough 19 times out of 20.
 */
const DEVIATIONS = 1.645;

/** What the cars may do for a job if they do nothing else. */
interface Capacity {
  /** Shards that are expected by slot, within the job's window. */
  readonly expected: Float64Array;
  /** Shards that are done 19 times out of 20 when nothing is done in the slots of the wait. */
  readonly sure: number;
}

/**
 * The same problem with the windows of jobs shortened that cannot wait, since the cars that are here may leave: what is
 * expected of many cars comes true, what is expected of a few does not. A job can wait for `waitSlots` where, after
 * that, it and all jobs that end no later still have cars enough, 19 times out of 20. Otherwise its window ends where
 * its shards are expected to be done if all cars compute for them from now on. Feeder limits are left to the plan.
 * @param problem as `planningProblemSchema` accepts it; not changed
 * @returns a problem that shares everything else with the given one
 */
export function withEarlyWindows(problem: PlanningProblem, waitSlots: number): PlanningProblem {
  const endOf = new Map<string, number>();
  const before: { readonly shards: number; readonly capacity: Capacity }[] = [];
  const open = problem.jobs.filter(({ shardsRemaining }) => shardsRemaining > 0);
  for (const job of open.toSorted((a, b) => a.windowEndSlot - b.windowEndSlot)) {
    before.push({ shards: job.shardsRemaining, capacity: capacityFor(problem, job, waitSlots) });
    if (sumOf(before, ({ shards, capacity }) => shards / Math.max(0, capacity.sure)) <= 1) continue;
    const done = before.map(() => 0);
    for (let t = 0; t < Math.min(job.windowEndSlot, problem.slots.count) && !endOf.has(job.id); t++) {
      for (const [index, { capacity }] of before.entries()) done[index] = (done[index] ?? 0) + at(capacity.expected, t);
      if (sumOf(before, ({ shards }, index) => shards / (done[index] ?? 0)) <= 1) endOf.set(job.id, t + 1);
    }
  }
  if (endOf.size === 0) return problem;
  const jobs = problem.jobs.map((job) => ({ ...job, windowEndSlot: endOf.get(job.id) ?? job.windowEndSlot }));
  return { ...problem, jobs };
}

function sumOf<Row>(rows: readonly Row[], value: (row: Row, index: number) => number): number {
  return rows.reduce((sum, row, index) => sum + value(row, index), 0);
}

function capacityFor({ cars, slots, feeders }: PlanningProblem, job: PlanningJob, waitSlots: number): Capacity {
  const regionOf = new Map(feeders.map(({ id, regionId }) => [id, regionId]));
  const minutes = new Map(job.classes.map(({ hardwareClass, shardMinutes }) => [hardwareClass, shardMinutes]));
  const expected = new Float64Array(slots.count);
  let [mean, variance] = [0, 0];
  for (const car of cars) {
    const shards = slots.slotMinutes / (minutes.get(car.hardwareClass) ?? Infinity);
    if (shards === 0 || !car.computeOptIn || !job.regionIds.includes(regionOf.get(car.feederId) ?? '')) continue;
    let [own, squared, slotsBefore] = [0, 0, 0];
    const until = Math.min(job.windowEndSlot, car.untilSlot);
    for (let t = Math.max(job.windowStartSlot, car.pluggedFromSlot); t < until; t++) {
      if (car.computeAllowed?.[t] === false) continue;
      const survival = car.survival?.[t - car.pluggedFromSlot] ?? 1;
      expected[t] = at(expected, t) + shards * survival;
      if (t < waitSlots) continue;
      own += survival;
      // A car that is there in this slot was there in all before.
      squared += survival * (2 * slotsBefore + 1);
      slotsBefore++;
    }
    mean += shards * own;
    variance += shards ** 2 * Math.max(0, squared - own ** 2);
  }
  return { expected, sure: mean - DEVIATIONS * Math.sqrt(variance) };
}
