import type { Plan } from '../scheduler/plan.ts';
import type { PlanningProblem } from '../scheduler/problem.ts';
import type { StoredOffer } from '../store/jobShares.ts';
import { fleetCapacity, groupOf, plugPowers } from './capacity.ts';
import type { CellState } from './cellState.ts';
import { planningJob } from './fleetProblem.ts';
import type { JobInput } from './jobToPlan.ts';

/** Room for more shards in one slot, on cars of one class in one region. */
interface Room {
  readonly shards: number;
  readonly eurPerShard: number;
}

/**
 * What the plan says to those who divide jobs among cells, of every open job that may run here, also of one that has no
 * shard here yet. Room is told to each job as if it were alone: what two jobs then take at once is late in the next plan,
 * and moves on.
 */
export function jobOffers(state: CellState, problem: PlanningProblem, plan: Plan): StoredOffer[] {
  const open = state.jobs.filter(({ paused }) => !paused);
  if (open.length === 0) return [];
  const capacity = fleetCapacity(problem, plan);
  const plugKw = plugPowers(problem);
  const prices = new Map(plan.certificate.jobPriceEurPerShard.map(({ jobId, price }) => [jobId, price]));
  const late = new Map(
    plan.unmet.filter(({ kind }) => kind === 'job_deadline').map(({ id, missing }) => [id, missing]),
  );

  const roomFor = (job: JobInput): Room[] =>
    capacity.flatMap(({ regionId, hardwareClass, curve }): Room[] => {
      const speed = job.classes.find((each) => each.hardwareClass === hardwareClass);
      const region = problem.regions.find(({ id }) => id === regionId);
      if (!speed || !region || !job.regionIds?.includes(regionId)) return [];
      const powers = plugKw.get(groupOf(regionId, hardwareClass));
      const { carbonEurPerKg } = problem.weights;
      return curve.flatMap(({ kw, plannedKw }, slot): Room[] => {
        const oneCarKw = powers?.[slot] ?? 0;
        const priceEur = region.priceEurPerKwh[slot] ?? Number.POSITIVE_INFINITY;
        const carbonG = region.carbonGPerKwh[slot] ?? 0;
        const isWithin = slot >= job.windowStartSlot && slot < job.windowEndSlot;
        const { priceCapEurPerKwh: maxEur = Infinity, carbonCapGPerKwh: maxG = Infinity } = job;
        if (!isWithin || oneCarKw === 0 || priceEur > maxEur || carbonG > maxG) return [];
        const shards = (Math.max(0, kw - plannedKw) / oneCarKw) * (problem.slots.slotMinutes / speed.shardMinutes);
        const kwhPerShard = oneCarKw * (speed.shardMinutes / 60);
        return shards > 0
          ? [{ shards, eurPerShard: kwhPerShard * (priceEur + (carbonEurPerKg * carbonG) / 1000) }]
          : [];
      });
    });

  return open.map((job) => {
    // As if it had a shard here: one that has none has no price in the plan.
    const asked = planningJob(state, { ...job, shardsHere: Math.max(1, job.shardsHere) });
    const room = asked ? roomFor(asked) : [];
    const spareShards = Math.floor(room.reduce((sum, { shards }) => sum + shards, 0));
    const lateShards = asked ? Math.ceil(late.get(job.jobId) ?? 0) : job.shardsHere;
    const cheapestEur = Math.min(...room.map(({ eurPerShard }) => eurPerShard));
    const canCompute = spareShards > 0 || job.shardsHere > lateShards;
    const dualEur = prices.get(job.jobId);
    return {
      jobId: job.jobId,
      eurPerShard: canCompute ? (dualEur ?? (Number.isFinite(cheapestEur) ? cheapestEur : null)) : null,
      spareShards: lateShards > 0 ? 0 : spareShards,
      lateShards,
    };
  });
}
