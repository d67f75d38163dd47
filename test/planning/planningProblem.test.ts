import { describe, expect, test } from 'vitest';
import { planningJob } from '../../planning/fleetProblem.ts';
import { planningFeeder, planningRegion } from '../../planning/gridProblem.ts';
import type { CellState } from '../../planning/cellState.ts';
import { readHabit } from '../../scheduler/habit.ts';
import { planCell } from '../../scheduler/planCell.ts';
import type { PlanningProblem } from '../../scheduler/problem.ts';
import { asPromised, earlyProblem, partsOfCell } from '../../planning/planningProblem.ts';
import { planPromises } from '../../planning/planPromises.ts';
import { cellState, firstCar, HOUR_MS, span, START_MS, VEHICLE, problemOf } from './cellFixture.ts';

const only = <Item>(items: readonly Item[]): Item => {
  const [item] = items;
  if (item === undefined) throw new Error('the list is empty');
  return item;
};
const WEIGHTS = { carbonEurPerKg: 0, missingEurPerKwh: 0.6 };
const carOf = firstCar;
const feederOf = (state: CellState) => planningFeeder(state, only(state.feeders));
const regionOf = (state: CellState) => planningRegion(state, only(state.regions));
const jobOf = (state: CellState) => planningJob(state, only(state.jobs));
const without = (kind: string) => cellState().signals.filter((signal) => signal.kind !== kind);
const withCar = (over: Partial<CellState['vehicleStates'][number]>) =>
  cellState({ vehicleStates: [{ ...only(cellState().vehicleStates), ...over }] });

const withVehicle = (over: Partial<typeof VEHICLE>, signals = cellState().signals) =>
  carOf(cellState({ signals, vehicles: [{ ...VEHICLE, ...over }] }));

describe('import limits', () => {
  test('the tightest of all sources holds, regional ones included', () => {
    const signals = [
      ...cellState().signals,
      span('import_limit', 12, { source: 'utility', startMs: START_MS + HOUR_MS, endMs: START_MS + 2 * HOUR_MS }),
      span('import_limit', 0, { source: 'emergency', feederId: 'street', endMs: START_MS + HOUR_MS / 4 }),
    ];
    const { importLimitKw } = feederOf(cellState({ signals }));
    expect(importLimitKw.slice(0, 9)).toEqual([0, 20, 20, 20, 12, 12, 12, 12, 20]);
  });

  test('one that has run out is unknown, not unlimited', () => {
    const signals = [
      ...without('import_limit'),
      span('import_limit', 20, { feederId: 'street', endMs: START_MS + HOUR_MS }),
    ];
    const feeder = feederOf(cellState({ signals }));
    expect(feeder.importLimitKw.slice(3, 6)).toEqual([20, null, null]);
    expect(feeder.failSafeImportKw).toBe(6);
  });

  test('unknown house load takes all of the limit, and says so', () => {
    const state = cellState({ signals: without('house_load') });
    expect(feederOf(state).houseLoadKw.slice(0, 2)).toEqual([20, 20]);
    expect(regionOf(state).fallbacks).toMatchObject([{ code: 'house_load_unknown', value: 16, limit: 16 }]);
  });
});

describe('the cold limit of a battery', () => {
  test('follows from the car model, unless the operator knows better', () => {
    expect(withVehicle({ carModel: 'model-3' })?.chargeFromCelsius).toBe(0);
    expect(withVehicle({ carModel: 'kona' })?.chargeFromCelsius).toBeUndefined();
    expect(withVehicle({ carModel: 'never heard of' })?.chargeFromCelsius).toBeUndefined();
    const charger = { ...VEHICLE.charger, chargeFromCelsius: -10 };
    expect(withVehicle({ carModel: 'kona', charger })?.chargeFromCelsius).toBe(-10);
  });

  test('leaves the power of the slots in which it may be charged', () => {
    const signals = [...without('temperature'), span('temperature', -10)];
    expect(withVehicle({ carModel: 'kona' }, signals)?.chargerMaxKw).toBeCloseTo(11 * 0.85);
    expect(withVehicle({ carModel: 'model-3' }, signals)?.chargerMaxKw).toBeCloseTo(11 * 0.95);
  });
});

describe('a region', () => {
  test('fills a missing price with the mean of the known ones, and says so', () => {
    const signals = [...without('price'), span('price', 0.1, { endMs: START_MS + HOUR_MS })];
    const region = regionOf(cellState({ signals }));
    expect(region.priceEurPerKwh).toHaveLength(16);
    expect(region.priceEurPerKwh[15]).toBeCloseTo(0.1);
    expect(region.fallbacks?.map(({ code, value }) => [code, value])).toEqual([['signal_fallback', 12]]);
  });

  test('has no fallbacks when everything is known', () => {
    expect(regionOf(cellState()).fallbacks).toEqual([]);
  });
});

