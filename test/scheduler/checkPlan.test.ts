import { describe, expect, it } from 'vitest';

import { checkPlan } from '../../scheduler/check/checkPlan.ts';
import type { FindingRule } from '../../scheduler/check/findings.ts';
import type { Plan } from '../../scheduler/plan.ts';
import { planCell } from '../../scheduler/planCell.ts';
import { planningProblemSchema } from '../../scheduler/problem.ts';
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
    rule: 'unmet',
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
  'a car is missing': { rule: 'shape', forge: (plan) => plan.cars.pop() },
  'a series is cut short': { rule: 'shape', forge: (plan) => plan.cars[0]?.chargeKw.pop() },
};

function edit(values: number[] | undefined, change: (value: number) => number): void {
  for (const [index, value] of values?.entries() ?? []) if (values) values[index] = change(value);
}

describe('checkPlan', () => {
  it('accepts an honest plan and evaluates its bound', () => {
    const report = checkPlan(problem, honest);
    expect(report.findings).toEqual([]);
    expect(report.ok).toBe(true);
    expect(report.gap).toBeCloseTo(honest.figures.gap, 6);
    expect(report.lowerBoundEur).toBeGreaterThan(0);
  });

  it.each(Object.entries(forgeries))('refuses a plan in which %s', (_, { rule, forge }) => {
    const plan = structuredClone(honest);
    forge(plan);
    const report = checkPlan(problem, plan);
    expect(report.ok).toBe(false);
    expect(report.findings.map((finding) => finding.rule)).toContain(rule);
  });

  it('refuses a plan that was made for a looser limit', () => {
    const tighter = structuredClone(problem);
    for (const feeder of tighter.feeders) edit(feeder.houseLoadKw, (kw) => kw + 6);
    expect(checkPlan(tighter, honest).findings.map((finding) => finding.rule)).toContain('feeder_import');
  });
});
