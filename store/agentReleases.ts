import type { AgentRelease, SignedRelease } from '../domain/agentReleases.ts';
import { AGENT_RELEASE } from '../domain/names.ts';
import type { EligibleCar } from '../domain/rollouts/drawCars.ts';
import { cellsBeside } from './cells.ts';
import { instant, type Queryable } from './database.ts';

export interface StoredRelease {
  readonly version: number;
  readonly name: string;
  /** Real time. */
  readonly expiresRealMs: number;
  readonly files: number;
  readonly bytes: number;
  readonly published: boolean;
  /** Cars that say that they run it. */
  readonly cars: number;
}

/**
 * Adds a release; signatures are added to one that is there with the same text.
 * @returns false when the version is there with another text
 */
export async function addRelease(
  database: Queryable,
  { version, name, expires_at, files }: AgentRelease,
  { signed, signatures }: SignedRelease,
): Promise<boolean> {
  const rows = await database.query(
    `insert into agent_releases (version, name, expires_real_at, files, bytes, manifest, signatures)
     values ($1, $2, $3, $4, $5, $6, $7)
     on conflict (version) do update set signatures = excluded.signatures where agent_releases.manifest = excluded.manifest
     returning version`,
    [
      version,
      name,
      expires_at,
      files.length,
      files.reduce((sum, { bytes }) => sum + bytes, 0),
      signed,
      JSON.stringify(signatures),
    ],
  );
  return rows.length > 0;
}

/** From now on it can be rolled out. What runs without one is release 0. */
export async function publishRelease(database: Queryable, version: number): Promise<void> {
  await database.query('insert into model_latest (name, version) values ($1, $2) on conflict do nothing', [
    AGENT_RELEASE,
    '0',
  ]);
  await database.query('update agent_releases set published = true where version = $1', [version]);
}

/** Newest first. */
export async function listReleases(database: Queryable): Promise<StoredRelease[]> {
  return database.query<StoredRelease>(
    `select r.version, r.name, r.expires_real_at as "expiresRealMs", r.files, r.bytes, r.published,
       (select count(*)::int from car_agents a where a.version = r.version) as cars
     from agent_releases r order by r.version desc`,
  );
}

export async function readSignedRelease(database: Queryable, version: number): Promise<SignedRelease | undefined> {
  const [found] = await database.query<SignedRelease>(
    'select manifest as signed, signatures from agent_releases where version = $1 and published',
    [version],
  );
  return found;
}

export interface CarAgent {
  readonly vehicleId: string;
  readonly version: number;
  readonly failed: readonly number[];
  /** That the agent may not use. */
  readonly refused: number | null;
  readonly toldRealMs: number;
}

export async function saveCarAgent(database: Queryable, car: CarAgent): Promise<void> {
  await database.query(
    `insert into car_agents (vehicle_id, version, failed, refused, told_real_at) values ($1, $2, $3, $4, $5)
     on conflict (vehicle_id) do update set version = excluded.version, failed = excluded.failed,
       refused = excluded.refused, told_real_at = excluded.told_real_at`,
    [car.vehicleId, car.version, car.failed, car.refused, instant(car.toldRealMs)],
  );
}

export async function listCarAgents(
  database: Queryable,
  cellId: string,
): Promise<(CarAgent & { readonly ordered: number | null })[]> {
  return database.query(
    `select a.vehicle_id as "vehicleId", a.version, a.failed, a.refused, a.told_real_at as "toldRealMs", o.version as ordered
     from car_agents a join vehicles v on v.id = a.vehicle_id join regions r on r.id = v.region_id
       left join agent_orders o on o.vehicle_id = a.vehicle_id
     where r.cell_id in ${cellsBeside('$1')} order by a.vehicle_id`,
    [cellId],
  );
}

/** What the car was told to run by a roll-out, or else what every car is to run; 0: no release. */
export async function wantedRelease(database: Queryable, vehicleId: string): Promise<number> {
  const [found] = await database.query<{ wanted: number | null }>(
    `select greatest((select version from agent_orders where vehicle_id = $1),
       (select version::int from model_latest where name = $2)) as wanted`,
    [vehicleId, AGENT_RELEASE],
  );
  return found?.wanted ?? 0;
}

/** A car that takes releases, and how far it is with this one. */
export interface ReleaseCar extends EligibleCar {
  readonly ordered: boolean;
  readonly holds: boolean;
  /** It tried the release and went back, or may not use it. */
  readonly failed: boolean;
}

/** Cars of all cells beside whose agents have told what they run. @param heardSinceRealMs those that did since are present */
export async function listReleaseCars(
  database: Queryable,
  cellId: string,
  version: number,
  heardSinceRealMs: number,
): Promise<ReleaseCar[]> {
  return database.query<ReleaseCar>(
    `select v.id as "vehicleId", v.region_id as "regionId", v.hardware_class as "hardwareClass",
       a.told_real_at >= $3 as present, a.version >= $2 as holds,
       coalesce(o.version = $2, false) as ordered, ($2 = any(a.failed) or coalesce(a.refused = $2, false)) as failed
     from car_agents a join vehicles v on v.id = a.vehicle_id join regions r on r.id = v.region_id
       left join agent_orders o on o.vehicle_id = v.id
     where r.cell_id in ${cellsBeside('$1')} order by v.id`,
    [cellId, version, instant(heardSinceRealMs)],
  );
}

export async function orderRelease(database: Queryable, version: number, vehicleIds: readonly string[]): Promise<void> {
  await database.query(
    `insert into agent_orders (vehicle_id, version) select id, $1 from vehicles where id = any($2)
     on conflict (vehicle_id) do update set version = excluded.version, ordered_real_at = now()`,
    [version, vehicleIds],
  );
}

/** Cars that have not begun with it yet do not. */
export async function removeReleaseOrders(database: Queryable, version: number): Promise<void> {
  await database.query('delete from agent_orders where version = $1', [version]);
}
