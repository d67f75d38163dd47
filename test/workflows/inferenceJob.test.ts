import { ApplicationFailure } from '@temporalio/common';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JobActivities } from '../../domain/activities/jobActivities.ts';
import type { TrustActivities } from '../../domain/activities/trustActivities.ts';
import type { WebhookActivities } from '../../domain/activities/webhookActivities.ts';
import { REAL_TIME } from '../../domain/clock.ts';
import { cellTaskQueue, CONTROL_TASK_QUEUE, inferenceTaskQueue, workflowIds } from '../../domain/names.ts';
import { SHARD_FAILURES, type RunShardInput, type RunShardResult } from '../../domain/shards.ts';
import type { Grant } from '../../domain/workflows/coSchedule.ts';
import type { InferenceJobInput, SplitBatch } from '../../domain/workflows/inferenceJob.ts';
import { cancelRequested, granted, jobStatus, pauseRequested } from '../../workflows/messages.ts';
import type { inferenceJob } from '../../workflows/inferenceJob.ts';
import { startTemporal, withWorker } from '../support/temporal.ts';

const SLOT_MS = 900_000;
const MODEL = { name: 'm', version: '1', family: 'f', sha256: '0'.repeat(64) };

let env: TestWorkflowEnvironment;
beforeAll(async () => {
  env = await startTemporal();
});
afterAll(() => env.teardown());

/** The control worker's activities, in memory: what the job told them is what the tests look at. */
class Control {
  readonly outcomes: string[] = [];
  readonly accepted: number[] = [];
  finished = false;
  readonly split: SplitBatch;

  constructor(shards: number, deadlineMs = Date.now() + 10 * SLOT_MS, more: Partial<SplitBatch> = {}) {
    this.split = { model: MODEL, lines: shards * 4, shards, linesPerShard: 4, linesPerPart: 2, deadlineMs, ...more };
  }

  readonly activities: JobActivities & WebhookActivities = {
    webhooksOf: async () => [],
    postWebhook: async () => {},
    prepareBatch: async () => ({ kind: 'ready', split: this.split }),
    recordProgress: async ({ finished }) => {
      this.finished = finished;
    },
    signSlices: async ({ shards }) => shards.map((shard) => ({ url: 'http://api', token: `for shard ${shard}` })),
    acceptShards: async ({ shards }) => {
      this.accepted.push(...shards.map(({ shard }) => shard));
      return shards.map(({ shard }) => ({ shard, accepted: true, message: '' }));
    },
    finishBatch: async ({ outcome }) => {
      this.outcomes.push(outcome);
    },
  };
}

function answer(input: RunShardInput): RunShardResult {
  const { lines } = input;
  const work = { storedLines: lines, computedLines: lines, energyWh: 1, deviceMs: 1 };
  return { vehicleId: 'car', ...work, handovers: 0, redoneLines: 0 };
}

/** Cars of one region and class; without `runShard` nobody bids. */
async function withCars<Result>(
  regionId: string,
  runShard: (input: RunShardInput) => Promise<RunShardResult>,
  work: () => Promise<Result>,
): Promise<Result> {
  const worker = await Worker.create({
    connection: env.nativeConnection,
    namespace: env.namespace ?? 'default',
    taskQueue: inferenceTaskQueue(regionId, 'ai4', MODEL.family),
    activities: { runShard },
  });
  return worker.runUntil(work);
}

function grantOf(jobId: string, regionId: string, shards: number, lastsMs = SLOT_MS): Grant {
  const slotStartMs = Date.now();
  return { planId: 'p', jobId, regionId, hardwareClass: 'ai4', slotStartMs, slotEndMs: slotStartMs + lastsMs, shards };
}

const start = (batchId: string, more: Pick<InferenceJobInput, 'firstWave'> = {}) =>
  env.client.workflow.start<typeof inferenceJob>('inferenceJob', {
    workflowId: workflowIds.job(batchId),
    taskQueue: CONTROL_TASK_QUEUE,
    args: [{ batchId, cellId: 'none', clock: REAL_TIME, ...more }],
  });

