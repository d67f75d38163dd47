import type { HardwareClass } from '../domain/hardwareClasses.ts';
import { NO_CHARGER, type Charger, type Enrolment, type OwnerPolicy, type VehicleKind } from '../domain/vehicles.ts';
import type { Site } from '../domain/site.ts';
import { cellsBeside } from './cells.ts';
import type { Queryable } from './database.ts';

/** An enrolled car. */
export interface Vehicle {
  /** VIN. */
  readonly id: string;
  readonly kind: VehicleKind;
  readonly regionId: string;
  readonly feederId: string;
  /** Where its plug is, by the car or its feeder; absent or null: not known. */
  readonly site?: Site | null | undefined;
  readonly ownerId: string;
  readonly displayName: string;
  readonly carModel: string;
  readonly hardwareClass: HardwareClass;
  readonly modelFamilies: readonly string[];
  /** 0 for a site node. */
  readonly batteryKwh: number;
  readonly charger: Charger;
  readonly policy: OwnerPolicy;
}

const COLUMNS = `v.id, v.kind, v.region_id as "regionId", v.feeder_id as "feederId", v.owner_id as "ownerId",
  v.display_name as "displayName", v.car_model as "carModel", v.hardware_class as "hardwareClass", v.model_families as "modelFamilies",
  v.battery_kwh as "batteryKwh", v.charger, v.policy,
  coalesce(v.site, (select f.site from feeders f where f.id = v.feeder_id)) as site`;

/** An enrolment as it is kept. */
export function vehicleOf(enrolment: Enrolment, regionId: string): Vehicle {
  const { feeder, owner, batteryKwh = 0, charger = NO_CHARGER, ...vehicle } = enrolment;
  return { ...vehicle, regionId, feederId: feeder, ownerId: owner, batteryKwh, charger };
}

/**
 * Puts a car of the cell file in, or takes over what the file now says of it. What was enrolled, changed or removed at
 * run time stays as it is, and so does a policy that its owner has set: applying the file again must not undo them.
 */
export async function seedVehicle(database: Queryable, vehicle: Vehicle): Promise<void> {
  const [removed] = await database.query('select id from removed_vehicles where id = $1', [vehicle.id]);
  if (!removed) await write(database, vehicle, 'vehicles.enrolment_revision = 0', 0);
}

/** Enrols a car at run time, or changes what is known of it; its stays go on counting, and its owner's policy stays. */
export async function enrolVehicle(database: Queryable, vehicle: Vehicle): Promise<void> {
  await database.transaction(async (tx) => {
    await tx.query('delete from removed_vehicles where id = $1', [vehicle.id]);
    await write(tx, vehicle, 'true', 1);
  });
}

/** A car that comes back counts its stays on: one of the same number would be taken for one that is paid already. */
const STAYS_BOOKED = `(select coalesce(max(split_part(reference, '/', 3)::integer), 0) from ledger_bookings
  where kind = 'availability' and vehicle_id = $1)`;

async function write(database: Queryable, vehicle: Vehicle, condition: string, revision: number): Promise<void> {
  await database.query(
    `insert into vehicles (id, kind, region_id, feeder_id, owner_id, display_name, car_model, hardware_class,
       model_families, battery_kwh, charger, policy, enrolment_revision, site, stays)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, ${STAYS_BOOKED})
     on conflict (id) do update set kind = excluded.kind, region_id = excluded.region_id,
       feeder_id = excluded.feeder_id, owner_id = excluded.owner_id, display_name = excluded.display_name,
       car_model = excluded.car_model, hardware_class = excluded.hardware_class,
       model_families = excluded.model_families, battery_kwh = excluded.battery_kwh, charger = excluded.charger,
       site = excluded.site,
       policy = case when vehicles.policy_revision = 0 then excluded.policy else vehicles.policy end,
       enrolment_revision = vehicles.enrolment_revision + excluded.enrolment_revision
     where ${condition}`,
    [
      vehicle.id,
      vehicle.kind,
      vehicle.regionId,
      vehicle.feederId,
      vehicle.ownerId,
      vehicle.displayName,
      vehicle.carModel,
      vehicle.hardwareClass,
      vehicle.modelFamilies,
      vehicle.batteryKwh,
      JSON.stringify(vehicle.charger),
      JSON.stringify(vehicle.policy),
      revision,
      vehicle.site ? JSON.stringify(vehicle.site) : null,
    ],
  );
}

