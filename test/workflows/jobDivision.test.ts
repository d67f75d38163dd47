import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CONTROL_TASK_QUEUE, workflowIds } from '../../domain/names.ts';
import type { coSchedule } from '../../workflows/coSchedule.ts';
import type { jobDivision } from '../../workflows/jobDivision.ts';
import { startTemporal, withWorker } from '../support/temporal.ts';

let env: TestWorkflowEnvironment;
beforeAll(async () => {
  env = await startTemporal();
});
afterAll(() => env.teardown());

test('jobs are divided in every slot, and only cells whose share changed plan again', async () => {
  const now = Date.now();
  // A slot of a quarter of an hour passes in a second.
  const clock = { originMs: now, anchorMs: now, scale: 900 };
  const divided: number[] = [];
  const causes = new Map<string, string[]>([
    ['home', []],
    ['near', []],
  ]);
  const activities = {
    divideJobs: async ({ nowMs }: { nowMs: number }) => {
      divided.push(nowMs);
      return { cells: divided.length === 1 ? ['near', 'gone'] : [], summary: 'all cells plan' };
    },
    planCell: async ({ cellId, cause }: { cellId: string; cause: string }) => {
      causes.get(cellId)?.push(cause);
      return { planId: `${cellId}/slot/1`, slotStartMs: now * 2, grants: [], vehiclesToWake: [], summary: '' };
    },
    publishSetpoints: async () => undefined,
    tellSessions: async () => undefined,
    wakeVehicles: async () => undefined,
  };
  const start = { taskQueue: CONTROL_TASK_QUEUE };
  const cells = await Promise.all(
    ['home', 'near'].map((cellId) =>
      env.client.workflow.start<typeof coSchedule>('coSchedule', {
        ...start,
        workflowId: workflowIds.cell(cellId),
        // Slots of a year: this test is not about the plans of a slot.
        args: [{ cellId, clock, slotMinutes: 60 * 24 * 365, leadRealMs: 0, debounceRealMs: 1 }],
      }),
    ),
  );
  const division = await env.client.workflow.start<typeof jobDivision>('jobDivision', {
    ...start,
    workflowId: workflowIds.division('home'),
    args: [{ cellId: 'home', clock, slotMinutes: 15 }],
  });
  await withWorker(env, activities, async () => {
    await expect.poll(() => divided.length, { timeout: 60_000 }).toBeGreaterThanOrEqual(3);
    await expect.poll(() => causes.get('near'), { timeout: 60_000 }).toContain('jobs of home were divided anew');
    for (const handle of [division, ...cells]) await handle.terminate();
  });
  expect(causes.get('home')).not.toContain('jobs of home were divided anew');
  const slots = divided.map((nowMs) => Math.floor((nowMs - now) / 900_000));
  expect(new Set(slots).size).toBe(slots.length);
});
