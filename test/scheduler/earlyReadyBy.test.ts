import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { runBaseline } from '../../scheduler/baselines/runBaseline.ts';
import { withEarlyReadyBy, type ReadyByCare } from '../../scheduler/earlyReadyBy.ts';
import { planningProblemSchema } from '../../scheduler/problem.ts';
import { randomProblem } from '../../scheduler/randomProblem.ts';
import { night } from './nights.ts';

const HOURS = [10, 10, 10, 10, 10, 10, 10, 10];
const CARELESS: ReadyByCare = { marginSlots: 0, departureRisk: 1, arrivingKwh: new Map() };

describe('withEarlyReadyBy', () => {
  test('takes the margin where the feeder is calm', () => {
    const calm = night(HOURS, { cars: [{ needKwh: 20 }, { needKwh: 10, readyBySlot: 6 }] });
    const early = withEarlyReadyBy(calm, { ...CARELESS, marginSlots: 1 });
    expect(early.cars.map((car) => car.readyBySlot)).toEqual([7, 5]);
  });

  test('leaves a car the time that it needs, and one that is late its promise', () => {
    const hurried = night(HOURS, { cars: [{ needKwh: 75 }, { needKwh: 25, readyBySlot: 2 }] });
    const early = withEarlyReadyBy(hurried, { ...CARELESS, marginSlots: 4 });
    expect(early.cars.map((car) => car.readyBySlot)).toEqual([8, 2]);
  });

  test('is done while the car is likely to be there', () => {
    const survival = [1, 1, 1, 0.9, 0.7, 0.6, 0.5, 0.4];
    const early = withEarlyReadyBy(night(HOURS, { cars: [{ needKwh: 20, survival }] }), {
      ...CARELESS,
      departureRisk: 0.25,
    });
    expect(early.cars[0]?.readyBySlot).toBe(4);
  });

  test('never to before a battery that is too cold has warmed up', () => {
    const frost = night(HOURS, { cars: [{ needKwh: 15, chargeFromCelsius: 0 }] });
    const regions = frost.regions.map((region) => ({ ...region, ambientCelsius: [-3, -3, -3, -3, -3, 2, 2, 2] }));
    const early = withEarlyReadyBy({ ...frost, regions }, { ...CARELESS, marginSlots: 4 });
    expect(early.cars[0]?.readyBySlot).toBe(7);
  });

  test('charges at once where cars ask for most of what the feeder carries', () => {
    const crowded = night(HOURS, { cars: [{ needKwh: 30 }, { needKwh: 30, readyBySlot: 6 }], limitKw: 10 });
    expect(withEarlyReadyBy(crowded, CARELESS).cars.map((car) => car.readyBySlot)).toEqual([6, 4]);
  });

  test('and where those that are still to come may ask for it', () => {
    const waiting = night(HOURS, { cars: [{ needKwh: 20 }], limitKw: 10 });
    expect(withEarlyReadyBy(waiting, CARELESS).cars[0]?.readyBySlot).toBe(8);
    const expected = withEarlyReadyBy(waiting, { ...CARELESS, arrivingKwh: new Map([['f', 40]]) });
    expect(expected.cars[0]?.readyBySlot).toBe(2);
  });

  test('asks for nothing that least-laxity-first charging could not do, and never later than promised', () => {
    fc.assert(
      fc.property(fc.nat({ max: 10_000 }), fc.double({ min: 0.1, max: 0.6, noNaN: true }), (seed, feederShare) => {
        const promised = planningProblemSchema.parse(
          randomProblem({ cars: 20, slots: 48, feeders: 2, jobs: 0, seed, feederShare }),
        );
        const early = withEarlyReadyBy(promised, { ...CARELESS, marginSlots: 4, departureRisk: 0.25 });
        const simple = runBaseline(promised, 'llf');
        for (const [index, car] of early.cars.entries()) {
          const before = promised.cars[index];
          expect(car.readyBySlot).toBeLessThanOrEqual(before?.readyBySlot ?? 0);
          if (car.readyBySlot === before?.readyBySlot) continue;
          const kw = simple.cars[index]?.chargeKw.slice(0, car.readyBySlot) ?? [];
          const kwh = kw.reduce((sum, power) => sum + power, 0) * 0.25 * car.chargerEfficiency;
          expect(kwh).toBeGreaterThan(car.needKwh - 1e-5);
        }
      }),
      { numRuns: 40 },
    );
  });
});
