import type { OwnPhaseKind } from '../domain/ownData.ts';
import { trainingFamily } from '../domain/rollouts/rolloutSpec.ts';
import { columns, type Queryable } from './database.ts';

/** A car that takes part in a round on its own data, and the family of which it alone takes shards. */
export interface OwnCar {
  readonly vehicleId: string;
  readonly family: string;
}

/** What a car was asked for. */
export interface OwnBatch {
  readonly place: number;
  readonly kind: OwnPhaseKind;
  readonly vehicleId: string;
  readonly batchId: string;
}

/** Cars of the cell at their plugs whose owners let them compute and have agreed to runs on this data set. */
export async function listOwnDataCars(
  database: Queryable,
  { cellId, family, dataset }: { readonly cellId: string; readonly family: string; readonly dataset: string },
): Promise<string[]> {
  const rows = await database.query<{ id: string }>(
    `select v.id from vehicles v
       join regions r on r.id = v.region_id
       join parking_sessions p on p.vehicle_id = v.id and p.unplugged_at is null
     where r.cell_id = $1 and $2 = any(v.model_families) and (v.policy ->> 'computeOptIn')::boolean
       and v.policy::jsonb -> 'ownData' -> 'datasets' ? $3
       and not exists (select 1 from quarantines q where q.vehicle_id = v.id and q.ended_at is null)
     order by v.id`,
    [cellId, family, dataset],
  );
  return rows.map(({ id }) => id);
}

export async function addOwnCars(
  database: Queryable,
  { runId, round, baseFamily }: { readonly runId: string; readonly round: number; readonly baseFamily: string },
  vehicleIds: readonly string[],
): Promise<void> {
  await database.query(
    `insert into training_cars (run_id, round, vehicle_id, base_family)
     select $1, $2, id, $3 from vehicles where id = any($4) on conflict do nothing`,
    [runId, round, baseFamily, vehicleIds],
  );
}

export async function listOwnCars(database: Queryable, runId: string, round: number): Promise<OwnCar[]> {
  const rows = await database.query<{ id: number; vehicleId: string; baseFamily: string }>(
    `select id, vehicle_id as "vehicleId", base_family as "baseFamily" from training_cars
     where run_id = $1 and round = $2 order by vehicle_id`,
    [runId, round],
  );
  return rows.map(({ id, vehicleId, baseFamily }) => ({ vehicleId, family: trainingFamily(baseFamily, id) }));
}

/** Lets the cars of a round go: they poll their own queues alone. */
export async function removeOwnCars(database: Queryable, runId: string, round: number): Promise<void> {
  await database.query('delete from training_cars where run_id = $1 and round = $2', [runId, round]);
}

export async function recordOwnBatches(
  database: Queryable,
  { runId, round, attempt }: { readonly runId: string; readonly round: number; readonly attempt: number },
  batches: readonly OwnBatch[],
): Promise<void> {
  await database.query(
    `insert into training_phases (run_id, round, attempt, place, kind, vehicle_id, batch_id)
     select $1, $2, $3, t.* from unnest($4::int[], $5::text[], $6::text[], $7::text[]) as t (place, kind, vehicle_id, batch_id)`,
    [
      runId,
      round,
      attempt,
      ...columns(
        batches,
        ({ place }) => place,
        ({ kind }) => kind,
        ({ vehicleId }) => vehicleId,
        ({ batchId }) => batchId,
      ),
    ],
  );
}

/** Of the round's last attempt, by phase and car. */
export async function listOwnBatches(
  database: Queryable,
  { runId, round, attempt }: { readonly runId: string; readonly round: number; readonly attempt: number },
): Promise<OwnBatch[]> {
  return database.query<OwnBatch>(
    `select place, kind, vehicle_id as "vehicleId", batch_id as "batchId" from training_phases
     where run_id = $1 and round = $2 and attempt = $3 order by place, vehicle_id`,
    [runId, round, attempt],
  );
}
