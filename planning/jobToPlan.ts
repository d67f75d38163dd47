import { MINUTE_MS } from '../domain/durations.ts';
import type { plannerLimits } from '../domain/gridHints.ts';
import type { PlanningProblemInput } from '../scheduler/problem.ts';
import { slotsWithin, type SlotAxis } from '../scheduler/time.ts';
import type { ClassSpeed } from '../store/classSpeeds.ts';

export type JobInput = NonNullable<PlanningProblemInput['jobs']>[number];

/** A job, wherever it is known from: a cell's tables, a request for a quote, or the batch of a recorded night. */
export interface JobToPlan {
  readonly id: string;
  readonly modelFamily?: string;
  readonly shardsRemaining: number;
  /** By class of cars, how long a car that only computes takes for a shard. */
  readonly classes: readonly { readonly hardwareClass: string; readonly shardMinutes: number }[];
  readonly regionIds: readonly string[];
  /** Grid time. */
  readonly deadlineMs: number;
  readonly limits?: ReturnType<typeof plannerLimits>;
  /** What its submitter loses by a shard that is late. */
  readonly lateEurPerShard?: number;
}

/** Share of an open gate in which a car computes: the rest goes to fetching work and to slots that end in mid-shard. */
const UTILIZATION = 0.85;
/** Jobs are planned to be done this long before their deadline, so that a car that leaves early does not cost it. */
const DEADLINE_MARGIN_MS = 45 * MINUTE_MS;

/** The job within its window, or undefined when nothing of it is left or no car may run it. */
export function jobToPlan(axis: SlotAxis, job: JobToPlan): JobInput | undefined {
  const { id, shardsRemaining, classes, regionIds, deadlineMs, limits, lateEurPerShard, modelFamily } = job;
  if (shardsRemaining === 0 || classes.length === 0 || regionIds.length === 0) return undefined;
  const early = slotsWithin(axis, axis.startMs, deadlineMs - DEADLINE_MARGIN_MS);
  const window = early.until > 0 ? early : slotsWithin(axis, axis.startMs, deadlineMs);
  return {
    id,
    ...(modelFamily !== undefined && { modelFamily }),
    shardsRemaining,
    classes: classes.map(({ hardwareClass, shardMinutes }) => ({
      hardwareClass,
      shardMinutes: shardMinutes / UTILIZATION,
    })),
    regionIds: [...regionIds],
    ...limits,
    ...(lateEurPerShard !== undefined && { lateEurPerShard }),
    windowStartSlot: window.from,
    windowEndSlot: window.until,
  };
}

/** How long a shard takes on each class whose speed is known for the model. */
export function shardMinutesOf(
  speeds: readonly ClassSpeed[],
  model: { readonly name: string; readonly version: string },
  { linesPerShard, unitsPerLine }: { readonly linesPerShard: number; readonly unitsPerLine: number },
): JobToPlan['classes'] {
  return speeds
    .filter(({ modelName, modelVersion }) => modelName === model.name && modelVersion === model.version)
    .map(({ hardwareClass, deviceMsPerUnit }) => ({
      hardwareClass,
      shardMinutes: (deviceMsPerUnit * unitsPerLine * linesPerShard) / MINUTE_MS,
    }));
}
