import type { Queryable } from './database.ts';

/** Energy at the plug and what came with it. */
export interface Footprint {
  readonly energyWh: number;
  readonly gCo2: number;
  readonly costEur: number;
  /** Part of `energyWh` of whose price nobody knew anything: it is not in `costEur`. */
  readonly unpricedWh: number;
}

/** Books a car's share in a shard; null where nobody knew the region's price or carbon intensity. */
export async function addShardFootprint(
  database: Queryable,
  share: {
    readonly jobId: string;
    readonly shard: number;
    readonly energyWh: number;
    readonly gCo2: number | null;
    readonly costEur: number | null;
  },
): Promise<void> {
  await database.query(
    'insert into shard_footprints (job_id, shard, energy_wh, gco2, cost_eur) values ($1, $2, $3, $4, $5)',
    [share.jobId, share.shard, share.energyWh, share.gCo2, share.costEur],
  );
}

/** By job, also of those whose shards are folded. */
export async function readFootprints(
  database: Queryable,
  jobIds: readonly string[],
): Promise<ReadonlyMap<string, Footprint>> {
  const rows = await database.query<Footprint & { jobId: string }>(
    `select job_id as "jobId", sum(energy_wh) as "energyWh", coalesce(sum(gco2), 0) as "gCo2",
       coalesce(sum(cost_eur), 0) as "costEur",
       coalesce(sum(energy_wh) filter (where cost_eur is null), 0) as "unpricedWh"
     from shard_footprints where job_id = any($1) group by job_id
     union all select batch_id, energy_wh, gco2, cost_eur, unpriced_wh from batch_totals where batch_id = any($1)
       and energy_wh > 0`,
    [jobIds],
  );
  return new Map(rows.map((row) => [row.jobId, row]));
}
