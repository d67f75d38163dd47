import { DEFAULT_TENANT } from '../../domain/apiKeys.ts';
import { parseGridHints } from '../../domain/gridHints.ts';
import { modelManifestSchema } from '../../domain/models.ts';
import { pricedUnitOf, type PriceBook, type PricedUnit } from '../../domain/priceBook.ts';
import type { PriceTerms } from '../../domain/submitterPrice.ts';
import type { SplitBatch } from '../../domain/workflows/inferenceJob.ts';
import { readBatch } from '../../store/batches.ts';
import { readBatchTerms } from '../../store/batchTerms.ts';
import type { Queryable } from '../../store/database.ts';
import { readModel } from '../../store/models.ts';
import { readPriceBook, readPriceBookAt } from '../../store/priceBooks.ts';

/** What a batch's work is priced by. */
export interface BatchPricing {
  /** In force when it was submitted. */
  readonly book: PriceBook;
  readonly tenantId: string;
  /** That its submitter is charged in. */
  readonly currency: string;
  /** It never costs more, micro-units of `currency`; null: no cap. */
  readonly capMicros: number | null;
  readonly terms: PriceTerms;
  /** What its model's work is counted in. */
  readonly unit: PricedUnit;
  /** So many cars' answers to each line the submitter asked for, and pays. */
  readonly quorumAsked: number;
}

export async function readPricing(
  database: Queryable,
  { jobId, split }: { readonly jobId: string; readonly split: SplitBatch },
): Promise<BatchPricing> {
  const { name, version } = split.model;
  const batch = await readBatch(database, jobId);
  const tenantId = batch?.tenantId ?? split.tenant?.id ?? DEFAULT_TENANT;
  const model = await readModel(database, tenantId, name, version);
  const kind = modelManifestSchema.safeParse(model?.manifest).data?.pipeline.kind;
  const hints = batch && parseGridHints(batch.metadata);
  const priority = hints ? hints.priority : split.priority;
  const submittedAtMs = batch?.submittedAtMs ?? split.submittedAtMs ?? split.deadlineMs;
  const terms = (await readBatchTerms(database, [jobId])).get(jobId);
  const { book } = terms
    ? await readPriceBook(database, terms.priceBook)
    : await readPriceBookAt(database, submittedAtMs);
  return {
    book,
    tenantId,
    currency: terms?.currency ?? book.currency,
    capMicros: terms?.capMicros ?? null,
    terms: { model: name, priority, windowMs: split.deadlineMs - submittedAtMs },
    unit: pricedUnitOf(kind),
    quorumAsked: hints?.quorum ?? 1,
  };
}
