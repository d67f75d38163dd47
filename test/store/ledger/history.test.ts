import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { storeBatch } from '../../support/batchFixture.ts';
import { accounts, bookingKeys } from '../../../domain/ledger.ts';
import type { Database, Queryable } from '../../../store/database.ts';
import { recordAcceptedShard } from '../../../store/acceptedShards.ts';
import { book, correctBooking, readBalance } from '../../../store/ledger.ts';
import { checkLedger } from '../../../store/ledgerChecks.ts';
import { closeParkingSession, openParkingSession, settleParkingSession } from '../../../store/parkingSessions.ts';
import { enrolFleet } from '../../support/fleetFixture.ts';
import { emptyLedger, stayBooking, workBooking } from '../../support/ledgerFixture.ts';
import { useTestDatabase } from '../../support/testDatabase.ts';

const { database } = useTestDatabase();
const AT_MS = Date.UTC(2026, 0, 14, 20);
const CARS = ['car-1', 'car-2', 'car-3'];
const BATCH = 'batch_history';

class Crash extends Error {}

/** A database whose process dies before its statement number `dieAt`, wherever in a transaction that is. */
function dyingAt(dieAt: number): Database {
  let statements = 0;
  const dying = (tx: Queryable): Queryable => ({
    query: (sql, values) => {
      if (++statements === dieAt) throw new Crash();
      return tx.query(sql, values);
    },
    transaction: (work) => tx.transaction((inner) => work(dying(inner))),
  });
  return { ...dying(database), close: async () => {} };
}

/** What activities do, each in one transaction. */
const step = fc.oneof(
  fc.record({
    kind: fc.constant('accept' as const),
    shard: fc.nat(4),
    cars: fc.subarray(CARS, { minLength: 1 }),
    kwh: fc.double({ min: 0, max: 2, noNaN: true }),
    units: fc.nat(2000),
  }),
  fc.record({
    kind: fc.constant('settle' as const),
    car: fc.nat(2),
    hours: fc.double({ min: 0, max: 14, noNaN: true }),
  }),
  fc.record({
    kind: fc.constant('correct' as const),
    shard: fc.nat(4),
    car: fc.nat(2),
    keep: fc.constantFrom(0, 0.25, 0.333333, 1),
    of: fc.constantFrom('all' as const, 'pay' as const),
    claim: fc.nat(2),
  }),
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

async function take(db: Database, taken: Step): Promise<void> {
  if (taken.kind === 'accept') {
    const { shard, cars, kwh, units } = taken;
    await db.transaction(async (tx) => {
      const parts = cars.map((vehicleId, at) => ({ start: at, end: at + 1, sha256: 'hash', vehicleId }));
      const tokens = { inputTokens: 0, outputTokens: 0 };
      const counts = { completed: cars.length, failed: 0, ...tokens, handovers: 0, redoneLines: 0 };
      if (!(await recordAcceptedShard(tx, { jobId: BATCH, shard, ...counts, parts }))) return;
      for (const vehicleId of cars) {
        const reference = `job/${BATCH}/shard/${shard}`;
        await book(tx, workBooking({ vehicleId, kwh, units, reference, atMs: AT_MS }));
      }
    });
  } else if (taken.kind === 'settle') {
    const vehicleId = CARS[taken.car] ?? '';
    await db.transaction(async (tx) => {
      await closeParkingSession(tx, vehicleId, 1, AT_MS);
      await settleParkingSession(tx, vehicleId, 1, {});
      await book(tx, stayBooking({ vehicleId, hours: taken.hours, reference: `session/${vehicleId}/1`, atMs: AT_MS }));
    });
  } else {
    const { shard, car, keep, of, claim } = taken;
    const corrects = bookingKeys.compute(`job/${BATCH}/shard/${shard}`, CARS[car] ?? '');
    const key = `correction/${corrects}/${claim}`;
    await correctBooking(db, { corrects, key, keep, of, reason: 'found wrong', atMs: AT_MS }).catch((error: Error) => {
      // Nothing was booked of it.
      if (!error.message.startsWith('There is no booking')) throw error;
    });
  }
}

async function fresh(): Promise<void> {
  await database.query('truncate cells, batches cascade');
  await emptyLedger(database);
  await enrolFleet(database, CARS);
  const stay = { pluggedInAtMs: AT_MS, readyByMs: AT_MS, targetSocPercent: 80, arrivalSocPercent: 50 };
  for (const vehicleId of CARS) await openParkingSession(database, { vehicleId, ...stay });
  await storeBatch(database, BATCH, AT_MS);
}

test('whatever happens, in any order, with a crash before any statement and attempts repeated: the books are whole', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ step, dieAt: fc.nat(9), again: fc.boolean() }), { minLength: 1, maxLength: 12 }),
      async (history) => {
        await fresh();
        for (const { step: taken, dieAt, again } of history) {
          await take(dyingAt(dieAt), taken).catch((error: unknown) => {
            if (!(error instanceof Crash)) throw error;
          });
          // At every moment, not only at the end: nothing accepted is unbooked, sums are 0.
          expect((await checkLedger(database)).faults).toEqual([]);
          // Temporal tries again until it has happened; sometimes it has, and nobody heard of it.
          await take(database, taken);
          if (again) await Promise.all([take(database, taken), take(database, taken)]);
        }
        const report = await checkLedger(database);
        expect(report.faults).toEqual([]);
        expect(Object.values(report.sums).every((sum) => sum === 0)).toBe(true);
      },
    ),
    { numRuns: 25 },
  );
}, 120_000);

