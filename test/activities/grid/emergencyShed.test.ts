import { MINUTE_MS } from '../../../domain/durations.ts';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { createEmergencyShed, nextZero } from '../../../activities/grid/emergencyShed.ts';
import { shedOrderSchema, type ShedOrder } from '../../../domain/sheds.ts';
import { upsertSignals, type SignalSpan } from '../../../store/signals.ts';
import { enrolFleet } from '../../support/fleetFixture.ts';
import { useTestDatabase } from '../../support/testDatabase.ts';

const { database } = useTestDatabase();
const NOW_MS = Date.UTC(2026, 0, 10, 12);

const told = new Map<string, ShedOrder>();
let isDown = false;
const shed = createEmergencyShed({
  database,
  vehicles: {
    publish: async (topic, payload) => {
      if (isDown) throw new Error('the broker is away');
      told.set(topic, shedOrderSchema.parse(payload));
    },
    withdraw: async () => {},
  },
});

let feederId = '';
beforeAll(async () => {
  await enrolFleet(database, ['car-1', 'car-2']);
  const [feeder] = await database.query<{ id: string }>('select id from feeders');
  feederId = feeder?.id ?? '';
});
beforeEach(async () => {
  told.clear();
  isDown = false;
  await database.query('delete from sheds');
  await database.query('delete from signals');
});

function limit(value: number, fromMinute: number, untilMinute: number, over: Partial<SignalSpan> = {}): SignalSpan {
  return {
    regionId: 'oslo',
    feederId,
    kind: 'import_limit',
    startMs: NOW_MS + fromMinute * MINUTE_MS,
    endMs: NOW_MS + untilMinute * MINUTE_MS,
    value,
    unit: 'kW',
    source: 'push/desk',
    forecast: false,
    fetchedAtMs: NOW_MS,
    ...over,
  };
}

const follow = (minute: number, again?: true) =>
  shed.follow({ regionId: 'oslo', nowMs: NOW_MS + minute * MINUTE_MS, ...(again && { again }) });

test('a limit of 0 tells every car of the feeder once, each with its own turn to come back', async () => {
  await upsertSignals(database, [limit(20, -60, 60), limit(0, -1, 30, { source: 'emergency/1' })]);
  expect(await follow(0)).toEqual([feederId]);
  expect([...told]).toEqual([
    [
      'nightshift/car-1/shed',
      expect.objectContaining({ endMs: NOW_MS + 30 * MINUTE_MS, resumeAtMs: NOW_MS + 30 * MINUTE_MS }),
    ],
    ['nightshift/car-2/shed', expect.objectContaining({ resumeAtMs: NOW_MS + 32.5 * MINUTE_MS })],
  ]);
  told.clear();
  expect(await follow(1)).toEqual([]);
  expect(await follow(2, true)).toEqual([feederId]);
  expect(told.size).toBe(2);
});

test('a limit that is taken back ends the shed at once; one whose time is over needs no telling', async () => {
  await upsertSignals(database, [limit(0, 0, 30)]);
  await follow(0);
  await upsertSignals(database, [limit(20, 0, 30, { fetchedAtMs: NOW_MS + 1 })]);
  await follow(10);
  expect(told.get('nightshift/car-1/shed')).toMatchObject({
    issuedAtMs: NOW_MS + 10 * MINUTE_MS,
    endMs: NOW_MS + 10 * MINUTE_MS,
  });

  await upsertSignals(database, [limit(0, 20, 30, { fetchedAtMs: NOW_MS + 2 })]);
  await follow(20);
  told.clear();
  await follow(31);
  expect(told.size).toBe(0);
  expect(await database.query('select * from sheds')).toEqual([]);
});

test('a shed that comes within the hour is told ahead, a later one is not yet', async () => {
  await upsertSignals(database, [limit(0, 50, 55), limit(0, 300, 360)]);
  await follow(0);
  expect(told.get('nightshift/car-1/shed')).toMatchObject({
    startMs: NOW_MS + 50 * MINUTE_MS,
    endMs: NOW_MS + 55 * MINUTE_MS,
  });
  told.clear();
  expect(await follow(60)).toEqual([feederId]);
  expect(told.size).toBe(0);
});

test('cars that could not be told are told by the next call', async () => {
  await upsertSignals(database, [limit(0, 0, 30)]);
  isDown = true;
  await expect(follow(0)).rejects.toThrow('away');
  isDown = false;
  expect(await follow(1)).toEqual([feederId]);
  expect(told.size).toBe(2);
});

function regional(fromMinute: number, untilMinute: number, source = 'a'): SignalSpan {
  return limit(0, fromMinute, untilMinute, { feederId: null, source });
}

test.each([
  ['a limit of the whole region counts', [regional(0, 10)], [0, 10]],
  ['another feeder’s does not', [limit(0, 0, 10, { feederId: 'other' })], undefined],
  ['sources take turns without a gap', [regional(0, 10), regional(10, 20, 'b'), regional(21, 30)], [0, 20]],
  ['a small limit is none', [limit(0.1, 0, 10, { feederId: null })], undefined],
])('%s', (_, limits, expected) => {
  const zero = nextZero(limits, feederId, NOW_MS);
  expect(zero && [zero.startMs, zero.endMs].map((ms) => (ms - NOW_MS) / MINUTE_MS)).toEqual(expected);
});
