import { z } from '@hono/zod-openapi';

import { jobToPlan, type JobToPlan } from '../../planning/jobToPlan.ts';
import { byPlanningClass } from '../../planning/planningClass.ts';
import type { Plan } from '../../scheduler/plan.ts';
import { jobSchema, type PlanningProblem } from '../../scheduler/problem.ts';
import { quoteJob } from '../../scheduler/quoteJob.ts';
import { slotStartMs } from '../../scheduler/time.ts';
import type { Queryable } from '../../store/database.ts';
import { latestPlan } from '../../store/plans.ts';
import { plannedQuoteSchema } from '../wire/quote.ts';
import { per1000Tokens, plannedWindows, rounded } from './plannedWindows.ts';

const SCENARIOS = 20;
/** Real time that scenarios may take: the one who asks waits, and so do others who want a quote. */
const SCENARIOS_REAL_MS = 2_000;
/** For a car without a survival curve: stays of private cars end unannounced at about this rate at night. */
const LEAVES_PER_HOUR = 0.02;
const JOB_ID = 'quote';

/** A batch that nobody has submitted, once it is known which model answers it and how much there is to do. */
export interface BatchToQuote extends Pick<JobToPlan, 'modelFamily' | 'classes' | 'limits' | 'deadlineMs'> {
  readonly cellId: string;
  readonly model: string;
  readonly requests: number;
  readonly shards: number;
  /** About how many would be read and written; null where the model counts none. */
  readonly tokens: number | null;
  /** Where it may run; without it, everywhere. */
  readonly regionIds?: readonly string[];
  /** Scenarios in which cars leave early; 1 for the plan alone, of which nobody asks how sure it is. */
  readonly scenarios?: number;
}

export const quoteAnswerSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('quoted'), quote: plannedQuoteSchema }),
  z.object({ kind: z.literal('no_plan') }),
  /** None of the regions that were asked for is one of those that are planned. */
  z.object({ kind: z.literal('not_planned'), regionIds: z.array(z.string()) }),
]);
export type QuoteAnswer = z.output<typeof quoteAnswerSchema>;

/**
 * Quotes from the newest plan's problem with the batch as one more job. Takes as long as two plans of the cell, and up
 * to two seconds more, without giving way: not for the process that serves everybody.
 */
export async function quoteBatch(database: Queryable, batch: BatchToQuote): Promise<QuoteAnswer> {
  const latest = await latestPlan<PlanningProblem, Plan>(database, batch.cellId);
  if (!latest) return { kind: 'no_plan' };
  const { problem } = latest;
  const planned = problem.regions.map(({ id }) => id);
  const asked = jobToPlan(problem.slots, {
    id: JOB_ID,
    ...(batch.modelFamily !== undefined && { modelFamily: batch.modelFamily }),
    shardsRemaining: batch.shards,
    classes: byPlanningClass(
      batch.classes,
      batch.modelFamily ?? '',
      problem.hardwareClasses.map(({ id }) => id),
    ),
    regionIds: batch.regionIds?.filter((id) => planned.includes(id)) ?? planned,
    ...(batch.limits && { limits: batch.limits }),
    deadlineMs: batch.deadlineMs,
  });
  if (!asked) return { kind: 'not_planned', regionIds: planned };
  const endRealMs = performance.now() + SCENARIOS_REAL_MS;
  const quote = quoteJob(problem, jobSchema.parse(asked), {
    scenarios: batch.scenarios ?? SCENARIOS,
    leavesPerHour: LEAVES_PER_HOUR,
    random: Math.random,
    mayGoOn: () => performance.now() < endRealMs,
  });
  const job = quote.plan.jobs.find(({ jobId }) => jobId === JOB_ID);
  const finishSlot = job?.finishSlot ?? null;
  return {
    kind: 'quoted',
    quote: {
      object: 'batch.quote',
      model: batch.model,
      requests: batch.requests,
      shards: batch.shards,
      deadline: new Date(batch.deadlineMs).toISOString(),
      feasible: finishSlot !== null,
      eta: finishSlot === null ? null : new Date(slotStartMs(problem.slots, finishSlot + 1)).toISOString(),
      windows: plannedWindows(problem.slots, quote.plan.grants, problem.regions, JOB_ID),
      energy_wh: rounded(quote.energyKwh * 1000, 1),
      cost: { eur: rounded(quote.costEur, 4) },
      gco2: rounded(quote.carbonKg * 1000, 1),
      tokens: batch.tokens,
      per_1000_tokens: per1000Tokens(quote.energyKwh * 1000, quote.carbonKg * 1000, batch.tokens ?? 0),
      confidence: {
        probability: rounded(quote.confidence, 2),
        scenarios: quote.scenarios,
        assumption: 'cars leave before their ready-by as often as earlier stays did',
      },
      reasons: (job?.reasons ?? []).map(({ code, text }) => ({ code, text })),
      planned_from: new Date(latest.slotStartMs).toISOString(),
    },
  };
}
