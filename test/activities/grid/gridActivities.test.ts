import { HOUR_MS } from '../../../domain/durations.ts';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { createGridActivities } from '../../../activities/grid/gridActivities.ts';
import type { GridFeed } from '../../../activities/grid/feeds/feed.ts';
import { FeedError } from '../../../activities/grid/feeds/feedError.ts';
import { feedOf } from '../../../activities/grid/feeds/reading.ts';
import { readFeeds } from '../../../activities/grid/readFeeds.ts';
import { readJournal } from '../../../store/journal.ts';
import { readRegion, readRegionSummary } from '../../../store/regions.ts';
import { readSignals, upsertSignals, type SignalKind, type SignalSpan } from '../../../store/signals.ts';
import { CELL, enrolFleet } from '../../support/fleetFixture.ts';
import { useTestDatabase } from '../../support/testDatabase.ts';

const { database } = useTestDatabase();
/** Noon in Oslo, where a period of windows begins. */
const NOW_MS = Date.UTC(2026, 0, 10, 11);

let feeds: GridFeed[] = [];
let shedCalls: unknown[] = [];
let brokerIsAway = false;
const { pollFeeds, refreshRegion, limitForEmergency } = createGridActivities({
  database,
  feedsOf: () => feeds,
  shed: {
    follow: async (request) => {
      if (brokerIsAway) throw new Error('the broker is away');
      shedCalls.push(request);
      return [];
    },
  },
  carbonEurPerKg: 0.08,
  gridNowMs: () => NOW_MS,
});

beforeAll(() => enrolFleet(database, ['car-1']));
beforeEach(async () => {
  feeds = [];
  shedCalls = [];
  brokerIsAway = false;
  await database.query('delete from signals');
  await database.query('delete from feed_states');
  await database.query('delete from journal');
});

/** A feed that says one value for a day, or fails. */
function feed(source: string, kind: SignalKind, says: number | FeedError): GridFeed {
  return feedOf(
    { regionId: 'oslo', source, priority: 100 },
    {
      kind,
      read: async ({ startMs, endMs }) => {
        if (says instanceof FeedError) throw says;
        return [{ startMs, endMs, value: says, forecast: false }];
      },
    },
  );
}

const at = (hours: number): number => NOW_MS + hours * HOUR_MS;
const down = new FeedError('answered 503', { retryable: false });
async function poll(hours: number) {
  const { changed } = await pollFeeds({ regionId: 'oslo', nowMs: at(hours) });
  return { changed, summary: await refreshRegion({ regionId: 'oslo', nowMs: at(hours) }) };
}
const journal = async () => (await readJournal(database, CELL.id, 0, 100)).map(({ message }) => message);

test('a feed that fails leaves its values in force; for how long and why is said, and once in the journal', async () => {
  feeds = [feed('prices', 'price', 0.2), feed('weather', 'temperature', -3)];
  expect(await poll(0)).toMatchObject({ changed: true, summary: { priceEurPerKwh: 0.2, fallbacks: [] } });

  feeds = [feed('prices', 'price', down), feed('weather', 'temperature', -4)];
  await poll(0.5);
  const { summary } = await poll(1.5);
  expect(summary).toMatchObject({ priceEurPerKwh: 0.2, ambientCelsius: -4 });
  expect(summary.feeds).toEqual([
    { feed: 'prices', readAtMs: NOW_MS, failingSinceMs: at(0.5), failure: 'answered 503', failures: 2 },
    { feed: 'weather', readAtMs: at(1.5), failingSinceMs: null, failure: null, failures: 0 },
  ]);
  expect(summary.fallbacks).toEqual([
    {
      code: 'feed_failed',
      text: 'Feed prices has failed for 60 min, its stored values, 90 min old, are in use: answered 503.',
      value: 2,
    },
  ]);
  expect(await readRegionSummary(database, 'oslo')).toEqual(summary);

  feeds = [feed('prices', 'price', 0.3)];
  expect((await poll(2)).summary).toMatchObject({ priceEurPerKwh: 0.3, fallbacks: [], feeds: [{ feed: 'prices' }] });
  expect(await journal()).toEqual([
    'Feed prices fails; stored values are in use: answered 503',
    'Feed prices answers again after 90 min',
  ]);
});

test('a feed that was never read is said so', async () => {
  feeds = [feed('new', 'carbon', down)];
  expect((await poll(0)).summary.fallbacks.map(({ text }) => text)).toEqual([
    'Feed new has failed for 0 min, it was never read: answered 503.',
  ]);
});

test('a feed that hangs is given up, and the others are stored before', async () => {
  const region = await readRegion(database, 'oslo');
  if (!region) throw new Error('the region is not there');
  const hanging: GridFeed = { name: 'hanging', read: () => new Promise<SignalSpan[]>(() => {}) };
  const window = { startMs: NOW_MS, endMs: at(24) };
  await readFeeds(database, {
    region,
    feeds: [hanging, feed('prices', 'price', 0.2)],
    window,
    nowMs: NOW_MS,
    patienceRealMs: 20,
  });
  expect(await readSignals(database, 'oslo', window)).toHaveLength(1);
  const summary = await refreshRegion({ regionId: 'oslo', nowMs: NOW_MS });
  expect(summary.feeds[0]).toMatchObject({ feed: 'hanging', failure: 'has not answered within 0.02 s' });
});

test('a summary says what limits a feeder, who says so, and until when', async () => {
  const limit = (from: number, until: number, value: number, source: string): SignalSpan => ({
    regionId: 'oslo',
    feederId: 'oslo-1',
    kind: 'import_limit',
    startMs: at(from),
    endMs: at(until),
    value,
    unit: 'kW',
    source,
    forecast: false,
    fetchedAtMs: NOW_MS,
  });
  await upsertSignals(database, [limit(0, 2, 15, 'feed'), limit(1, 3, 8, 'push/desk'), limit(3, 4, 8, 'feed')]);
  const limits = async (hours: number) => (await refreshRegion({ regionId: 'oslo', nowMs: at(hours) })).limits;
  expect(await limits(0)).toEqual([{ feederId: 'oslo-1', limitKw: 15, source: 'feed', untilMs: at(1) }]);
  expect(await limits(1)).toEqual([{ feederId: 'oslo-1', limitKw: 8, source: 'push/desk', untilMs: at(4) }]);
  expect(await limits(4)).toEqual([{ feederId: 'oslo-1', limitKw: 20, source: null, untilMs: null }]);
});

test('cars are told of a declared emergency in the same step; a broker that is away does not hold up the plan', async () => {
  const emergency = { id: 'e1', message: 'Frequency', startMs: NOW_MS, endMs: at(1), feederIds: [] };
  expect(await limitForEmergency({ regionId: 'oslo', cellId: CELL.id, emergency })).toEqual(['oslo-1']);
  expect(shedCalls).toEqual([{ regionId: 'oslo', nowMs: NOW_MS }]);
  const [limit] = await readSignals(database, 'oslo', { startMs: NOW_MS, endMs: NOW_MS + 1 });
  expect(limit).toMatchObject({ value: 0, feederId: 'oslo-1', source: 'emergency/e1' });

  brokerIsAway = true;
  const other = { ...emergency, id: 'e2' };
  expect(await limitForEmergency({ regionId: 'oslo', cellId: CELL.id, emergency: other })).toEqual(['oslo-1']);
  const summary = await refreshRegion({ regionId: 'oslo', nowMs: NOW_MS });
  expect(summary.emergency).toBe(true);
  expect(summary.fallbacks.map(({ code }) => code)).toEqual(['shed_not_told']);
});
