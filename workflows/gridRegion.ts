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
import type { GridActivities } from '../domain/activities/gridActivities.ts';
import { gridTimeMs, realDelayUntilMs } from '../domain/clock.ts';
import { workflowIds } from '../domain/names.ts';
import { CONTROL_OPTIONS } from './activityOptions.ts';
import { assertEmergency, describeRegion, nextBoundaryMs, regionAttributes } from './gridRegionState.ts';
import type { GridRegionInput } from '../domain/workflows/gridRegion.ts';
import { declareEmergency, regionState, replanRequested, signalsPushed } from './messages.ts';

const { pollFeeds, refreshRegion, limitForEmergency, announceWindow } =
  proxyActivities<GridActivities>(CONTROL_OPTIONS);

/** What `region` does not tell yet: nothing, that time has gone on, or that signals are otherwise than the last plan knew. */
type News = 'none' | 'outdated' | 'changed';

/**
 * Knows this region's signals at any moment: polls its feeds, is pushed to, opens and closes its off-peak windows,
 * and tells the cell when anything that a plan rests on has changed.
 */
export async function gridRegion(input: GridRegionInput): Promise<void> {
  const { regionId, cellId, clock, timeZone, pollEveryMs } = input;
  const cell = getExternalWorkflowHandle(workflowIds.cell(cellId));
  let region = input.last ?? null;
  let news: News = 'changed';
  /** The poll that goes on beside the loop. */
  let poll: Promise<void> | null = null;

  const changed = (): void => {
    news = 'changed';
  };
  const outdated = (): void => {
    if (news === 'none') news = 'outdated';
  };
  setHandler(signalsPushed, changed);
  setHandler(
    declareEmergency,
    async (emergency) => {
      const feederIds = await limitForEmergency({ regionId, cellId, emergency });
      changed();
      return feederIds;
    },
    { validator: assertEmergency },
  );
  setHandler(regionState, () => region);

  const now = (): number => gridTimeMs(clock, Date.now());
  const replan = (cause: string): Promise<void> => cell.signal(replanRequested, { cause }).catch(() => undefined);
  const polled = async (): Promise<void> => {
    const { changed: isChanged } = await pollFeeds({ regionId, nowMs: now() });
    poll = null;
    if (isChanged) changed();
    else outdated();
  };
  let pollAtMs = now();

  for (;;) {
    if (now() >= pollAtMs && poll === null) {
      pollAtMs = now() + pollEveryMs;
      // Beside the loop: what is pushed must not wait for a feed that hangs.
      poll = polled();
    }
    if (news !== 'none') {
      const replans = news === 'changed';
      news = 'none';
      region = await refreshRegion({ regionId, nowMs: now() });
      upsertSearchAttributes(regionAttributes(region));
      if (replans) await replan(`signals of ${regionId} changed`);
    }
    if (!region) continue;
    setCurrentDetails(describeRegion(region, timeZone, now()));
    const pollOrLaterMs = poll !== null ? now() + pollEveryMs : pollAtMs;
    const wakeAtMs = Math.min(pollOrLaterMs, nextBoundaryMs(region, now()));
    const woken = await condition(() => news !== 'none', realDelayUntilMs(clock, wakeAtMs, Date.now()));
    if (!woken) {
      await announceWindow({ regionId, cellId, region, nowMs: now() });
      // A limit begins or ends, or a window does: what operators see is of now.
      outdated();
    }
    if (workflowInfo().continueAsNewSuggested) {
      // Neither a poll nor a push needs carrying: the next run begins by polling and by reading what is stored.
      await condition(allHandlersFinished);
      await continueAsNew<typeof gridRegion>({ ...input, last: region });
    }
  }
}
