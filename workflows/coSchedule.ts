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
import { PLAN_OPTIONS, TELL_OPTIONS } from './activityOptions.ts';
import { grantsByJob, groupsOf, slotToPlan } from './coScheduleState.ts';
import type { CoScheduleInput, PlanDispatch } from '../domain/workflows/coSchedule.ts';
import { granted, lastPlan, replanRequested, setpointPlanned } from './messages.ts';
import { messageOf } from '../domain/thrown.ts';

const { planCell, publishSetpoints, wakeVehicles } = proxyActivities<PlanActivities>(PLAN_OPTIONS);
const { tellSessions } = proxyActivities<PlanActivities>(TELL_OPTIONS);

/** Temporal fails a workflow task that leaves more than 2,000 signals under way, and would fail it again for ever. */
const MAX_SIGNALS_AT_ONCE = 500;

/**
 * Before every slot, and within seconds of an event, a fresh feasible plan for all regions of the cell. Sends each
 * job its grants and each car its setpoints.
 */
export async function coSchedule(input: CoScheduleInput): Promise<void> {
  const { cellId, clock, slotMinutes, leadRealMs } = input;
  const causes = [...(input.causes ?? [])];
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
        tellAll(dispatch),
      ]);
      setCurrentDetails(dispatch.summary);
    } catch (error) {
      // Cars follow the last profile until it expires, then their fail-safe; the next slot is planned anew.
      setCurrentDetails(`**Planning failed** (${cause}): ${messageOf(error)}`);
      planned = due.startMs;
    }
    if (workflowInfo().continueAsNewSuggested) {
      await condition(allHandlersFinished);
      // What was told while the plan was being made waits in `causes`.
      await continueAsNew<typeof coSchedule>({ ...input, causes, ...(dispatch ? { last: dispatch } : {}) });
    }
  }
}

/** Tells the jobs their grants and the sessions their setpoints. */
async function tellAll(dispatch: PlanDispatch): Promise<void> {
  const tellings = [
    ...grantsByJob(dispatch).map(
      ([jobId, grants]) =>
        () =>
          tell(workflowIds.job(jobId), granted, grants),
    ),
    ...(dispatch.changedSetpoints ?? []).map((setpoint) => () => tell(setpoint.sessionId, setpointPlanned, setpoint)),
  ];
  for (const group of groupsOf(tellings, MAX_SIGNALS_AT_ONCE)) await Promise.all(group.map((telling) => telling()));
  if (dispatch.changedSetpoints) return;
  // Sessions show what they are told, cars follow their profiles: that it cannot be told does not fail the plan.
  await tellSessions({ planId: dispatch.planId }).catch(() => undefined);
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
