import { instant, only, type Queryable } from './database.ts';
import type { MeterInterval } from './meters.ts';
import type { TimeWindow } from './signals.ts';

/** Energy of one car by slot, for slots that start in the half-open window. */
export async function listCarIntervals(
  database: Queryable,
  vehicleId: string,
  window: TimeWindow,
): Promise<Omit<MeterInterval, 'vehicleId'>[]> {
  return database.query(
    `select slot_start as "slotStartMs", charging_kwh as "chargingKwh", compute_kwh as "computeKwh"
     from meter_intervals where vehicle_id = $1 and slot_start >= $2 and slot_start < $3 order by slot_start`,
    [vehicleId, instant(window.startMs), instant(window.endMs)],
  );
}

/** What a car has earned, in all and since an instant of grid time; EUR. */
export async function readEarnings(
  database: Queryable,
  vehicleId: string,
  sinceMs: number,
): Promise<{ readonly totalEur: number; readonly sinceEur: number }> {
  return only(
    await database.query<{ totalEur: number; sinceEur: number }>(
      `select coalesce(sum(amount_eur), 0) as "totalEur",
         coalesce(sum(amount_eur) filter (where booked_at >= $2), 0) as "sinceEur"
       from ledger where vehicle_id = $1`,
      [vehicleId, instant(sinceMs)],
    ),
  );
}
