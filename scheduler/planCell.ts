import { compileProblem, type CompiledProblem } from './compile.ts';
import type { CarPlan, JobPlan, Plan } from './plan.ts';
import type { PlanningProblem } from './problem.ts';
import { createHeadroom } from './realise/headroom.ts';
import { minimumCharge } from './realise/placeCharge.ts';
import type { ComputeResult } from './realise/placeCompute.ts';
import { realise } from './realise/realise.ts';
import { cellOf, createSetpoints, type Setpoints } from './realise/setpoints.ts';
import { reason } from './reasons.ts';
import { certificateOf } from './report/certificate.ts';
import { gapOf, penaltyOf, totalsOf } from './report/figures.ts';
import { wholeGrants } from './report/grants.ts';
import { unmetOf } from './report/unmet.ts';
import { relax } from './solve/relaxation.ts';
import { solveRelaxation } from './solve/solveRelaxation.ts';

/**
 * Plans charging and compute of a cell: kW per car and slot, whole shards per (job, region, class, slot).
 *
 * Rules in their order: the grid's limits; owners' minimum SoC, then ready-by; job deadlines by priority; cost plus
 * carbon. What cannot be met is in `unmet` with the limits that bind, and the rest is planned all the same.
 * @param problem as `planningProblemSchema` accepts it; anything else throws a RangeError
 */
export function planCell(problem: PlanningProblem): Plan {
  const compiled = compileProblem(problem);
  const layout = createSetpoints(compiled.cars);
  const minimumKw = minimumCharge(compiled, layout, createHeadroom(compiled, undefined));
  const relaxation = relax(compiled, layout, minimumKw);
  const solved = solveRelaxation(relaxation);
  const { setpoints, headroom, compute } = realise(problem, relaxation, minimumKw, solved.prices, solved);
  const expectedShards = compute.shardsOfJob.map((shards) => shards.reduce((sum, value) => sum + value, 0));
  const unmet = unmetOf({ problem, compiled, setpoints, headroom }, expectedShards);
  const wakeUps = wakeUpsOf(problem, compute);
  const wakeCostEur = wakeUps.reduce((sum, wakeUp) => sum + wakeUp.costEur, 0);
  const totals = totalsOf(problem, compiled, setpoints, wakeCostEur);
  const penaltyEur = penaltyOf(problem, compiled, unmet);
  return {
    version: 1,
    slots: problem.slots,
    method: solved.method,
    cars: problem.cars.map((car, index) => carPlan(problem, compiled, setpoints, car.id, index)),
    jobs: problem.jobs.map((job, index) =>
      jobPlan(compiled, job.id, job.shardsRemaining, compute.shardsOfJob[index] ?? new Float64Array()),
    ),
    grants: wholeGrants(problem, compiled, compute.shardsOfJob),
    wakeUps: wakeUps.map(({ carId, slot }) => ({ carId, slot })),
    unmet,
    figures: { ...totals, penaltyEur, gap: gapOf(totals, penaltyEur, solved.lowerBoundEur) },
    certificate: certificateOf(problem, solved),
    reasons: problem.regions.flatMap((region) => region.fallbacks),
  };
}

function carPlan(
  problem: PlanningProblem,
  compiled: CompiledProblem,
  setpoints: Setpoints,
  carId: string,
  index: number,
): CarPlan {
  const chargeKw = Array.from({ length: compiled.slots }, () => 0);
  const computeKw = Array.from({ length: compiled.slots }, () => 0);
  const car = problem.cars[index];
  for (let t = car?.pluggedFromSlot ?? 0; t < (car?.untilSlot ?? 0); t++) {
    const cell = cellOf(setpoints, compiled.cars, index, t);
    chargeKw[t] = setpoints.chargeKw[cell] ?? 0;
    computeKw[t] = setpoints.computeKw[cell] ?? 0;
  }
  const reasons = [];
  if ((chargeKw[0] ?? 0) > 0) reasons.push(reason('charging_cheapest_slot'));
  else if (chargeKw.some((kw) => kw > 0)) reasons.push(reason('waiting_for_cheaper_slot'));
  else reasons.push(reason('target_reached'));
  if ((computeKw[0] ?? 0) > 0) reasons.push(reason('computing_granted'));
  return { carId, chargeKw, computeKw, reasons };
}

function jobPlan(compiled: CompiledProblem, jobId: string, shards: number, expected: Float64Array): JobPlan {
  const bySlot = new Float64Array(compiled.slots);
  for (const [cell, value] of expected.entries()) {
    bySlot[cell % compiled.slots] = (bySlot[cell % compiled.slots] ?? 0) + value;
  }
  const expectedShards = bySlot.reduce((sum, value) => sum + value, 0);
  const last = bySlot.findLastIndex((value) => value > 0);
  const finishSlot = expectedShards >= shards - 1e-6 && last >= 0 ? last : null;
  const reasons = [(bySlot[0] ?? 0) > 0 ? reason('job_running') : reason('job_waiting_for_cheaper_slot')];
  return { jobId, expectedShards, finishSlot, reasons };
}

function wakeUpsOf(
  problem: PlanningProblem,
  compute: ComputeResult,
): { readonly carId: string; readonly slot: number; readonly costEur: number }[] {
  return problem.cars
    .flatMap((car, index) => {
      const slot = compute.wakeSlot[index] ?? -1;
      return slot >= 0 ? [{ carId: car.id, slot, costEur: car.wakeCostEur }] : [];
    })
    .sort((a, b) => a.slot - b.slot || a.costEur - b.costEur || a.carId.localeCompare(b.carId));
}
