import type { AcceptedPart } from './acceptedShards.ts';
import { only, type Queryable } from './database.ts';

/** What is wrong with the ledger, in one sentence each. */
export interface LedgerReport {
  readonly bookings: number;
  readonly entries: number;
  /** Of all accounts together, by currency; 0 each. */
  readonly sums: Readonly<Record<string, number>>;
  readonly faults: readonly LedgerFault[];
  /** Faults of a kind beyond these are counted, not named. */
  readonly faultCount: number;
}

export interface LedgerFault {
  readonly check: LedgerCheck;
  readonly text: string;
}

/** What is checked, in words. */
export const LEDGER_CHECKS = {
  balanced: 'the entries of every booking are 0 in sum, per currency',
  guarded: 'the triggers that keep the ledger append-only and balanced are there and on',
  corrected_once: 'no account of a booking is corrected past nothing',
  booked_once: 'no car is paid twice for one shard or one stay',
  accepted_booked: 'every car that has part in an accepted shard is booked for it',
  booked_accepted: 'every booking of a batch’s work is of a shard that was accepted',
  settled_booked: 'every stay that is settled is booked',
} as const;
export type LedgerCheck = keyof typeof LEDGER_CHECKS;
const CHECKS: readonly LedgerCheck[] = [
  'balanced',
  'guarded',
  'corrected_once',
  'booked_once',
  'accepted_booked',
  'booked_accepted',
  'settled_booked',
];

const MAX_NAMED = 20;

/**
 * Holds the ledger against itself and against what was accepted and settled. Reads one state of the database, however
 * long that takes.
 */
export async function checkLedger(database: Queryable): Promise<LedgerReport> {
  return database.transaction(async (tx) => {
    await tx.query('set transaction isolation level repeatable read read only');
    await tx.query('set local statement_timeout = 0');
    const faults: LedgerFault[] = [];
    let faultCount = 0;
    for (const check of CHECKS) {
      const found = await RUNS[check](tx);
      faultCount += found.length;
      faults.push(...found.slice(0, MAX_NAMED).map((text) => ({ check, text })));
    }
    const sums = await tx.query<{ currency: string; sum: number }>(
      'select currency, sum(amount_micros) from ledger_entries group by currency order by currency',
    );
    const counts = only(
      await tx.query<{ bookings: number; entries: number }>(
        `select (select count(*) from ledger_bookings) as bookings, (select count(*) from ledger_entries) as entries`,
      ),
    );
    return {
      ...counts,
      sums: Object.fromEntries(sums.map(({ currency, sum }) => [currency, sum])),
      faults,
      faultCount,
    };
  });
}

/** By currency, by how much bookings do not balance, all together in micro-units: 0 each. Reads all entries. */
export async function ledgerImbalance(
  database: Queryable,
): Promise<{ readonly currency: string; readonly micros: number }[]> {
  return database.query(
    `select currency, coalesce(sum(abs(off)), 0)::bigint as micros
     from (select currency, sum(amount_micros) as off from ledger_entries group by booking_id, currency) each
     group by currency order by currency`,
  );
}

