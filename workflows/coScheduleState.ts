import { MINUTE_MS } from '../domain/durations.ts';
import type { Grant, PlanDispatch } from '../domain/workflows/coSchedule.ts';

/**
 * The slot that a plan made now commits: the running one, or the next one once its lead time has begun. `nextStartMs`
 * is the start of the slot after it. All instants are grid time.
 *
 *     |------- slot k -------|------ slot k+1 ------|
 *                      [lead)
 *      plans commit k  ^ from here on plans commit k+1
 */
export function slotToPlan(
  nowMs: number,
  slotMinutes: number,
  leadMs: number,
): { readonly startMs: number; readonly nextStartMs: number } {
  const slotMs = slotMinutes * MINUTE_MS;
  const startMs = Math.floor((nowMs + leadMs) / slotMs) * slotMs;
  return { startMs, nextStartMs: startMs + slotMs };
}

/** The grants of a plan, gathered by job; jobs that the plan gives nothing are not told. */
export function grantsByJob(dispatch: PlanDispatch): [jobId: string, grants: Grant[]][] {
  const byJob = new Map<string, Grant[]>();
  for (const grant of dispatch.grants) byJob.set(grant.jobId, [...(byJob.get(grant.jobId) ?? []), grant]);
  return [...byJob];
}

/** The items in their order, in groups of `size`; the last may be smaller. */
export function groupsOf<Item>(items: readonly Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, group) =>
    items.slice(group * size, (group + 1) * size),
  );
}
