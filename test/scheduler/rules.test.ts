import { describe, expect, test } from 'vitest';

import { checkPlan } from '../../scheduler/check/checkPlan.ts';
import type { Plan } from '../../scheduler/plan.ts';
import { planCell } from '../../scheduler/planCell.ts';
import type { PlanningProblem } from '../../scheduler/problem.ts';
import { night } from './nights.ts';

/** Whole kW of a car by slot, as a string that draws the night. */
function drawn(plan: Plan, car = 0): string {
  return (plan.cars[car]?.chargeKw ?? []).map((kw) => Math.round(kw)).join(' ');
}

function computing(plan: Plan, car = 0): string {
  return (plan.cars[car]?.computeKw ?? []).map((kw) => (kw > 0 ? 'x' : '-')).join('');
}

function planChecked(problem: PlanningProblem): Plan {
  const plan = planCell(problem);
  expect(checkPlan(problem, plan).findings).toEqual([]);
  return plan;
}

function codes(plan: Plan, car = 0): string[] {
  return plan.cars[car]?.reasons.map((reason) => reason.code) ?? [];
}

describe('charging', () => {
  test.each([
    { cents: [30, 10, 20, 40], need: 15, expected: '0 10 5 0' },
    { cents: [10, 10, 10, 10], need: 15, expected: '10 5 0 0' },
    { cents: [30, -5, 20, 40], need: 5, expected: '0 5 0 0' },
    { cents: [30, 10, 20, 40], need: 40, expected: '10 10 10 10' },
  ])('takes the cheapest slots: $cents for $need kWh', ({ cents, need, expected }) => {
    expect(drawn(planChecked(night(cents, { cars: [{ needKwh: need }] })))).toBe(expected);
  });

  test('serves the minimum at once at any price, the rest where it is cheap', () => {
    const plan = planChecked(night([90, 10, 80, 10], { cars: [{ needKwh: 15, minimumNeedKwh: 5 }] }));
    expect(drawn(plan)).toBe('5 10 0 0');
    expect(codes(plan)).toContain('charging_minimum_soc');
  });

  test('never charges below the least current, with which the car ends by itself', () => {
    const plan = planChecked(night([10, 20, 30, 40], { cars: [{ needKwh: 12, chargerMinKw: 4 }] }));
    expect(drawn(plan)).toBe('10 4 0 0');
  });

  test('gathers scattered cheap slots into the starts that the rule allows', () => {
    const cars = [{ needKwh: 40 }];
    expect(drawn(planChecked(night([9, 1, 9, 1, 9, 1, 9, 1], { cars })))).toBe('0 10 0 10 0 10 0 10');
    const rules = { maxChargeStarts: 2 };
    const kw = planChecked(night([9, 1, 9, 1, 9, 1, 9, 1], { cars, rules })).cars[0]?.chargeKw ?? [];
    expect(kw.filter((power, slot) => power > 0 && !((kw[slot - 1] ?? 0) > 0))).toHaveLength(2);
    expect(kw.reduce((sum, power) => sum + power, 0)).toBeCloseTo(40, 9);
  });

  test('moves the car with more time off a full feeder', () => {
    const cars = [{ needKwh: 10 }, { needKwh: 10, readyBySlot: 1 }];
    const plan = planChecked(night([10, 20, 30], { cars, limitKw: 10 }));
    expect(drawn(plan, 0)).toBe('0 10 0');
    expect(drawn(plan, 1)).toBe('10 0 0');
    expect(codes(plan, 0)).toContain('waiting_feeder_limit');
  });

  test('reports what cannot be met with the limit that binds, and charges on after ready-by', () => {
    const plan = planChecked(night([10, 10, 10], { cars: [{ needKwh: 15, readyBySlot: 2 }], limitKw: 5 }));
    expect(drawn(plan)).toBe('5 5 5');
    expect(plan.unmet).toMatchObject([{ kind: 'ready_by', id: 'car-0', missing: 5 }]);
    expect(plan.unmet[0]?.bindingLimits.map((limit) => limit.kind)).toContain('feeder_import');
  });

  test('holds the fail-safe where the limit is unknown, and says so', () => {
    const plan = planChecked(night([10, 20], { cars: [{ needKwh: 10 }], limitKw: [null, 50] }));
    expect(drawn(plan)).toBe('0 10');
    expect(plan.reasons.map((reason) => reason.code)).toContain('import_limit_fail_safe');
  });

  test('rises no faster than the ramp', () => {
    const cars = Array.from({ length: 4 }, () => ({ needKwh: 10 }));
    const plan = planChecked(night([90, 10, 20, 30, 40, 50], { cars, rules: { maxRampUpKwPerSlot: 10 } }));
    expect(plan.unmet).toEqual([]);
  });
});

