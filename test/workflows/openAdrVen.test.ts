import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { defineSignal } from '@temporalio/workflow';
import { afterAll, beforeAll, expect, test } from 'vitest';

import type { OpenAdrActivities } from '../../domain/activities/openAdrActivities.ts';
import { REAL_TIME } from '../../domain/clock.ts';
import type { OpenAdrStatus } from '../../domain/openAdr.ts';
import { CONTROL_TASK_QUEUE, workflowIds } from '../../domain/names.ts';
import type { VenSync } from '../../domain/workflows/openAdrVen.ts';
import { venState } from '../../workflows/messages.ts';
import type { openAdrVen } from '../../workflows/openAdrVen.ts';
import { describeVen, pauseRealMs } from '../../workflows/openAdrVenState.ts';
import { eventually } from '../support/eventually.ts';
import { startTemporal, withWorker } from '../support/temporal.ts';

const STATUS: OpenAdrStatus = {
  syncedAtMs: Date.parse('2026-02-10T00:00:00Z'),
  failures: 0,
  failure: null,
  programs: 1,
  events: 2,
  refused: 0,
  webhook: null,
  mqtt: 'not offered',
  ignoredTypes: [],
};
const SYNC: VenSync = {
  status: STATUS,
  regionId: 'oslo',
  changed: true,
  isAway: false,
  pollEveryMs: 3_600_000,
  nextReportMs: null,
  retryAfterRealMs: null,
  timeZone: 'Europe/Oslo',
};
const failed = (failures: number): VenSync => ({
  ...SYNC,
  isAway: true,
  status: { ...STATUS, failures, failure: 'answered 503' },
});

const pause = (sync: VenSync, random: number) => pauseRealMs(sync, (gridMs) => gridMs, 0, random);

test('a failing server is asked less and less often, with jitter, and when it says so', () => {
  expect(pause(SYNC, 0)).toBe(3_600_000);
  expect(pause({ ...SYNC, nextReportMs: 5_000 }, 0)).toBe(5_000);
  expect([1, 2, 3, 4].map((failures) => pause(failed(failures), 0))).toEqual([500, 1_000, 2_000, 4_000]);
  expect(pause(failed(1), 0.999)).toBeGreaterThan(pause(failed(1), 0));
  expect(pause(failed(1_000), 0.999)).toBeLessThanOrEqual(300_000);
  expect(pause({ ...failed(1), retryAfterRealMs: 47_000 }, 0)).toBe(47_000);
});

test('a server that asks to wait for a day is asked again within a minute', () => {
  expect(pause({ ...failed(1), retryAfterRealMs: 86_400_000 }, 0)).toBe(60_000);
});

test('refused reports slow down no polling, and do not lengthen the pause after a failed one', () => {
  const refusing = { ...STATUS, reportFailures: 1_000, reportFailure: 'answered 409' };
  expect(pause({ ...SYNC, status: refusing, pollEveryMs: 60_000 }, 0)).toBe(60_000);
  expect(pause({ ...failed(1), status: { ...refusing, failures: 1, failure: 'answered 500' } }, 0)).toBe(500);
  // What may work the next time is tried before the next poll.
  expect(pause({ ...SYNC, status: { ...refusing, reportFailures: 1 } }, 0)).toBe(500);
});

test('the operator reads how it goes', () => {
  expect(describeVen({ ...failed(3), nextReportMs: Date.parse('2026-02-10T01:00:00Z') })).toBe(
    [
      '1 programs, 2 events; synchronised Tue 01:00 (Europe/Oslo).',
      '**Failed 3 times**: answered 503',
      'Notifications: webhook yes; MQTT not offered.',
      'Next report Tue 02:00.',
    ].join('\n\n'),
  );
});

let env: TestWorkflowEnvironment;
beforeAll(async () => {
  env = await startTemporal();
});
afterAll(() => env.teardown());

test('it synchronises at once, at every hint and after failures, and ends when the connection is removed', async () => {
  const answers: (VenSync | null)[] = [failed(1), SYNC, SYNC, null];
  let synced = 0;
  const activities: OpenAdrActivities = { syncVtn: async () => answers[Math.min(synced++, 3)] ?? null };
  await withWorker(env, activities, async () => {
    const handle = await env.client.workflow.start<typeof openAdrVen>('openAdrVen', {
      workflowId: workflowIds.ven('grid'),
      taskQueue: CONTROL_TASK_QUEUE,
      args: [{ connectionId: 'grid', clock: REAL_TIME }],
    });
    await eventually('it tries again after a failure', 10_000, async () => (synced === 2 ? true : undefined));
    expect((await handle.query(venState))?.status.failures).toBe(0);
    const hinted = defineSignal('vtnHinted');
    await handle.signal(hinted);
    await eventually('it looks at the hint', 10_000, async () => (synced === 3 ? true : undefined));
    await handle.signal(hinted);
    await handle.result();
  });
  expect(synced).toBe(4);
});
