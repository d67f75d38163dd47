import { DAY_MS } from '../../domain/durations.ts';
import { beforeAll, expect, test } from 'vitest';
import { instant } from '../../store/database.ts';
import { appendJournal, readJournal } from '../../store/journal.ts';
import { readPlan, savePlan } from '../../store/plans.ts';
import { insertQuote, readQuote } from '../../store/batchTerms.ts';
import { upsertConnection } from '../../store/openAdrConnections.ts';
import { listEvents, markEventsListed, upsertEvent } from '../../store/openAdrEvents.ts';
import { forgetBefore, forgetSettledBefore } from '../../store/retention.ts';
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

test('forgets events that are long over, but none that their server still shows, and quotes that nobody took', async () => {
  const settings = { regionId: 'oslo' } as Parameters<typeof upsertConnection>[1]['settings'];
  await upsertConnection(database, { id: 'dso', settings, sealed: 'x' });
  const event = async (eventId: string, endMs: number | null, listedMs: number): Promise<void> => {
    const none = {
      referenceKw: null,
      feederIds: [],
      goneMs: null,
      refused: null,
      refusedPayloads: [],
      versionBefore: null,
    };
    const firstSeenMs = NOW_MS - 300 * DAY_MS;
    const about = { connectionId: 'dso', eventId, body: {}, program: [], firstSeenMs, anchorMs: firstSeenMs };
    await upsertEvent(database, { ...about, ...none, isCancelled: false, startMs: firstSeenMs, endMs });
    await markEventsListed(database, 'dso', [eventId], listedMs);
  };
  await event('over and not shown', NOW_MS - 200 * DAY_MS, NOW_MS - 150 * DAY_MS);
  await event('over and still shown', NOW_MS - 200 * DAY_MS, NOW_MS);
  await event('over for a month', NOW_MS - 30 * DAY_MS, NOW_MS - 30 * DAY_MS);
  await event('without an end', null, NOW_MS - 150 * DAY_MS);
  const quote = {
    tenantId: 'default',
    inputFileId: 'file-1',
    endpoint: '/v1/embeddings',
    priority: null,
    quorum: 1,
    regionIds: null,
    deadlineMs: NOW_MS,
    currency: 'EUR',
    priceMicros: 1,
    priceBook: 0,
  };
  for (const [id, days] of [['old', 200] as const, ['new', 1] as const])
    await insertQuote(database, { ...quote, id, expiresAtMs: NOW_MS - days * DAY_MS });

  await forgetSettledBefore(database, CELL.id, NOW_MS - 100 * DAY_MS);
  const left = (await listEvents(database, CELL.id, 10)).map(({ eventId }) => eventId);
  expect(left.toSorted()).toEqual(['over and still shown', 'over for a month', 'without an end']);
  expect([await readQuote(database, 'old'), (await readQuote(database, 'new'))?.id]).toEqual([undefined, 'new']);
});
