import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { createBatchLineChecker, linesOf, BATCH_LIMITS } from '../../domain/batchInput.ts';
import { gridTimeMs } from '../../domain/clock.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { parseGridHints, plannerLimits } from '../../domain/gridHints.ts';
import { modelManifestSchema, type Pipeline } from '../../domain/models.ts';
import { shardSizeOf } from '../../domain/shardSize.ts';
import { workUnitsOf } from '../../domain/workUnits.ts';
import { shardMinutesOf } from '../../planning/jobToPlan.ts';
import { listClassSpeeds } from '../../store/classSpeeds.ts';
import { readModel } from '../../store/models.ts';
import { createBatchSchema, deadlineOf } from './batchRequest.ts';
import { checkInput } from './batchSubmission.ts';
import type { ApiPorts } from './ports.ts';
import type { BatchToQuote, QuoteAnswer } from './quoteBatch.ts';
import { quoteSchema } from '../wire/quote.ts';
import { errorResponses } from './wire.ts';

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

/** Says what the newest plan would make of a batch; the planning itself is done beside this process. */
export function addQuoteRoutes(app: OpenAPIHono, ports: ApiPorts): void {
  const { cell, now } = ports;
  app.openapi(quoteRoute, async (c) => {
    const request = c.req.valid('json');
    const deadlineMs = deadlineOf(request, gridTimeMs(cell.clock, now()));
    const answer = await ports.quotes.quote({
      ...(await batchToQuote(ports, c.get('caller').tenantId, request)),
      deadlineMs,
    });
    return c.json(quoteOf(answer), 200);
  });
}

/** @throws NightshiftError `unavailable`, `invalid_request` when there is none */
export function quoteOf(answer: QuoteAnswer): Extract<QuoteAnswer, { kind: 'quoted' }>['quote'] {
  if (answer.kind === 'no_plan') {
    throw new NightshiftError('unavailable', 'The cell has no plan yet; ask again in a moment.');
  }
  if (answer.kind === 'not_planned') {
    const message = `None of the regions is planned here; there are ${answer.regionIds.join(', ')}.`;
    throw invalid('metadata.grid.region', message);
  }
  return answer.quote;
}

/** What is to be quoted, but for when it is due. @throws NightshiftError `invalid_request` */
export async function batchToQuote(
  ports: ApiPorts,
  tenantId: string,
  request: QuoteRequest,
): Promise<Omit<BatchToQuote, 'deadlineMs'>> {
  const { database, cell } = ports;
  const { requests, model: modelName, unitsPerLine } = await sizeOf(ports, tenantId, request);
  const model = await readModel(database, tenantId, modelName);
  if (!model) throw invalid('model', `There is no model "${modelName}".`);
  const speeds = (await listClassSpeeds(database)).filter(
    ({ modelName, modelVersion }) => modelName === model.name && modelVersion === model.version,
  );
  if (speeds.length === 0) throw invalid('model', `No speed is known for "${model.name}" on any class of cars.`);
  const { linesPerShard } = shardSizeOf(speeds, unitsPerLine);
  const hints = parseGridHints(request.metadata);
  return {
    cellId: cell.id,
    model: model.name,
    requests,
    ...(hints.regionIds && { regionIds: hints.regionIds }),
    modelFamily: model.family,
    shards: Math.ceil(requests / linesPerShard),
    classes: shardMinutesOf(speeds, model, { linesPerShard, unitsPerLine }),
    limits: plannerLimits(hints),
  };
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
