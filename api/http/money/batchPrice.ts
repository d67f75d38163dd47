import { toCurrency } from '../../../domain/exchange.ts';
import { NightshiftError } from '../../../domain/errors.ts';
import type { GridHints } from '../../../domain/gridHints.ts';
import { accounts } from '../../../domain/ledger.ts';
import { decimalOf, sumMicros } from '../../../domain/money.ts';
import { pricedUnitOf } from '../../../domain/priceBook.ts';
import { submitterPrice } from '../../../domain/submitterPrice.ts';
import { readQuote, readReserved, type BatchTerms } from '../../../store/batchTerms.ts';
import { listClassSpeeds } from '../../../store/classSpeeds.ts';
import type { Queryable } from '../../../store/database.ts';
import { listHardwareClasses } from '../../../store/hardwareClasses.ts';
import { readBalance } from '../../../store/ledger.ts';
import { readModel } from '../../../store/models.ts';
import { readPriceBookAt, type StoredPriceBook } from '../../../store/priceBooks.ts';
import { readTenant } from '../../../store/tenants.ts';
import type { CreateBatch } from '../batchRequest.ts';
import { sizeOfInput, type BatchSize } from '../batchSize.ts';
import type { ApiPorts } from '../ports.ts';
import type { StoredFile } from '../../../store/files.ts';

/** A batch that is asked about or submitted. Instants are grid time. */
export interface AskedBatch {
  readonly hints: GridHints;
  readonly deadlineMs: number;
  readonly nowMs: number;
}

/**
 * What a batch costs by the book, in the tenant's currency, without the discount for off-peak hours.
 * @param energyWh of all cars that answer a line, where a quorum is asked for
 */
export function priceOf(
  { book }: StoredPriceBook,
  currency: string,
  size: Pick<BatchSize, 'model' | 'kind' | 'pricedUnits'>,
  energyWh: number,
  { hints, deadlineMs, nowMs }: AskedBatch,
): number {
  const terms = { model: size.model, priority: hints.priority, windowMs: deadlineMs - nowMs };
  const work = {
    energyWh,
    unit: pricedUnitOf(size.kind),
    units: size.pricedUnits * (hints.quorum ?? 1),
    offPeakShare: 0,
  };
  const lines = submitterPrice(book, terms, work).map(({ amountMicros }) => toCurrency(book, amountMicros, currency));
  return sumMicros(lines);
}

/** The most that the work takes on any class of cars, by the speeds that are known; 0 where none is. */
export async function mostEnergyWh(database: Queryable, tenantId: string, size: BatchSize): Promise<number> {
  const model = await readModel(database, tenantId, size.model);
  const classes = new Map((await listHardwareClasses(database)).map((spec) => [spec.id, spec]));
  const byClass = (await listClassSpeeds(database))
    .filter((speed) => speed.modelName === model?.name && speed.modelVersion === model.version)
    .map(({ hardwareClass, deviceMsPerUnit }) => {
      const spec = classes.get(hardwareClass);
      const kw = spec ? spec.chipKw + spec.awakeKw : 0;
      return (kw * deviceMsPerUnit * size.workUnits) / 3600;
    });
  return Math.max(0, ...byClass);
}

/**
 * By what a batch will be priced: the book of this moment, the tenant's currency, and as a cap the quote that it names
 * or its `grid.max_cost`, whichever is lower. The input is read only where an estimate is needed.
 * @throws NightshiftError `invalid_request` that says what breaks the quote, or what is more than the cap
 */
