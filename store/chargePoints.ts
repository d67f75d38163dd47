import { NightshiftError } from '../domain/errors.ts';
import type { Queryable } from './database.ts';

/** A plug of a charger that connects over OCPP, as it is enrolled. */
export interface ChargerPlug {
  readonly chargePointId: string;
  /** Connector of OCPP 1.6, EVSE of 2.0.1; from 1. */
  readonly plug: number;
  readonly cellId: string;
  readonly feederId: string;
  /** The car that is at it unless a token says otherwise; null: any car, each of them unknown. */
  readonly vehicleId: string | null;
  readonly phases: 1 | 3;
  readonly maxAmps: number;
  readonly metersCompute: boolean;
  readonly idTokens: readonly string[];
}

/** What was said of it last, and what was counted for its car. */
export interface ChargerPlugStatus<State> {
  /** Null before its charger first connected. */
  readonly state: State | null;
  readonly chargingKwh: number;
  readonly computeKwh: number;
  readonly seenRealMs: number | null;
}

export type KnownPlug<State> = ChargerPlug & ChargerPlugStatus<State>;

const PLUGS = `select p.charge_point_id as "chargePointId", p.plug, c.cell_id as "cellId", p.feeder_id as "feederId",
  p.vehicle_id as "vehicleId", p.phases, p.max_amps as "maxAmps", p.meters_compute as "metersCompute",
  p.id_tokens as "idTokens", p.state, p.charging_kwh as "chargingKwh", p.compute_kwh as "computeKwh",
  p.seen_real_at as "seenRealMs" from charger_plugs p join charge_points c on c.id = p.charge_point_id`;

/**
 * Adds a plug, with its charger where that is new, or changes what is known of it; what its meter has counted stays.
 * @param passwordSha256 of the charger, hex; undefined keeps the one that it has
 * @throws NightshiftError `invalid_request` for a feeder or a car that is not enrolled, or a car that has a plug already
 */
export async function putChargerPlug(
  database: Queryable,
  plug: ChargerPlug,
  passwordSha256: string | undefined,
): Promise<void> {
  await database.transaction(async (tx) => {
    await mustBeThere(tx, plug);
    await tx.query(
      `insert into charge_points (id, cell_id, password_sha256) values ($1, $2, $3)
       on conflict (id) do update set password_sha256 = coalesce($4, charge_points.password_sha256)`,
      [plug.chargePointId, plug.cellId, passwordSha256 ?? '', passwordSha256 ?? null],
    );
    await tx.query(
      `insert into charger_plugs (charge_point_id, plug, feeder_id, vehicle_id, phases, max_amps, meters_compute,
         id_tokens) values ($1, $2, $3, $4, $5, $6, $7, $8)
       on conflict (charge_point_id, plug) do update set feeder_id = excluded.feeder_id,
         vehicle_id = excluded.vehicle_id, phases = excluded.phases, max_amps = excluded.max_amps,
         meters_compute = excluded.meters_compute, id_tokens = excluded.id_tokens`,
      [
        plug.chargePointId,
        plug.plug,
        plug.feederId,
        plug.vehicleId,
        plug.phases,
        plug.maxAmps,
        plug.metersCompute,
        plug.idTokens,
      ],
    );
  });
}

