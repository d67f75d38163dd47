import { instant, only, type Queryable } from './database.ts';

/** What a batch is priced by, from its submission on. Amounts are micro-units of `currency`. */
export interface BatchTerms {
  readonly batchId: string;
  /** Version. */
  readonly priceBook: number;
  readonly currency: string;
  /** What was expected of it; null: nobody asked. */
  readonly estimateMicros: number | null;
  /** It never costs more. */
  readonly capMicros: number | null;
  readonly quoteId: string | null;
}

/** A price that is kept or undercut. */
export interface StoredQuote {
  readonly id: string;
  readonly tenantId: string;
  readonly inputFileId: string;
  readonly endpoint: string;
  readonly priority: number | null;
  /** Cars that answer each line. */
  readonly quorum: number;
  readonly regionIds: readonly string[] | null;
  /** Grid time. */
  readonly deadlineMs: number;
  readonly currency: string;
  readonly priceMicros: number;
  readonly priceBook: number;
  /** Grid time. */
  readonly expiresAtMs: number;
}

const TERMS = `t.batch_id as "batchId", t.price_book as "priceBook", t.currency, t.estimate_micros as "estimateMicros",
  t.cap_micros as "capMicros", t.quote_id as "quoteId"`;

export async function insertBatchTerms(database: Queryable, terms: BatchTerms): Promise<void> {
  await database.query(
    `insert into batch_terms (batch_id, price_book, currency, estimate_micros, cap_micros, quote_id)
     values ($1, $2, $3, $4, $5, $6)`,
    [terms.batchId, terms.priceBook, terms.currency, terms.estimateMicros, terms.capMicros, terms.quoteId],
  );
}

/** By batch; none for batches from before there were prices. */
export async function readBatchTerms(
  database: Queryable,
  batchIds: readonly string[],
): Promise<ReadonlyMap<string, BatchTerms>> {
  const rows = await database.query<BatchTerms>(`select ${TERMS} from batch_terms t where t.batch_id = any($1)`, [
    batchIds,
  ]);
  return new Map(rows.map((row) => [row.batchId, row]));
}

/** What batches have cost their submitters so far, less what was taken back; micro-units by batch and currency. */
export async function readCharged(
  database: Queryable,
  batchIds: readonly string[],
): Promise<readonly { readonly batchId: string; readonly currency: string; readonly micros: number }[]> {
  return database.query(
    `select b.batch_id as "batchId", e.currency, -sum(e.amount_micros) as micros
     from ledger_bookings b join ledger_entries e on e.booking_id = b.booking_id
     where b.batch_id = any($1) and e.account like 'tenant/%' group by 1, 2`,
    [batchIds],
  );
}

/** What the tenant's open batches are still expected to cost, in a currency. */
export async function readReserved(database: Queryable, tenantId: string, currency: string): Promise<number> {
  const { micros } = only(
    await database.query<{ micros: number }>(
      `select coalesce(sum(greatest(0, coalesce(t.estimate_micros, 0) - coalesce((
           select -sum(e.amount_micros) from ledger_bookings l join ledger_entries e on e.booking_id = l.booking_id
           where l.batch_id = b.id and e.account like 'tenant/%' and e.currency = t.currency), 0))), 0)::bigint as micros
       from batches b join batch_terms t on t.batch_id = b.id
       where b.tenant_id = $1 and t.currency = $2 and b.status not in ('failed', 'completed', 'expired', 'cancelled')`,
      [tenantId, currency],
    ),
  );
  return micros;
}

export async function insertQuote(database: Queryable, quote: StoredQuote): Promise<void> {
  await database.query(
    `insert into quotes (id, tenant_id, input_file_id, endpoint, priority, region_ids, deadline, currency, price_micros,
       price_book, expires_at, quorum) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
    [
      quote.id,
      quote.tenantId,
      quote.inputFileId,
      quote.endpoint,
      quote.priority,
      quote.regionIds,
      instant(quote.deadlineMs),
      quote.currency,
      quote.priceMicros,
      quote.priceBook,
      instant(quote.expiresAtMs),
      quote.quorum,
    ],
  );
}

export async function readQuote(database: Queryable, id: string): Promise<StoredQuote | undefined> {
  const [quote] = await database.query<StoredQuote>(
    `select id, tenant_id as "tenantId", input_file_id as "inputFileId", endpoint, priority, quorum, region_ids as "regionIds",
       deadline as "deadlineMs", currency, price_micros as "priceMicros", price_book as "priceBook",
       expires_at as "expiresAtMs" from quotes where id = $1`,
    [id],
  );
  return quote;
}
