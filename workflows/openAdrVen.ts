import {
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { OpenAdrActivities } from '../domain/activities/openAdrActivities.ts';
import { gridTimeMs, realDelayUntilMs } from '../domain/clock.ts';
import { workflowIds } from '../domain/names.ts';
import { CONTROL_OPTIONS } from './activityOptions.ts';
import { signalsPushed } from './messages.ts';
import type { OpenAdrVenInput, VenSync } from '../domain/workflows/openAdrVen.ts';
import { venState, vtnHinted } from './messages.ts';
import { describeVen, isInTrouble, pauseRealMs } from './openAdrVenState.ts';
import { attributes } from './searchAttributes.ts';

const { syncVtn } = proxyActivities<OpenAdrActivities>({
  ...CONTROL_OPTIONS,
  // A walk of many pages on a slow server.
  startToCloseTimeout: '5 minutes',
});

/**
 * Follows one utility's OpenADR server for as long as the connection is configured: polls it, reads again at every
 * hint, tells the region when its signals have changed, and sends reports when they are due. Credentials stay in the
 * activity.
 */
export async function openAdrVen(input: OpenAdrVenInput): Promise<void> {
  const { connectionId, clock } = input;
  let last: VenSync | null = input.last ?? null;
  let hinted = true;
  setHandler(vtnHinted, () => {
    hinted = true;
  });
  setHandler(venState, () => last);

  for (;;) {
    hinted = false;
    const sync = await syncVtn({ connectionId });
    if (!sync) {
      if (last) await tellRegion(last.regionId);
      setCurrentDetails('The connection was removed.');
      return;
    }
    last = sync;
    setCurrentDetails(describeVen(sync));
    upsertSearchAttributes([
      { key: attributes.regionId, value: sync.regionId },
      { key: attributes.onFallback, value: isInTrouble(sync.status) },
    ]);
    if (sync.changed) await tellRegion(sync.regionId);
    const pause = pauseRealMs(
      sync,
      (gridMs) => realDelayUntilMs(clock, gridMs, Date.now()),
      gridTimeMs(clock, Date.now()),
      Math.random(),
    );
    await condition(() => hinted, pause);
    // A hint needs no carrying: the next run begins with a synchronisation.
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof openAdrVen>({ ...input, last: sync });
  }
}

/** The region may be about to start: it reads what is stored when it does. */
async function tellRegion(regionId: string): Promise<void> {
  await getExternalWorkflowHandle(workflowIds.region(regionId))
    .signal(signalsPushed)
    .catch(() => undefined);
}
