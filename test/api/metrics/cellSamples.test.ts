import { beforeAll, expect, test } from 'vitest';
import { cellSamples } from '../../../api/metrics/cellSamples.ts';
import { carReason } from '../../../domain/claims.ts';
import { METRICS, type Sample } from '../../../domain/metrics.ts';
import { recordFeedFailure, recordFeedRead } from '../../../store/feedStates.ts';
import { updateClaims } from '../../../store/vehicleClaims.ts';
import { saveFeederSlots } from '../../../store/feederSlots.ts';
import { useTestDatabase } from '../../support/testDatabase.ts';
import { CELL, enrolFleet } from '../../support/fleetFixture.ts';

const { database } = useTestDatabase();
const NOW_MS = Date.UTC(2026, 0, 10, 22, 7);
const SLOT_MS = 15 * 60_000;
const RUNNING_MS = Date.UTC(2026, 0, 10, 22, 0);

async function read(): Promise<Sample[]> {
  const groups = cellSamples({ database, cell: CELL, now: () => NOW_MS });
  return (await Promise.all(groups.map((group) => group()))).flat();
}
function valueOf(samples: readonly Sample[], name: string, labels: object): number | undefined {
  return samples.find((each) => each.name === name && JSON.stringify(each.labels) === JSON.stringify(labels))?.value;
}

beforeAll(async () => {
  await enrolFleet(database, ['A', 'B', 'C']);
});

test('a cell without a plan, jobs or telemetry says what it is, and nothing that it does not know', async () => {
  const samples = await read();
  expect(valueOf(samples, 'nightshift_slot_seconds', { cell: 'test' })).toBe(900);
  expect(valueOf(samples, 'nightshift_cars', { region: 'oslo', state: 'away' })).toBe(3);
  expect(valueOf(samples, 'nightshift_jobs', { cell: 'test', state: 'running' })).toBe(0);
  expect(valueOf(samples, 'nightshift_limit_kw', { region: 'oslo' })).toBe(20);
  const names = new Set<string>(samples.map(({ name }) => name));
  for (const unknown of ['nightshift_plan_age_seconds', 'nightshift_metered_kw', 'nightshift_price_eur_per_kwh'])
    expect(names.has(unknown), unknown).toBe(false);
});

test('load against limit, cars by state and reason, and feeds, with the labels that are documented', async () => {
  const charging = { plug: 'plugged', online: true, chargeKw: 7, computeKw: 0 } as const;
  await updateClaims(database, [
    { vehicleId: 'A', atMs: NOW_MS, source: 'telemetry', reasons: [], condition: charging },
    {
      vehicleId: 'B',
      atMs: NOW_MS,
      source: 'operator',
      reasons: [carReason('operator', 'safety', 'excluded_by_operator')],
    },
  ]);
  await saveFeederSlots(database, [
    { feederId: 'oslo-1', slotStartMs: RUNNING_MS - SLOT_MS, chargeKw: 11, computeKw: 0.5, rentEurPerKwh: 0 },
    { feederId: 'oslo-1', slotStartMs: RUNNING_MS, chargeKw: 7, computeKw: 1, rentEurPerKwh: 0.1 },
  ]);
  await database.query(
    `insert into meter_intervals (vehicle_id, slot_start, charging_kwh, compute_kwh) values ('A', to_timestamp($1), 5.5, 0.25)`,
    [(RUNNING_MS - SLOT_MS) / 1_000],
  );
  await recordFeedRead(database, { regionId: 'oslo', feed: 'prices', readAtMs: NOW_MS - 60_000 });
  await recordFeedFailure(database, { regionId: 'oslo', feed: 'weather', atMs: NOW_MS, failure: 'gone' });

  const samples = await read();
  const oslo = { region: 'oslo' };
  expect(valueOf(samples, 'nightshift_planned_kw', { ...oslo, use: 'charge' })).toBe(7);
  expect(valueOf(samples, 'nightshift_planned_kw', { ...oslo, use: 'compute' })).toBe(1);
  expect(valueOf(samples, 'nightshift_metered_slot_planned_kw', { ...oslo, use: 'charge' })).toBe(11);
  expect(valueOf(samples, 'nightshift_metered_kw', { ...oslo, use: 'charge' })).toBe(22);
  expect(valueOf(samples, 'nightshift_metered_kw', { ...oslo, use: 'compute' })).toBe(1);
  // 23 kW at a fail-safe of 20.
  expect(valueOf(samples, 'nightshift_feeders_over_limit', oslo)).toBe(1);
  expect(valueOf(samples, 'nightshift_feeders_in_emergency', oslo)).toBe(0);
  expect(valueOf(samples, 'nightshift_cars', { ...oslo, state: 'charging' })).toBe(1);
  expect(valueOf(samples, 'nightshift_cars', { ...oslo, state: 'away' })).toBe(2);
  expect(valueOf(samples, 'nightshift_cars_by_reason', { holder: 'safety', reason: 'excluded_by_operator' })).toBe(1);
  expect(valueOf(samples, 'nightshift_feed_age_seconds', { ...oslo, feed: 'prices' })).toBe(60);
  expect(valueOf(samples, 'nightshift_feed_failures', { ...oslo, feed: 'weather' })).toBe(1);
  for (const { name, labels = {} } of samples) expect(Object.keys(labels), name).toEqual(METRICS[name].labels);
});