describe('a job', () => {
  test('releases only what is granted, and completes when all shards are answered', async () => {
    const control = new Control(5);
    await withWorker(env, control.activities, () =>
      withCars(
        'north',
        async (input) => answer(input),
        async () => {
          const job = await start('granted');
          await job.signal(granted, [grantOf('granted', 'north', 2)]);
          await expect.poll(() => job.query(jobStatus)).toMatchObject({ done: 2, inFlight: 0, pending: 3 });
          await job.signal(granted, [grantOf('granted', 'north', 5)]);
          await job.result();
          expect(control.outcomes).toEqual(['completed']);
          expect(new Set(control.accepted)).toEqual(new Set([0, 1, 2, 3, 4]));
          expect(control.accepted).toHaveLength(5);
          expect(control.finished).toBe(true);
        },
      ),
    );
  });

  test('brings each shard its own access, where cars may not open the store', async () => {
    const control = new Control(2, undefined, { carUrl: 'http://api' });
    const tokens = new Map<number, string | undefined>();
    const remember = async (input: RunShardInput): Promise<RunShardResult> => {
      tokens.set(input.shard, input.access?.token);
      return answer(input);
    };
    await withWorker(env, control.activities, () =>
      withCars('north', remember, async () => {
        const job = await start('signed');
        await job.signal(granted, [grantOf('signed', 'north', 2)]);
        await job.result();
      }),
    );
    expect(Object.fromEntries(tokens)).toEqual({ 0: 'for shard 0', 1: 'for shard 1' });
  });

  test('has answers checked in the cell that the policy names, and not elsewhere', async () => {
    const control = new Control(2, undefined, { checked: true, checkedIn: 'site' });
    const checked: (readonly number[] | null)[] = [];
    const elsewhere = { checkShards: () => Promise.reject(new Error('not here')), correctBatch: async () => null };
    const site = await Worker.create({
      connection: env.nativeConnection,
      namespace: env.namespace ?? 'default',
      taskQueue: cellTaskQueue('site'),
      activities: {
        checkShards: async ({ shards }: Parameters<TrustActivities['checkShards']>[0]) => {
          checked.push(shards);
          return [];
        },
      },
    });
    await site.runUntil(() =>
      withWorker(env, { ...control.activities, ...elsewhere }, () =>
        withCars(
          'north',
          async (input) => answer(input),
          async () => {
            const job = await start('checked-there');
            await job.signal(granted, [grantOf('checked-there', 'north', 2)]);
            await job.result();
          },
        ),
      ),
    );
    expect(control.outcomes).toEqual(['completed']);
    // What waves hand in, and at the end what no wave did.
    expect(checked.flatMap((shards) => shards ?? []).toSorted((a, b) => a - b)).toEqual([0, 1]);
    expect(checked.at(-1)).toBeNull();
  });

  test('accepts what finishes together in portions, and knows of each before the next is accepted', async () => {
    const control = new Control(120);
    const portions: number[] = [];
    const doneBefore: number[] = [];
    await withWorker(
      env,
      {
        ...control.activities,
        acceptShards: async (request: Parameters<JobActivities['acceptShards']>[0]) => {
          const wave = env.client.workflow.getHandle(`${workflowIds.job('portions')}/wave/1`);
          const onCars = async (): Promise<number> => {
            const { raw } = await wave.describe();
            return (raw.pendingActivities ?? []).filter(({ activityType }) => activityType?.name === 'runShard').length;
          };
          // The first call holds the wave up until all the others have finished.
          if (portions.length === 0) await expect.poll(onCars, { timeout: 30_000 }).toBe(0);
          const { done } = await env.client.workflow.getHandle(workflowIds.job('portions')).query(jobStatus);
          portions.push(request.shards.length);
          doneBefore.push(done);
          return control.activities.acceptShards(request);
        },
      },
      () =>
        withCars(
          'north',
          async (input) => answer(input),
          async () => {
            const job = await start('portions');
            await job.signal(granted, [grantOf('portions', 'north', 120)]);
            await job.result();
          },
        ),
    );
    expect(Math.max(...portions)).toBe(50);
    expect(doneBefore).toEqual(
      portions.map((_, index) => portions.slice(0, index).reduce((sum, each) => sum + each, 0)),
    );
    expect(new Set(control.accepted).size).toBe(120);
    expect(control.accepted).toHaveLength(120);
  }, 60_000);

  test('that was terminated starts anew beside the waves that it left running, and completes', async () => {
    const control = new Control(2);
    let lostAttempts = 0;
    let isAnew = false;
    let letGo: (() => void) | undefined;
    const gone = new Promise<void>((resolve) => (letGo = resolve));
    const runShard = async (input: RunShardInput): Promise<RunShardResult> => {
      if (!isAnew) {
        lostAttempts += 1;
        await gone;
      }
      return answer(input);
    };
    await withWorker(env, control.activities, () =>
      withCars('north', runShard, async () => {
        const lost = await start('lost');
        await lost.signal(granted, [grantOf('lost', 'north', 2)]);
        await expect.poll(() => lostAttempts, { timeout: 20_000 }).toBe(2);
        await lost.terminate();
        isAnew = true;
        const anew = await start('lost', { firstWave: 1_000_001 });
        await anew.signal(granted, [grantOf('lost', 'north', 2)]);
        await anew.result();
        letGo?.();
        await env.client.workflow.getHandle(`${workflowIds.job('lost')}/wave/1`).result();
      }),
    );
    expect(control.outcomes).toEqual(['completed']);
    expect(control.finished).toBe(true);
  }, 60_000);

  test('takes shards back when the granted time is over, and gives them to another region', async () => {
    const control = new Control(2);
    await withWorker(env, control.activities, () =>
      withCars(
        'south',
        async (input) => answer(input),
        async () => {
          const job = await start('moves');
          await job.signal(granted, [grantOf('moves', 'nowhere', 2, 1500)]);
          await expect.poll(() => job.query(jobStatus)).toMatchObject({ inFlight: 2 });
          await expect.poll(() => job.query(jobStatus), { timeout: 5000 }).toMatchObject({ inFlight: 0, pending: 2 });
          await job.signal(granted, [grantOf('moves', 'south', 2)]);
          await job.result();
          expect(control.outcomes).toEqual(['completed']);
        },
      ),
    );
  });

  test('goes on on another car when one leaves', async () => {
    const control = new Control(1);
    let attempts = 0;
    const leavesOnce = async (input: RunShardInput): Promise<RunShardResult> => {
      attempts++;
      if (attempts > 1) return answer(input);
      throw ApplicationFailure.create({
        type: SHARD_FAILURES.vehicleLeaving,
        message: 'gear out of park',
        nextRetryDelay: '10 ms',
      });
    };
    await withWorker(env, control.activities, () =>
      withCars('north', leavesOnce, async () => {
        const job = await start('leaves');
        await job.signal(granted, [grantOf('leaves', 'north', 1)]);
        await job.result();
        expect(attempts).toBe(2);
        expect(control.outcomes).toEqual(['completed']);
      }),
    );
  });

  test('completes with a shard that no car can do, after three tries', async () => {
    const control = new Control(1);
    let attempts = 0;
    const refuses = async (): Promise<RunShardResult> => {
      attempts++;
      throw ApplicationFailure.nonRetryable('slice is cut off', SHARD_FAILURES.invalidShard);
    };
    await withWorker(env, control.activities, () =>
      withCars('north', refuses, async () => {
        const job = await start('refused');
        await job.signal(granted, [grantOf('refused', 'north', 5)]);
        await job.result();
        expect(attempts).toBe(3);
        expect(control.accepted).toEqual([]);
        expect(control.outcomes).toEqual(['completed']);
      }),
    );
  });

  test('expires at its deadline, with what is done kept', async () => {
    const control = new Control(2, Date.now() + 8000);
    await withWorker(env, control.activities, () =>
      withCars(
        'north',
        async (input) => answer(input),
        async () => {
          const job = await start('expires');
          await job.signal(granted, [grantOf('expires', 'north', 1)]);
          await job.result();
          expect(control.accepted).toEqual([0]);
          expect(control.outcomes).toEqual(['expired']);
        },
      ),
    );
  });

  test('is held back while it is paused, and goes on under the same grants', async () => {
    const control = new Control(2);
    await withWorker(env, control.activities, () =>
      withCars(
        'north',
        async (input) => answer(input),
        async () => {
          const job = await start('paused');
          await job.signal(granted, [grantOf('paused', 'nowhere', 2)]);
          await expect.poll(() => job.query(jobStatus)).toMatchObject({ inFlight: 2 });
          await job.signal(pauseRequested, { paused: true });
          await expect.poll(() => job.query(jobStatus)).toMatchObject({ state: 'paused', inFlight: 0, pending: 2 });
          await job.signal(granted, [grantOf('paused', 'north', 2)]);
          await expect.poll(() => job.query(jobStatus)).toMatchObject({ state: 'paused', done: 0, inFlight: 0 });
          await job.signal(pauseRequested, { paused: false });
          await job.result();
          expect(control.outcomes).toEqual(['completed']);
        },
      ),
    );
  });

  test('is cancelled on request, with no car bidding', async () => {
    const control = new Control(2);
    await withWorker(env, control.activities, async () => {
      const job = await start('cancelled');
      await job.signal(granted, [grantOf('cancelled', 'nowhere', 2)]);
      await expect.poll(() => job.query(jobStatus)).toMatchObject({ inFlight: 2 });
      await job.signal(cancelRequested);
      await job.result();
      expect(control.outcomes).toEqual(['cancelled']);
    });
  });
});
