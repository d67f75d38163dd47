import { describe, expect, test } from 'vitest';

import { compileProblem } from '../../../scheduler/compile.ts';
import { planningProblemSchema } from '../../../scheduler/problem.ts';
import { randomProblem } from '../../../scheduler/randomProblem.ts';
import { createSetpoints } from '../../../scheduler/realise/setpoints.ts';
import { layOut, quantaPerKwOf } from '../../../scheduler/solve/blocks.ts';
import { chargeCheapest } from '../../../scheduler/solve/capFree.ts';
import { lowerBound } from '../../../scheduler/solve/lowerBound.ts';
import { relax, type LimitPrices, type Relaxation } from '../../../scheduler/solve/relaxation.ts';
import { softPrices } from '../../../scheduler/solve/softPrices.ts';
import { solveRelaxation } from '../../../scheduler/solve/solveRelaxation.ts';

const SLOTS = 32;

function crowded(seed: number, feeders: number, hasSubstation: boolean): Relaxation {
  const raw = randomProblem({ cars: 120 * feeders, slots: SLOTS, feeders, jobs: 3, seed, feederShare: 0.3 });
  if (hasSubstation) {
    const [regionId] = raw.regions.map(({ id }) => id);
    for (const feeder of raw.feeders) {
      feeder.regionId = regionId ?? '';
      feeder.substationId = 'behind';
    }
    const importLimitKw = Array.from({ length: SLOTS }, (_, t) =>
      raw.feeders.reduce((sum, { importLimitKw: limit, houseLoadKw }) => {
        return sum + 0.9 * Math.max(0, (limit?.[t] ?? 0) - (houseLoadKw?.[t] ?? 0));
      }, 0),
    );
    raw.substations = [{ id: 'behind', importLimitKw, failSafeImportKw: 0 }];
  }
  const problem = compileProblem(planningProblemSchema.parse(raw));
  const layout = createSetpoints(problem.cars);
  return relax(problem, layout, new Float64Array(layout.chargeKw.length));
}

describe.each([
  ['one feeder', 1, false],
  ['three feeders', 3, false],
  ['three feeders behind a substation', 3, true],
] as const)('prices of soft demand: %s', (_, feeders, hasSubstation) => {
  test('are so near that their bound proves the optimum to half a hundredth', () => {
    const relaxation = crowded(1, feeders, hasSubstation);
    const { problem } = relaxation;
    const quantaPerKw = quantaPerKwOf(relaxation);
    const laidOut = layOut(relaxation, chargeCheapest(relaxation), quantaPerKw);
    const found = softPrices(relaxation, laidOut, quantaPerKw, {
      jobPriceEurPerShard: new Float64Array(problem.jobs.length),
      rents: laidOut.map(({ block }) => new Float64Array(block.hubs)),
    });
    const prices: LimitPrices = {
      feederRentEurPerKwh: new Float64Array(problem.feeders * SLOTS),
      substationRentEurPerKwh: new Float64Array(problem.substations * SLOTS),
      jobPriceEurPerShard: found.jobPriceEurPerShard,
    };
    for (const [index, block] of laidOut.entries()) {
      const rent = found.rents[index] ?? new Float64Array();
      for (const [own, feeder] of block.feeders.entries()) {
        prices.feederRentEurPerKwh.set(rent.subarray(own * SLOTS, (own + 1) * SLOTS), feeder * SLOTS);
      }
      if (block.station < 0) continue;
      const behind = rent.subarray(block.feeders.length * SLOTS);
      prices.substationRentEurPerKwh.set(behind, block.station * SLOTS);
    }
    const solved = solveRelaxation(relaxation);
    const missed = (solved.costEur - lowerBound(relaxation, prices)) / solved.costEur;
    expect(solved.method).toBe('decomposition');
    expect(missed).toBeGreaterThan(-1e-9);
    expect(missed).toBeLessThan(5e-3);
    // What follows makes them exact.
    expect((solved.costEur - solved.lowerBoundEur) / solved.costEur).toBeLessThan(2e-7);
  });
});
