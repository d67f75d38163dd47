import type { CompiledProblem } from '../compile.ts';
import type { PlanFigures, Unmet } from '../plan.ts';
import type { PlanningProblem } from '../problem.ts';
import type { Setpoints } from '../realise/setpoints.ts';

export interface Totals {
  readonly costEur: number;
  readonly energyCostEur: number;
  readonly carbonKg: number;
  readonly chargeKwh: number;
  readonly computeKwh: number;
  readonly expectedMissingKwh: number;
  readonly expectedMissingEur: number;
}

/**
 * Expected cost and carbon of setpoints: all is weighted by the chance that the car is still there, charging that it
 * leaves without is missing, and each wake-up is paid.
 * @param wakeCostEur fees of the wake-ups that the plan sends
 */
export function totalsOf(
  problem: PlanningProblem,
  compiled: CompiledProblem,
  setpoints: Setpoints,
  wakeCostEur: number,
): Totals {
  const { cars, slots, slotHours } = compiled;
  const chargeKwSlots = new Float64Array(compiled.regions * slots);
  let [expectedMissingKwh, expectedMissingEur] = [0, 0];
  const computeKwSlots = new Float64Array(compiled.regions * slots);
  for (let car = 0; car < cars.count; car++) {
    const region = compiled.regionOfFeeder[cars.feeder[car] ?? 0] ?? 0;
    let cell = setpoints.offset[car] ?? 0;
    for (let t = cars.from[car] ?? 0; t < (cars.until[car] ?? 0); t++, cell++) {
      const at = region * slots + t;
      const chargeKw = setpoints.chargeKw[cell] ?? 0;
      if (chargeKw > 0) {
        const survival = cars.survival(car, t);
        chargeKwSlots[at] = (chargeKwSlots[at] ?? 0) + chargeKw * survival;
        const missingKwh = chargeKw * (1 - survival) * slotHours;
        expectedMissingKwh += missingKwh * (cars.efficiency[car] ?? 1);
        expectedMissingEur +=
          missingKwh * Math.max(cars.missingEurPerKwh[car] ?? 0, compiled.unitCostEurPerKwh[at] ?? 0);
      }
      const computeKw = setpoints.computeKw[cell] ?? 0;
      if (computeKw > 0) computeKwSlots[at] = (computeKwSlots[at] ?? 0) + computeKw * cars.survival(car, t);
    }
  }
  let energyCostEur = wakeCostEur;
  let carbonKg = 0;
  let chargeKwh = 0;
  let computeKwh = 0;
  for (const [r, region] of problem.regions.entries()) {
    for (let t = 0; t < slots; t++) {
      const charge = (chargeKwSlots[r * slots + t] ?? 0) * slotHours;
      const compute = (computeKwSlots[r * slots + t] ?? 0) * slotHours;
      chargeKwh += charge;
      computeKwh += compute;
      energyCostEur += (charge + compute) * (region.priceEurPerKwh[t] ?? 0);
      carbonKg += ((charge + compute) * (region.carbonGPerKwh[t] ?? 0)) / 1000;
    }
  }
  const costEur = energyCostEur + problem.weights.carbonEurPerKg * carbonKg + expectedMissingEur;
  return { costEur, energyCostEur, carbonKg, chargeKwh, computeKwh, expectedMissingKwh, expectedMissingEur };
}

/** Penalties of what the plan leaves unmet, in the planner's weights. */
export function penaltyOf(problem: PlanningProblem, compiled: CompiledProblem, unmet: readonly Unmet[]): number {
  let penaltyEur = 0;
  const cars = new Map(problem.cars.map((car) => [car.id, car]));
  for (const { kind, id, missing } of unmet) {
    if (kind === 'ready_by') {
      penaltyEur += (missing / (cars.get(id)?.chargerEfficiency ?? 1)) * compiled.ownerPenaltyEurPerKwh;
    }
    if (kind === 'job_deadline') {
      const index = problem.jobs.findIndex((job) => job.id === id);
      penaltyEur += missing * (compiled.jobs[index]?.penaltyEurPerShard ?? 0);
    }
  }
  return penaltyEur;
}

/** What the plan loses at most against the bound; 0 where both are 0. */
export function gapOf(totals: Totals, penaltyEur: number, lowerBoundEur: number): PlanFigures['gap'] {
  const lost = totals.costEur + penaltyEur - lowerBoundEur;
  return Math.abs(lost) < 1e-12 ? 0 : lost / Math.max(1e-9, Math.abs(lowerBoundEur));
}
