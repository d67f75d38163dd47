import { instant, type Queryable } from './database.ts';
import type { TimeWindow } from './signals.ts';

/** Energy of a feeder's cars in one meter slot. A slot in which nothing flowed has no row. */
export interface FeederEnergy {
  readonly feederId: string;
  readonly slotStartMs: number;
  readonly kwh: number;
}

/** Energy by feeder and slot, for slots that start in the half-open window. */
export async function listFeederEnergy(
  database: Queryable,
  feederIds: readonly string[],
  window: TimeWindow,
): Promise<FeederEnergy[]> {
  return database.query<FeederEnergy>(
    `select v.feeder_id as "feederId", m.slot_start as "slotStartMs", sum(m.charging_kwh + m.compute_kwh) as kwh
     from meter_intervals m join vehicles v on v.id = m.vehicle_id
     where v.feeder_id = any($1) and m.slot_start >= $2 and m.slot_start < $3
     group by v.feeder_id, m.slot_start order by m.slot_start`,
    [feederIds, instant(window.startMs), instant(window.endMs)],
  );
}

/** Energy of a feeder's cars in one meter slot, by what it was for. */
export interface FeederDraw {
  readonly feederId: string;
  readonly slotStartMs: number;
  readonly chargingKwh: number;
  readonly computeKwh: number;
}

/** Energy of the region's feeders, for slots that start in the half-open window. */
export async function listFeederDraws(
  database: Queryable,
  regionId: string,
  window: TimeWindow,
): Promise<FeederDraw[]> {
  return database.query<FeederDraw>(
    `select v.feeder_id as "feederId", m.slot_start as "slotStartMs", sum(m.charging_kwh) as "chargingKwh",
       sum(m.compute_kwh) as "computeKwh"
     from meter_intervals m join vehicles v on v.id = m.vehicle_id
     where v.region_id = $1 and m.slot_start >= $2 and m.slot_start < $3
     group by v.feeder_id, m.slot_start order by v.feeder_id, m.slot_start`,
    [regionId, instant(window.startMs), instant(window.endMs)],
  );
}

/** As `listFeederEnergy`, car by car. */
export async function listCarEnergy(
  database: Queryable,
  feederIds: readonly string[],
  window: TimeWindow,
): Promise<{ readonly vehicleId: string; readonly slotStartMs: number; readonly kwh: number }[]> {
  return database.query(
    `select m.vehicle_id as "vehicleId", m.slot_start as "slotStartMs", m.charging_kwh + m.compute_kwh as kwh
     from meter_intervals m join vehicles v on v.id = m.vehicle_id
     where v.feeder_id = any($1) and m.slot_start >= $2 and m.slot_start < $3 order by m.vehicle_id, m.slot_start`,
    [feederIds, instant(window.startMs), instant(window.endMs)],
  );
}

/** The batteries at a feeder's plugs now. */
export interface FeederStorage {
  readonly feederId: string;
  /** Of all enrolled cars: the most that can be drawn for charging. */
  readonly enrolledChargeKw: number;
  /** Of the cars that are plugged in now. */
  readonly usableKwh: number;
  readonly storedKwh: number;
  readonly maxChargeKw: number;
}

export async function listFeederStorage(database: Queryable, feederIds: readonly string[]): Promise<FeederStorage[]> {
  return database.query<FeederStorage>(
    `select f.id as "feederId",
       coalesce(sum((v.charger->>'maxKw')::numeric), 0) as "enrolledChargeKw",
       coalesce(sum(v.battery_kwh) filter (where s.plugged_in), 0) as "usableKwh",
       coalesce(sum(v.battery_kwh * s.soc_percent / 100) filter (where s.plugged_in), 0) as "storedKwh",
       coalesce(sum((v.charger->>'maxKw')::numeric) filter (where s.plugged_in), 0) as "maxChargeKw"
     from feeders f left join vehicles v on v.feeder_id = f.id left join vehicle_states s on s.vehicle_id = v.id
     where f.id = any($1) group by f.id order by f.id`,
    [feederIds],
  );
}
