import { NightshiftError } from '../domain/errors.ts';
import type { Queryable } from './database.ts';

/** A charger that connects over OCPP, as it is enrolled. */
export interface ChargePoint {
  readonly id: string;
  readonly cellId: string;
  readonly feederId: string;
  /** The car that is at it unless a token says otherwise; null: any car, each of them unknown. */
  readonly vehicleId: string | null;
  readonly phases: 1 | 3;
  readonly maxAmps: number;
  readonly metersCompute: boolean;
  readonly idTokens: readonly string[];
}

/** What it said last, and what was counted for its car. */
export interface ChargePointStatus<State> {
  /** Null before it first connected. */
  readonly state: State | null;
  readonly chargingKwh: number;
  readonly computeKwh: number;
  readonly seenRealMs: number | null;
}

const COLUMNS = `c.id, c.cell_id as "cellId", c.feeder_id as "feederId", c.vehicle_id as "vehicleId", c.phases,
  c.max_amps as "maxAmps", c.meters_compute as "metersCompute", c.id_tokens as "idTokens"`;
const STATUS = `c.state, c.charging_kwh as "chargingKwh", c.compute_kwh as "computeKwh", c.seen_real_at as "seenRealMs"`;

/**
 * Adds a charger, or changes what is known of it; what its meter has counted stays.
 * @param passwordSha256 hex; undefined keeps the one that it has
 * @throws NightshiftError `invalid_request` for a feeder or a car that is not enrolled, or a car that has a charger already
 */
export async function putChargePoint(
  database: Queryable,
  point: ChargePoint,
  passwordSha256: string | undefined,
): Promise<void> {
  await database.transaction(async (tx) => {
    await mustBeThere(tx, point);
    await tx.query(
      `insert into charge_points (id, cell_id, feeder_id, vehicle_id, phases, max_amps, meters_compute, id_tokens,
         password_sha256) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
       on conflict (id) do update set cell_id = excluded.cell_id, feeder_id = excluded.feeder_id,
         vehicle_id = excluded.vehicle_id, phases = excluded.phases, max_amps = excluded.max_amps,
         meters_compute = excluded.meters_compute, id_tokens = excluded.id_tokens,
         password_sha256 = coalesce($9, charge_points.password_sha256)`,
      [
        point.id,
        point.cellId,
        point.feederId,
        point.vehicleId,
        point.phases,
        point.maxAmps,
        point.metersCompute,
        point.idTokens,
        passwordSha256 ?? (await keptPassword(tx, point.id)),
      ],
    );
  });
}

async function mustBeThere(tx: Queryable, { id, cellId, feederId, vehicleId }: ChargePoint): Promise<void> {
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
  const [other] = await tx.query<{ id: string }>('select id from charge_points where vehicle_id = $1 and id <> $2', [
    vehicleId,
    id,
  ]);
  if (other) throw invalid('car', `The car "${vehicleId}" belongs to the charger "${other.id}" already.`);
}

async function keptPassword(tx: Queryable, id: string): Promise<string> {
  const [kept] = await tx.query<{ passwordSha256: string }>(
    'select password_sha256 as "passwordSha256" from charge_points where id = $1',
    [id],
  );
  if (!kept) throw new NightshiftError('internal', `The new charger ${id} has no password.`);
  return kept.passwordSha256;
}

function invalid(field: string, message: string): NightshiftError {
  return new NightshiftError('invalid_request', message, { field });
}

export async function removeChargePoint(database: Queryable, cellId: string, id: string): Promise<boolean> {
  const rows = await database.query('delete from charge_points where id = $1 and cell_id = $2 returning id', [
    id,
    cellId,
  ]);
  return rows.length > 0;
}

/** @returns it only with the right password */
export async function admitChargePoint<State>(
  database: Queryable,
  id: string,
  passwordSha256: string,
): Promise<(ChargePoint & ChargePointStatus<State>) | undefined> {
  const [point] = await database.query<ChargePoint & ChargePointStatus<State>>(
    `select ${COLUMNS}, ${STATUS} from charge_points c where c.id = $1 and c.password_sha256 = $2`,
    [id, passwordSha256],
  );
  return point;
}

export async function listChargePoints<State>(
  database: Queryable,
  cellId: string,
): Promise<(ChargePoint & ChargePointStatus<State>)[]> {
  return database.query(`select ${COLUMNS}, ${STATUS} from charge_points c where c.cell_id = $1 order by c.id`, [
    cellId,
  ]);
}

export async function saveChargePoint(
  database: Queryable,
  id: string,
  { state, chargingKwh, computeKwh }: Omit<ChargePointStatus<unknown>, 'seenRealMs'>,
): Promise<void> {
  await database.query(
    'update charge_points set state = $2, charging_kwh = $3, compute_kwh = $4, seen_real_at = now() where id = $1',
    [id, JSON.stringify(state), chargingKwh, computeKwh],
  );
}

/**
 * Load of cars at our chargers that are not enrolled, kW by feeder, as the chargers said last. At least what their
 * fail-safe of 6 A lets them draw: such a car may begin at any moment.
 */
export async function listForeignLoads(database: Queryable, cellId: string): Promise<ReadonlyMap<string, number>> {
  const rows = await database.query<{ feederId: string; kw: number }>(
    `select feeder_id as "feederId",
       sum(greatest(phases * 6 * 0.23, coalesce((state->'connector'->>'powerKw')::float8, 0)))::float8 as kw
     from charge_points where cell_id = $1 and (state->>'isForeign')::boolean group by feeder_id`,
    [cellId],
  );
  return new Map(rows.map(({ feederId, kw }) => [feederId, kw]));
}
