import { rolloutFamily } from '../domain/rollouts/rolloutSpec.ts';
import type { EligibleCar } from '../domain/rollouts/drawCars.ts';
import type { Rollout, RolloutStatus } from '../domain/workflows/modelRollout.ts';
import { cellsBeside } from './cells.ts';
import { instant, only, type Queryable } from './database.ts';

/** A roll-out with where it stands. Instants are grid time. */
export interface StoredRollout extends Rollout {
  readonly status: RolloutStatus;
  readonly startedAtMs: number;
  readonly decidedAtMs: number | null;
  readonly drainedAtMs: number | null;
}

const COLUMNS = `o.id, o.cell_id as "cellId", o.name, o.version, o.previous_version as "previousVersion", o.family,
  o.base_family as "baseFamily", o.spec, o.status, o.started_at as "startedAtMs", o.decided_at as "decidedAtMs",
  o.drained_at as "drainedAtMs"`;

/** Begins a roll-out. @returns undefined while another one of the model goes on */
export async function insertRollout(
  database: Queryable,
  rollout: Omit<Rollout, 'id' | 'family'> & { readonly status: RolloutStatus; readonly startedAtMs: number },
): Promise<StoredRollout | undefined> {
  const { cellId, name, version, previousVersion, baseFamily, spec, status, startedAtMs } = rollout;
  const { id } = only(
    await database.query<{ id: number }>(`select nextval(pg_get_serial_sequence('model_rollouts', 'id')) as id`),
  );
  const rows = await database.query<StoredRollout>(
    `insert into model_rollouts as o (id, cell_id, name, version, previous_version, family, base_family, spec, status, started_at)
     overriding system value values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
     on conflict (name) where decided_at is null do nothing returning ${COLUMNS}`,
    [
      id,
      cellId,
      name,
      version,
      previousVersion,
      rolloutFamily(baseFamily, id),
      baseFamily,
      JSON.stringify(spec),
      JSON.stringify(status),
      instant(startedAtMs),
    ],
  );
  return rows[0];
}

/** The newest roll-out of the version, or of any version that is not decided yet. */
export async function readRollout(
  database: Queryable,
  name: string,
  version?: string,
): Promise<StoredRollout | undefined> {
  const [found] = await database.query<StoredRollout>(
    `select ${COLUMNS} from model_rollouts o where name = $1 and ($2::text is null or version = $2)
     order by o.decided_at is null desc, o.id desc limit 1`,
    [name, version ?? null],
  );
  return found;
}

/** Newest first. */
export async function listRollouts(database: Queryable, limit: number): Promise<StoredRollout[]> {
  return database.query<StoredRollout>(`select ${COLUMNS} from model_rollouts o order by o.id desc limit $1`, [limit]);
}

export async function recordRolloutStatus(database: Queryable, id: number, status: RolloutStatus): Promise<void> {
  await database.query('update model_rollouts set status = $2 where id = $1', [id, JSON.stringify(status)]);
}

/** @returns whether it was decided by this call */
export async function decideStoredRollout(database: Queryable, id: number, atMs: number): Promise<boolean> {
  const rows = await database.query(
    'update model_rollouts set decided_at = $2 where id = $1 and decided_at is null returning id',
    [id, instant(atMs)],
  );
  return rows.length > 0;
}

/** Cars of all cells beside, that serve the family, have room for the version, and whose owners let them compute. */
export async function listEligibleCars(
  database: Queryable,
  { cellId, baseFamily, name, version }: Pick<Rollout, 'cellId' | 'baseFamily' | 'name' | 'version'>,
): Promise<(EligibleCar & { readonly feederId: string })[]> {
  return database.query(
    `select v.id as "vehicleId", v.region_id as "regionId", v.feeder_id as "feederId",
       v.hardware_class as "hardwareClass", coalesce(s.plugged_in, false) as present
     from vehicles v join regions r on r.id = v.region_id left join vehicle_states s on s.vehicle_id = v.id
     where r.cell_id in ${cellsBeside('$1')} and $2 = any(v.model_families) and (v.policy ->> 'computeOptIn')::boolean
       and not exists (select 1 from quarantines q where q.vehicle_id = v.id and q.ended_at is null)
       and not exists (
         select 1 from hardware_classes h join models m on m.name = $3 and m.version = $4 and m.tenant_id is null
         where h.id = v.hardware_class and h.memory_mb < m.memory_mb)
     order by v.id`,
    [cellId, baseFamily, name, version],
  );
}

