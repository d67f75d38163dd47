import {
  allHandlersFinished,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  sleep,
  workflowInfo,
  type SignalDefinition,
} from '@temporalio/workflow';
import type { PlanActivities } from '../domain/activities/planActivities.ts';
import { gridTimeMs, realTimeMs } from '../domain/clock.ts';
import { workflowIds } from '../domain/names.ts';
import { CONTROL_OPTIONS } from './activityOptions.ts';
import { grantsByJob, slotToPlan } from './coScheduleState.ts';
import type { CoScheduleInput, PlanDispatch } from '../domain/workflows/coSchedule.ts';
import { granted, lastPlan, replanRequested, setpointPlanned } from './messages.ts';

const { planCell, publishSetpoints, wakeVehicles } = proxyActivities<PlanActivities>({
  ...CONTROL_OPTIONS,
  // A late plan is a wrong plan: the next slot, or the next event, makes a new one.
  scheduleToCloseTimeout: '30 seconds',
});

/**
 * Before every slot, and within seconds of an event, a fresh feasible plan for all regions of the cell. Sends each
 * job its grants and each car its setpoints.
 */
export async function coSchedule(input: CoScheduleInput): Promise<void> {
  const { cellId, clock, slotMinutes, leadRealMs } = input;
  const causes: string[] = [];
  let dispatch: PlanDispatch | null = input.last ?? null;

  setHandler(replanRequested, ({ cause }) => {
    causes.push(cause);
  });
  setHandler(lastPlan, () => dispatch);

  let planned = dispatch?.slotStartMs ?? Number.NEGATIVE_INFINITY;
  for (;;) {
    const slot = slotToPlan(gridTimeMs(clock, Date.now()), slotMinutes, leadRealMs * clock.scale);
    const planAtRealMs = realTimeMs(clock, slot.nextStartMs) - leadRealMs;
    if (slot.startMs <= planned) {
      await condition(() => causes.length > 0, Math.max(1, Math.ceil(planAtRealMs - Date.now())));
      if (causes.length > 0) await sleep(input.debounceRealMs);
    }
    const due = slotToPlan(gridTimeMs(clock, Date.now()), slotMinutes, leadRealMs * clock.scale);
    const cause = causes.length > 0 ? causes.splice(0).join('; ') : 'next slot';
    try {
      dispatch = await planCell({ cellId, slotStartMs: due.startMs, cause });
      planned = due.startMs;
      await Promise.all([
        publishSetpoints({ planId: dispatch.planId }),
        wakeVehicles({ cellId, vehicles: dispatch.vehiclesToWake }),
        ...grantsByJob(dispatch).map(([jobId, grants]) => tell(workflowIds.job(jobId), granted, grants)),
        ...dispatch.changedSetpoints.map((setpoint) => tell(setpoint.sessionId, setpointPlanned, setpoint)),
      ]);
      setCurrentDetails(dispatch.summary);
    } catch (error) {
      // Cars follow the last profile until it expires, then their fail-safe; the next slot is planned anew.
      setCurrentDetails(`**Planning failed** (${cause}): ${error instanceof Error ? error.message : String(error)}`);
      planned = due.startMs;
    }
    if (workflowInfo().continueAsNewSuggested) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof coSchedule>({ ...input, ...(dispatch ? { last: dispatch } : {}) });
    }
  }
}

/** Signals a workflow that may have ended meanwhile: then it needs no telling. */
async function tell<Args extends unknown[]>(
  workflowId: string,
  signal: SignalDefinition<Args>,
  ...args: Args
): Promise<void> {
  await getExternalWorkflowHandle(workflowId)
    .signal(signal, ...args)
    .catch(() => undefined);
}
