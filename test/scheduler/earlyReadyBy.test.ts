import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { runBaseline } from '../../scheduler/baselines/runBaseline.ts';
import { HOUR_MS } from '../../domain/durations.ts';
import { withEarlyReadyBy, type ReadyByCare } from '../../scheduler/earlyReadyBy.ts';
import { planningProblemSchema } from '../../scheduler/problem.ts';
import { randomProblem } from '../../scheduler/randomProblem.ts';
import { night } from './nights.ts';

const HOURS = [10, 10, 10, 10, 10, 10, 10, 10];
const CARELESS: ReadyByCare = { marginSlots: 0, arriving: new Map() };

const inTwoHours = (kwh: number) => new Map([['f', [{ inMs: 2 * HOUR_MS, kwh }]]]);
const readyBy = ({ readyBySlot }: { readonly readyBySlot: number }): number => readyBySlot;

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

  test('never to before a battery that is too cold has warmed up', () => {
    const frost = night(HOURS, { cars: [{ needKwh: 15, chargeFromCelsius: 0 }] });
    const regions = frost.regions.map((region) => ({ ...region, ambientCelsius: [-3, -3, -3, -3, -3, 2, 2, 2] }));
    const early = withEarlyReadyBy({ ...frost, regions }, { ...CARELESS, marginSlots: 4 });
    expect(early.cars[0]?.readyBySlot).toBe(7);
  });

  test('charges at once where no car can wait for as long as the margin', () => {
    const cars = [{ needKwh: 20 }, { needKwh: 40, readyBySlot: 6 }];
    const careful = { ...CARELESS, marginSlots: 3 };
    expect(withEarlyReadyBy(night(HOURS, { cars, limitKw: 10 }), careful).cars.map(readyBy)).toEqual([6, 4]);
    expect(withEarlyReadyBy(night(HOURS, { cars, limitKw: 20 }), careful).cars.map(readyBy)).toEqual([5, 4]);
  });

  test('but not for the sake of one car that must charge at once all the same', () => {
    const cars = [{ needKwh: 20 }, { needKwh: 80 }];
    const careful = { ...CARELESS, marginSlots: 2 };
    expect(withEarlyReadyBy(night(HOURS, { cars, limitKw: 20 }), careful).cars.map(readyBy)).toEqual([6, 8]);
  });

  test('and where those that may still come would take the room', () => {
    const waiting = night(HOURS, { cars: [{ needKwh: 20 }], limitKw: 10 });
    const careful = { ...CARELESS, marginSlots: 1 };
    expect(withEarlyReadyBy(waiting, careful).cars[0]?.readyBySlot).toBe(7);
    expect(withEarlyReadyBy(waiting, { ...careful, arriving: inTwoHours(50) }).cars[0]?.readyBySlot).toBe(7);
    expect(withEarlyReadyBy(waiting, { ...careful, arriving: inTwoHours(60) }).cars[0]?.readyBySlot).toBe(2);
  });

  test('asks for nothing that least-laxity-first charging could not do, and never later than promised', () => {
    fc.assert(
      fc.property(fc.nat({ max: 10_000 }), fc.double({ min: 0.1, max: 0.6, noNaN: true }), (seed, feederShare) => {
        const promised = planningProblemSchema.parse(
          randomProblem({ cars: 20, slots: 48, feeders: 2, jobs: 0, seed, feederShare }),
        );
        const early = withEarlyReadyBy(promised, { ...CARELESS, marginSlots: 4 });
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
