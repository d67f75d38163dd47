import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { BASELINES, runBaseline, type BaselineName } from '../../scheduler/baselines/runBaseline.ts';
import { checkCar, checkLoads } from '../../scheduler/check/carRules.ts';
import { loadsOf } from '../../scheduler/check/loads.ts';
import { readProblem } from '../../scheduler/check/reading.ts';
import { planCell } from '../../scheduler/planCell.ts';
import { planningProblemSchema } from '../../scheduler/problem.ts';
import { randomProblem } from '../../scheduler/randomProblem.ts';
import { night } from './nights.ts';

const names = Object.keys(BASELINES).filter((name): name is BaselineName => name in BASELINES);

function drawn(name: BaselineName, problem: Parameters<typeof runBaseline>[0]): string[] {
  return runBaseline(problem, name).cars.map((car) => car.chargeKw.map((kw) => Math.round(kw)).join(' '));
}

describe('baselines', () => {
  const problem = night([30, 10, 10], {
    cars: [{ needKwh: 10 }, { needKwh: 10, readyBySlot: 2 }, { needKwh: 18, readyBySlot: 3 }],
    limitKw: 15,
  });

  test('charge in their own order', () => {
    expect(drawn('asap', problem)).toEqual(['10 0 0', '5 5 0', '0 10 8']);
    expect(drawn('edf', problem)).toEqual(['5 5 0', '10 0 0', '0 10 8']);
    expect(drawn('llf', problem)).toEqual(['0 5 5', '10 0 0', '5 10 3']);
  });

  test('run jobs at once, in what charging leaves', () => {
    const result = runBaseline(night([30, 10], { cars: [{ needKwh: 10 }], jobs: [{ shardsRemaining: 1 }] }), 'asap');
    expect(result.cars[0]?.computeKw[0]).toBeGreaterThan(0);
    expect(result.jobs[0]?.expectedShards).toBe(1);
  });

  test('keep the same limits, and cost no less than the plan where both meet everything', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10_000 }), fc.constantFrom(...names), (seed, name) => {
        const random = planningProblemSchema.parse(
          randomProblem({ cars: 15, slots: 40, feeders: 2, jobs: 1, seed, feederShare: 0.5 }),
        );
        const result = runBaseline(random, name);
        const reading = readProblem(random);
        const cars = new Map(random.cars.map((car) => [car.id, car]));
        const asPlan = {
          ...planCell(random),
          cars: result.cars.map((car) => ({
            ...car,
            chargeKw: [...car.chargeKw],
            computeKw: [...car.computeKw],
            startDelaySeconds: 0,
            reasons: [],
          })),
        };
        expect(checkLoads(reading, loadsOf(reading, asPlan, cars))).toEqual([]);
        const broken = asPlan.cars.flatMap((car) => {
          const known = cars.get(car.carId);
          return known ? checkCar(reading, known, car) : [];
        });
        expect(broken).toEqual([]);
        const bound = planCell(random).certificate.lowerBoundEur;
        const met =
          result.cars.every((car) => car.missingKwh < 1e-6) &&
          result.jobs.every((job, index) => job.expectedShards > (random.jobs[index]?.shardsRemaining ?? 0) - 1e-6);
        if (met) expect(result.totals.costEur).toBeGreaterThan(bound - 1e-6);
      }),
      { numRuns: 25 },
    );
  });
});
