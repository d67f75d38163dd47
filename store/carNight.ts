import { instant, type Queryable } from './database.ts';
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
