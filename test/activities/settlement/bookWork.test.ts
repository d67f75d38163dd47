import { beforeEach, expect, test } from 'vitest';
import { storeBatch } from '../../support/batchFixture.ts';
import { bookWork } from '../../../activities/settlement/bookWork.ts';
import { listStayLines, listTenantLines, readBalance } from '../../../store/ledger.ts';
import { closeParkingSession, openParkingSession } from '../../../store/parkingSessions.ts';
import { readFootprints } from '../../../store/shardFootprints.ts';
import { enrolFleet, testVehicle } from '../../support/fleetFixture.ts';
import { emptyLedger, PRICES } from '../../support/ledgerFixture.ts';
import { useTestDatabase } from '../../support/testDatabase.ts';

const { database } = useTestDatabase();
const HOUR_MS = 3_600_000;
const START_MS = Date.parse('2026-01-14T20:00Z');
const BATCH = 'batch_1';
const pricing = {
  book: PRICES.book,
  tenantId: 'lab',
  currency: 'EUR',
  capMicros: null as number | null,
  terms: { model: 'ocr', priority: undefined, windowMs: 24 * HOUR_MS },
  unit: 'pages' as const,
  quorumAsked: 1,
};
const work = {
  vehicle: testVehicle('car-1'),
  batchId: BATCH,
  shard: 0,
  copy: 0,
  energyWh: 1000,
  canaryShare: 0,
  units: 100,
  during: { startMs: START_MS + HOUR_MS, endMs: START_MS + 2 * HOUR_MS },
  nowMs: START_MS + 20 * HOUR_MS,
};

beforeEach(async () => {
  await database.query('truncate cells, batches cascade');
  await emptyLedger(database);
  await enrolFleet(database, ['car-1']);
  await storeBatch(database, BATCH, START_MS);
});

test('work that is accepted after the car left belongs to the stay in which it was done', async () => {
  const stay = { vehicleId: 'car-1', readyByMs: START_MS, targetSocPercent: 80, arrivalSocPercent: 50 };
  await openParkingSession(database, { ...stay, pluggedInAtMs: START_MS });
  await closeParkingSession(database, 'car-1', 1, START_MS + 9 * HOUR_MS);
  await openParkingSession(database, { ...stay, pluggedInAtMs: START_MS + 19 * HOUR_MS });
  await bookWork(database, pricing, work);
  expect((await listStayLines(database, 'car-1', 1)).map(({ item }) => item)).toEqual(['energy', 'wear', 'work']);
  expect(await listStayLines(database, 'car-1', 2)).toEqual([]);
});

test('energy is paid at the owner’s own tariff; what nobody knows the price of is unpriced, not free', async () => {
  const vehicle = { ...work.vehicle, policy: { ...work.vehicle.policy, energyPricePerKwh: 0.42 } };
  await bookWork(database, pricing, { ...work, vehicle });
  expect(await readBalance(database, 'energy/owner-of-car-1')).toEqual(new Map([['EUR', 420_000]]));
  expect((await readFootprints(database, [BATCH])).get(BATCH)).toEqual({
    jobId: BATCH,
    energyWh: 1000,
    gCo2: 0,
    costEur: 0,
    unpricedWh: 1000,
  });
});

test('a batch never costs more than its cap, whatever its shards come to', async () => {
  const capped = { ...pricing, capMicros: 1_000_000 };
  for (const shard of [0, 1, 2]) await bookWork(database, capped, { ...work, shard });
  expect(await readBalance(database, 'tenant/lab')).toEqual(new Map([['EUR', -1_000_000]]));
  // The owner is paid all the same.
  expect(await readBalance(database, 'owner/owner-of-car-1')).toEqual(new Map([['EUR', 450_000]]));
});

test('copies for a quorum are paid to their owners, and charged where the submitter asked for them', async () => {
  const asked = { ...pricing, quorumAsked: 2 };
  for (const copy of [0, 1, 2]) await bookWork(database, asked, { ...work, shard: copy, copy });
  const lines = await listTenantLines(database, 'lab', { batchId: BATCH, beforeEntry: undefined, limit: 10 });
  // The third is what the operator's policy wants.
  expect(lines.map(({ kind, item }) => `${kind} ${item}`)).toEqual([
    'quorum check',
    'quorum check',
    'compute price',
    'compute price',
  ]);
  expect(await readBalance(database, 'owner/owner-of-car-1')).toEqual(new Map([['EUR', 450_000]]));
  const margin = (await readBalance(database, 'margin')).get('EUR') ?? 0;
  const charged = -((await readBalance(database, 'tenant/lab')).get('EUR') ?? 0);
  const energy = (await readBalance(database, 'energy/owner-of-car-1')).get('EUR') ?? 0;
  expect(charged).toBe(450_000 + energy + margin);
});

test('what a car gets for canaries is no part of the price: the margin bears it as a cost of checking', async () => {
  await bookWork(database, pricing, work);
  const [price] = [...(await readBalance(database, 'tenant/lab')).values()];
  const [pay] = [...(await readBalance(database, 'owner/owner-of-car-1')).values()];
  await emptyLedger(database);
  // A quarter more energy, for a fifth of the lines.
  await bookWork(database, pricing, { ...work, energyWh: work.energyWh * 1.25, canaryShare: 0.2 });
  expect(await readBalance(database, 'tenant/lab')).toEqual(new Map([['EUR', price]]));
  expect(await readBalance(database, 'owner/owner-of-car-1')).toEqual(
    new Map([['EUR', Math.round((pay ?? 0) * 1.25)]]),
  );
  const checking = await database.query<{ micros: number }>(
    `select sum(amount_micros) as micros from ledger_entries where account = 'margin' and item = 'check'`,
  );
  // Of energy at 0.30 EUR, wear at 0.05 and work at 0.10 a kWh.
  expect(checking).toEqual([{ micros: -112_500 }]);
});