test('work is booked once, whoever says it again', async () => {
  await fresh();
  const work = workBooking({ vehicleId: 'car-1', kwh: 1, reference: 'job/b/shard/1', atMs: AT_MS, units: 1000 });
  const booked = await Promise.all([book(database, work), book(database, work), book(database, work)]);
  expect(booked.filter(Boolean)).toHaveLength(1);
  expect(await readBalance(database, accounts.owner('owner-of-car-1'))).toEqual(new Map([['EUR', 150_000]]));
  expect(await readBalance(database, accounts.energy('owner-of-car-1'))).toEqual(new Map([['EUR', 300_000]]));
  expect(await readBalance(database, accounts.tenant('default'))).toEqual(new Map([['EUR', -850_000]]));
  expect(await readBalance(database, accounts.margin)).toEqual(new Map([['EUR', 400_000]]));
});

test('a correction takes back its share of what stands, from the side that it is for', async () => {
  await fresh();
  const work = workBooking({ vehicleId: 'car-1', kwh: 1, reference: 'job/b/shard/1', atMs: AT_MS, units: 1000 });
  await book(database, work);
  const correct = (key: string, keep: number, of: 'all' | 'pay') =>
    correctBooking(database, { corrects: work.key, key, keep, of, reason: 'its meter counted half', atMs: AT_MS });
  const balance = async (account: string) => (await readBalance(database, account)).get('EUR');
  expect(await correct('meter', 0.5, 'pay')).toBe(true);
  expect(await correct('meter', 0.5, 'pay')).toBe(false);
  expect([await balance('owner/owner-of-car-1'), await balance('energy/owner-of-car-1')]).toEqual([75_000, 150_000]);
  expect([await balance('tenant/default'), await balance('margin')]).toEqual([-850_000, 625_000]);
  expect(await correct('wrong answers', 0, 'all')).toBe(true);
  for (const account of ['owner/owner-of-car-1', 'energy/owner-of-car-1', 'tenant/default', 'margin'])
    expect(await balance(account)).toBe(0);
  expect(await correct('again', 0, 'all')).toBe(false);
  await expect(
    correctBooking(database, { corrects: 'none', key: 'x', keep: 0, of: 'all', reason: '', atMs: 0 }),
  ).rejects.toThrow('There is no booking "none"');
});

