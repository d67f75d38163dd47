import type { CompiledProblem } from '../compile.ts';
import type { Grant } from '../plan.ts';
import type { PlanningProblem } from '../problem.ts';

const ROUNDING_SHARDS = 1e-6;

/**
 * Whole shards per (job, region, class, slot). The committed slot is rounded up, so that no open car idles at the end
 * of the slot: a shard that is then in flight goes on in the next one. Later slots carry the fraction forward, so that
 * the forecast sums to the whole. Never more than the job has left.
 * @param shardsOfJob expected shards, index (region * classes + class) * slots + slot
 */
export function wholeGrants(
  problem: PlanningProblem,
  compiled: CompiledProblem,
  shardsOfJob: readonly Float64Array[],
): Grant[] {
  const { slots, classes } = compiled;
  const grants: Grant[] = [];
  for (const [j, job] of problem.jobs.entries()) {
    const expected = shardsOfJob[j] ?? new Float64Array();
    let left = job.shardsRemaining;
    const carried = new Float64Array(compiled.regions * classes);
    for (let slot = 0; slot < slots && left > 0; slot++) {
      for (const [r, region] of problem.regions.entries()) {
        for (const [h, hardware] of problem.hardwareClasses.entries()) {
          const row = r * classes + h;
          const wanted = (expected[row * slots + slot] ?? 0) + (carried[row] ?? 0);
          const whole = slot === 0 ? Math.ceil(wanted - ROUNDING_SHARDS) : Math.floor(wanted + ROUNDING_SHARDS);
          const shards = Math.min(left, Math.max(0, whole));
          carried[row] = wanted - shards;
          if (shards === 0) continue;
          left -= shards;
          grants.push({ jobId: job.id, regionId: region.id, hardwareClass: hardware.id, slot, shards });
        }
      }
    }
  }
  return grants;
}
