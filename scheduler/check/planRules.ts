import type { Plan } from '../plan.ts';
import type { PlanningCar, PlanningJob } from '../problem.ts';
import { chargeUntil, minimumLoads } from './bound.ts';
import { finding, sum } from './carRules.ts';
import type { Finding } from './findings.ts';
import { need, type Reading } from './reading.ts';

const ROUNDING_SHARDS = 1e-6;
const TOLERANCE_KWH = 1e-6;

/**
 * Owners' minimums come before everything: a car that is behind what was possible by some slot is a finding, unless
 * other cars with minimums have left less there than it accepts.
 */
export function checkMinimums(reading: Reading, plan: Plan): Finding[] {
  const findings: Finding[] = [];
  const minimums = minimumLoads(reading);
  const plans = new Map(plan.cars.map((car) => [car.carId, car]));
  const urgentKw = new Map<string, Float64Array>();
  for (const car of reading.problem.cars) {
    if (car.minimumNeedKwh <= 0) continue;
    const load = urgentKw.get(car.feederId) ?? new Float64Array(reading.slots);
    for (const [t, kw] of need(plans.get(car.id)).chargeKw.entries()) load[t] = need(load[t]) + kw;
    urgentKw.set(car.feederId, load);
  }
  for (const car of reading.problem.cars) {
    const minimum = minimums.get(car.id);
    if (!minimum) continue;
    const kwhPerKwSlot = reading.slotHours * car.chargerEfficiency;
    const feeder = reading.feederOf(car);
    let due = 0;
    let charged = 0;
    for (let t = car.pluggedFromSlot; t < car.untilSlot; t++) {
      const kw = need(need(plans.get(car.id)).chargeKw[t]);
      // Below the least current a car cannot charge at all, however urgent.
      if (need(minimum[t]) >= car.chargerMinKw - 1e-9) due += need(minimum[t]) * kwhPerKwSlot;
      charged += kw * kwhPerKwSlot;
      if (charged + TOLERANCE_KWH >= due || kw >= reading.chargeKw(car, t) - 1e-6) continue;
      const roomKw = reading.feederKw(feeder, t) - need(need(urgentKw.get(car.feederId))[t]);
      if (roomKw + kw < Math.max(car.chargerMinKw, kw + 1e-6)) continue;
      findings.push(finding('minimum_soc', car.id, t, charged, due, 'is not brought to its minimum at once'));
      break;
    }
  }
  return findings;
}

/** Shards that the open gates can do, by (job, region, class, slot), must cover what is granted. */
export function checkGrants(reading: Reading, plan: Plan, cars: ReadonlyMap<string, PlanningCar>): Finding[] {
  const findings: Finding[] = [];
  const { problem } = reading;
  const regions = new Map(problem.regions.map((region) => [region.id, region]));
  const jobs = new Map(problem.jobs.map((job) => [job.id, job]));
  const open = openGates(reading, plan, cars);
  const total = new Map<string, number>();
  const used = new Map<string, number>();
  for (const grant of plan.grants) {
    const job = jobs.get(grant.jobId);
    const region = regions.get(grant.regionId);
    const at = `${grant.jobId} in ${grant.regionId}/${grant.hardwareClass}`;
    if (!job || !region || grant.slot >= reading.slots) {
      findings.push(finding('grants', at, grant.slot, grant.shards, 0, 'is granted what the problem does not have'));
      continue;
    }
    total.set(job.id, (total.get(job.id) ?? 0) + grant.shards);
    const shardsPerSlot = reading.shardsPerSlot(job, region, grant.hardwareClass, grant.slot);
    const gate = `${grant.regionId}/${grant.hardwareClass}/${grant.slot}`;
    if (shardsPerSlot === 0) {
      findings.push(finding('grants', at, grant.slot, grant.shards, 0, 'may not run there'));
      continue;
    }
    // A shard may straddle slots, so each job's grant may be above the capacity by less than one shard.
    const carsNeeded = (used.get(gate) ?? 0) + Math.max(0, grant.shards - 1) / shardsPerSlot;
    used.set(gate, carsNeeded);
    const carsOpen = open.get(gate) ?? 0;
    const earlier = grant.slot > 0 ? openBefore(open, grant.regionId, grant.hardwareClass, grant.slot) : 0;
    if (carsOpen + earlier === 0 || carsNeeded > carsOpen + ROUNDING_SHARDS + (grant.slot > 0 ? 1 : 0)) {
      findings.push(
        finding('grants', at, grant.slot, carsNeeded, carsOpen, 'is granted more than the open cars can do'),
      );
    }
  }
  for (const job of problem.jobs) {
    const granted = total.get(job.id) ?? 0;
    if (granted > job.shardsRemaining) {
      findings.push(finding('grants', job.id, undefined, granted, job.shardsRemaining, 'is granted more than it has'));
    }
  }
  return findings;
}

/** Expected cars whose gate is open, by region/class/slot. */
function openGates(reading: Reading, plan: Plan, cars: ReadonlyMap<string, PlanningCar>): Map<string, number> {
  const open = new Map<string, number>();
  for (const carPlan of plan.cars) {
    const car = need(cars.get(carPlan.carId));
    const region = reading.feederOf(car).regionId;
    for (const [t, kw] of carPlan.computeKw.entries()) {
      if (kw <= 0) continue;
      const gate = `${region}/${car.hardwareClass}/${t}`;
      open.set(gate, (open.get(gate) ?? 0) + reading.share(car, t) * reading.survival(car, t));
    }
  }
  return open;
}

