import { DAY_MS } from '../../domain/durations.ts';
import { beforeAll, expect, test } from 'vitest';
import { instant } from '../../store/database.ts';
import { appendJournal, readJournal } from '../../store/journal.ts';
import { readPlan, savePlan } from '../../store/plans.ts';
import { forgetBefore } from '../../store/retention.ts';
import { CELL, enrolFleet } from '../support/fleetFixture.ts';
import { useTestDatabase } from '../support/testDatabase.ts';

const { db } = useTestDatabase();
const NOW_MS = Date.UTC(2026, 0, 14);

beforeAll(() => enrolFleet(db, []));

async function remembered(atMs: number, id: string): Promise<void> {
  await savePlan(db, { id, cellId: CELL.id, slotStartMs: atMs, createdAtMs: atMs, problem: {}, plan: {} });
  await appendJournal(db, CELL.id, [{ atMs, kind: 'plan', subject: id, message: id }]);
  await db.query(
    `insert into signals (region_id, kind, source, starts_at, ends_at, value, unit, fetched_at)
     values ('oslo', 'price', $1, $2, $3, 1, 'EUR/kWh', $2)`,
    [id, instant(atMs - DAY_MS), instant(atMs)],
  );
}

test('forgets what is older, and keeps the newest plan however old it is', async () => {
  await remembered(NOW_MS - 10 * DAY_MS, 'old');
  await remembered(NOW_MS - 2 * DAY_MS, 'newest');
  await forgetBefore(db, 'elsewhere', NOW_MS);
  expect(await readPlan(db, 'old')).toBeDefined();

  await forgetBefore(db, CELL.id, NOW_MS - 5 * DAY_MS);
  expect(await readPlan(db, 'old')).toBeUndefined();
  expect((await readJournal(db, CELL.id, 0, 10)).map(({ subject }) => subject)).toEqual(['newest']);
  expect(await db.query('select source from signals')).toEqual([{ source: 'newest' }]);

  await forgetBefore(db, CELL.id, NOW_MS);
  expect(await readPlan(db, 'newest')).toBeDefined();
  expect(await readJournal(db, CELL.id, 0, 10)).toEqual([]);
});
