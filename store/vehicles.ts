import type { HardwareClass } from '../domain/hardwareClasses.ts';
import type { Charger, OwnerPolicy } from '../domain/vehicles.ts';
import type { Queryable } from './database.ts';

/** An enrolled car. */
export interface Vehicle {
  /** VIN. */
  readonly id: string;
  readonly regionId: string;
  readonly feederId: string;
  readonly ownerId: string;
  readonly displayName: string;
  readonly carModel: string;
  readonly hardwareClass: HardwareClass;
  readonly batteryKwh: number;
  readonly charger: Charger;
  readonly policy: OwnerPolicy;
}

const COLUMNS = `v.id, v.region_id as "regionId", v.feeder_id as "feederId", v.owner_id as "ownerId",
  v.display_name as "displayName", v.car_model as "carModel", v.hardware_class as "hardwareClass",
  v.battery_kwh as "batteryKwh", v.charger, v.policy`;

/**
 * Enrols a car, or changes what is known of it; its stays go on counting. A policy that the owner has set stays: whoever
 * applies the operator's file again must not overwrite it.
 */
export async function upsertVehicle(db: Queryable, vehicle: Vehicle): Promise<void> {
  await db.query(
    `insert into vehicles (id, region_id, feeder_id, owner_id, display_name, car_model, hardware_class, battery_kwh,
       charger, policy)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
     on conflict (id) do update set region_id = excluded.region_id, feeder_id = excluded.feeder_id,
       owner_id = excluded.owner_id, display_name = excluded.display_name, car_model = excluded.car_model,
       hardware_class = excluded.hardware_class, battery_kwh = excluded.battery_kwh, charger = excluded.charger,
       policy = case when vehicles.policy_revision = 0 then excluded.policy else vehicles.policy end`,
    [
      vehicle.id,
      vehicle.regionId,
      vehicle.feederId,
      vehicle.ownerId,
      vehicle.displayName,
      vehicle.carModel,
      vehicle.hardwareClass,
      vehicle.batteryKwh,
      JSON.stringify(vehicle.charger),
      JSON.stringify(vehicle.policy),
    ],
  );
}

export async function readVehicle(db: Queryable, id: string): Promise<Vehicle | undefined> {
  const [vehicle] = await db.query<Vehicle>(`select ${COLUMNS} from vehicles v where v.id = $1`, [id]);
  return vehicle;
}

export async function listVehicles(db: Queryable, cellId: string): Promise<Vehicle[]> {
  return db.query<Vehicle>(
    `select ${COLUMNS} from vehicles v join regions r on r.id = v.region_id where r.cell_id = $1 order by v.id`,
    [cellId],
  );
}

/** Ids of the cars on a feeder, ascending. */
export async function listFeederVehicleIds(db: Queryable, feederId: string): Promise<string[]> {
  const rows = await db.query<{ id: string }>('select id from vehicles where feeder_id = $1 order by id', [feederId]);
  return rows.map(({ id }) => id);
}

/** Cars of the cell that an owner has; of all owners when `ownerId` is undefined. */
export async function listOwnedVehicles(
  db: Queryable,
  cellId: string,
  ownerId: string | undefined,
): Promise<Vehicle[]> {
  return db.query<Vehicle>(
    `select ${COLUMNS} from vehicles v join regions r on r.id = v.region_id
     where r.cell_id = $1 and v.owner_id = coalesce($2, v.owner_id) order by v.id`,
    [cellId, ownerId ?? null],
  );
}

/** The policy as its owner sets it; from then on only the owner changes it. */
export async function setOwnerPolicy(db: Queryable, vehicleId: string, policy: OwnerPolicy): Promise<void> {
  await db.query('update vehicles set policy = $2, policy_revision = policy_revision + 1 where id = $1', [
    vehicleId,
    JSON.stringify(policy),
  ]);
}
