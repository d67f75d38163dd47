import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { BATCH_LIMITS } from '../../domain/batchInput.ts';
import { gridTimeMs } from '../../domain/clock.ts';
import { DAY_MS } from '../../domain/durations.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { parseGridHints, plannerLimits } from '../../domain/gridHints.ts';
import { newId } from '../../domain/ids.ts';
import { tooLargeFor } from '../../domain/modelMemory.ts';
import { modelManifestSchema } from '../../domain/models.ts';
import { unitsOf } from '../../domain/money.ts';
import { shardSizeOf } from '../../domain/shardSize.ts';
import { countsTokens } from '../../domain/workUnits.ts';
import { shardMinutesOf } from '../../planning/jobToPlan.ts';
import { listClassSpeeds } from '../../store/classSpeeds.ts';
import { readModel } from '../../store/models.ts';
import { largestMemoryMb } from '../../store/vehicles.ts';
import { insertQuote } from '../../store/batchTerms.ts';
import type { StoredFile } from '../../store/files.ts';
import { readPriceBookAt } from '../../store/priceBooks.ts';
import { readTenant } from '../../store/tenants.ts';
import { sizeOfInput, type BatchSize } from './batchSize.ts';
import { mostEnergyWh, priceOf, type AskedBatch } from './money/batchPrice.ts';
import { createBatchSchema, deadlineOf } from './batchRequest.ts';
import { checkInput } from './batchSubmission.ts';
import type { ApiPorts } from './ports.ts';
import type { BatchToQuote, QuoteAnswer } from './quoteBatch.ts';
import { quoteSchema, type QuoteWire } from '../wire/quote.ts';
import { per1000Tokens, rounded } from './plannedWindows.ts';
import { answers, taking } from './wire.ts';

/** Grid time in which a quote's price is kept. */
const QUOTE_KEPT_MS = DAY_MS;

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
  request: taking(quoteRequestSchema),
  responses: answers('The quote', quoteSchema),
});

/** Says what the newest plan would make of a batch; the planning itself is done beside this process. */
export function addQuoteRoutes(app: OpenAPIHono, ports: ApiPorts): void {
  const { cell, now } = ports;
  app.openapi(quoteRoute, async (c) => {
    const request = c.req.valid('json');
    const nowMs = gridTimeMs(cell.clock, now());
    const deadlineMs = deadlineOf(request, nowMs);
    const { tenantId } = c.get('caller');
    const { batch, size, file, hints } = await batchToQuote(ports, tenantId, request);
    const workWh = (await mostEnergyWh(ports.database, tenantId, size)) * (hints.quorum ?? 1);
    const quote = withItsWork(quoteOf(await ports.quotes.quote({ ...batch, deadlineMs })), workWh);
    const asked = { hints, deadlineMs, nowMs };
    const energyWh = wholeEnergyWh(quote, workWh);
    const price = await quotedPrice(ports, tenantId, request, { size, file, energyWh }, asked);
    return c.json({ ...quote, ...price }, 200);
  });
}

