import { NightshiftError } from '../domain/errors.ts';
import type { Queryable } from './database.ts';
import type { Seal } from './seal.ts';

/** A car that is told what to draw by commands of Tesla's Fleet API. */
export interface TeslaCar {
  readonly vehicleId: string;
  /** The owner's account that it is in. */
  readonly accountId: string;
  readonly phases: 1 | 3;
  readonly maxAmps: number;
  /** Whether its computer draws through the car, so that the car's meter sees compute too. */
  readonly metersCompute: boolean;
}

/** With what is known of it, as it was kept; null before it was first looked at. */
export type KnownTeslaCar = TeslaCar & { readonly state: unknown };

const CARS = `select t.vehicle_id as "vehicleId", t.account_id as "accountId", t.phases, t.max_amps as "maxAmps",
  t.meters_compute as "metersCompute", t.state from tesla_cars t join tesla_accounts a on a.id = t.account_id`;

/**
 * Links an account, or links it anew.
 * @param tokens as JSON; sealed for this account
 * @throws NightshiftError `conflict` when it is another cell's
 */
export async function linkTeslaAccount(
  database: Queryable,
  seal: Seal,
  account: { readonly id: string; readonly cellId: string; readonly tokens: string },
): Promise<void> {
  const { id, cellId, tokens } = account;
  const rows = await database.query(
    `insert into tesla_accounts (id, cell_id, sealed) values ($1, $2, $3)
     on conflict (id) do update set sealed = excluded.sealed, linked_real_at = now()
     where tesla_accounts.cell_id = excluded.cell_id returning id`,
    [id, cellId, seal.seal(tokens, placeOfTeslaAccount(id))],
  );
  if (rows.length === 0) throw new NightshiftError('conflict', `Another cell has an account "${id}".`);
}

/** @returns the account's tokens as JSON @throws NightshiftError `not_found` when it is no longer linked */
export async function readTeslaTokens(database: Queryable, seal: Seal, id: string): Promise<string> {
  const [row] = await database.query<{ sealed: string }>('select sealed from tesla_accounts where id = $1', [id]);
  if (!row) throw new NightshiftError('not_found', `The account ${id} is no longer linked.`);
  return seal.open(row.sealed, placeOfTeslaAccount(id));
}

/** Stores what an exchange has given. */
export async function saveTeslaTokens(database: Queryable, seal: Seal, id: string, tokens: string): Promise<void> {
  await database.query('update tesla_accounts set sealed = $2 where id = $1', [
    id,
    seal.seal(tokens, placeOfTeslaAccount(id)),
  ]);
}

export async function listTeslaAccounts(
  database: Queryable,
  cellId: string,
): Promise<{ readonly id: string; readonly linkedRealMs: number }[]> {
  return database.query(
    'select id, linked_real_at as "linkedRealMs" from tesla_accounts where cell_id = $1 order by id',
    [cellId],
  );
}

/** Unlinks it, with all its cars. */
export async function removeTeslaAccount(database: Queryable, cellId: string, id: string): Promise<boolean> {
  const rows = await database.query('delete from tesla_accounts where id = $1 and cell_id = $2 returning id', [
    id,
    cellId,
  ]);
  return rows.length > 0;
}

/**
 * Has a car told by commands from now on, or changes how; what is known of it stays.
 * @throws NightshiftError `invalid_request` for an account or car that is not there, or a car whose charger we control
 */
export async function putTeslaCar(database: Queryable, cellId: string, car: TeslaCar): Promise<void> {
  await database.transaction(async (tx) => {
    const accounts = await listTeslaAccounts(tx, cellId);
    if (!accounts.some(({ id }) => id === car.accountId)) {
      throw invalid('account', `There is no account "${car.accountId}": link it first.`);
    }
    const [known] = await tx.query(
      'select 1 from vehicles v join regions r on r.id = v.region_id where v.id = $1 and r.cell_id = $2',
      [car.vehicleId, cellId],
    );
    if (!known) throw invalid('vin', `There is no car "${car.vehicleId}": enrol it first.`);
    const [plug] = await tx.query<{ id: string }>(
      'select charge_point_id as id from charger_plugs where vehicle_id = $1',
      [car.vehicleId],
    );
    if (plug)
      throw invalid('vin', `The car "${car.vehicleId}" is charged by the charger "${plug.id}"; one must do it.`);
    await tx.query(
      `insert into tesla_cars (vehicle_id, account_id, phases, max_amps, meters_compute) values ($1, $2, $3, $4, $5)
       on conflict (vehicle_id) do update set account_id = excluded.account_id, phases = excluded.phases,
         max_amps = excluded.max_amps, meters_compute = excluded.meters_compute`,
      [car.vehicleId, car.accountId, car.phases, car.maxAmps, car.metersCompute],
    );
  });
}

function invalid(field: string, message: string): NightshiftError {
  return new NightshiftError('invalid_request', message, { field });
}

export async function removeTeslaCar(database: Queryable, cellId: string, vehicleId: string): Promise<boolean> {
  const rows = await database.query(
    `delete from tesla_cars t using tesla_accounts a
     where a.id = t.account_id and a.cell_id = $2 and t.vehicle_id = $1 returning t.vehicle_id`,
    [vehicleId, cellId],
  );
  return rows.length > 0;
}

export async function listTeslaCars(database: Queryable, cellId: string): Promise<KnownTeslaCar[]> {
  return database.query(`${CARS} where a.cell_id = $1 order by t.vehicle_id`, [cellId]);
}

export async function saveTeslaCar(database: Queryable, vehicleId: string, state: unknown): Promise<void> {
  await database.query('update tesla_cars set state = $2 where vehicle_id = $1', [vehicleId, JSON.stringify(state)]);
}

/** Sealed values cannot be moved from one account to another. */
export function placeOfTeslaAccount(id: string): string {
  return `tesla/${id}`;
}