describe('compute', () => {
  test('runs whole cars in the cheapest slots and grants whole shards', () => {
    const plan = planChecked(night([30, 10, 20], { jobs: [{ shardsRemaining: 2 }] }));
    expect(computing(plan)).toBe('-xx');
    expect(plan.grants.map(({ slot, shards }) => [slot, shards])).toEqual([
      [1, 1],
      [2, 1],
    ]);
    expect(plan.cars[0]?.computeKw[1]).toBeCloseTo(1.25, 9);
  });

  test('never takes what owners need: the job is reported instead', () => {
    const plan = planChecked(
      night([10, 10], { cars: [{ needKwh: 20 }], jobs: [{ shardsRemaining: 1, priority: 9 }], limitKw: 10 }),
    );
    expect(drawn(plan)).toBe('10 10');
    expect(plan.unmet).toMatchObject([{ kind: 'job_deadline', missing: 1, unit: 'shards' }]);
  });

  test('serves the job with the higher priority first', () => {
    const jobs = [
      { shardsRemaining: 2, priority: 1 },
      { shardsRemaining: 2, priority: 8 },
    ];
    const plan = planChecked(night([10, 10, 10], { jobs }));
    expect(plan.jobs.map((job) => job.expectedShards)).toEqual([1, 2]);
  });

  test.each([
    ['compute_opted_out', { computeOptIn: false }, 10],
    ['compute_owner_hours', { computeAllowed: [false, true] }, 10],
    ['compute_too_hot', {}, 41],
    ['compute_soc_floor', { computeFloorNeedKwh: 5, needKwh: 10 }, 10],
  ])('does not compute: %s', (code, car, celsius) => {
    const plan = planChecked(night([10, 90], { cars: [car], jobs: [{}], celsius }));
    expect(computing(plan).startsWith('-')).toBe(true);
    expect(codes(plan)).toContain(code);
  });

  test('stays within the caps on price and carbon', () => {
    const plan = planChecked(night([30, 10], { jobs: [{ shardsRemaining: 2, priceCapEurPerKwh: 0.2 }] }));
    expect(computing(plan)).toBe('-x');
    expect(plan.unmet[0]?.bindingLimits.map((limit) => limit.kind)).toContain('job_price_cap');
  });

  test('prefers cars that are awake, wakes no more than the cap, and ranks them', () => {
    const cars = [{ asleep: true, wakeCostEur: 0.02 }, {}, { asleep: true, wakeCostEur: 0.01 }];
    expect(planChecked(night([10], { cars, jobs: [{ shardsRemaining: 1 }] })).wakeUps).toEqual([]);
    const capped = night([10], { cars, jobs: [{ shardsRemaining: 3 }], rules: { maxWakeUpsPerSlot: 1 } });
    expect(planChecked(capped).wakeUps).toEqual([{ carId: 'car-2', slot: 0 }]);
  });

  test('counts on a car only as far as it is likely to be there', () => {
    const plan = planChecked(night([10, 10], { cars: [{ survival: [1, 0.5] }], jobs: [{ shardsRemaining: 2 }] }));
    expect(plan.jobs[0]?.expectedShards).toBeCloseTo(1.5, 9);
  });

  test('keeps a car that computes running for a small difference in price', () => {
    const cars = [{ computingNow: true }];
    const prices = [10.1, 10];
    const jobs = [{ shardsRemaining: 1 }];
    expect(computing(planChecked(night(prices, { cars, jobs })))).toBe('-x');
    expect(computing(planChecked(night(prices, { cars, jobs, rules: { hysteresisEurPerKwh: 0.01 } })))).toBe('x-');
  });
});
