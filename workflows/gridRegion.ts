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
import { assertEmergency, describeRegion, nextBoundaryMs } from './gridRegionState.ts';
import { declareEmergency, regionState, replanRequested, signalsPushed, type GridRegionInput } from './messages.ts';
import { attributes } from './searchAttributes.ts';

const { refreshSignals, limitForEmergency, announceWindow } = proxyActivities<GridActivities>(CONTROL_OPTIONS);

/**
 * Knows this region's signals at any moment: polls its feeds, is pushed to, opens and closes its off-peak windows,
 * and tells the cell when anything that a plan rests on has changed.
 */
export async function gridRegion(input: GridRegionInput): Promise<void> {
  const { regionId, cellId, clock } = input;
  const cell = getExternalWorkflowHandle(workflowIds.cell(cellId));
  let region = input.last ?? null;
  let pushed = true;

  setHandler(signalsPushed, () => {
    pushed = true;
  });
  setHandler(
    declareEmergency,
    async (emergency) => {
      const feederIds = await limitForEmergency({ regionId, cellId, emergency });
      pushed = true;
      return feederIds;
    },
    { validator: assertEmergency },
  );
  setHandler(regionState, () => region);

  const now = (): number => gridTimeMs(clock, Date.now());
  const replan = (cause: string): Promise<void> => cell.signal(replanRequested, { cause }).catch(() => undefined);
  let pollAtMs = now();

  for (;;) {
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
    const woken = await condition(() => pushed, realDelayUntilMs(clock, wakeAtMs, Date.now()));
    if (!woken) await announceWindow({ regionId, cellId, region, nowMs: now() });
    if (workflowInfo().continueAsNewSuggested) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof gridRegion>({ ...input, last: region });
    }
  }
}
