import { at } from './columns.ts';
import type { CarPlan, Plan, Unmet } from './plan.ts';
import type { PlanningProblem } from './problem.ts';
import type { ComputeResult } from './realise/placeCompute.ts';
import { realise } from './realise/realise.ts';
import { certificateOf } from './report/certificate.ts';
import { explainCell } from './report/explainCell.ts';
import { explainCharge } from './report/explainCharge.ts';
import { explainCompute } from './report/explainCompute.ts';
import { planJob } from './report/explainJob.ts';
import { gapOf, penaltyOf, totalsOf } from './report/figures.ts';
import { wholeGrants } from './report/grants.ts';
import type { Placed } from './report/placed.ts';
import { startDelays } from './report/startDelays.ts';
import { unmetOf } from './report/unmet.ts';
import { chargePrices } from './solve/lowerBound.ts';
import type { Relaxation } from './solve/relaxation.ts';
import type { SolvedRelaxation } from './solve/solveRelaxation.ts';

/**
 * Makes a plan of a solved relaxation: setpoints for real cars, grants, figures and reasons.
 * @param minimumKw what owners' minimums take at once, kW by car and slot in the layout of setpoints
 * @param solved prices and, where there is one, the optimum that setpoints are placed around
 */
export function placePlan(
  problem: PlanningProblem,
  relaxation: Relaxation,
  minimumKw: Float64Array,
  solved: Omit<SolvedRelaxation, 'costEur'>,
): Plan {
  const compiled = relaxation.problem;
  const { setpoints, headroom, compute } = realise(problem, relaxation, minimumKw, solved.prices, solved);
  const placed: Placed = {
    problem,
    compiled,
    setpoints,
    headroom,
    chargePriceEurPerKwh: chargePrices(relaxation, solved.prices),
    shardsOfJob: compute.shardsOfJob,
    runsNow: compute.shardsOfJob.some((shards) =>
      shards.some((count, cell) => count > 0 && cell % compiled.slots === 0),
    ),
  };
  const expectedShards = compute.shardsOfJob.map((shards) => shards.reduce((sum, value) => sum + value, 0));
  const unmet = unmetOf(placed, expectedShards);
  const wakeUps = wakeUpsOf(problem, compute);
  const wakeCostEur = wakeUps.reduce((sum, wakeUp) => sum + wakeUp.costEur, 0);
  const totals = totalsOf(problem, compiled, setpoints, wakeCostEur);
  const penaltyEur = penaltyOf(problem, compiled, unmet);
  const delays = startDelays(placed);
  const unmetOfCar = new Map<string, Unmet[]>();
  for (const each of unmet) {
    if (each.kind !== 'job_deadline') unmetOfCar.set(each.id, [...(unmetOfCar.get(each.id) ?? []), each]);
  }
  return {
    version: 1,
    slots: { ...problem.slots },
    method: solved.method,
    cars: problem.cars.map((car, index): CarPlan => ({
      carId: car.id,
      chargeKw: seriesOf(placed, setpoints.chargeKw, index),
      computeKw: seriesOf(placed, setpoints.computeKw, index),
      startDelaySeconds: at(delays, index),
      reasons: [
        ...explainCharge(placed, index, unmetOfCar.get(car.id) ?? []),
        ...explainCompute(placed, index, at(compute.wakeSlot, index)),
      ],
    })),
    jobs: problem.jobs.map((_, index) => planJob(placed, index, unmet)),
    grants: wholeGrants(problem, compiled, compute.shardsOfJob),
    wakeUps: wakeUps.map(({ carId, slot }) => ({ carId, slot })),
    unmet,
    figures: { ...totals, penaltyEur, gap: gapOf(totals, penaltyEur, solved.lowerBoundEur) },
    certificate: certificateOf(problem, solved),
    reasons: explainCell(problem),
  };
}

/** One value per slot, 0 while the car is not plugged in. */
function seriesOf({ compiled, setpoints }: Placed, kw: Float64Array, car: number): number[] {
  const { cars, slots } = compiled;
  const from = at(cars.from, car);
  const until = at(cars.until, car);
  const first = at(setpoints.offset, car) - from;
  const series: number[] = [];
  for (let t = 0; t < slots; t++) series.push(t < from || t >= until ? 0 : at(kw, first + t));
  return series;
}

/** Ranked: the slot that comes first, then the cheapest to wake. */
function wakeUpsOf(
  problem: PlanningProblem,
  compute: ComputeResult,
): { readonly carId: string; readonly slot: number; readonly costEur: number }[] {
  return problem.cars
    .flatMap((car, index) => {
      const slot = at(compute.wakeSlot, index);
      return slot >= 0 ? [{ carId: car.id, slot, costEur: car.wakeCostEur }] : [];
    })
    .sort((a, b) => a.slot - b.slot || a.costEur - b.costEur || a.carId.localeCompare(b.carId));
}