test('PostgreSQL itself refuses what does not balance, what is added later, and every change', async () => {
  await fresh();
  const work = workBooking({ vehicleId: 'car-1', kwh: 1, reference: 'job/b/shard/1', atMs: AT_MS });
  await book(database, work);
  const insert = (values: string) =>
    database.query(`insert into ledger_entries (booking_id, account, currency, amount_micros, item) ${values}`);
  const closed = 'is closed: entries are written together with it';
  await expect(insert(`select booking_id, 'margin', 'EUR', 0, 'margin' from ledger_bookings`)).rejects.toThrow(closed);
  const unbalanced = database.query(
    `with made as (insert into ledger_bookings (key, kind, booked_at, reference) values ('x', 'deposit', now(), 'x')
       returning booking_id)
     insert into ledger_entries (booking_id, account, currency, amount_micros, item)
     select booking_id, account, currency, 5, 'deposit' from made, (values ('bank', 'EUR'), ('margin', 'USD')) as t (account, currency)`,
  );
  await expect(unbalanced).rejects.toThrow('does not balance: 2 entries, off by EUR 5, USD 5');
  await expect(
    database.query(`insert into ledger_bookings (key, kind, booked_at, reference) values ('y', 'deposit', now(), 'y')`),
  ).rejects.toThrow('0 entries');
  for (const change of [
    'update ledger_entries set amount_micros = 0',
    'delete from ledger_entries',
    'truncate ledger_entries',
    `update ledger_bookings set reason = 'another'`,
    'delete from ledger_bookings',
    'truncate ledger_bookings cascade',
  ])
    await expect(database.query(change)).rejects.toThrow('The ledger is append-only');
  expect((await checkLedger(database)).faults).toEqual([]);
  await expect(book(database, { ...work, key: 'z', entries: work.entries.slice(1) })).rejects.toThrow('is off by');
});

test('says what is wrong, each fault by its check', async () => {
  await fresh();
  await recordAcceptedShard(database, {
    jobId: BATCH,
    shard: 0,
    completed: 2,
    failed: 0,
    inputTokens: 0,
    outputTokens: 0,
    handovers: 0,
    redoneLines: 1,
    parts: [
      { start: 0, end: 2, sha256: 'hash', vehicleId: 'car-1' },
      { start: 1, end: 2, sha256: 'hash', vehicleId: 'car-2' },
    ],
  });
  await closeParkingSession(database, 'car-3', 1, AT_MS);
  await settleParkingSession(database, 'car-3', 1, {});
  await book(database, workBooking({ vehicleId: 'car-1', kwh: 1, reference: `job/${BATCH}/shard/7`, atMs: AT_MS }));
  await database.query('alter table ledger_entries disable trigger ledger_append_only');
  try {
    await database.query(`update ledger_entries set amount_micros = amount_micros + 1 where item = 'work'`);
    const { faults, faultCount } = await checkLedger(database);
    expect(faults.map(({ check, text }) => `${check}: ${text}`)).toEqual([
      `balanced: compute/job/${BATCH}/shard/7/car-1 is off by 1 micro-units of EUR`,
      'guarded: ledger_entries lacks the trigger ledger_append_only',
      `accepted_booked: job/${BATCH}/shard/0 was accepted, and car-1 is not booked for it`,
      `booked_accepted: compute/job/${BATCH}/shard/7/car-1 is of a shard that was not accepted`,
      'settled_booked: session/car-3/1 is settled, and not booked',
    ]);
    expect(faultCount).toBe(5);
  } finally {
    await database.query('alter table ledger_entries enable trigger ledger_append_only');
  }
});

test('a car that is removed and comes back counts its stays on, so that none is taken for one that is paid', async () => {
  await fresh();
  await take(database, { kind: 'settle', car: 0, hours: 8 });
  await database.query(`delete from vehicles where id = 'car-1'`);
  await enrolFleet(database, ['car-1']);
  const stay = { pluggedInAtMs: AT_MS, readyByMs: AT_MS, targetSocPercent: 80, arrivalSocPercent: 50 };
  expect((await openParkingSession(database, { vehicleId: 'car-1', ...stay })).stay).toBe(2);
});