/**
 * Removes a car with everything that hangs on it but what its owner has earned.
 * @returns false while a stay of it is open or not settled: then nothing is removed
 */
export async function removeVehicle(database: Queryable, id: string): Promise<boolean> {
  return database.transaction(async (tx) => {
    const [unsettled] = await tx.query(
      'select 1 from parking_sessions where vehicle_id = $1 and settled is null limit 1',
      [id],
    );
    if (unsettled) return false;
    await tx.query(
      `insert into removed_vehicles (id, cell_id)
       select v.id, r.cell_id from vehicles v join regions r on r.id = v.region_id where v.id = $1
       on conflict (id) do nothing`,
      [id],
    );
    await tx.query('delete from vehicles where id = $1', [id]);
    return true;
  });
}

export async function readVehicle(database: Queryable, id: string): Promise<Vehicle | undefined> {
  const [vehicle] = await database.query<Vehicle>(`select ${COLUMNS} from vehicles v where v.id = $1`, [id]);
  return vehicle;
}

export async function listVehicles(database: Queryable, cellId: string): Promise<Vehicle[]> {
  return database.query<Vehicle>(
    `select ${COLUMNS} from vehicles v join regions r on r.id = v.region_id where r.cell_id = $1 order by v.id`,
    [cellId],
  );
}

/** Whether a car of the cell whose owner lets it compute takes shards of this family of models. */
export async function isFamilyServed(database: Queryable, cellId: string, family: string): Promise<boolean> {
  const [serving] = await database.query(
    `select 1 from vehicles v join regions r on r.id = v.region_id
     where r.cell_id in ${cellsBeside('$1')} and $2 = any(v.model_families) and (v.policy ->> 'computeOptIn')::boolean limit 1`,
    [cellId, family],
  );
  return serving !== undefined;
}

/**
 * The most that a car which takes shards of this family has for models, MiB; null: one that does not say, which takes
 * every model. Undefined without any such car.
 */
export async function largestMemoryMb(
  database: Queryable,
  cellId: string,
  family: string,
): Promise<number | null | undefined> {
  const [largest] = await database.query<{ memoryMb: number | null }>(
    `select c.memory_mb as "memoryMb" from vehicles v join regions r on r.id = v.region_id
       join hardware_classes c on c.id = v.hardware_class
     where r.cell_id in ${cellsBeside('$1')} and $2 = any(v.model_families)
     order by c.memory_mb desc nulls first limit 1`,
    [cellId, family],
  );
  return largest?.memoryMb;
}

/** Ids of the cars on a feeder, ascending. */
export async function listFeederVehicleIds(database: Queryable, feederId: string): Promise<string[]> {
  const rows = await database.query<{ id: string }>('select id from vehicles where feeder_id = $1 order by id', [
    feederId,
  ]);
  return rows.map(({ id }) => id);
}

/** Cars of the cell that an owner has; of all owners when `ownerId` is undefined. */
export async function listOwnedVehicles(
  database: Queryable,
  cellId: string,
  ownerId: string | undefined,
): Promise<Vehicle[]> {
  return database.query<Vehicle>(
    `select ${COLUMNS} from vehicles v join regions r on r.id = v.region_id
     where r.cell_id = $1 and v.owner_id = coalesce($2, v.owner_id) order by v.id`,
    [cellId, ownerId ?? null],
  );
}

/** The policy as its owner sets it; from then on only the owner changes it. */
export async function setOwnerPolicy(database: Queryable, vehicleId: string, policy: OwnerPolicy): Promise<void> {
  await database.query('update vehicles set policy = $2, policy_revision = policy_revision + 1 where id = $1', [
    vehicleId,
    JSON.stringify(policy),
  ]);
}
