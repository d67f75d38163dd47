import { at } from './columns.ts';
import type { CompiledProblem } from './compile.ts';
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
import { chargeAt, computeAt, type Placed } from './report/placed.ts';
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
      chargeKw: seriesOf(compiled, (t) => chargeAt(placed, index, t)),
      computeKw: seriesOf(compiled, (t) => computeAt(placed, index, t)),
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

function seriesOf(compiled: CompiledProblem, value: (slot: number) => number): number[] {
  return Array.from({ length: compiled.slots }, (_, slot) => value(slot));
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
