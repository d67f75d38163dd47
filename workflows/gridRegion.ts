import {
  allHandlersFinished,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { GridActivities } from '../activities/grid/gridActivities.ts';
import { gridTimeMs, realDelayUntilMs } from '../domain/clock.ts';
import { workflowIds } from '../domain/names.ts';
import { CONTROL_OPTIONS } from './activityOptions.ts';
import { describeRegion, nextBoundaryMs } from './gridRegionState.ts';
import {
  emergencyDeclared,
  regionState,
  replanRequested,
  signalsPushed,
  type GridEmergency,
  type GridRegionInput,
} from './messages.ts';
import { attributes } from './searchAttributes.ts';

const { refreshSignals, declareEmergency, announceWindow } = proxyActivities<GridActivities>(CONTROL_OPTIONS);

/**
 * Knows this region's signals at any moment: polls its feeds, is pushed to, opens and closes its off-peak windows,
 * and tells the cell when anything that a plan rests on has changed.
 */
export async function gridRegion(input: GridRegionInput): Promise<void> {
  const { regionId, cellId, clock } = input;
  const cell = getExternalWorkflowHandle(workflowIds.cell(cellId));
  let region = input.last ?? null;
  let pushed = true;
  const emergencies: GridEmergency[] = [];

  setHandler(signalsPushed, () => {
    pushed = true;
  });
  setHandler(emergencyDeclared, (emergency) => {
    emergencies.push(emergency);
  });
  setHandler(regionState, () => region);

  const now = (): number => gridTimeMs(clock, Date.now());
  const replan = (cause: string): Promise<void> => cell.signal(replanRequested, { cause }).catch(() => undefined);
  let pollAtMs = now();

  for (;;) {
    for (const emergency of emergencies.splice(0)) {
      await declareEmergency({ regionId, cellId, emergency });
      pushed = true;
    }
    if (pushed || now() >= pollAtMs) {
      const told = pushed;
      pushed = false;
      pollAtMs = now() + input.pollEveryMs;
      const refreshed = await refreshSignals({ regionId, nowMs: now() });
      region = refreshed.summary;
      upsertSearchAttributes([
        { key: attributes.onFallback, value: region.fallbacks.length > 0 },
        { key: attributes.emergency, value: region.emergency },
      ]);
      if (told || refreshed.changed) await replan(`signals of ${regionId} changed`);
    }
    if (!region) continue;
    setCurrentDetails(describeRegion(region, input.timeZone, now()));
    const wakeAtMs = Math.min(pollAtMs, nextBoundaryMs(region, now()));
    const woken = await condition(
      () => pushed || emergencies.length > 0,
      realDelayUntilMs(clock, wakeAtMs, Date.now()),
    );
    if (!woken) await announceWindow({ regionId, cellId, region, nowMs: now() });
    if (workflowInfo().continueAsNewSuggested) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof gridRegion>({ ...input, last: region });
    }
  }
}
