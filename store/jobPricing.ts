import { pricedUnitOf, type PriceBook, type PricedUnit } from '../domain/priceBook.ts';
import type { Pipeline } from '../domain/models.ts';
import type { Queryable } from './database.ts';
import { readPriceBook, readPriceBookAt } from './priceBooks.ts';

/** What a job's work is priced by. */
export interface JobPricing {
  /** In force when it was submitted. */
  readonly book: PriceBook;
  readonly unit: PricedUnit;
}

/** By job. Batches without terms, from before there were prices, go by the book of their submission. */
export async function readJobPricing(
  database: Queryable,
  jobs: readonly { readonly jobId: string; readonly submittedAtMs: number }[],
): Promise<ReadonlyMap<string, JobPricing>> {
  if (jobs.length === 0) return new Map();
  const rows = await database.query<{
    jobId: string;
    priceBook: number | null;
    kind: Pipeline['kind'] | null;
  }>(
    `select p.job_id as "jobId", t.price_book as "priceBook", max(m.manifest->'pipeline'->>'kind') as kind
     from job_progress p left join batch_terms t on t.batch_id = p.job_id
       left join models m on m.name = p.model->>'name' and m.version = p.model->>'version'
         and m.sha256 = p.model->>'sha256'
     where p.job_id = any($1) group by p.job_id, t.price_book`,
    [jobs.map(({ jobId }) => jobId)],
  );
  const submittedAt = new Map(jobs.map(({ jobId, submittedAtMs }) => [jobId, submittedAtMs]));
  const books = new Map<number, PriceBook>();
  const bookOf = async (jobId: string, version: number | null): Promise<PriceBook> => {
    if (version === null) return (await readPriceBookAt(database, submittedAt.get(jobId) ?? 0)).book;
    const known = books.get(version) ?? (await readPriceBook(database, version)).book;
    books.set(version, known);
    return known;
  };
  const pricing = new Map<string, JobPricing>();
  for (const { jobId, priceBook, kind } of rows) {
    pricing.set(jobId, { book: await bookOf(jobId, priceBook), unit: pricedUnitOf(kind ?? undefined) });
  }
  return pricing;
}
