import { HOUR_MS } from '../../domain/durations.ts';
import * as fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';

import { readSignals, upsertSignals, type SignalSpan } from '../../store/signals.ts';
import { enrolFleet } from '../support/fleetFixture.ts';
import { useTestDatabase } from '../support/testDatabase.ts';

const { database } = useTestDatabase();
const MIDNIGHT_MS = Date.UTC(2026, 0, 10);

beforeAll(() => enrolFleet(database, []));

function span(source: string, startHour: number, endHour: number, value: number, revision: number): SignalSpan {
  return {
    regionId: 'oslo',
    feederId: null,
    kind: 'price',
    startMs: MIDNIGHT_MS + startHour * HOUR_MS,
    endMs: MIDNIGHT_MS + endHour * HOUR_MS,
    value,
    unit: 'EUR/kWh',
    source,
    forecast: false,
    fetchedAtMs: MIDNIGHT_MS + revision,
  };
}

/** A span from `<start hour>-<end hour>=<value>`. */
function parse(text: string, source: string, revision: number): SignalSpan {
  const [, start, end, value] = /^(\d+)-(\d+)=(\d+)$/.exec(text) ?? [];
  return span(source, Number(start), Number(end), Number(value), revision);
}

const at = (hour: number): number => MIDNIGHT_MS + hour * HOUR_MS;

async function stored(source: string): Promise<string[]> {
  const spans = await readSignals(database, 'oslo', { startMs: MIDNIGHT_MS, endMs: MIDNIGHT_MS + 1_000 * HOUR_MS });
  const hour = (atMs: number): number => (atMs - MIDNIGHT_MS) / HOUR_MS;
  return spans
    .filter((each) => each.source === source)
    .map((each) => `${hour(each.startMs)}-${hour(each.endMs)}=${each.value}`);
}

test.each([
  ['replaces the same span', ['0-4=1'], ['0-4=2'], ['0-4=2']],
  ['replaces finer spans', ['0-1=1', '1-2=1', '2-3=1'], ['0-2=2'], ['0-2=2', '2-3=1']],
  ['keeps both ends of a span it falls into', ['0-6=1'], ['2-4=2'], ['0-2=1', '2-4=2', '4-6=1']],
  ['cuts on both sides', ['0-2=1', '4-6=1'], ['1-5=2'], ['0-1=1', '1-5=2', '5-6=1']],
  ['leaves a neighbour alone', ['0-2=1'], ['2-4=2'], ['0-2=1', '2-4=2']],
])('a newer revision %s, and a late older one changes nothing', async (title, older, newer, expected) => {
  for (const [source, revisions] of [
    [`${title} in order`, [1, 2]],
    [`${title} reversed`, [2, 1]],
  ] as const) {
    for (const revision of revisions) {
      await upsertSignals(
        database,
        (revision === 1 ? older : newer).map((text) => parse(text, source, revision)),
      );
    }
    expect(await stored(source)).toEqual(expected);
  }
});

test('whatever the order of revisions, each instant has the value of the newest that covers it', async () => {
  const revision = fc.record({ start: fc.integer({ min: 0, max: 11 }), hours: fc.integer({ min: 1, max: 6 }) });
  let run = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(revision, { minLength: 1, maxLength: 6 }),
      fc.infiniteStream(fc.nat()),
      async (all, random) => {
        run += 1;
        const source = `property ${run}`;
        const numbered = all.map((each, index) => span(source, each.start, each.start + each.hours, index, index));
        const shuffled = numbered
          .map((each) => ({ each, key: Number(random.next().value) }))
          .sort((a, b) => a.key - b.key)
          .map(({ each }) => each);
        for (const each of shuffled) await upsertSignals(database, [each]);
        const spans = (
          await readSignals(database, 'oslo', { startMs: MIDNIGHT_MS, endMs: MIDNIGHT_MS + 24 * HOUR_MS }, ['price'])
        ).filter((each) => each.source === source);
        for (let hour = 0; hour < 18; hour += 1) {
          const atMs = MIDNIGHT_MS + hour * HOUR_MS;
          const covers = (each: SignalSpan): boolean => each.startMs <= atMs && atMs < each.endMs;
          expect(spans.filter(covers).map((each) => each.value)).toEqual(
            numbered
              .filter(covers)
              .map((each) => each.value)
              .slice(-1),
          );
        }
      },
    ),
    { numRuns: 40 },
  );
});

test('reads only what overlaps the window, by kind', async () => {
  await upsertSignals(database, [
    { ...span('window', 200, 201, 5, 1), kind: 'temperature', unit: 'C' },
    span('window', 200, 201, 1, 1),
    span('window', 201, 202, 2, 1),
  ]);
  const values = async (start: number, end: number, kinds?: ['price']): Promise<number[]> =>
    (await readSignals(database, 'oslo', { startMs: at(start), endMs: at(end) }, kinds)).map((each) => each.value);
  expect(await values(200, 202)).toEqual([1, 2, 5]);
  expect(await values(200, 202, ['price'])).toEqual([1, 2]);
  expect(await values(201, 202)).toEqual([2]);
  expect(await values(199, 200)).toEqual([]);
});
