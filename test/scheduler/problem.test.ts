import { describe, expect, test } from 'vitest';

import { planningProblemSchema } from '../../scheduler/problem.ts';
import type { PlanningProblemInput } from '../../scheduler/problem.ts';

const SLOTS = 4;
const flat = (value: number): number[] => Array.from({ length: SLOTS }, () => value);

function tinyProblem(): PlanningProblemInput {
  return {
    slots: { startMs: 0, slotMinutes: 15, count: SLOTS },
    regions: [{ id: 'north', priceEurPerKwh: flat(0.2), carbonGPerKwh: flat(300), ambientCelsius: flat(10) }],
    feeders: [{ id: 'f', regionId: 'north', importLimitKw: flat(20), houseLoadKw: flat(2) }],
    hardwareClasses: [{ id: 'ai4', chipKw: 0.16 }],
    cars: [
      {
        id: 'car',
        feederId: 'f',
        hardwareClass: 'ai4',
        pluggedFromSlot: 0,
        untilSlot: SLOTS,
        readyBySlot: SLOTS,
        chargerMaxKw: 11,
        chargerEfficiency: 0.89,
        needKwh: 5,
      },
    ],
    jobs: [
      {
        id: 'job',
        shardsRemaining: 3,
        classes: [{ hardwareClass: 'ai4', shardMinutes: 5 }],
        regionIds: ['north'],
        windowStartSlot: 0,
        windowEndSlot: SLOTS,
      },
    ],
  };
}

function messages(problem: unknown): string[] {
  const parsed = planningProblemSchema.safeParse(problem);
  return parsed.success ? [] : parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`);
}

describe('planningProblemSchema', () => {
  test('fills in the defaults of a tiny problem', () => {
    const problem = planningProblemSchema.parse(tinyProblem());
    expect(problem.rules.maxChargeStarts).toBe(4);
    expect(problem.cars[0]?.computeOptIn).toBe(true);
    expect(problem.feeders[0]?.failSafeImportKw).toBe(0);
  });

  test('names the series that has the wrong length', () => {
    const problem = tinyProblem();
    problem.regions[0]?.priceEurPerKwh.pop();
    expect(messages(problem)).toEqual(['regions.0.priceEurPerKwh must have 4 values, one per slot, has 3']);
  });

  test('names an unknown feeder and a repeated id', () => {
    const problem = tinyProblem();
    const [car] = problem.cars;
    if (car) problem.cars.push({ ...car, feederId: 'g' });
    expect(messages(problem)).toEqual([
      'cars.1.id repeats "car"',
      'cars.1.feederId names "g", which the problem does not have',
    ]);
  });

  test('refuses a substation whose feeders lie in two regions', () => {
    const problem = tinyProblem();
    const [north] = problem.regions;
    if (north) problem.regions.push({ ...north, id: 'south' });
    problem.substations = [{ id: 's', importLimitKw: flat(9) }];
    const [feeder] = problem.feeders;
    if (feeder) {
      feeder.substationId = 's';
      problem.feeders.push({ ...feeder, id: 'g', regionId: 'south' });
    }
    expect(messages(problem)).toEqual([
      'feeders.1.regionId must be "north", the region of its substation\'s other feeders',
    ]);
  });

  test('refuses a minimum above the need of which it is a part', () => {
    const problem = tinyProblem();
    if (problem.cars[0]) problem.cars[0].minimumNeedKwh = 9;
    expect(messages(problem)).toEqual(['cars.0.minimumNeedKwh must not be above needKwh, of which it is a part']);
  });

  test.each([
    [{ survival: [1, 1.2, 0.5] }, 'cars.0.survival.1 must be a number from 0 to 1'],
    [{ survival: 'long' }, 'cars.0.survival must be a list of numbers'],
    [{ computeCapChipKw: [1, 1, null, 1] }, 'cars.0.computeCapChipKw.2 must be a number of at least 0'],
  ])('names the place in a series that is wrong: %o', (series, message) => {
    const problem = tinyProblem();
    expect(messages({ ...problem, cars: [{ ...problem.cars[0], ...series }] })).toEqual([message]);
  });

  test('takes null for a limit that is not known, and nothing else that is no number', () => {
    const problem = tinyProblem();
    const [feeder] = problem.feeders;
    const withLimits = (importLimitKw: unknown) => ({ ...problem, feeders: [{ ...feeder, importLimitKw }] });
    expect(messages(withLimits([20, null, 20, 20]))).toEqual([]);
    expect(messages(withLimits([20, 20, '20', 20]))).toEqual([
      'feeders.0.importLimitKw.2 must be a number of at least 0 or null',
    ]);
  });
});
