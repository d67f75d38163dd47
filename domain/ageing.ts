import { HOUR_MS } from './durations.ts';

/** What a submitter may ask for: 1 is served first, 5 last. */
const FIRST_PRIORITY = 1;
const DEFAULT_PRIORITY = 3;

const STEP_EVERY_MS = 6 * HOUR_MS;
const URGENT_BEFORE_DEADLINE_MS = 2 * HOUR_MS;

/**
 * The priority by which a job is served now, 1 first: what its submitter asked for, a step earlier for every six hours
 * that it has waited, so that a stream of others never keeps it waiting for ever, and another when its deadline is
 * near. The plan and the cars' queues both go by it.
 */
export function agedPriority(job: {
  readonly priority: number | undefined;
  readonly waitedMs: number;
  readonly leftMs: number;
}): number {
  const steps = Math.floor(Math.max(0, job.waitedMs) / STEP_EVERY_MS) + Number(job.leftMs < URGENT_BEFORE_DEADLINE_MS);
  return Math.max(FIRST_PRIORITY, (job.priority ?? DEFAULT_PRIORITY) - steps);
}
