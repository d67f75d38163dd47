import { ApplicationFailure } from '@temporalio/common';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PlanActivities } from '../../domain/activities/planActivities.ts';
import { REAL_TIME } from '../../domain/clock.ts';
import { CONTROL_TASK_QUEUE, workflowIds } from '../../domain/names.ts';
import type { PlanDispatch } from '../../domain/workflows/coSchedule.ts';
import type { coSchedule } from '../../workflows/coSchedule.ts';
import { lastPlan, replanRequested } from '../../workflows/messages.ts';
import { startTemporal, withWorker } from '../support/temporal.ts';

let env: TestWorkflowEnvironment;
beforeAll(async () => {
  env = await startTemporal();
});
afterAll(() => env.teardown());

/** The control worker's activities, in memory. */
class Control {
  readonly causes: string[] = [];
  readonly published: string[] = [];
  readonly told: string[] = [];
  /** What a plan with this cause does before it is made. */
  readonly before = new Map<string, () => Promise<void>>();
  dispatch: Partial<PlanDispatch> = {};

  readonly activities: PlanActivities = {
    planCell: async ({ cause, slotStartMs }) => {
      this.causes.push(cause);
      await this.before.get(cause)?.();
      const planId = `plan ${this.causes.length}`;
      return { planId, slotStartMs, grants: [], vehiclesToWake: [], summary: cause, ...this.dispatch };
    },
    publishSetpoints: async ({ planId }) => void this.published.push(planId),
    tellSessions: async ({ planId }) => void this.told.push(planId),
    wakeVehicles: async () => {},
  };
}

async function withCell(
  control: Control,
  debounceRealMs: number,
  work: (replan: (cause: string) => Promise<void>, plan: () => Promise<PlanDispatch | null>) => Promise<void>,
): Promise<void> {
  const workflowId = workflowIds.cell(`cell ${Math.random()}`);
  const cell = await env.client.workflow.start<typeof coSchedule>('coSchedule', {
    workflowId,
    taskQueue: CONTROL_TASK_QUEUE,
    args: [{ cellId: 'c', clock: REAL_TIME, slotMinutes: 60 * 24 * 365, leadRealMs: 0, debounceRealMs }],
  });
  await withWorker(env, control.activities, async () => {
    await expect.poll(() => control.published.length).toBeGreaterThan(0);
    await work(
      (cause) => cell.signal(replanRequested, { cause }),
      () => cell.query(lastPlan),
    );
    await cell.terminate();
  });
}

describe('a cell', () => {
  test('gathers what happens within the debounce into one plan', async () => {
    const control = new Control();
    await withCell(control, 1000, async (replan) => {
      for (const cause of ['a', 'b', 'c']) await replan(cause);
      await expect.poll(() => control.causes).toEqual(['next slot', 'a; b; c']);
    });
  });

  test('keeps the last plan when one fails, and plans again at the next cause', async () => {
    const control = new Control();
    control.before.set('bad', () => Promise.reject(ApplicationFailure.nonRetryable('no such limit')));
    await withCell(control, 1, async (replan, plan) => {
      await replan('bad');
      await expect.poll(() => control.causes).toContain('bad');
      await replan('good');
      await expect.poll(async () => (await plan())?.summary).toBe('good');
      expect(control.published).toEqual(['plan 1', 'plan 3']);
    });
  });

  test('plans once more for what came while it was planning', async () => {
    const control = new Control();
    let resolve: (() => void) | undefined;
    const promise = new Promise<void>((done) => {
      resolve = done;
    });
    control.before.set('slow', () => promise);
    await withCell(control, 1, async (replan) => {
      await replan('slow');
      await expect.poll(() => control.causes).toContain('slow');
      await replan('meanwhile');
      resolve?.();
      await expect.poll(() => control.causes).toEqual(['next slot', 'slow', 'meanwhile']);
    });
  });

  test('has its sessions told by an activity, whose failure is not that of the plan', async () => {
    const control = new Control();
    control.activities.tellSessions = () => Promise.reject(ApplicationFailure.nonRetryable('nobody listens'));
    await withCell(control, 1, async (replan, plan) => {
      await replan('changed');
      await expect.poll(async () => (await plan())?.summary).toBe('changed');
      await replan('again');
      await expect.poll(async () => (await plan())?.summary).toBe('again');
    });
  });

  test('tells more jobs than Temporal lets signals be under way', async () => {
    const control = new Control();
    const slot = { slotStartMs: 0, slotEndMs: 1, shards: 1 };
    control.dispatch = {
      grants: Array.from({ length: 2_100 }, (_, job) => ({
        planId: 'p',
        jobId: `none-${job}`,
        regionId: 'r',
        hardwareClass: 'ai4',
        ...slot,
      })),
    };
    await withCell(control, 1, async () => {
      await expect.poll(() => control.told, { timeout: 60_000 }).toEqual(['plan 1']);
    });
  });
});
