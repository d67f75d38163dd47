import { at } from '../columns.ts';
import type { JobPlan, Unmet } from '../plan.ts';
import type { PlanningJob } from '../problem.ts';
import { reason, type PlanReason } from '../reasons.ts';
import { clockOf, type Placed } from './placed.ts';

/** What the plan gives the job, and why it runs now or not. */
export function planJob(placed: Placed, index: number, unmet: readonly Unmet[]): JobPlan {
  const { problem, compiled } = placed;
  const job = problem.jobs[index];
  const cells = placed.shardsOfJob[index] ?? new Float64Array();
  const bySlot = new Float64Array(compiled.slots);
  for (const [cell, shards] of cells.entries()) {
    bySlot[cell % compiled.slots] = at(bySlot, cell % compiled.slots) + shards;
  }
  const expectedShards = bySlot.reduce((sum, shards) => sum + shards, 0);
  if (!job) return { jobId: '', expectedWork: [], expectedShards, finishSlot: null, reasons: [] };
  const last = bySlot.findLastIndex((shards) => shards > 0);
  const complete = expectedShards >= job.shardsRemaining - 1e-6;
  const finishSlot = complete && last >= 0 ? last : null;
  const reasons: PlanReason[] = job.shardsRemaining > 0 ? [whyNow(placed, job, index, bySlot)] : [];
  if (finishSlot !== null) {
    const text = `It is expected to finish by ${clockOf(placed, finishSlot + 1)}, ${job.windowEndSlot - finishSlot - 1} slots before its window ends.`;
    reasons.push(reason('job_finishes', { slot: finishSlot, text }));
  }
  for (const { id, kind, missing, text } of unmet) {
    if (kind === 'job_deadline' && id === job.id) {
      reasons.push(reason('job_deadline_at_risk', { value: missing, limit: 0, unit: 'shards', text }));
    }
  }
  return { jobId: job.id, expectedWork: expectedWork(placed, cells), expectedShards, finishSlot, reasons };
}

function expectedWork({ problem, compiled }: Placed, cells: Float64Array): JobPlan['expectedWork'] {
  const { slots, classes } = compiled;
  return problem.regions.flatMap((region, r) =>
    problem.hardwareClasses.flatMap((hardware, h) => {
      const row = (r * classes + h) * slots;
      const shards = [...cells.subarray(row, row + slots)];
      return shards.some((count) => count > 0) ? [{ regionId: region.id, hardwareClass: hardware.id, shards }] : [];
    }),
  );
}

function whyNow(placed: Placed, job: PlanningJob, index: number, bySlot: Float64Array): PlanReason {
  const { problem, compiled } = placed;
  if (job.windowEndSlot === 0) return reason('job_window_closed');
  if (job.windowStartSlot > 0) {
    const text = `Its window opens at ${clockOf(placed, job.windowStartSlot)}.`;
    return reason('job_window_not_open', { slot: job.windowStartSlot, text });
  }
  const next = bySlot.findIndex((shards) => shards > 0);
  if (next === 0) {
    const shards = at(bySlot, 0);
    const everySlot = bySlot.slice(0, job.windowEndSlot).every((count) => count > 0);
    const text = `It runs ${shards.toFixed(1)} shards now: ${everySlot ? 'it needs every slot of its window' : 'this slot is among its cheapest'}.`;
    return reason(everySlot ? 'job_no_slack' : 'job_running', { value: shards, unit: 'shards', text });
  }
  const regions = problem.regions.filter((region) => job.regionIds.includes(region.id));
  const price = Math.min(...regions.map((region) => region.priceEurPerKwh[0] ?? Infinity));
  const carbon = Math.min(...regions.map((region) => region.carbonGPerKwh[0] ?? Infinity));
  const later = next > 0 ? { slot: next } : {};
  if (job.priceCapEurPerKwh !== undefined && price > job.priceCapEurPerKwh) {
    const text = `It waits: ${price.toFixed(3)} > ${job.priceCapEurPerKwh} EUR/kWh.`;
    return reason('job_price_cap', { value: price, limit: job.priceCapEurPerKwh, unit: 'EUR/kWh', text, ...later });
  }
  if (job.carbonCapGPerKwh !== undefined && carbon > job.carbonCapGPerKwh) {
    const text = `It waits: ${carbon.toFixed(0)} > ${job.carbonCapGPerKwh} g/kWh.`;
    return reason('job_carbon_cap', { value: carbon, limit: job.carbonCapGPerKwh, unit: 'g/kWh', text, ...later });
  }
  const entry = compiled.jobs[index];
  const anyCar = Array.from({ length: compiled.cars.count }, (_, car) => car).some((car) => {
    const region = at(compiled.regionOfFeeder, at(compiled.cars.feeder, car));
    if (entry?.allowed[region * compiled.slots] !== 1) return false;
    return at(entry.shardsPerSlot, at(compiled.cars.hardwareClass, car)) > 0 && compiled.cars.computeShare(car, 0) > 0;
  });
  if (!anyCar) return reason('job_no_car', later);
  if (next < 0) return reason('job_deadline_at_risk', { value: job.shardsRemaining, limit: 0, unit: 'shards' });
  const text = `It waits for ${clockOf(placed, next)}, when its shards cost less than now.`;
  return reason('job_waiting_for_cheaper_slot', { slot: next, text });
}
