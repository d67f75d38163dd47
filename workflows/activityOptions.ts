import { SECOND_MS } from '../domain/durations.ts';
import type { ActivityOptions } from '@temporalio/workflow';
import { agedPriority } from '../domain/ageing.ts';
import type { Clock } from '../domain/clock.ts';
import { realDurationMs } from '../domain/clock.ts';
import { inferenceTaskQueue } from '../domain/names.ts';
import { PLAN_LIMIT_REAL_MS } from '../domain/planLimits.ts';
import { SHARD_FAILURES } from '../domain/shards.ts';
import type { SplitBatch } from '../domain/workflows/inferenceJob.ts';
import type { ShardWaveInput } from '../domain/workflows/shardWave.ts';

/**
 * Short calls to PostgreSQL, feeds and MQTT: retried until they work, since a durable promise waits behind each. The
 * control worker heartbeats for them, so that those of a killed one do not wait for their start-to-close timeout. They run
 * on the queue of their workflow: a cell's on the cell's own, a job's on that of all cells.
 */
export const CONTROL_OPTIONS: ActivityOptions = {
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '10 seconds',
  retry: { initialInterval: '500 ms', backoffCoefficient: 2, maximumInterval: '30 seconds' },
};

/** A late plan is a wrong plan: the next slot, or the next event, makes a new one. */
export const PLAN_OPTIONS: ActivityOptions = {
  ...CONTROL_OPTIONS,
  startToCloseTimeout: PLAN_LIMIT_REAL_MS,
  scheduleToCloseTimeout: PLAN_LIMIT_REAL_MS,
};

/** Telling thousands of sessions; what takes longer is overtaken by the next plan. */
export const TELL_OPTIONS: ActivityOptions = { ...CONTROL_OPTIONS, scheduleToCloseTimeout: '1 minute' };

/** Reading a whole batch: minutes for 50,000 lines. */
export const BATCH_OPTIONS: ActivityOptions = { ...CONTROL_OPTIONS, startToCloseTimeout: '1 hour' };

/** Running a model on some lines of many shards: it may have to be fetched first. */
export const CHECK_OPTIONS: ActivityOptions = { ...CONTROL_OPTIONS, startToCloseTimeout: '1 hour' };

/** Reading a run's examples, adding up a round's updates, evaluating: minutes for large ones. */
export const TRAINING_OPTIONS: ActivityOptions = { ...CONTROL_OPTIONS, startToCloseTimeout: '1 hour' };

/** A receiver's server may be down for hours; it is asked less and less often. Real time, since it is not the grid's. */
export const WEBHOOK_OPTIONS: ActivityOptions = {
  startToCloseTimeout: '30 seconds',
  scheduleToCloseTimeout: '1 day',
  retry: { initialInterval: '1 second', backoffCoefficient: 3, maximumInterval: '1 hour' },
};

/** Below this, heartbeats of many agents in one process would miss their time-out for want of CPU alone. */
const SHORTEST_HEARTBEAT_TIMEOUT_MS = 4 * SECOND_MS;
const SHORTEST_START_TO_CLOSE_MS = 60 * SECOND_MS;

/**
 * How a shard runs on a car. Heartbeats, not schedule-to-start, find a car that is gone; attempts are not limited,
 * since leaving is normal for a car, and the wave's own end bounds them. Durations are grid time, so that a scaled
 * night keeps its proportions, with a floor in real time.
 */
export function shardOptions(input: ShardWaveInput, clock: Clock, gridNowMs: number): ActivityOptions {
  const scaled = (gridMs: number, floorMs: number): number => Math.max(floorMs, realDurationMs(clock, gridMs));
  return {
    taskQueue: inferenceTaskQueue(input.regionId, input.hardwareClass, input.split.model.family),
    priority: shardPriority(input.split, gridNowMs),
    heartbeatTimeout: scaled(30 * SECOND_MS, SHORTEST_HEARTBEAT_TIMEOUT_MS),
    startToCloseTimeout: scaled(45 * 60 * SECOND_MS, SHORTEST_START_TO_CLOSE_MS),
    // The default waits for a car that is gone to confirm.
    cancellationType: 'TRY_CANCEL',
    retry: {
      initialInterval: scaled(5 * SECOND_MS, 250),
      backoffCoefficient: 1.5,
      maximumInterval: scaled(120 * SECOND_MS, SECOND_MS),
      nonRetryableErrorTypes: [
        SHARD_FAILURES.modelHashMismatch,
        SHARD_FAILURES.invalidShard,
        SHARD_FAILURES.deadlinePassed,
      ],
    },
  };
}

/** Which shard a car takes first: the plan's own order. Among equals the tenants take turns by their weights. */
export function shardPriority(split: SplitBatch, gridNowMs: number): NonNullable<ActivityOptions['priority']> {
  const { priority, submittedAtMs = gridNowMs, deadlineMs, tenant } = split;
  return {
    priorityKey: agedPriority({ priority, waitedMs: gridNowMs - submittedAtMs, leftMs: deadlineMs - gridNowMs }),
    ...(tenant && { fairnessKey: tenant.id, fairnessWeight: tenant.weight }),
  };
}