export async function termsOf(
  ports: ApiPorts,
  tenantId: string,
  request: CreateBatch,
  file: StoredFile,
  asked: AskedBatch,
): Promise<Omit<BatchTerms, 'batchId'>> {
  const { database } = ports;
  const { hints, nowMs } = asked;
  const tenant = await readTenant(database, tenantId);
  const prices = await readPriceBookAt(database, nowMs);
  const currency = tenant.currency ?? prices.book.currency;
  const { maxCostMicros = null, quoteId = null } = hints;
  if (quoteId !== null) {
    const quote = await keptQuote(database, tenantId, quoteId, request, asked);
    const capMicros = Math.min(quote.priceMicros, maxCostMicros ?? quote.priceMicros);
    if (capMicros < quote.priceMicros) throw aboveCap(quote.priceMicros, capMicros, quote.currency);
    const { priceBook, priceMicros: estimateMicros } = quote;
    return { priceBook, currency: quote.currency, estimateMicros, capMicros, quoteId };
  }
  const terms = { priceBook: prices.version, currency, capMicros: maxCostMicros, quoteId };
  if (maxCostMicros === null && tenant.creditLimitMicros === null) return { ...terms, estimateMicros: null };
  const size = await sizeOfInput(ports, tenantId, request.endpoint, file);
  const energyWh = (await mostEnergyWh(database, tenantId, size)) * (hints.quorum ?? 1);
  const estimateMicros = priceOf(prices, currency, size, energyWh, asked);
  if (maxCostMicros !== null && estimateMicros > maxCostMicros) throw aboveCap(estimateMicros, maxCostMicros, currency);
  return { ...terms, estimateMicros };
}

function aboveCap(estimateMicros: number, capMicros: number, currency: string): NightshiftError {
  const message =
    `metadata["grid.max_cost"]: the batch may cost up to ${decimalOf(estimateMicros)} ${currency}, ` +
    `more than ${decimalOf(capMicros)} ${currency}.`;
  return new NightshiftError('invalid_request', message, { field: 'metadata.grid.max_cost' });
}

async function keptQuote(
  database: Queryable,
  tenantId: string,
  quoteId: string,
  request: CreateBatch,
  { hints, deadlineMs, nowMs }: AskedBatch,
) {
  const quote = await readQuote(database, quoteId);
  if (quote?.tenantId !== tenantId) throw broken(`there is no quote "${quoteId}"`);
  if (nowMs >= quote.expiresAtMs) throw broken(`it was kept until ${at(quote.expiresAtMs)} in grid time`);
  if (request.input_file_id !== quote.inputFileId) throw broken(`it is for the input ${quote.inputFileId}`);
  if (request.endpoint !== quote.endpoint) throw broken(`it is for ${quote.endpoint}`);
  if ((hints.priority ?? null) !== quote.priority) throw broken(`it is for priority ${quote.priority ?? 'unset'}`);
  if ((hints.quorum ?? 1) !== quote.quorum) throw broken(`it is for a quorum of ${quote.quorum}`);
  if (deadlineMs < quote.deadlineMs) throw broken(`it is for a deadline of ${at(quote.deadlineMs)} or later`);
  const missing = quote.regionIds?.find((id) => hints.regionIds && !hints.regionIds.includes(id));
  const narrowed = quote.regionIds === null && hints.regionIds !== undefined;
  if (missing !== undefined || narrowed) throw broken(`it is for ${quote.regionIds?.join(', ') ?? 'all regions'}`);
  return quote;
}

function broken(why: string): NightshiftError {
  const message = `metadata["grid.quote"]: ${why}; ask for a new one.`;
  return new NightshiftError('invalid_request', message, { field: 'metadata.grid.quote' });
}

function at(ms: number): string {
  return new Date(ms).toISOString();
}

/**
 * Whether the tenant can pay: its balance and credit, less what its open batches are still expected to cost.
 * @param tx in which the batch is inserted: two submissions take turns
 * @throws NightshiftError `payment_required` that says what is missing
 */
export async function checkCredit(tx: Queryable, tenantId: string, terms: Omit<BatchTerms, 'batchId'>): Promise<void> {
  const { creditLimitMicros } = await readTenant(tx, tenantId);
  if (creditLimitMicros === null) return;
  await tx.query(`select pg_advisory_xact_lock(hashtext('credit'), hashtext($1))`, [tenantId]);
  const { currency } = terms;
  const balance = (await readBalance(tx, accounts.tenant(tenantId))).get(currency) ?? 0;
  const reserved = await readReserved(tx, tenantId, currency);
  const estimate = terms.estimateMicros ?? 0;
  const missing = estimate + reserved - balance - creditLimitMicros;
  if (missing <= 0) return;
  const money = (micros: number): string => `${decimalOf(micros)} ${currency}`;
  throw new NightshiftError(
    'payment_required',
    `${money(missing)} are missing: the batch may cost up to ${money(estimate)}, the balance is ${money(balance)} with ` +
      `a credit of ${money(creditLimitMicros)}, and ${money(reserved)} are kept for open batches.`,
    { field: 'input_file_id' },
  );
}
