import { describe, expect, test } from 'vitest';

import { checkPlan } from '../../scheduler/check/checkPlan.ts';
import type { Plan } from '../../scheduler/plan.ts';
import { planCell } from '../../scheduler/planCell.ts';
import { planningProblemSchema, type PlanningProblem } from '../../scheduler/problem.ts';
import { randomProblem } from '../../scheduler/randomProblem.ts';
import { keepPlan, replan } from '../../scheduler/replan.ts';
import { night } from './nights.ts';

const problem = planningProblemSchema.parse(
  randomProblem({ cars: 40, slots: 60, feeders: 2, jobs: 2, seed: 11, feederShare: 0.3 }),
);

/** The problem one slot later, when everything has gone by plan. */
function oneSlotLater(before: PlanningProblem, plan: Plan): PlanningProblem {
  const count = before.slots.count - 1;
  const later = structuredClone(before);
  later.slots = { ...before.slots, startMs: before.slots.startMs + before.slots.slotMinutes * 60_000, count };
  for (const region of later.regions) {
    region.priceEurPerKwh.shift();
    region.carbonGPerKwh.shift();
    region.ambientCelsius.shift();
  }
  for (const feeder of later.feeders) {
    feeder.importLimitKw.shift();
    feeder.houseLoadKw.shift();
  }
  for (const [index, car] of later.cars.entries()) {
    const charged = (plan.cars[index]?.chargeKw[0] ?? 0) * (before.slots.slotMinutes / 60) * car.chargerEfficiency;
    const wasHere = car.pluggedFromSlot === 0;
    car.needKwh = Math.max(0, car.needKwh - charged);
    car.minimumNeedKwh = Math.min(car.needKwh, Math.max(0, car.minimumNeedKwh - charged));
    car.computeFloorNeedKwh = Math.max(0, car.computeFloorNeedKwh - charged);
    if (wasHere) car.survival?.shift();
    car.pluggedFromSlot = Math.max(0, car.pluggedFromSlot - 1);
    car.untilSlot = Math.max(0, car.untilSlot - 1);
    car.readyBySlot = Math.max(0, car.readyBySlot - 1);
    const charging = (plan.cars[index]?.chargeKw[0] ?? 0) > 0;
    if (charging && !car.chargingNow) car.chargeStartsSoFar++;
    car.chargingNow = charging;
    car.computingNow = (plan.cars[index]?.computeKw[0] ?? 0) > 0;
  }
  for (const job of later.jobs) {
    const granted = plan.grants.filter((grant) => grant.slot === 0 && grant.jobId === job.id);
    job.shardsRemaining -= granted.reduce((sum, grant) => sum + grant.shards, 0);
    job.windowStartSlot = Math.max(0, job.windowStartSlot - 1);
    job.windowEndSlot = Math.max(0, job.windowEndSlot - 1);
  }
  return later;
}

describe('replan', () => {
  test('keeps the plan when everything goes by it, and proves it again', () => {
    let now = problem;
    let plan = planCell(now);
    const methods = new Set<string>();
    for (let slot = 0; slot < 20; slot++) {
      now = oneSlotLater(now, plan);
      plan = replan(plan, now);
      methods.add(plan.method);
      expect(checkPlan(now, plan).findings).toEqual([]);
      expect(plan.unmet.filter((unmet) => unmet.kind !== 'job_deadline')).toEqual([]);
    }
    expect(methods).toContain('previous_plan');
  });

  test('does not move running cars for a small change of price', () => {
    const first = planCell(problem);
    const nudged = structuredClone(problem);
    for (const region of nudged.regions) {
      region.priceEurPerKwh = region.priceEurPerKwh.map((price, slot) => price + (slot % 2 === 0 ? 2e-4 : -2e-4));
    }
    const second = replan(first, nudged);
    expect(second.cars.map((car) => car.chargeKw[0])).toEqual(first.cars.map((car) => car.chargeKw[0]));
  });

  test('solves again when the world has changed', () => {
    const first = planCell(problem);
    const changed = structuredClone(problem);
    for (const region of changed.regions) region.priceEurPerKwh.reverse();
    const second = replan(first, changed);
    expect(second.method).not.toBe('previous_plan');
    expect(checkPlan(changed, second).findings).toEqual([]);
  });
});

/** One car that needs one of two hours; the last plan charges in the first. The second stays at 10.05. */
const twoHours = (cents: number): PlanningProblem => night([cents, 10.05], { cars: [{ needKwh: 10 }] });

describe('replan, when a price rises in the slot that the last plan chose', () => {
  const last = planCell(twoHours(10));

  test.each([
    { cents: 10.06, loss: '0.1 %', method: 'previous_plan', kw: [10, 0] },
    { cents: 10.069, loss: '0.19 %', method: 'previous_plan', kw: [10, 0] },
    { cents: 10.072, loss: '0.22 %', method: 'cap_free', kw: [0, 10] },
  ])('at a loss of $loss: $method', ({ cents, method, kw }) => {
    const next = replan(last, twoHours(cents));
    expect(next.method).toBe(method);
    expect(next.cars[0]?.chargeKw).toEqual(kw);
  });

  test('allows a loss once only, so that small ones do not add up', () => {
    const kept = replan(last, twoHours(10.06));
    expect(kept.method).toBe('previous_plan');
    expect(replan(kept, twoHours(10.06)).method).toBe('previous_plan');
    expect(replan(kept, twoHours(10.065)).method).toBe('cap_free');
  });
});

describe('keepPlan', () => {
  test('tightens the last plan to today’s limits and says so', () => {
    const tight = structuredClone(problem);
    for (const feeder of tight.feeders) feeder.importLimitKw = feeder.importLimitKw.map((kw) => (kw ?? 0) * 0.5);
    const kept = keepPlan(planCell(problem), tight);
    expect(checkPlan(tight, kept).findings).toEqual([]);
    expect(kept.reasons[0]?.code).toBe('previous_plan_kept');
  });

  test('plans by prices alone when the last plan has other slots', () => {
    const other = structuredClone(problem);
    other.slots.startMs += 60_000;
    const kept = keepPlan(planCell(problem), other);
    expect(checkPlan(other, kept).findings).toEqual([]);
  });
});
