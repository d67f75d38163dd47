import { setImmediate as nextTurn } from 'node:timers/promises';

import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { createBatchLineChecker, linesOf, BATCH_LIMITS } from '../../domain/batchInput.ts';
import { gridTimeMs } from '../../domain/clock.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { parseGridHints, plannerLimits } from '../../domain/gridHints.ts';
import { modelManifestSchema, type Pipeline } from '../../domain/models.ts';
import { shardSizeOf } from '../../domain/shardSize.ts';
import { workUnitsOf } from '../../domain/workUnits.ts';
import type { Plan } from '../../scheduler/plan.ts';
import { jobToPlan, shardMinutesOf } from '../../planning/jobToPlan.ts';
import { jobSchema, type PlanningJob, type PlanningProblem } from '../../scheduler/problem.ts';
import { quoteJob } from '../../scheduler/quoteJob.ts';
import { slotStartMs } from '../../scheduler/time.ts';
import { listClassSpeeds } from '../../store/classSpeeds.ts';
import { readModel } from '../../store/models.ts';
import { latestPlan } from '../../store/plans.ts';
import { createBatchSchema, deadlineOf } from './batchRequest.ts';
import { checkInput } from './batchSubmission.ts';
import type { ApiPorts } from './ports.ts';
import { plannedWindows, rounded } from './plannedWindows.ts';
import { quoteSchema } from '../wire/quote.ts';
import { errorResponses } from './wire.ts';

const SCENARIOS = 20;
/** Real time that scenarios may take: they run in the process that serves everybody. */
const SCENARIOS_REAL_MS = 2_000;
/** For a car without a survival curve: stays of private cars end unannounced at about this rate at night. */
const LEAVES_PER_HOUR = 0.02;
export const QUOTED_JOB_ID = 'quote';

export const quoteRequestSchema = createBatchSchema
  .omit({ input_file_id: true })
  .extend({
    input_file_id: z.string().min(1).max(100).optional(),
    requests: z.number().int().min(1).max(BATCH_LIMITS.lines).optional(),
    model: z.string().min(1).max(200).optional(),
  })
  .openapi('QuoteRequest');
type QuoteRequest = z.output<typeof quoteRequestSchema>;

const quoteRoute = createRoute({
  method: 'post',
  path: '/v1/batches/quote',
  summary: 'When a batch would run, how much it would cost and how clean it would be; nothing is submitted',
  request: { body: { required: true, content: { 'application/json': { schema: quoteRequestSchema } } } },
  responses: {
    200: { description: 'The quote', content: { 'application/json': { schema: quoteSchema } } },
    ...errorResponses,
  },
});

/** Quotes from the newest plan's problem with the batch as one more job. */
export function addQuoteRoutes(app: OpenAPIHono, ports: ApiPorts): void {
  const { cell, now } = ports;
  app.openapi(quoteRoute, async (c) => {
    const request = c.req.valid('json');
    const asked = await askedJob(ports, c.get('caller').tenantId, request);
    const deadlineMs = deadlineOf(request, gridTimeMs(cell.clock, now()));
    const { latest, model, requests } = asked;
    const { problem } = latest;
    const job = asked.jobDueAt(deadlineMs);
    const endRealMs = now() + SCENARIOS_REAL_MS;
    const quote = await quoteJob(problem, job, {
      scenarios: SCENARIOS,
      leavesPerHour: LEAVES_PER_HOUR,
      random: Math.random,
      mayGoOn: async () => {
        await nextTurn();
        return now() < endRealMs;
      },
    });
    const planned = quote.plan.jobs.find(({ jobId }) => jobId === QUOTED_JOB_ID);
    const finishSlot = planned?.finishSlot ?? null;
    return c.json(
      {
        object: 'batch.quote' as const,
        model: model.name,
        requests,
        shards: job.shardsRemaining,
        deadline: new Date(deadlineMs).toISOString(),
        feasible: finishSlot !== null,
        eta: finishSlot === null ? null : new Date(slotStartMs(problem.slots, finishSlot + 1)).toISOString(),
        windows: plannedWindows(problem.slots, quote.plan.grants, problem.regions, QUOTED_JOB_ID),
        energy_wh: rounded(quote.energyKwh * 1000, 1),
        cost: { eur: rounded(quote.costEur, 4) },
        gco2: rounded(quote.carbonKg * 1000, 1),
        confidence: {
          probability: rounded(quote.confidence, 2),
          scenarios: quote.scenarios,
          assumption: 'cars leave before their ready-by as often as earlier stays did',
        },
        reasons: (planned?.reasons ?? []).map(({ code, text }) => ({ code, text })),
        planned_from: new Date(latest.slotStartMs).toISOString(),
      },
      200,
    );
  });
}

