import { HOUR_MS } from '../../domain/durations.ts';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { REAL_TIME } from '../../domain/clock.ts';
import { CONTROL_TASK_QUEUE, workflowIds } from '../../domain/names.ts';
import type { PlanDispatch } from '../../domain/workflows/coSchedule.ts';
import type { coSchedule } from '../../workflows/coSchedule.ts';
import type { inferenceJob } from '../../workflows/inferenceJob.ts';
import { cancelRequested, granted, replanRequested, setpointPlanned, unplugged } from '../../workflows/messages.ts';
import type { parkingSession } from '../../workflows/parkingSession.ts';
import { startTemporal, withWorker } from '../support/temporal.ts';

const SUGGEST_AFTER_EVENTS = 40;

let env: TestWorkflowEnvironment;
beforeAll(async () => {
  const threshold = `limit.historyCount.suggestContinueAsNew=${SUGGEST_AFTER_EVENTS}`;
  env = await startTemporal(['--dynamic-config-value', threshold]);
});
afterAll(() => env.teardown());

async function firstRunOf(workflowId: string): Promise<string> {
  return (await env.client.workflow.getHandle(workflowId).describe()).runId;
}

/** More signals than the threshold, in the one task in which the worker that was away finds them. */
async function whileNoWorkerPolls(signals: () => Promise<void>): Promise<void> {
  for (let i = 0; i < SUGGEST_AFTER_EVENTS; i++) await signals();
}

describe('nothing that was told is lost when a run goes on as a new one', () => {
  test('a departure ends the stay', async () => {
    const closed: string[] = [];
    const activities = {
      openSession: async () => ({
        readyByMs: Date.now() + 10 * HOUR_MS,
        targetSocPercent: 80,
        displayName: 'Car',
        timeZone: 'Europe/Oslo',
      }),
      checkReadyBy: async () => {},
      closeSession: async ({ reason }: { reason: string }) => void closed.push(reason),
    };
    const stay = await env.client.workflow.start<typeof parkingSession>('parkingSession', {
      workflowId: workflowIds.session('car', 1),
      taskQueue: CONTROL_TASK_QUEUE,
      args: [{ vehicleId: 'car', stay: 1, cellId: 'none', clock: REAL_TIME, pluggedInMs: Date.now() }],
    });
    const setpoint = { sessionId: 'x', chargeKw: 1, computeKw: 0, reasons: [] };
    await withWorker(env, activities, () =>
      expect.poll(() => stay.query('sessionState')).toMatchObject({ terms: { displayName: 'Car' } }),
    );
    await whileNoWorkerPolls(() => stay.signal(setpointPlanned, { ...setpoint, slotStartMs: 0 }));
    await stay.signal(unplugged, { atMs: Date.now(), reason: 'drove off' });
    await withWorker(env, activities, () => stay.result());
    expect(closed).toEqual(['drove off']);
  });

  test('a cancel ends the job', async () => {
    const outcomes: string[] = [];
    const activities = {
      webhooksOf: async () => [],
      prepareBatch: async () => ({
        kind: 'ready',
        split: {
          model: { name: 'm', version: '1', family: 'f', sha256: '0'.repeat(64) },
          lines: 4,
          shards: 4,
          linesPerShard: 1,
          linesPerPart: 1,
          deadlineMs: Date.now() + HOUR_MS,
        },
      }),
      recordProgress: async () => {},
      finishBatch: async ({ outcome }: { outcome: string }) => void outcomes.push(outcome),
    };
    const workflowId = workflowIds.job('batch');
    const job = await env.client.workflow.start<typeof inferenceJob>('inferenceJob', {
      workflowId,
      taskQueue: CONTROL_TASK_QUEUE,
      args: [{ batchId: 'batch', cellId: 'none', clock: REAL_TIME }],
    });
    const firstRun = await firstRunOf(workflowId);
    await withWorker(env, activities, () =>
      expect.poll(() => job.query('jobStatus')).toMatchObject({ state: 'waiting' }),
    );
    await whileNoWorkerPolls(() => job.signal(granted, []));
    await job.signal(cancelRequested);
    await withWorker(env, activities, () => job.result());
    expect(outcomes).toEqual(['cancelled']);
    expect(await firstRunOf(workflowId)).not.toBe(firstRun);
  });

  test('a cause that comes while a plan is being made is planned by', async () => {
    const causes: string[] = [];
    let release: (() => void) | undefined;
    const activities = {
      planCell: async ({ cause, slotStartMs }: { cause: string; slotStartMs: number }): Promise<PlanDispatch> => {
        causes.push(cause);
        if (cause === 'held')
          await new Promise<void>((resolve) => {
            release = resolve;
          });
        return { planId: 'p', slotStartMs, grants: [], vehiclesToWake: [], summary: '' };
      },
      publishSetpoints: async () => {},
      wakeVehicles: async () => {},
      tellSessions: async () => {},
    };
    const workflowId = workflowIds.cell('cell');
    const cell = await env.client.workflow.start<typeof coSchedule>('coSchedule', {
      workflowId,
      taskQueue: CONTROL_TASK_QUEUE,
      args: [{ cellId: 'cell', clock: REAL_TIME, slotMinutes: 15, leadRealMs: 10, debounceRealMs: 10 }],
    });
    const firstRun = await firstRunOf(workflowId);
    await withWorker(env, activities, async () => {
      await expect.poll(() => causes).toHaveLength(1);
      await cell.signal(replanRequested, { cause: 'held' });
      await expect.poll(() => release).toBeDefined();
      await whileNoWorkerPolls(() => cell.signal(replanRequested, { cause: 'filler' }));
      await cell.signal(replanRequested, { cause: 'the limit fell' });
      release?.();
      await expect.poll(() => causes.at(-1)).toContain('the limit fell');
      await expect.poll(() => firstRunOf(workflowId)).not.toBe(firstRun);
    });
    await env.client.workflow.getHandle(workflowId).terminate();
  });
});
