import { describe, expect, test } from 'vitest';

import { HOUR_MS } from '../../domain/durations.ts';
import { DEFAULT_PRICE_BOOK, priceBookSchema } from '../../domain/priceBook.ts';
import { planningJob } from '../../planning/fleetProblem.ts';
import type { OpenJob } from '../../store/jobProgress.ts';
import { cellState } from './cellFixture.ts';

const book = priceBookSchema.parse(DEFAULT_PRICE_BOOK);

function lateEur(written: typeof book | undefined, changed: Partial<OpenJob> = {}): number | undefined {
  const [job] = cellState({}).jobs;
  if (!job) throw new Error('The fixture has no job.');
  const asked = { ...job, deadlineMs: job.submittedAtMs + 5 * HOUR_MS, ...changed };
  const pricing = written ? ([[job.jobId, { book: written, unit: 'requests' }]] as const) : [];
  return planningJob(cellState({ jobs: [asked], jobPricing: new Map(pricing) }), asked)?.lateEurPerShard;
}

describe('what a late shard costs in the plan', () => {
  test('is what its submitter would have paid: energy of the shard, and its answers', () => {
    // 8 lines of a minute on the one class whose speed is known.
    const spec = cellState({}).hardwareClasses.find(({ id }) => id === 'ai4');
    const kwh = ((spec?.chipKw ?? 0) + (spec?.awakeKw ?? 0)) * (8 / 60);
    expect(kwh).toBeGreaterThan(0);
    expect(lateEur(book)).toBeCloseTo(0.75 * kwh + (0.01 * 8) / 1000, 5);
  });

  test('goes by the priority that the job is served by now', () => {
    const usual = lateEur(book) ?? 0;
    expect(lateEur(book, { metadata: { 'grid.priority': '1' } })).toBeCloseTo(1.5 * usual, 5);
    expect(lateEur(book, { metadata: { 'grid.priority': '5' } })).toBeCloseTo(0.8 * usual, 5);
  });

  test('comes before all cost where work has no price', () => {
    const free = { ...book, submitters: { ...book.submitters, per_kwh: 0, per_1000: {} } };
    expect(lateEur(free)).toBeUndefined();
    expect(lateEur(undefined)).toBeUndefined();
  });
});