async function mustBeThere(tx: Queryable, asked: ChargerPlug): Promise<void> {
  const { chargePointId, plug, cellId, feederId, vehicleId } = asked;
  const [elsewhere] = await tx.query('select 1 from charge_points where id = $1 and cell_id <> $2', [
    chargePointId,
    cellId,
  ]);
  if (elsewhere) throw new NightshiftError('conflict', `Another cell has a charger "${chargePointId}".`);
  const [feeder] = await tx.query(
    'select f.id from feeders f join regions r on r.id = f.region_id where f.id = $1 and r.cell_id = $2',
    [feederId, cellId],
  );
  if (!feeder) throw invalid('feeder', `There is no feeder "${feederId}".`);
  if (vehicleId === null) return;
  const [car] = await tx.query<{ feederId: string }>('select feeder_id as "feederId" from vehicles where id = $1', [
    vehicleId,
  ]);
  if (!car) throw invalid('car', `There is no car "${vehicleId}".`);
  if (car.feederId !== feederId) {
    throw invalid('feeder', `The car "${vehicleId}" is enrolled on feeder "${car.feederId}", not "${feederId}".`);
  }
  const [commanded] = await tx.query('select 1 from tesla_cars where vehicle_id = $1', [vehicleId]);
  if (commanded) throw invalid('car', `The car "${vehicleId}" is told by commands at Tesla; "tesla remove" ends that.`);
  const [other] = await tx.query<{ id: string; plug: number }>(
    `select charge_point_id as id, plug from charger_plugs
     where vehicle_id = $1 and (charge_point_id, plug) <> ($2, $3)`,
    [vehicleId, chargePointId, plug],
  );
  if (other)
    throw invalid('car', `The car "${vehicleId}" belongs to plug ${other.plug} of charger "${other.id}" already.`);
}

function invalid(field: string, message: string): NightshiftError {
  return new NightshiftError('invalid_request', message, { field });
}

/** @param plug undefined: all; the charger goes with the last of them */
export async function removeChargerPlugs(
  database: Queryable,
  cellId: string,
  id: string,
  plug: number | undefined,
): Promise<boolean> {
  return database.transaction(async (tx) => {
    const rows = await tx.query(
      `delete from charger_plugs p using charge_points c
       where c.id = p.charge_point_id and c.id = $1 and c.cell_id = $2 and ($3::int is null or p.plug = $3)
       returning p.plug`,
      [id, cellId, plug ?? null],
    );
    await tx.query(
      `delete from charge_points c where c.id = $1 and c.cell_id = $2
         and not exists (select 1 from charger_plugs p where p.charge_point_id = c.id)`,
      [id, cellId],
    );
    return rows.length > 0;
  });
}

/** @returns its plugs, only with the right password; none for a charger that is not enrolled */
export async function admitChargePoint<State>(
  database: Queryable,
  id: string,
  passwordSha256: string,
): Promise<KnownPlug<State>[]> {
  return database.query(`${PLUGS} where c.id = $1 and c.password_sha256 = $2 order by p.plug`, [id, passwordSha256]);
}

export async function listChargerPlugs<State>(database: Queryable, cellId: string): Promise<KnownPlug<State>[]> {
  return database.query(`${PLUGS} where c.cell_id = $1 order by p.charge_point_id, p.plug`, [cellId]);
}

export async function saveChargerPlug(
  database: Queryable,
  { chargePointId, plug }: Pick<ChargerPlug, 'chargePointId' | 'plug'>,
  { state, chargingKwh, computeKwh }: Omit<ChargerPlugStatus<unknown>, 'seenRealMs'>,
): Promise<void> {
  await database.query(
    `update charger_plugs set state = $3, charging_kwh = $4, compute_kwh = $5, seen_real_at = now()
     where charge_point_id = $1 and plug = $2`,
    [chargePointId, plug, JSON.stringify(state), chargingKwh, computeKwh],
  );
}

/**
 * Load of cars at our chargers that are not enrolled, kW by feeder, as the chargers said last. At least what their
 * fail-safe of 6 A lets them draw: such a car may begin at any moment.
 */
export async function listForeignLoads(database: Queryable, cellId: string): Promise<ReadonlyMap<string, number>> {
  const rows = await database.query<{ feederId: string; kw: number }>(
    `select p.feeder_id as "feederId",
       sum(greatest(p.phases * 6 * 0.23, coalesce((p.state->'connector'->>'powerKw')::float8, 0)))::float8 as kw
     from charger_plugs p join charge_points c on c.id = p.charge_point_id
     where c.cell_id = $1 and (p.state->>'isForeign')::boolean group by p.feeder_id`,
    [cellId],
  );
  return new Map(rows.map(({ feederId, kw }) => [feederId, kw]));
}
