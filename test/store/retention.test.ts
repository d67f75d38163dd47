import { DAY_MS } from '../../domain/durations.ts';
import { beforeAll, expect, test } from 'vitest';
import { instant } from '../../store/database.ts';
import { appendJournal, readJournal } from '../../store/journal.ts';
import { readPlan, savePlan } from '../../store/plans.ts';
import { forgetBefore } from '../../store/retention.ts';
import { CELL, enrolFleet } from '../support/fleetFixture.ts';
import { useTestDatabase } from '../support/testDatabase.ts';

const { database } = useTestDatabase();
const NOW_MS = Date.UTC(2026, 0, 14);

beforeAll(() => enrolFleet(database, ['car-1']));

async function remembered(atMs: number, id: string): Promise<void> {
  await savePlan(database, { id, cellId: CELL.id, slotStartMs: atMs, createdAtMs: atMs, problem: {}, plan: {} });
  await appendJournal(database, CELL.id, [{ atMs, kind: 'plan', subject: id, message: id }]);
  await database.query(
    `insert into signals (region_id, kind, source, starts_at, ends_at, value, unit, fetched_at)
     values ('oslo', 'price', $1, $2, $3, 1, 'EUR/kWh', $2)`,
    [id, instant(atMs - DAY_MS), instant(atMs)],
  );
  await database.query(
    `insert into vehicle_transitions (vehicle_id, at, state, held_by, reasons) values ('car-1', $1, $2, 'plan', '[]')`,
    [instant(atMs), id],
  );
}

test('forgets what is older, and keeps the newest plan however old it is', async () => {
  await remembered(NOW_MS - 10 * DAY_MS, 'old');
  await remembered(NOW_MS - 2 * DAY_MS, 'newest');
  await forgetBefore(database, 'elsewhere', NOW_MS);
  expect(await readPlan(database, 'old')).toBeDefined();

  await forgetBefore(database, CELL.id, NOW_MS - 5 * DAY_MS);
  expect(await readPlan(database, 'old')).toBeUndefined();
  expect((await readJournal(database, CELL.id, 0, 10)).map(({ subject }) => subject)).toEqual(['newest']);
  expect(await database.query('select source from signals')).toEqual([{ source: 'newest' }]);
  expect(await database.query('select state from vehicle_transitions')).toEqual([{ state: 'newest' }]);

  await forgetBefore(database, CELL.id, NOW_MS);
  expect(await readPlan(database, 'newest')).toBeDefined();
  expect(await readJournal(database, CELL.id, 0, 10)).toEqual([]);
});
