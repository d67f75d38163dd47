import { instant, type Queryable } from './database.ts';

/** Energy at the plug and what came with it. */
export interface Footprint {
  readonly energyWh: number;
  readonly gCo2: number;
  readonly costEur: number;
}

/** Books a car's share in a shard at the price and carbon intensity that its region has at `atMs` (grid time). */
export async function addShardFootprint(
  database: Queryable,
  share: { jobId: string; shard: number; regionId: string; energyWh: number; atMs: number },
): Promise<void> {
  await database.query(
    `insert into shard_footprints (job_id, shard, energy_wh, gco2, cost_eur)
     values ($1, $2, $3, $3::numeric / 1000 * ${inForce('carbon')}, $3::numeric / 1000 * ${inForce('price')})`,
    [share.jobId, share.shard, share.energyWh, share.regionId, instant(share.atMs)],
  );
}

function inForce(kind: 'price' | 'carbon'): string {
  return `coalesce((select value from signals where region_id = $4 and feeder_id is null and kind = '${kind}'
    and starts_at <= $5 and ends_at > $5 order by source desc limit 1), 0)`;
}

export async function readFootprints(
  database: Queryable,
  jobIds: readonly string[],
): Promise<ReadonlyMap<string, Footprint>> {
  const rows = await database.query<Footprint & { jobId: string }>(
    `select job_id as "jobId", sum(energy_wh) as "energyWh", sum(gco2) as "gCo2", sum(cost_eur) as "costEur"
     from shard_footprints where job_id = any($1) group by job_id`,
    [jobIds],
  );
  return new Map(rows.map((row) => [row.jobId, row]));
}
