import { expect, test } from 'vitest';

import { REAL_TIME } from '../../domain/clock.ts';
import { HOUR_MS } from '../../domain/durations.ts';
import { DEFAULT_PRICE_BOOK, priceBookSchema } from '../../domain/priceBook.ts';
import { insertBatchTerms } from '../../store/batchTerms.ts';
import { ensureCell } from '../../store/cells.ts';
import { upsertJobProgress } from '../../store/jobProgress.ts';
import { readJobPricing } from '../../store/jobPricing.ts';
import { addModel } from '../../store/models.ts';
import { addPriceBook } from '../../store/priceBooks.ts';
import { useTestDatabase } from '../support/testDatabase.ts';

const { database } = useTestDatabase();

const START_MS = Date.UTC(2026, 0, 14, 20);
const chat = { name: 'chat', version: '1', family: 'chat', sha256: 'a'.repeat(64) };

const costing = (perKwh: string) =>
  priceBookSchema.parse({
    ...DEFAULT_PRICE_BOOK,
    submitters: { ...DEFAULT_PRICE_BOOK.submitters, per_kwh: perKwh },
  });
const early = costing('0.5');
const late = costing('0.9');

async function submit(jobId: string, model: typeof chat): Promise<void> {
  await database.query(
    `insert into batches (id, endpoint, input_file_id, completion_window, status, deadline, submitted_at, request_hash)
     values ($1, '/v1/bench', 'none', '24h', 'in_progress', $2, $2, '')`,
    [jobId, new Date(START_MS)],
  );
  const counts = { shards: 1, pending: 1, inFlight: 0, done: 0, linesPerShard: 1, unitsPerLine: 1 };
  await upsertJobProgress(database, { jobId, cellId: 'cell', model, ...counts, paused: false, finished: false });
}

test('a job is priced by the book of its terms, else by that of its submission, in what its model is counted in', async () => {
  await ensureCell(database, { id: 'cell', clock: REAL_TIME, slotMinutes: 15, incarnation: '1' });
  const manifest = { pipeline: { kind: 'text-generation' } };
  await addModel(database, { ...chat, manifest, tenantId: null });
  const first = await addPriceBook(database, { book: early, validFromMs: START_MS, setBy: 'test' });
  await addPriceBook(database, { book: late, validFromMs: START_MS + HOUR_MS, setBy: 'test' });
  await submit('with-terms', chat);
  await submit('before-prices', chat);
  await submit('unknown-model', { ...chat, name: 'gone' });
  const amounts = { estimateMicros: null, capMicros: null, quoteId: null };
  await insertBatchTerms(database, { batchId: 'with-terms', priceBook: first.version, currency: 'EUR', ...amounts });

  const pricing = await readJobPricing(database, [
    // Its terms hold, though another book was in force when it is read.
    { jobId: 'with-terms', submittedAtMs: START_MS + 2 * HOUR_MS },
    { jobId: 'before-prices', submittedAtMs: START_MS + 2 * HOUR_MS },
    { jobId: 'unknown-model', submittedAtMs: START_MS + HOUR_MS / 2 },
    { jobId: 'never-submitted', submittedAtMs: START_MS },
  ]);
  const told = Object.fromEntries(
    Array.from(pricing, ([jobId, { book, unit }]) => [jobId, [book.submitters.per_kwh, unit]]),
  );
  expect(told).toEqual({
    'before-prices': [late.submitters.per_kwh, 'tokens'],
    'unknown-model': [early.submitters.per_kwh, 'requests'],
    'with-terms': [early.submitters.per_kwh, 'tokens'],
  });
  expect(await readJobPricing(database, [])).toEqual(new Map());
});
