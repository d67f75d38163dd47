import { MINUTE_MS } from '../../domain/durations.ts';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';

import type { GridActivities } from '../../domain/activities/gridActivities.ts';
import { REAL_TIME } from '../../domain/clock.ts';
import { CONTROL_TASK_QUEUE, workflowIds } from '../../domain/names.ts';
import type { gridRegion } from '../../workflows/gridRegion.ts';
import { describeRegion, nextBoundaryMs, regionAttributes } from '../../workflows/gridRegionState.ts';
import type { RegionSummary } from '../../domain/workflows/gridRegion.ts';
import { declareEmergency, regionState, signalsPushed } from '../../workflows/messages.ts';
import { attributes } from '../../workflows/searchAttributes.ts';
import { eventually } from '../support/eventually.ts';
import { startTemporal, withWorker } from '../support/temporal.ts';

const NOW_MS = Date.UTC(2026, 0, 10, 12);

const REGION: RegionSummary = {
  atMs: NOW_MS,
  priceEurPerKwh: 0.2,
  carbonGPerKwh: 300,
  ambientCelsius: 3,
  knownUntilMs: NOW_MS,
  offPeakWindows: [{ startMs: NOW_MS - MINUTE_MS, endMs: NOW_MS + 60 * MINUTE_MS }],
  feedersOnFailSafe: ['b'],
  limits: [
    { feederId: 'a', limitKw: 9, source: 'openadr/grid', untilMs: NOW_MS + 15 * MINUTE_MS },
    { feederId: 'b', limitKw: 20, source: null, untilMs: null },
  ],
  limitsChangeMs: NOW_MS + 15 * MINUTE_MS,
  emergency: false,
  feeds: [
    {
      feed: 'entsoe',
      readAtMs: NOW_MS - 40 * MINUTE_MS,
      failingSinceMs: NOW_MS - 25 * MINUTE_MS,
      failure: 'answered 503:\n| sorry |',
      failures: 3,
    },
    { feed: 'weather', readAtMs: NOW_MS - 10 * MINUTE_MS, failingSinceMs: null, failure: null, failures: 0 },
    { feed: 'watttime', readAtMs: null, failingSinceMs: NOW_MS, failure: 'no key', failures: 1 },
  ],
  fallbacks: [],
};

test('operators read what limits each feeder, who says so and until when, and how each feed does and why', () => {
  const text = describeRegion(REGION, 'Europe/Berlin', NOW_MS);
  expect(text).toContain('| a | 9.0 kW | Sat 13:15 | openadr/grid |');
  expect(text).toContain('| b | 20.0 kW | further notice | nobody: fail-safe |');
  expect(text).toContain('| entsoe | 40 min ago | **25 min**, 3 times: answered 503: sorry  |');
  expect(text).toContain('| weather | 10 min ago |  |');
  expect(text).toContain('| watttime | never | **0 min**, 1 times: no key |');
});

test('operators search by what fails, since when, and off-peak', () => {
  const found = new Map(regionAttributes(REGION).map(({ key, value }) => [key.name, value]));
  expect(found.get('FailingFeeds')).toEqual(['entsoe', 'watttime']);
  expect(found.get('FeedsReadAt')).toEqual(new Date(NOW_MS - 40 * MINUTE_MS));
  expect(found.get('OffPeak')).toBe(true);
});

test('a region wakes for the next change of a limit or a window', () => {
  expect(nextBoundaryMs(REGION, NOW_MS)).toBe(NOW_MS + 15 * MINUTE_MS);
  expect(nextBoundaryMs({ ...REGION, limitsChangeMs: null }, NOW_MS)).toBe(NOW_MS + 60 * MINUTE_MS);
});

let env: TestWorkflowEnvironment;
beforeAll(async () => {
  env = await startTemporal();
});
afterAll(() => env.teardown());

test('a push and an emergency are planned by at once while a feed hangs', { timeout: 60_000 }, async () => {
  let feedAnswers = false;
  let refreshed = 0;
  const limited: string[] = [];
  const activities: GridActivities = {
    pollFeeds: async () => {
      // Looks, since a busy server may have given up the attempt that waited.
      await eventually('the feed answers', 60_000, async () => feedAnswers || undefined);
      return { changed: false };
    },
    refreshRegion: async () => {
      refreshed++;
      return { ...REGION, offPeakWindows: [], limitsChangeMs: null };
    },
    limitForEmergency: async ({ emergency }) => {
      limited.push(emergency.id);
      return ['a'];
    },
    announceWindow: async () => {},
  };
  const refreshes = (count: number) =>
    eventually(`${count} refreshes`, 10_000, async () => (refreshed >= count ? true : undefined));
  await withWorker(env, activities, async () => {
    try {
      const region = await env.client.workflow.start<typeof gridRegion>('gridRegion', {
        workflowId: workflowIds.region('oslo'),
        taskQueue: CONTROL_TASK_QUEUE,
        args: [{ regionId: 'oslo', cellId: 'test', timeZone: 'Europe/Oslo', clock: REAL_TIME, pollEveryMs: 3_600_000 }],
      });
      await refreshes(1);
      await region.signal(signalsPushed);
      await refreshes(2);
      const emergency = { id: 'e1', message: 'Frequency', startMs: 0, endMs: 1, feederIds: [] };
      expect(await region.executeUpdate(declareEmergency, { args: [emergency] })).toEqual(['a']);
      await refreshes(3);
      expect(limited).toEqual(['e1']);
      // The cell is told each time; here there is none, so only the history shows it.
      await eventually('the cell is told three times', 10_000, async () => {
        const { events = [] } = await region.fetchHistory();
        const told = events?.filter((event) => event.signalExternalWorkflowExecutionInitiatedEventAttributes) ?? [];
        return told.length >= 3 || undefined;
      });

      feedAnswers = true;
      await refreshes(4);
      const shown = await region.describe();
      expect(shown.typedSearchAttributes.get(attributes.failingFeeds)).toEqual(['entsoe', 'watttime']);
      expect((await region.query(regionState))?.limits).toEqual(REGION.limits);
      await region.terminate();
    } finally {
      // Else the worker would wait for the feed, and the test would end for want of time instead of by what went wrong.
      feedAnswers = true;
    }
  });
});
