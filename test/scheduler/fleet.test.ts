import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { randomFleet } from '../../bench/randomFleet.ts';
import { aggregateCars, disaggregate } from '../../scheduler/fleet/aggregate.ts';
import { chargeFlow } from '../../scheduler/fleet/chargeFlow.ts';
import { planFleet } from '../../scheduler/fleet/planFleet.ts';
import { createSetpoints } from '../../scheduler/realise/setpoints.ts';
import { jointFlow } from '../../scheduler/solve/jointFlow.ts';
import { lowerBound } from '../../scheduler/solve/lowerBound.ts';
import { relax, relaxedCost } from '../../scheduler/solve/relaxation.ts';

/** One feeder, charging only, windows that end at ready-by; `tightness` scales its limit. */
function charging(count: number, seed: number, tightness: number) {
  const fleet = randomFleet(count, 1, seed);
  const cars = { ...fleet.cars, until: fleet.cars.chargeUntil, computeShare: () => 0 };
  const problem = { ...fleet, jobs: [], cars, feederCapKw: fleet.feederCapKw.map((kw) => kw * tightness) };
  const layout = createSetpoints(problem.cars);
  return { problem, layout, relaxation: relax(problem, layout, new Float64Array(layout.chargeKw.length)) };
}

const instances = [
  fc.integer({ min: 1, max: 80 }),
  fc.integer({ min: 0, max: 1e6 }),
  fc.double({ min: 0.1, max: 1, noNaN: true }),
] as const;

describe('chargeFlow', () => {
  test('costs what the general flow costs, and its rents prove it', () => {
    fc.assert(
      fc.property(...instances, (count, seed, tightness) => {
        const { problem, layout, relaxation } = charging(count, seed, tightness);
        const general = relaxedCost(relaxation, jointFlow(relaxation, new Float64Array()).chargeKw, []);
        const price = problem.unitCostEurPerKwh.slice(0, problem.slots);
        const flow = chargeFlow(problem.cars, layout.offset, problem.feederCapKw, price, problem.ownerPenaltyEurPerKwh);
        const cost = relaxedCost(relaxation, flow.chargeKw, []);
        const bound = lowerBound(relaxation, {
          feederRentEurPerKwh: flow.rentEurPerKwh,
          substationRentEurPerKwh: new Float64Array(),
          jobPriceEurPerShard: new Float64Array(),
        });
        expect(Math.abs(cost - general)).toBeLessThan(1e-7 * (1 + general));
        expect(Math.abs(cost - bound)).toBeLessThan(1e-7 * (1 + general));
      }),
      { numRuns: 60 },
    );
  });
});

describe('aggregateCars', () => {
  test('charges every car exactly what it needs, never above its charger, from any feasible aggregate', () => {
    fc.assert(
      fc.property(...instances, (count, seed, tightness) => {
        const { problem } = charging(count, seed, tightness);
        const { cars } = problem;
        const members = Int32Array.from({ length: count }, (_, car) => car);
        const aggregate = aggregateCars(cars, members, problem.slots);
        const offset = createSetpoints(aggregate.pseudoCars).offset;
        const price = problem.unitCostEurPerKwh.slice(0, problem.slots);
        const roomy = new Float64Array(problem.slots).fill(1e6);
        const flow = chargeFlow(aggregate.pseudoCars, offset, roomy, price, problem.ownerPenaltyEurPerKwh);
        const served = new Float64Array(count);
        let above = 0;
        disaggregate(aggregate, flow.chargeKw, offset, (car, _slot, kw) => {
          served[car] = (served[car] ?? 0) + kw;
          above = Math.max(above, kw - (cars.maxKw[car] ?? 0));
        });
        expect(above).toBeLessThan(1e-6);
        for (let car = 0; car < count; car++) expect(served[car]).toBeCloseTo(cars.energyKwSlots[car] ?? 0, 5);
      }),
      { numRuns: 60 },
    );
  });
});

describe('planFleet', () => {
  test('keeps the limits with whole cars, and comes nearer to its bound with more rounds', () => {
    const fleet = randomFleet(600, 3, 4);
    const gaps = [0, 2, 6].map((rounds) => {
      const plan = planFleet(fleet, rounds);
      const load = new Float64Array(fleet.feederCapKw.length);
      for (let car = 0; car < fleet.cars.count; car++) {
        const feeder = fleet.cars.feeder[car] ?? 0;
        const region = fleet.regionOfFeeder[feeder] ?? 0;
        const from = fleet.cars.from[car] ?? 0;
        const first = plan.offset[car] ?? 0;
        for (let t = from; t < (fleet.cars.until[car] ?? 0); t++) {
          const row = region * fleet.classes + (fleet.cars.hardwareClass[car] ?? 0);
          const computeKw = (plan.computes[first + t - from] ?? 0) * (fleet.computePlugKw[row * fleet.slots + t] ?? 0);
          const cell = feeder * fleet.slots + t;
          load[cell] = (load[cell] ?? 0) + (plan.chargeKw[first + t - from] ?? 0) + computeKw;
        }
      }
      for (const [cell, kw] of load.entries()) expect(kw).toBeLessThan((fleet.feederCapKw[cell] ?? 0) * (1 + 1e-5));
      return (plan.costEur - plan.lowerBoundEur) / plan.lowerBoundEur;
    });
    expect(gaps.every((gap) => gap > -1e-9)).toBe(true);
    expect(gaps[2]).toBeLessThan(Math.min(gaps[0] ?? 0, 0.005));
  });
});
