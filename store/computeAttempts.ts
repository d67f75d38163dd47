import { DAY_MS } from '../domain/durations.ts';
import { instant, type Queryable } from './database.ts';

/** A car's attempts at one shard, all together. Instants are grid time. */
export interface ComputeAttempts {
  readonly jobId: string;
  readonly shard: number;
  readonly handedOutMs: number;
  readonly storedUntilMs: number;
  /** How long it had the shard, without the time between attempts. */
  readonly heldMs: number;
  readonly paidMs: number;
  readonly paidWh: number;
}

interface CarsShard {
  readonly vehicleId: string;
  readonly jobId: string;
  readonly shard: number;
}

/** No batch lives as long, so that nothing of it is still to be paid. */
const KEPT_MS = 30 * DAY_MS;
/** Attempts farther apart do not share time. */
const NEAR_MS = DAY_MS;

/** Records that a car has stored a receipt of the shard that it was handed. Instants are grid time. */
export async function recordComputeAttempt(
  database: Queryable,
  attempt: CarsShard & { readonly handedOutMs: number; readonly storedAtMs: number },
): Promise<void> {
  const { vehicleId, jobId, shard, handedOutMs, storedAtMs } = attempt;
  await database.query(
    `insert into compute_attempts (vehicle_id, job_id, shard, handed_out_at, stored_until)
     select id, $2, $3, $4, greatest($4, $5::timestamptz) from vehicles where id = $1
     on conflict (vehicle_id, job_id, shard, handed_out_at)
     do update set stored_until = greatest(compute_attempts.stored_until, excluded.stored_until)`,
    [vehicleId, jobId, shard, instant(handedOutMs), instant(storedAtMs)],
  );
}

/**
 * The car's attempts at the shard and at others within a day of it, locked until the transaction ends: what one shard is
 * paid depends on what the others were.
 */
export async function lockComputeAttempts(
  tx: Queryable,
  { vehicleId, jobId, shard }: CarsShard,
): Promise<{ readonly own: ComputeAttempts | undefined; readonly others: readonly ComputeAttempts[] }> {
  await tx.query('select 1 from vehicles where id = $1 for no key update', [vehicleId]);
  const near = await tx.query<ComputeAttempts>(
    `select a.job_id as "jobId", a.shard, min(a.handed_out_at) as "handedOutMs", max(a.stored_until) as "storedUntilMs",
       sum(extract(epoch from a.stored_until - a.handed_out_at) * 1000)::float8 as "heldMs",
       max(a.paid_ms) as "paidMs", max(a.paid_wh) as "paidWh"
     from compute_attempts a, (
       select min(handed_out_at) as since, max(stored_until) as until from compute_attempts
       where vehicle_id = $1 and job_id = $2 and shard = $3) own
     where a.vehicle_id = $1 and a.stored_until > own.since - $4::float8 * interval '1 millisecond'
       and a.handed_out_at < own.until + $4::float8 * interval '1 millisecond'
     group by a.job_id, a.shard`,
    [vehicleId, jobId, shard, NEAR_MS],
  );
  const isOwn = (each: ComputeAttempts): boolean => each.jobId === jobId && each.shard === shard;
  return { own: near.find(isOwn), others: near.filter((each) => !isOwn(each)) };
}

/** Records what the car was paid for the shard, and forgets what is long past. */
export async function recordPaidCompute(
  tx: Queryable,
  paid: CarsShard & { readonly paidMs: number; readonly paidWh: number; readonly nowMs: number },
): Promise<void> {
  const { vehicleId, jobId, shard, paidMs, paidWh, nowMs } = paid;
  await tx.query(
    'update compute_attempts set paid_ms = $4, paid_wh = $5 where vehicle_id = $1 and job_id = $2 and shard = $3',
    [vehicleId, jobId, shard, paidMs, paidWh],
  );
  await tx.query('delete from compute_attempts where vehicle_id = $1 and stored_until < $2', [
    vehicleId,
    instant(nowMs - KEPT_MS),
  ]);
}
