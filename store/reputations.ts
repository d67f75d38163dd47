import { NEW_REPUTATION, type Reputation } from '../domain/trust/reputation.ts';
import type { Queryable } from './database.ts';

/** Whose reputation, and at what. */
export interface ReputationKey {
  readonly vehicleId: string;
  readonly modelFamily: string;
  readonly hardwareClass: string;
}

export type StoredReputation = Omit<ReputationKey, 'vehicleId'> & { readonly reputation: Reputation };

export async function readReputation(database: Queryable, key: ReputationKey): Promise<Reputation> {
  const [row] = await database.query<{ reputation: Reputation }>(
    `select reputation from car_reputations where vehicle_id = $1 and model_family = $2 and hardware_class = $3`,
    [key.vehicleId, key.modelFamily, key.hardwareClass],
  );
  return row?.reputation ?? NEW_REPUTATION;
}

/** Changes a reputation by what is stored now; the car's row is locked until the transaction ends. */
export async function updateReputation<Result extends { readonly reputation: Reputation }>(
  tx: Queryable,
  key: ReputationKey,
  change: (before: Reputation) => Result,
): Promise<Result> {
  await tx.query('select 1 from vehicles where id = $1 for no key update', [key.vehicleId]);
  const changed = change(await readReputation(tx, key));
  await tx.query(
    `insert into car_reputations (vehicle_id, model_family, hardware_class, reputation) values ($1, $2, $3, $4)
     on conflict (vehicle_id, model_family, hardware_class) do update set reputation = excluded.reputation`,
    [key.vehicleId, key.modelFamily, key.hardwareClass, JSON.stringify(changed.reputation)],
  );
  return changed;
}

export async function listReputations(database: Queryable, vehicleId: string): Promise<StoredReputation[]> {
  return database.query<StoredReputation>(
    `select model_family as "modelFamily", hardware_class as "hardwareClass", reputation from car_reputations
     where vehicle_id = $1 order by model_family, hardware_class`,
    [vehicleId],
  );
}

/** Puts the car on probation in all that it does. */
export async function forgetReputations(database: Queryable, vehicleId: string): Promise<void> {
  await database.query('delete from car_reputations where vehicle_id = $1', [vehicleId]);
}