/** Ids of the cars that were drawn for the roll-out, and whether they say that they have fetched the model. */
export async function listRolloutCars(
  database: Queryable,
  { id, name, version }: Pick<Rollout, 'id' | 'name' | 'version'>,
): Promise<{ readonly vehicleId: string; readonly holds: boolean }[]> {
  return database.query(
    `select c.vehicle_id as "vehicleId", exists (
       select 1 from car_models h where h.vehicle_id = c.vehicle_id and h.name = $2 and h.version = $3) as holds
     from rollout_cars c where c.rollout_id = $1 order by c.vehicle_id`,
    [id, name, version],
  );
}

export async function addRolloutCars(
  database: Queryable,
  rolloutId: number,
  wave: number,
  vehicleIds: readonly string[],
): Promise<void> {
  await database.query(
    `insert into rollout_cars (rollout_id, vehicle_id, wave) select $1, id, $3 from vehicles where id = any($2)
     on conflict do nothing`,
    [rolloutId, vehicleIds, wave],
  );
}

/** Unfinished jobs whose shards only cars of the roll-out take. */
export async function countRolloutJobs(database: Queryable, family: string): Promise<number> {
  return only(
    await database.query<{ jobs: number }>(
      `select ((select count(*) from job_progress where not finished and model->>'family' = $1)
         + (select count(*) from batches where status in ('validating', 'in_progress', 'finalizing', 'cancelling')
              and split->'model'->>'family' = $1
              and not exists (select 1 from job_progress p where p.job_id = batches.id)))::int as jobs`,
      [family],
    ),
  ).jobs;
}

/** Lets the cars of a roll-out go: they poll their own queues alone. */
export async function endRollout(database: Queryable, id: number, atMs: number): Promise<void> {
  await database.query('update model_rollouts set drained_at = coalesce(drained_at, $2) where id = $1', [
    id,
    instant(atMs),
  ]);
  await database.query('delete from rollout_cars where rollout_id = $1', [id]);
}

/** A roll-out's family, and the family that cars must serve to take part. */
export interface RolloutFamily {
  readonly family: string;
  readonly base: string;
}

/** Families of the roll-outs, and of the rounds on own data, that each car of the cell takes part in, by car. */
export async function listRolloutFamilies(
  database: Queryable,
  cellId: string,
): Promise<ReadonlyMap<string, readonly RolloutFamily[]>> {
  const rows = await database.query<{ vehicleId: string; families: RolloutFamily[] }>(
    `select c.vehicle_id as "vehicleId",
       json_agg(json_build_object('family', c.family, 'base', c.base_family) order by c.family) as families
     from (
       select c.vehicle_id, o.family, o.base_family from rollout_cars c join model_rollouts o on o.id = c.rollout_id
       union all select vehicle_id, base_family || '~t' || id, base_family from training_cars
     ) c join vehicles v on v.id = c.vehicle_id join regions r on r.id = v.region_id
     where r.cell_id = $1 group by c.vehicle_id`,
    [cellId],
  );
  return new Map(rows.map(({ vehicleId, families }) => [vehicleId, families]));
}

/** Shards of all batches of a version that were accepted, and attempts at them that failed. */
export async function readVersionFailures(
  database: Queryable,
  name: string,
  version: string,
): Promise<{ readonly shards: number; readonly failures: number }> {
  return only(
    await database.query(
      `select coalesce(sum((select count(*) from accepted_shards a where a.job_id = b.id)), 0)::int as shards,
         coalesce(sum((select f.failures from attempt_failures f where f.job_id = b.id)), 0)::int as failures
       from (select id from batches where split->'model'->>'name' = $1 and split->'model'->>'version' = $2
             order by created_real_at desc limit 200) b`,
      [name, version],
    ),
  );
}

/** The newest batches that the version answers which is there before the roll-out's. */
export async function listPresentBatches(
  database: Queryable,
  { name, previousVersion, baseFamily }: Pick<Rollout, 'name' | 'previousVersion' | 'baseFamily'>,
  limit: number,
): Promise<{ id: string; endpoint: string; inputFileId: string }[]> {
  return database.query<{ id: string; endpoint: string; inputFileId: string }>(
    `select b.id, b.endpoint, b.input_file_id as "inputFileId" from batches b
     where b.split->'model'->>'name' = $1 and b.split->'model'->>'version' = $2
       and b.split->'model'->>'family' = $3 and b.status <> 'failed'
     order by b.created_real_at desc limit $4`,
    [name, previousVersion, baseFamily, limit],
  );
}