/** What the plan makes of it. @throws NightshiftError `unavailable`, `invalid_request` when there is none */
export function quoteOf(answer: QuoteAnswer): PlannedQuote {
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
export async function batchToQuote(ports: ApiPorts, tenantId: string, request: QuoteRequest) {
  const { database, cell } = ports;
  const { size, file } = await sizeOf(ports, tenantId, request);
  const { requests, model: modelName } = size;
  const unitsPerLine = size.workUnits / requests;
  const model = await readModel(database, tenantId, modelName);
  if (!model) throw invalid('model', `There is no model "${modelName}".`);
  const speeds = (await listClassSpeeds(database)).filter(
    ({ modelName, modelVersion }) => modelName === model.name && modelVersion === model.version,
  );
  const tooLarge = tooLargeFor(await largestMemoryMb(database, cell.id, model.family), model);
  if (tooLarge !== undefined) throw invalid('model', tooLarge);
  if (speeds.length === 0) throw invalid('model', `No speed is known for "${model.name}" on any class of cars.`);
  const { linesPerShard } = shardSizeOf(speeds, unitsPerLine);
  const hints = parseGridHints(request.metadata);
  const batch: Omit<BatchToQuote, 'deadlineMs'> = {
    cellId: cell.id,
    model: model.name,
    requests,
    tokens: file && size.kind && countsTokens(size.kind) ? Math.round(size.workUnits) : null,
    ...(hints.regionIds && { regionIds: hints.regionIds }),
    modelFamily: model.family,
    shards: Math.ceil(requests / linesPerShard) * (hints.quorum ?? 1),
    classes: shardMinutesOf(speeds, model, { linesPerShard, unitsPerLine }),
    limits: plannerLimits(hints),
  };
  return { batch, size, file, hints };
}

/** How much there is to do: as the caller says, then of one unit of work each, or as the uploaded file has it. */
async function sizeOf(
  ports: ApiPorts,
  tenantId: string,
  request: QuoteRequest,
): Promise<{ readonly size: BatchSize; readonly file: StoredFile | undefined }> {
  const named = request.model ?? /^\/v2\/models\/([^/]+)\/infer$/.exec(request.endpoint)?.[1];
  if (request.input_file_id === undefined) {
    const { requests } = request;
    if (requests === undefined) throw invalid('requests', 'Give either input_file_id or requests.');
    if (named === undefined) throw invalid('model', 'Without a file, model must be named.');
    const manifest = modelManifestSchema.safeParse((await readModel(ports.database, tenantId, named))?.manifest).data;
    const size = { requests, model: named, kind: manifest?.pipeline.kind, workUnits: requests, pricedUnits: requests };
    return { size, file: undefined };
  }
  const file = await checkInput(ports.database, tenantId, request.input_file_id);
  return { size: await sizeOfInput(ports, tenantId, request.endpoint, file), file };
}

type PlannedQuote = Extract<QuoteAnswer, { kind: 'quoted' }>['quote'];

/**
 * A plan grows by whole slots of cars: by nothing where a car computes in that slot anyway. The requests take energy all the
 * same, by the price and the carbon of the hours that are planned for them.
 * @param workWh of all requests
 */
export function withItsWork(quote: PlannedQuote, workWh: number): PlannedQuote {
  const { windows, shards, tokens } = quote;
  const planned = plannedShards(quote);
  const plannedWh = workWh * Math.min(1, planned / Math.max(1, shards));
  if (planned === 0 || quote.energy_wh >= plannedWh) return quote;
  const meanOf = (valueOf: (window: PlannedQuote['windows'][number]) => number): number =>
    windows.reduce((sum, window) => sum + valueOf(window) * window.shards, 0) / planned;
  const kwh = plannedWh / 1_000;
  const gCo2 = Math.max(quote.gco2, kwh * meanOf((window) => window.gco2_per_kwh));
  return {
    ...quote,
    energy_wh: rounded(plannedWh, SMALL_DIGITS),
    gco2: rounded(gCo2, SMALL_DIGITS),
    cost: { eur: rounded(Math.max(quote.cost.eur, kwh * meanOf((window) => window.price_eur_per_kwh)), SMALL_DIGITS) },
    per_1000_tokens: per1000Tokens(plannedWh, gCo2, tokens ?? 0),
  };
}

/** So that the figures of some ten requests are not all 0. */
const SMALL_DIGITS = 6;

function plannedShards({ windows }: Pick<PlannedQuote, 'windows'>): number {
  return windows.reduce((sum, window) => sum + window.shards, 0);
}

/** Of all shards, also where the plan has no room for some of them: the price that is kept is of the whole batch. */
function wholeEnergyWh(quote: PlannedQuote, workWh: number): number {
  const planned = plannedShards(quote);
  return planned === 0 ? workWh : quote.energy_wh * Math.max(1, quote.shards / planned);
}

/** The price by the book; kept for a day where the input is known, since nothing else can change what there is to do. */
async function quotedPrice(
  { database, now }: ApiPorts,
  tenantId: string,
  { endpoint }: QuoteRequest,
  work: { readonly size: BatchSize; readonly file: StoredFile | undefined; readonly energyWh: number },
  asked: AskedBatch,
): Promise<Pick<QuoteWire, 'id' | 'price'>> {
  const prices = await readPriceBookAt(database, asked.nowMs);
  const currency = (await readTenant(database, tenantId)).currency ?? prices.book.currency;
  const priceMicros = priceOf(prices, currency, work.size, work.energyWh, asked);
  const price = { amount: unitsOf(priceMicros), currency, price_book: prices.version };
  if (!work.file) return { id: null, price: { ...price, kept_until: null } };
  const id = newId('quote_', now());
  const expiresAtMs = asked.nowMs + QUOTE_KEPT_MS;
  await insertQuote(database, {
    id,
    tenantId,
    inputFileId: work.file.id,
    endpoint,
    priority: asked.hints.priority ?? null,
    quorum: asked.hints.quorum ?? 1,
    regionIds: asked.hints.regionIds ?? null,
    deadlineMs: asked.deadlineMs,
    currency,
    priceMicros,
    priceBook: prices.version,
    expiresAtMs,
  });
  return { id, price: { ...price, kept_until: new Date(expiresAtMs).toISOString() } };
}

function invalid(field: string, message: string): NightshiftError {
  return new NightshiftError('invalid_request', message, { field });
}