describe('a car', () => {
  test('needs what is missing to its target, and the part below its minimum at once', () => {
    expect(carOf(cellState())).toMatchObject({
      needKwh: 30,
      minimumNeedKwh: 5,
      computeFloorNeedKwh: 10,
      pluggedFromSlot: 0,
      readyBySlot: 12,
      asleep: false,
    });
  });

  test('is not planned when telemetry says that it is not at the plug', () => {
    expect(carOf(withCar({ pluggedIn: false }))).toBeUndefined();
  });

  test('counts as empty when no SoC was ever reported', () => {
    const state = withCar({ socPercent: null });
    const openSessions = [{ ...only(state.openSessions), arrivalSocPercent: null }];
    expect(carOf({ ...state, openSessions })?.needKwh).toBe(40);
  });

  test('is still planned for when its ready-by has passed', () => {
    const openSessions = [{ ...only(cellState().openSessions), readyByMs: START_MS - 1 }];
    expect(carOf(cellState({ openSessions }))).toMatchObject({ readyBySlot: 4, untilSlot: 4 });
  });

  test('is planned with the power that its pack takes at the target', () => {
    const openSessions = [{ ...only(cellState().openSessions), targetSocPercent: 90 }];
    expect(carOf(cellState({ openSessions }))?.chargerMaxKw).toBeCloseTo(5.5);
    expect(carOf(cellState())?.chargerMaxKw).toBeCloseTo(11);
  });

  test('asleep is what is not online', () => {
    expect(carOf(withCar({ online: false }))?.asleep).toBe(true);
    expect(VEHICLE.policy.computeOptIn).toBe(true);
  });
});

describe('a job', () => {
  test('counts shards in flight as work that is left, within its deadline', () => {
    expect(jobOf(cellState())).toMatchObject({
      shardsRemaining: 8,
      classes: [{ hardwareClass: 'ai4', shardMinutes: 8 / 0.85 }],
      windowStartSlot: 0,
      windowEndSlot: 5,
    });
  });

  test('uses the time up to its deadline when the margin before it has begun', () => {
    const jobs = [{ ...only(cellState().jobs), deadlineMs: START_MS + HOUR_MS / 2 }];
    expect(jobOf(cellState({ jobs }))).toMatchObject({ windowStartSlot: 0, windowEndSlot: 2 });
  });

  test('is not planned while no class’s speed is known', () => {
    expect(jobOf(cellState({ classSpeeds: [] }))).toBeUndefined();
  });
});

test('a car is expected to stay less and less long, sooner when its own stays were short', () => {
  const survival = firstCar(cellState())?.survival ?? [];
  expect(survival).toHaveLength(12);
  expect(survival[0]).toBe(1);
  const restless = readHabit(
    Object.fromEntries([21, 22, 23].flatMap((hour) => [0, 1, 2, 3].map((age) => [`${age}/${hour}/week`, [20, 15]]))),
  );
  const sooner =
    firstCar(cellState({ habits: { cars: new Map([['CAR1', restless]]), feeders: new Map() } }))?.survival ?? [];
  expect(sooner[8]).toBeLessThan(0.5 * (survival[8] ?? 0));
});

describe('ready-by in the problem', () => {
  const openSessions = [{ ...only(cellState().openSessions), targetSocPercent: 40 }];

  test('is an hour earlier than promised', () => {
    const problem = problemOf(cellState({ openSessions }), 0);
    expect(problem.cars.map((car) => [car.readyBySlot, car.untilSlot])).toEqual([[8, 12]]);
  });

  test('stays as it was promised for a car that could not be ready earlier', () => {
    const both = earlyProblem(partsOfCell(cellState({ openSessions }), WEIGHTS));
    expect(asPromised(both, new Set(['CAR1']))?.cars.map((car) => car.readyBySlot)).toEqual([12]);
    expect(asPromised(both, new Set(['another']))).toBeUndefined();
  });

  test('is planned once where none of the late cars was brought forward', async () => {
    const short = [{ ...only(openSessions), targetSocPercent: 100, readyByMs: START_MS + HOUR_MS }];
    const asked: PlanningProblem[] = [];
    const { plan } = await planPromises(
      partsOfCell(cellState({ openSessions: short, jobs: [] }), WEIGHTS),
      (problem) => {
        asked.push(problem);
        return { plan: planCell(problem) };
      },
    );
    expect(plan.unmet.map(({ kind }) => kind)).toContain('ready_by');
    expect(asked).toHaveLength(1);
  });

  test('is as early as the feeder allows when the evenings before brought more cars', () => {
    const arrivals = [{ feederId: 'street', pluggedInMs: START_MS - 23 * HOUR_MS, kwh: 29 }];
    const problem = problemOf(cellState({ openSessions, arrivals }), 0);
    expect(problem.cars.map((car) => car.readyBySlot)).toEqual([5]);
  });
});
