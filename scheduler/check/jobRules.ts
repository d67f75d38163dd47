import type { JobPlan, Plan } from '../plan.ts';
import type { PlanningCar, PlanningJob } from '../problem.ts';
import { finding, sum } from './carRules.ts';
import { differs, type Finding } from './findings.ts';
import { need, type Reading } from './reading.ts';

const ROUNDING_SHARDS = 1e-6;

/** What a plan says of its jobs: expected work within the open gates, sums and grants as that work gives them. */
export function checkJobs(reading: Reading, plan: Plan, cars: ReadonlyMap<string, PlanningCar>): Finding[] {
  const jobs = new Map(reading.problem.jobs.map((job) => [job.id, job]));
  return [
    ...checkExpectedWork(reading, plan, cars, jobs),
    ...plan.jobs.flatMap((jobPlan) => checkSums(need(jobs.get(jobPlan.jobId)), jobPlan)),
    ...checkGrants(reading, plan),
  ];
}

/** In every region, class and slot the shards of all jobs must fit the cars that are expected to compute there. */
function checkExpectedWork(
  reading: Reading,
  plan: Plan,
  cars: ReadonlyMap<string, PlanningCar>,
  jobs: ReadonlyMap<string, PlanningJob>,
): Finding[] {
  const findings: Finding[] = [];
  const regions = new Map(reading.problem.regions.map((region) => [region.id, region]));
  const usedCars = new Map<string, Float64Array>();
  for (const jobPlan of plan.jobs) {
    const job = need(jobs.get(jobPlan.jobId));
    for (const { regionId, hardwareClass, shards } of jobPlan.expectedWork) {
      const gate = `${regionId}/${hardwareClass}`;
      const used = usedCars.get(gate) ?? new Float64Array(reading.slots);
      usedCars.set(gate, used);
      for (const [t, count] of shards.entries()) {
        if (count === 0) continue;
        const region = regions.get(regionId);
        const perCar = region === undefined ? 0 : reading.shardsPerSlot(job, region, hardwareClass, t);
        if (perCar > 0) used[t] = need(used[t]) + count / perCar;
        else findings.push(finding('grants', job.id, t, count, 0, `may not run in ${gate}`));
      }
    }
  }
  const open = openGates(reading, plan, cars);
  for (const [gate, used] of usedCars) {
    for (const [t, count] of used.entries()) {
      const carsOpen = open.get(gate)?.[t] ?? 0;
      if (count > carsOpen * (1 + 1e-9) + ROUNDING_SHARDS) {
        findings.push(finding('grants', gate, t, count, carsOpen, 'is expected to do more than its open cars can'));
      }
    }
  }
  return findings;
}

/** Expected cars whose gate is open, by region/class and slot. */
function openGates(reading: Reading, plan: Plan, cars: ReadonlyMap<string, PlanningCar>): Map<string, Float64Array> {
  const open = new Map<string, Float64Array>();
  for (const carPlan of plan.cars) {
    const car = need(cars.get(carPlan.carId));
    const gate = `${reading.feederOf(car).regionId}/${car.hardwareClass}`;
    for (const [t, kw] of carPlan.computeKw.entries()) {
      if (kw <= 0) continue;
      const count = open.get(gate) ?? new Float64Array(reading.slots);
      count[t] = need(count[t]) + reading.share(car, t) * reading.survival(car, t);
      open.set(gate, count);
    }
  }
  return open;
}

function checkSums(job: PlanningJob, plan: JobPlan): Finding[] {
  const findings: Finding[] = [];
  const expected = sum(plan.expectedWork.flatMap(({ shards }) => shards));
  if (differs(plan.expectedShards, expected)) {
    const says = 'does not sum up what is expected of it';
    findings.push(finding('figures', `${job.id}.expectedShards`, undefined, plan.expectedShards, expected, says));
  }
  if (!(expected <= job.shardsRemaining + ROUNDING_SHARDS)) {
    findings.push(
      finding('grants', job.id, undefined, expected, job.shardsRemaining, 'is expected to do more than it has'),
    );
  }
  const finish = finishOf(job, plan);
  if (plan.finishSlot !== finish) {
    const says = 'is not when the last expected shard is done';
    findings.push(finding('figures', `${job.id}.finishSlot`, undefined, plan.finishSlot ?? -1, finish ?? -1, says));
  }
  return findings;
}

/** Slot of the last expected shard; null when some are left. */
function finishOf(job: PlanningJob, { expectedWork }: JobPlan): number | null {
  const last = Math.max(-1, ...expectedWork.map(({ shards }) => shards.findLastIndex((count) => count > 0)));
  const done = sum(expectedWork.flatMap(({ shards }) => shards));
  return last >= 0 && done >= job.shardsRemaining - ROUNDING_SHARDS ? last : null;
}

/**
 * Whole shards follow from the expected ones: in the committed slot rounded up, later as many as make the sum so far
 * whole from below, regions and classes in the order of the problem, until the job has no more.
 */
function checkGrants(reading: Reading, plan: Plan): Finding[] {
  const stated = new Map<string, number>();
  for (const { jobId, regionId, hardwareClass, slot, shards } of plan.grants) {
    const key = JSON.stringify([jobId, regionId, hardwareClass, slot]);
    stated.set(key, (stated.get(key) ?? 0) + shards);
  }
  const due = dueGrants(reading, plan);
  return [...new Set([...stated.keys(), ...due.keys()])].flatMap((key) => {
    const [value, limit] = [stated.get(key) ?? 0, due.get(key) ?? 0];
    if (value === limit) return [];
    return [finding('grants', key, undefined, value, limit, 'is not what its expected work gives')];
  });
}

function dueGrants({ problem, slots }: Reading, plan: Plan): Map<string, number> {
  const due = new Map<string, number>();
  for (const { jobId, expectedWork } of plan.jobs) {
    let left = problem.jobs.find((job) => job.id === jobId)?.shardsRemaining ?? 0;
    const rows = problem.regions.flatMap((region) =>
      problem.hardwareClasses.flatMap((hardware) =>
        expectedWork
          .filter((row) => row.regionId === region.id && row.hardwareClass === hardware.id)
          .map((row) => ({ ...row, expected: 0, given: 0 })),
      ),
    );
    for (let slot = 0; slot < slots && left > 0; slot++) {
      for (const row of rows) {
        row.expected += row.shards[slot] ?? 0;
        const whole =
          slot === 0 ? Math.ceil(row.expected - ROUNDING_SHARDS) : Math.floor(row.expected + ROUNDING_SHARDS);
        const shards = Math.min(left, Math.max(0, whole - row.given));
        if (shards === 0) continue;
        row.given += shards;
        left -= shards;
        due.set(JSON.stringify([jobId, row.regionId, row.hardwareClass, slot]), shards);
      }
    }
  }
  return due;
}
