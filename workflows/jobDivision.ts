import {
  continueAsNew,
  getExternalWorkflowHandle,
  proxyActivities,
  setCurrentDetails,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import { MINUTE_MS } from '../domain/durations.ts';
import type { DivisionActivities } from '../domain/activities/divisionActivities.ts';
import { gridTimeMs, realDelayUntilMs } from '../domain/clock.ts';
import { workflowIds } from '../domain/names.ts';
import type { JobDivisionInput } from '../domain/workflows/jobDivision.ts';
import { CONTROL_OPTIONS } from './activityOptions.ts';
import { replanRequested } from './messages.ts';

const { divideJobs } = proxyActivities<DivisionActivities>(CONTROL_OPTIONS);

/** How far into a slot: cells have planned it by then, and most of it is left for what they are given. */
const SHARE_OF_SLOT = 0.2;

/**
 * Divides the jobs that one cell took among all cells of the namespace that may run them, in every slot anew. It runs on
 * the queue of all cells, so that the jobs of a cell that dies go on elsewhere.
 */
export async function jobDivision(input: JobDivisionInput): Promise<void> {
  const { cellId, clock, slotMinutes } = input;
  const slotMs = slotMinutes * MINUTE_MS;
  for (;;) {
    const nowMs = gridTimeMs(clock, Date.now());
    const intoSlotMs = slotMs * SHARE_OF_SLOT;
    const nextMs = (Math.floor((nowMs - intoSlotMs) / slotMs) + 1) * slotMs + intoSlotMs;
    await sleep(Math.max(1, realDelayUntilMs(clock, nextMs, Date.now())));
    const { cells, summary } = await divideJobs({ cellId, nowMs: Math.round(gridTimeMs(clock, Date.now())) });
    setCurrentDetails(summary);
    for (const changed of cells) {
      await getExternalWorkflowHandle(workflowIds.cell(changed))
        .signal(replanRequested, { cause: `jobs of ${cellId} were divided anew` })
        // A cell that is removed meanwhile needs no plan.
        .catch(() => undefined);
    }
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof jobDivision>(input);
  }
}
