import type { Queryable } from './database.ts';

/** Whether the operator trusts the car: then its checks measure its class of hardware, and do not judge it. */
export async function isTrustedCar(database: Queryable, vehicleId: string): Promise<boolean> {
  const [row] = await database.query<{ trusted: boolean }>('select trusted from vehicles where id = $1', [vehicleId]);
  return row?.trusted === true;
}

/** @returns whether there is such a car */
export async function setTrustedCar(database: Queryable, vehicleId: string, trusted: boolean): Promise<boolean> {
  const rows = await database.query('update vehicles set trusted = $2 where id = $1 returning id', [
    vehicleId,
    trusted,
  ]);
  return rows.length > 0;
}
