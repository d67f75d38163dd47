import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { checkPlan } from '../../scheduler/check/checkPlan.ts';
import type { FindingRule } from '../../scheduler/check/findings.ts';
import type { Plan } from '../../scheduler/plan.ts';
import { planCell } from '../../scheduler/planCell.ts';
import { planningProblemSchema, type PlanningProblem } from '../../scheduler/problem.ts';
import { randomProblem } from '../../scheduler/randomProblem.ts';

const problem = planningProblemSchema.parse(
  randomProblem({ cars: 24, slots: 48, feeders: 2, jobs: 2, seed: 5, feederShare: 0.2 }),
);
const honest = planCell(problem);

const computes = honest.cars.findIndex((car) => car.computeKw.some((kw) => kw > 0));
const charges = honest.cars.findIndex((car) => car.chargeKw.some((kw) => kw > 0));

/** What someone who wants a false plan accepted might change. */
const forgeries: Record<string, { rule: FindingRule; forge: (plan: Plan) => void }> = {
  'a car charges more than its charger gives': {
    rule: 'charger',
    forge: (plan) => edit(plan.cars[charges]?.chargeKw, (kw) => (kw > 0 ? kw + 50 : kw)),
  },
  'a car does not charge at all': { rule: 'unmet', forge: (plan) => edit(plan.cars[charges]?.chargeKw, () => 0) },
  'a car computes with half its power': {
    rule: 'compute_power',
    forge: (plan) => edit(plan.cars[computes]?.computeKw, (kw) => kw / 2),
  },
  'a job claims more than its cars can do': {
    rule: 'grants',
    forge: (plan) => {
      for (const car of plan.cars) edit(car.computeKw, () => 0);
    },
  },
  'cost is understated': { rule: 'figures', forge: (plan) => (plan.figures.costEur *= 0.9) },
  'the bound is overstated': { rule: 'certificate', forge: (plan) => (plan.certificate.lowerBoundEur *= 1.01) },
  'rents are inflated to raise the bound': {
    rule: 'certificate',
    forge: (plan) => {
      for (const entry of plan.certificate.feederRentEurPerKwh) edit(entry.rent, (rent) => rent + 0.5);
    },
  },
  'a grant is doubled': {
    rule: 'grants',
    forge: (plan) => {
      for (const grant of plan.grants) grant.shards *= 3;
    },
  },
  'a shortfall is hidden': {
    rule: 'unmet',
    forge: (plan) => {
      edit(plan.cars[charges]?.chargeKw, () => 0);
      plan.unmet = [];
    },
  },
  'a car is woken that is not asleep': {
    rule: 'wake_ups',
    forge: (plan) => plan.wakeUps.push({ carId: problem.cars.find((car) => !car.asleep)?.id ?? '', slot: 0 }),
  },
  'a reason states another price': {
    rule: 'reasons',
    forge: (plan) => {
      for (const entry of plan.cars[charges]?.reasons ?? []) if (entry.value !== undefined) entry.value += 0.01;
    },
  },
  'a car is missing': { rule: 'shape', forge: (plan) => plan.cars.pop() },
  'a series is cut short': { rule: 'shape', forge: (plan) => plan.cars[0]?.chargeKw.pop() },
};

function edit(values: number[] | undefined, change: (value: number) => number): void {
  for (const [index, value] of values?.entries() ?? []) if (values) values[index] = change(value);
}

type Holder = Record<string | number, unknown>;

/** Every number in a plan: where it stands, and the object or array that holds it. */
function numbersIn(
  value: unknown,
  path = '',
): { readonly path: string; readonly holder: Holder; readonly key: string }[] {
  if (typeof value !== 'object' || value === null) return [];
  const holder = value as Holder;
  return Object.keys(holder).flatMap((key) => {
    const at = `${path}.${key}`;
    return typeof holder[key] === 'number' ? [{ path: at, holder, key }] : numbersIn(holder[key], at);
  });
}

const NOTHING: { readonly holder: Holder; readonly key: string } = { holder: {}, key: '' };

/** A night in which much is wrong, so that every part of a plan has something in it. */
function crowdedNight(seed: number, cars: number, slots: number): PlanningProblem {
  const raw = randomProblem({ cars, slots, feeders: 2, jobs: 3, seed, feederShare: 0.2 });
  const [first] = raw.feeders;
  first?.importLimitKw.fill(null, 3, 5);
  for (const [index, car] of raw.cars.entries()) {
    car.asleep = index % 2 === 0;
    if (index < 4) car.pluggedFromSlot = 0;
  }
  for (const job of raw.jobs ?? []) job.windowEndSlot = Math.ceil(slots / 2);
  return planningProblemSchema.parse({ ...raw, rules: { minStateMinutes: 30 } });
}

describe('checkPlan', () => {
  test('accepts an honest plan and evaluates its bound', () => {
    const report = checkPlan(problem, honest);
    expect(report.findings).toEqual([]);
    expect(report.ok).toBe(true);
    expect(report.gap).toBeCloseTo(honest.figures.gap, 6);
    expect(report.lowerBoundEur).toBeGreaterThan(0);
  });

  test.each(Object.entries(forgeries))('refuses a plan in which %s', (_, { rule, forge }) => {
    const plan = structuredClone(honest);
    forge(plan);
    const report = checkPlan(problem, plan);
    expect(report.ok).toBe(false);
    expect(report.findings.map((finding) => finding.rule)).toContain(rule);
  });

  test('refuses a plan that was made for a looser limit', () => {
    const tighter = structuredClone(problem);
    for (const feeder of tighter.feeders) edit(feeder.houseLoadKw, (kw) => kw + 6);
    expect(checkPlan(tighter, honest).findings.map((finding) => finding.rule)).toContain('feeder_import');
  });

  test('refuses a plan in which any single number is another', () => {
    const crowded = crowdedNight(2, 10, 24);
    const plan = planCell(crowded);
    expect(checkPlan(crowded, plan).findings).toEqual([]);
    for (const kind of ['ready_by', 'job_deadline']) expect(plan.unmet.map((unmet) => unmet.kind)).toContain(kind);
    for (const part of [plan.grants, plan.wakeUps, plan.certificate.feederRentEurPerKwh]) expect(part).not.toEqual([]);
    const numbers = numbersIn(plan);
    expect(numbers.length).toBeGreaterThan(500);
    const accepted = numbers.filter(({ holder, key }) => {
      const honestValue = Number(holder[key]);
      const changes = Number.isInteger(honestValue) ? [1, -1] : [0.02, -0.02, Number.NaN];
      const passes = changes.some((change) => {
        holder[key] = honestValue + change * Math.max(1, Math.abs(honestValue) / 10);
        return checkPlan(crowded, plan).ok;
      });
      holder[key] = honestValue;
      return passes;
    });
    expect(accepted.map(({ path }) => path)).toEqual([]);
  });

  test('accepts plans of all sorts of nights, and none of them with a number changed', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 5000 }),
        fc.nat(),
        fc.double({ min: 0.01, max: 100, noNaN: true }),
        (seed, pick, change) => {
          const crowded = crowdedNight(seed, 12, 36);
          const plan = planCell(crowded);
          expect(checkPlan(crowded, plan).findings).toEqual([]);
          const numbers = numbersIn(plan);
          const { holder, key } = numbers[pick % numbers.length] ?? NOTHING;
          const honestValue = Number(holder[key]);
          holder[key] = honestValue + change * Math.max(1, Math.abs(honestValue) / 1000);
          expect(checkPlan(crowded, plan).ok).toBe(false);
        },
      ),
      { numRuns: 25 },
    );
  });
});