const RUNS: Record<LedgerCheck, (tx: Queryable) => Promise<string[]>> = {
  balanced: (tx) =>
    texts(
      tx,
      `select b.key || ' is off by ' || sum(e.amount_micros) || ' micro-units of ' || e.currency as text
       from ledger_entries e join ledger_bookings b on b.booking_id = e.booking_id
       group by b.key, e.currency having sum(e.amount_micros) <> 0
       union all select key || ' has no entries' from ledger_bookings b
       where not exists (select 1 from ledger_entries e where e.booking_id = b.booking_id)`,
    ),
  guarded: (tx) =>
    texts(
      tx,
      `select wanted.relation || ' lacks the trigger ' || wanted.name as text
       from (values ('ledger_bookings', 'ledger_append_only'), ('ledger_bookings', 'ledger_balances'),
         ('ledger_entries', 'ledger_append_only'), ('ledger_entries', 'ledger_balances')) as wanted (relation, name)
       where not exists (select 1 from pg_trigger t
         where t.tgrelid = wanted.relation::regclass and t.tgname = wanted.name and t.tgenabled in ('O', 'A'))`,
    ),
  corrected_once: (tx) =>
    texts(
      tx,
      `select original.key || ': ' || original.account || ' has ' || (original.sum + coalesce(taken.sum, 0)) ||
         ' micro-units of ' || original.currency || ' left of ' || original.sum as text
       from (select b.key, e.account, e.currency, e.item, sum(e.amount_micros) from ledger_bookings b
           join ledger_entries e on e.booking_id = b.booking_id where b.corrects is null and e.item <> 'margin'
           group by b.key, e.account, e.currency, e.item) original
       join (select b.corrects, e.account, e.currency, e.item, sum(e.amount_micros) from ledger_bookings b
           join ledger_entries e on e.booking_id = b.booking_id where b.corrects is not null
           group by b.corrects, e.account, e.currency, e.item) taken
         on taken.corrects = original.key and taken.account = original.account
           and taken.currency = original.currency and taken.item = original.item
       where sign(original.sum) * (original.sum + taken.sum) < 0 or abs(original.sum + taken.sum) > abs(original.sum)`,
    ),
  booked_once: (tx) =>
    texts(
      tx,
      `select count(*) || ' bookings pay ' || vehicle_id || ' for ' || reference as text from ledger_bookings
       where kind in ('compute', 'quorum', 'availability') group by kind, reference, vehicle_id having count(*) > 1`,
    ),
  accepted_booked: async (tx) => {
    const rows = await tx.query<{ reference: string; vehicleId: string; parts: readonly AcceptedPart[] }>(
      `select s.reference, p.vehicle as "vehicleId", s.parts
       from (select 'job/' || job_id || '/shard/' || shard as reference, parts from accepted_shards
         where parts is not null) s,
         lateral (select distinct part ->> 'vehicleId' as vehicle from jsonb_array_elements(s.parts) part) p
       where p.vehicle is not null and not exists (select 1 from ledger_bookings b
         where b.kind in ('compute', 'quorum') and b.reference = s.reference and b.vehicle_id = p.vehicle)`,
    );
    // A part whose lines others have done before counts for nothing, and is not paid.
    return rows
      .filter(({ parts, vehicleId }) => carsThatCount(parts).has(vehicleId))
      .map(({ reference, vehicleId }) => `${reference} was accepted, and ${vehicleId} is not booked for it`);
  },
  booked_accepted: (tx) =>
    texts(
      tx,
      `select b.key || ' is of a shard that was not accepted' as text from ledger_bookings b
         join batches j on j.id = b.batch_id
       where b.kind in ('compute', 'quorum') and not exists (select 1 from batch_totals t where t.batch_id = b.batch_id)
         and not exists (select 1 from accepted_shards s
         where s.job_id = b.batch_id and b.reference = 'job/' || s.job_id || '/shard/' || s.shard)`,
    ),
  settled_booked: (tx) =>
    texts(
      tx,
      `select 'session/' || p.vehicle_id || '/' || p.stay || ' is settled, and not booked' as text
       from parking_sessions p where p.settled is not null and not exists (select 1 from ledger_bookings b
         where b.kind = 'availability' and b.vehicle_id = p.vehicle_id
           and b.reference = 'session/' || p.vehicle_id || '/' || p.stay)`,
    ),
};

async function texts(tx: Queryable, sql: string): Promise<string[]> {
  return (await tx.query<{ text: string }>(sql)).map(({ text }) => text);
}

/** The cars to which lines of a shard are attributed: each line to the first part that has it. */
function carsThatCount(parts: readonly AcceptedPart[]): ReadonlySet<string> {
  const cars = new Set<string>();
  const taken = new Set<number>();
  for (const { start, end, vehicleId } of parts) {
    for (let line = start; line < end; line++) {
      if (taken.has(line)) continue;
      taken.add(line);
      if (vehicleId !== undefined) cars.add(vehicleId);
    }
  }
  return cars;
}
