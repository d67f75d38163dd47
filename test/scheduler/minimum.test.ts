import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkPlan } from '../../scheduler/check/checkPlan.ts';
import { planCell } from '../../scheduler/planCell.ts';
import { night } from './nights.ts';

/** Cars on one full feeder whose owners' minimums are no whole numbers of slots of the least current. */
const crowded = fc.record({
  cents: fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 6, maxLength: 10 }),
  limitKw: fc.double({ min: 4, max: 25, noNaN: true }),
  cars: fc.array(
    fc.record({
      chargerMinKw: fc.constantFrom(0, 1.38, 4.14),
      needKwh: fc.double({ min: 0.1, max: 30, noNaN: true }),
      minimumPart: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
    { minLength: 1, maxLength: 5 },
  ),
});

function problemOf({ cents, limitKw, cars }: typeof crowded extends fc.Arbitrary<infer Value> ? Value : never) {
  return night(cents, {
    limitKw,
    cars: cars.map(({ minimumPart, ...car }) => ({ ...car, minimumNeedKwh: minimumPart * car.needKwh })),
  });
}

describe('the last bit of an owner’s minimum', () => {
  test('gives plans that the checker accepts, bound included', () => {
    fc.assert(
      fc.property(crowded, (drawn) => {
        const problem = problemOf(drawn);
        expect(checkPlan(problem, planCell(problem)).findings).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  test('does not wait while another car without one charges in its room', () => {
    const problem = night([50, 10, 10, 10], {
      limitKw: 10,
      cars: [
        { needKwh: 0.5, minimumNeedKwh: 0.5, chargerMinKw: 4 },
        { needKwh: 39, chargerMinKw: 0 },
      ],
    });
    const plan = planCell(problem);
    expect(plan.cars[0]?.chargeKw[0]).toBe(4);
    expect(checkPlan(problem, plan).findings).toEqual([]);
  });

  test('takes a slot of the least current at once, whatever others need at once too', () => {
    const lastBit = fc.record({
      part: fc.double({ min: 0.01, max: 0.99, noNaN: true }),
      chargerMinKw: fc.constantFrom(1.38, 4.14, 6),
      others: fc.array(fc.double({ min: 1, max: 40, noNaN: true }), { minLength: 1, maxLength: 3 }),
    });
    fc.assert(
      fc.property(lastBit, ({ part, chargerMinKw, others }) => {
        // Of an hour at the least current; the others would fill the feeder in every hour.
        const needKwh = part * chargerMinKw;
        const problem = night([10, 50, 10, 50, 10, 50], {
          limitKw: 7,
          cars: [
            { needKwh, minimumNeedKwh: needKwh, chargerMinKw },
            ...others.map((kwh) => ({ needKwh: kwh, minimumNeedKwh: kwh, chargerMinKw: 0 })),
          ],
        });
        const plan = planCell(problem);
        expect(plan.cars[0]?.chargeKw[0]).toBeCloseTo(chargerMinKw, 6);
        expect(checkPlan(problem, plan).findings).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});
