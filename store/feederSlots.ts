import { columns, instant, type Queryable } from './database.ts';
import type { TimeWindow } from './signals.ts';

/** What the last plan of a slot committed on a feeder. Powers are kW at the plugs, cars together. */
export interface FeederSlot {
  readonly feederId: string;
  readonly slotStartMs: number;
  readonly chargeKw: number;
  readonly computeKw: number;
  /** What one more kW of the feeder's limit would have saved; 0 where it does not bind. */
  readonly rentEurPerKwh: number;
}

/** Keeps what a plan commits, at most one row for each feeder; a later plan of the slot takes its place. */
export async function saveFeederSlots(database: Queryable, slots: readonly FeederSlot[]): Promise<void> {
  if (slots.length === 0) return;
  await database.query(
    `insert into feeder_slots (feeder_id, slot_start, charge_kw, compute_kw, rent_eur_per_kwh)
     select t.* from unnest($1::text[], $2::timestamptz[], $3::float8[], $4::float8[], $5::float8[])
       as t (feeder_id, slot_start, charge_kw, compute_kw, rent_eur_per_kwh)
       join feeders f on f.id = t.feeder_id
     on conflict (feeder_id, slot_start) do update set charge_kw = excluded.charge_kw,
       compute_kw = excluded.compute_kw, rent_eur_per_kwh = excluded.rent_eur_per_kwh`,
    columns(
      slots,
      (slot) => slot.feederId,
      (slot) => instant(slot.slotStartMs),
      (slot) => slot.chargeKw,
      (slot) => slot.computeKw,
      (slot) => slot.rentEurPerKwh,
    ),
  );
}

/** What was committed on feeders of the region, for slots that start in the half-open window. */
export async function listFeederSlots(
  database: Queryable,
  regionId: string,
  window: TimeWindow,
): Promise<FeederSlot[]> {
  return database.query<FeederSlot>(
    `select s.feeder_id as "feederId", s.slot_start as "slotStartMs", s.charge_kw as "chargeKw",
       s.compute_kw as "computeKw", s.rent_eur_per_kwh as "rentEurPerKwh"
     from feeder_slots s join feeders f on f.id = s.feeder_id
     where f.region_id = $1 and s.slot_start >= $2 and s.slot_start < $3 order by s.feeder_id, s.slot_start`,
    [regionId, instant(window.startMs), instant(window.endMs)],
  );
}