function openBefore(open: ReadonlyMap<string, number>, regionId: string, hardwareClass: string, slot: number): number {
  let cars = 0;
  for (let t = 0; t < slot; t++) cars += open.get(`${regionId}/${hardwareClass}/${t}`) ?? 0;
  return cars;
}

export function checkWakeUps(reading: Reading, plan: Plan): Finding[] {
  const findings: Finding[] = [];
  const wakeSlot = new Map(plan.wakeUps.map((wakeUp) => [wakeUp.carId, wakeUp.slot]));
  const perSlot = new Map<number, number>();
  for (const { slot } of plan.wakeUps) perSlot.set(slot, (perSlot.get(slot) ?? 0) + 1);
  const { maxWakeUpsPerSlot } = reading.problem.rules;
  for (const [slot, count] of perSlot) {
    if (count > maxWakeUpsPerSlot) {
      findings.push(finding('wake_ups', 'the cell', slot, count, maxWakeUpsPerSlot, 'wakes too many cars'));
    }
  }
  const asleep = new Set(reading.problem.cars.filter((car) => car.asleep).map((car) => car.id));
  for (const carPlan of plan.cars) {
    const first = carPlan.computeKw.findIndex((kw) => kw > 0);
    if (first < 0 || !asleep.has(carPlan.carId)) continue;
    const woken = wakeSlot.get(carPlan.carId);
    if (woken === undefined || woken > first) {
      findings.push(finding('wake_ups', carPlan.carId, first, woken ?? -1, first, 'computes before it is woken'));
    }
  }
  return findings;
}

export interface Recomputed {
  readonly costEur: number;
  readonly penaltyEur: number;
  /** kWh in the battery that each car lacks at ready-by; shards that each job lacks. */
  readonly missing: ReadonlyMap<string, number>;
}

/**
 * Cost, penalties and shortfalls from the setpoints alone. A job is held to the shards that the plan expects, but to no
 * more than its open cars can do.
 */
export function recompute(reading: Reading, plan: Plan, cars: ReadonlyMap<string, PlanningCar>): Recomputed {
  const { problem, slotHours } = reading;
  const missing = new Map<string, number>();
  const plans = new Map(plan.cars.map((car) => [car.carId, car]));
  let costEur = 0;
  let penaltyEur = 0;
  for (const car of problem.cars) {
    const carPlan = need(plans.get(car.id));
    const region = reading.regionOf(reading.feederOf(car));
    for (let t = 0; t < reading.slots; t++) {
      const computeKw = need(carPlan.computeKw[t]);
      const expectedKw = need(carPlan.chargeKw[t]) + (computeKw > 0 ? computeKw * reading.survival(car, t) : 0);
      costEur += expectedKw * slotHours * reading.cost(region, t);
    }
    const byReadyBy = sum(carPlan.chargeKw.slice(0, chargeUntil(car))) * slotHours * car.chargerEfficiency;
    const short = car.needKwh - byReadyBy;
    if (short > TOLERANCE_KWH) {
      missing.set(`ready_by ${car.id}`, short);
      penaltyEur += (short / car.chargerEfficiency) * reading.ownerPenaltyEurPerKwh;
    }
    if (short > 0 && car.minimumNeedKwh > 0) {
      const charged = sum(carPlan.chargeKw) * slotHours * car.chargerEfficiency;
      if (car.minimumNeedKwh - charged > TOLERANCE_KWH) {
        missing.set(`minimum_soc ${car.id}`, car.minimumNeedKwh - charged);
      }
    }
  }
  for (const { carId } of plan.wakeUps) costEur += need(cars.get(carId)).wakeCostEur;
  for (const job of problem.jobs) {
    const short = job.shardsRemaining - expectedShards(plan, job);
    if (short > ROUNDING_SHARDS) {
      missing.set(`job_deadline ${job.id}`, short);
      penaltyEur += short * reading.jobPenaltyEurPerShard(job);
    }
  }
  return { costEur, penaltyEur, missing };
}

function expectedShards(plan: Plan, job: PlanningJob): number {
  return plan.jobs.find((entry) => entry.jobId === job.id)?.expectedShards ?? 0;
}

/**
 * Expected shards of all jobs together must fit the open cars: each job needs a number of cars in each slot, and a car
 * serves one shard at a time. Checked over the night, since the plan does not say which car does which shard.
 */
export function checkExpectedShards(reading: Reading, plan: Plan, cars: ReadonlyMap<string, PlanningCar>): Finding[] {
  const open = openGates(reading, plan, cars);
  const findings: Finding[] = [];
  for (const job of reading.problem.jobs) {
    let most = 0;
    for (const region of reading.problem.regions) {
      for (const { hardwareClass } of job.classes) {
        for (let t = 0; t < reading.slots; t++) {
          const carsOpen = open.get(`${region.id}/${hardwareClass}/${t}`) ?? 0;
          most += carsOpen * reading.shardsPerSlot(job, region, hardwareClass, t);
        }
      }
    }
    const expected = expectedShards(plan, job);
    if (expected > most + 1e-6 * (1 + most)) {
      findings.push(finding('unmet', job.id, undefined, expected, most, 'expects more shards than open cars can do'));
    }
    if (expected > job.shardsRemaining + 1e-6) {
      findings.push(finding('unmet', job.id, undefined, expected, job.shardsRemaining, 'expects more than it has'));
    }
  }
  return findings;
}
