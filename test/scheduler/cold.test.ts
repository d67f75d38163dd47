import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { runBaseline } from '../../scheduler/baselines/runBaseline.ts';
import { checkPlan } from '../../scheduler/check/checkPlan.ts';
import { planCell } from '../../scheduler/planCell.ts';
import { planningProblemSchema, type PlanningProblem } from '../../scheduler/problem.ts';
import { randomProblem } from '../../scheduler/randomProblem.ts';
import { replan } from '../../scheduler/replan.ts';
import { night } from './nights.ts';

const LFP = { chargeFromCelsius: 0 };

describe('a battery that must not be charged below 0 °C', () => {
  test.each([
    {
      celsius: [3, 1, -1, -4, -4, -2],
      cents: [40, 35, 20, 5, 5, 20],
      kw: [5, 10, 0, 0, 0, 0],
      when: 'before it gets cold',
    },
    {
      celsius: [-3, -5, -4, -1, 0, 2],
      cents: [5, 5, 5, 20, 40, 35],
      kw: [0, 0, 0, 0, 5, 10],
      when: 'after it warms up',
    },
    { celsius: [2, -1, -3, -1, 1, 2], cents: [40, 5, 5, 5, 35, 45], kw: [5, 0, 0, 0, 10, 0], when: 'on both sides' },
  ])('is ready by its time, charged $when', ({ celsius, cents, kw }) => {
    const problem = night(cents, { celsius, cars: [{ ...LFP, needKwh: 15 }] });
    const plan = planCell(problem);
    expect(checkPlan(problem, plan).findings).toEqual([]);
    expect(plan.cars[0]?.chargeKw).toEqual(kw);
    expect(plan.unmet).toEqual([]);
  });

  test('waits with the temperature and the limit, until it may be charged', () => {
    const plan = planCell(night([5, 5, 40], { celsius: [-3.2, -1, 1], cars: [{ ...LFP, needKwh: 10 }] }));
    const [reason] = plan.cars[0]?.reasons ?? [];
    expect(reason).toMatchObject({ code: 'waiting_too_cold', value: -3.2, limit: 0, unit: '°C', slot: 2 });
    expect(reason?.text).toBe('It does not charge until 02:00 UTC: -3.2 < 0 °C, the least for its battery.');
  });

  test('a target that the cold makes impossible is unmet, with the limit and the coldest slot', () => {
    const celsius = [1, -2, -6.5, -2];
    const problem = night([20, 5, 5, 5], { celsius, cars: [{ ...LFP, needKwh: 15 }] });
    const plan = planCell(problem);
    expect(checkPlan(problem, plan).findings).toEqual([]);
    expect(plan.unmet).toMatchObject([{ kind: 'ready_by', missing: 5 }]);
    expect(plan.unmet[0]?.bindingLimits[0]).toEqual({
      kind: 'battery_cold',
      id: 'car-0',
      slots: [1, 2, 3],
      text: 'it is too cold to be charged in 3 slots (-6.5 °C at the coldest, its limit is 0 °C)',
    });
    expect(plan.cars[0]?.reasons.map(({ code }) => code).slice(0, 2)).toEqual([
      'charging_no_slack',
      'ready_by_at_risk',
    ]);
  });

  test('the owner’s minimum waits for warmth too, and then comes first', () => {
    const cars = [{ ...LFP, needKwh: 10, minimumNeedKwh: 4 }];
    const problem = night([5, 50, 10], { celsius: [-1, 1, 1], cars });
    const plan = planCell(problem);
    expect(checkPlan(problem, plan).findings).toEqual([]);
    expect(plan.cars[0]?.chargeKw).toEqual([0, 4, 6]);
  });

  test('a plan that charges in the cold is found out', () => {
    const mild = night([5, 20], { celsius: 2, cars: [{ ...LFP, needKwh: 10 }] });
    const cold = night([5, 20], { celsius: [-2, 2], cars: [{ ...LFP, needKwh: 10 }] });
    const { findings } = checkPlan(cold, planCell(mild));
    expect(findings.map(({ rule }) => rule)).toContain('cold');
    expect(findings.find(({ rule }) => rule === 'cold')).toMatchObject({ id: 'car-0', slot: 0, value: -2, limit: 0 });
  });
});

const coldNights = fc
  .record({ seed: fc.nat(1e6), meanCelsius: fc.integer({ min: -8, max: 6 }), cars: fc.integer({ min: 1, max: 10 }) })
  .map(({ seed, ...rest }): PlanningProblem => {
    const input = randomProblem({ slots: 32, feeders: 2, jobs: 1, seed, feederShare: 0.4, ...rest });
    // Without minimums: a rest of one below the least current cannot be drawn when the bound counts it.
    const cars = input.cars.map((car, index) => ({ ...car, minimumNeedKwh: 0, ...(index % 3 === 0 ? {} : LFP) }));
    return planningProblemSchema.parse({ ...input, cars });
  });

test('on cold nights no plan, no replan and no baseline charges below the limit, and every bound holds', () => {
  fc.assert(
    fc.property(coldNights, (problem) => {
      const plan = planCell(problem);
      expect(checkPlan(problem, plan).findings).toEqual([]);
      expect(plan.figures.gap).toBeGreaterThan(-1e-6);
      const again = replan(plan, problem);
      expect(checkPlan(problem, again).findings).toEqual([]);
      const baseline = runBaseline(problem, 'asap');
      for (const [index, car] of problem.cars.entries()) {
        const feeder = problem.feeders.find(({ id }) => id === car.feederId);
        const celsius = problem.regions.find(({ id }) => id === feeder?.regionId)?.ambientCelsius ?? [];
        for (const [slot, degrees] of celsius.entries()) {
          if (degrees >= (car.chargeFromCelsius ?? -Infinity)) continue;
          expect(plan.cars[index]?.chargeKw[slot]).toBe(0);
          expect(baseline.cars[index]?.chargeKw[slot]).toBe(0);
        }
      }
    }),
    { numRuns: 40 },
  );
}, 60_000);
