import { columns, instant, type Queryable } from './database.ts';

/** What telemetry says of a car, fused. A stale value is kept: it is old, not absent. */
export interface VehicleState {
  readonly vehicleId: string;
  /** State of the ingress's reducer (api/ingress/fusion.ts), so that it survives a restart. */
  readonly fused: unknown;
  readonly pluggedIn: boolean;
  readonly online: boolean;
  readonly socPercent: number | null;
  /** Grid time of the newest message. */
  readonly updatedAtMs: number;
}

/** Stores many at once, at most one for each car. */
export async function upsertVehicleStates(database: Queryable, states: readonly VehicleState[]): Promise<void> {
  if (states.length === 0) return;
  await database.query(
    `insert into vehicle_states (vehicle_id, fused, plugged_in, online, soc_percent, updated_at)
     select * from unnest($1::text[], $2::jsonb[], $3::boolean[], $4::boolean[], $5::numeric[], $6::timestamptz[])
     on conflict (vehicle_id) do update set fused = excluded.fused, plugged_in = excluded.plugged_in,
       online = excluded.online, soc_percent = excluded.soc_percent, updated_at = excluded.updated_at`,
    columns(
      states,
      (state) => state.vehicleId,
      (state) => JSON.stringify(state.fused),
      (state) => state.pluggedIn,
      (state) => state.online,
      (state) => state.socPercent,
      (state) => instant(state.updatedAtMs),
    ),
  );
}

/** States of the cell's cars that were ever heard of. */
export async function listVehicleStates(database: Queryable, cellId: string): Promise<VehicleState[]> {
  return database.query<VehicleState>(
    `select s.vehicle_id as "vehicleId", s.fused, s.plugged_in as "pluggedIn", s.online,
       s.soc_percent as "socPercent", s.updated_at as "updatedAtMs"
     from vehicle_states s join vehicles v on v.id = s.vehicle_id join regions r on r.id = v.region_id
     where r.cell_id = $1 order by s.vehicle_id`,
    [cellId],
  );
}

export async function readVehicleState(database: Queryable, vehicleId: string): Promise<VehicleState | undefined> {
  const [state] = await database.query<VehicleState>(
    `select vehicle_id as "vehicleId", fused, plugged_in as "pluggedIn", online, soc_percent as "socPercent",
       updated_at as "updatedAtMs"
     from vehicle_states where vehicle_id = $1`,
    [vehicleId],
  );
  return state;
}

export interface FleetSummary {
  readonly regionId: string;
  readonly vehicles: number;
  readonly online: number;
  readonly pluggedIn: number;
}

/** How many cars each region of the cell has, and how many of them are online and plugged in. */
export async function summarizeFleet(database: Queryable, cellId: string): Promise<FleetSummary[]> {
  return database.query<FleetSummary>(
    `select r.id as "regionId", count(v.id) as vehicles, count(*) filter (where s.online) as online,
       count(*) filter (where s.plugged_in) as "pluggedIn"
     from regions r left join vehicles v on v.region_id = r.id left join vehicle_states s on s.vehicle_id = v.id
     where r.cell_id = $1 group by r.id order by r.id`,
    [cellId],
  );
}