/** What a quote is asked for, on the newest plan. @throws NightshiftError `invalid_request`, `unavailable` */
export async function askedJob(ports: ApiPorts, tenantId: string, request: QuoteRequest) {
  const { database, cell } = ports;
  const { requests, model: modelName, unitsPerLine } = await sizeOf(ports, tenantId, request);
  const model = await readModel(database, tenantId, modelName);
  if (!model) throw invalid('model', `There is no model "${modelName}".`);
  const latest = await latestPlan<PlanningProblem, Plan>(database, cell.id);
  if (!latest) throw new NightshiftError('unavailable', 'The cell has no plan yet; ask again in a moment.');
  const speeds = (await listClassSpeeds(database)).filter(
    ({ modelName, modelVersion }) => modelName === model.name && modelVersion === model.version,
  );
  if (speeds.length === 0) throw invalid('model', `No speed is known for "${model.name}" on any class of cars.`);
  const { linesPerShard } = shardSizeOf(speeds, unitsPerLine);
  const { problem } = latest;
  const hints = parseGridHints(request.metadata);
  const known = problem.regions.map(({ id }) => id);
  /** The job as the planner takes it, due at a grid time. */
  const jobDueAt = (deadlineMs: number): PlanningJob => {
    const asked = jobToPlan(problem.slots, {
      id: QUOTED_JOB_ID,
      modelFamily: model.family,
      shardsRemaining: Math.ceil(requests / linesPerShard),
      classes: shardMinutesOf(speeds, model, { linesPerShard, unitsPerLine }),
      regionIds: hints.regionIds?.filter((id) => known.includes(id)) ?? known,
      limits: plannerLimits(hints),
      deadlineMs,
    });
    if (!asked) throw invalid('metadata', `None of the regions is planned here; there are ${known.join(', ')}.`);
    return jobSchema.parse(asked);
  };
  return { latest, model, requests, jobDueAt };
}

/**
 * How many requests to which model: as the caller says, then of one unit of work each, or as the uploaded file has them.
 */
async function sizeOf(
  ports: ApiPorts,
  tenantId: string,
  request: QuoteRequest,
): Promise<{ readonly requests: number; readonly model: string; readonly unitsPerLine: number }> {
  const named = request.model ?? /^\/v2\/models\/([^/]+)\/infer$/.exec(request.endpoint)?.[1];
  if (request.input_file_id === undefined) {
    if (request.requests === undefined) throw invalid('requests', 'Give either input_file_id or requests.');
    if (named === undefined) throw invalid('model', 'Without a file, model must be named.');
    return { requests: request.requests, model: named, unitsPerLine: 1 };
  }
  const file = await checkInput(ports.database, tenantId, request.input_file_id);
  const checker = createBatchLineChecker(request.endpoint);
  let kind: Pipeline['kind'] | undefined;
  let units = 0;
  for await (const bytes of linesOf(await ports.objects.getStream(file.objectKey))) {
    const line = checker.take(bytes);
    if (checker.done) break;
    if (!line) continue;
    if (units === 0) {
      kind = modelManifestSchema.safeParse((await readModel(ports.database, tenantId, line.model))?.manifest).data
        ?.pipeline.kind;
    }
    units += workUnitsOf(kind, line.body);
  }
  const { errors, total, model } = checker.finish();
  const [first] = errors;
  if (first) throw invalid('input_file_id', `Line ${first.line ?? '-'}: ${first.message}`);
  return { requests: total, model: model ?? '', unitsPerLine: units / total };
}

function invalid(field: string, message: string): NightshiftError {
  return new NightshiftError('invalid_request', message, { field });
}
