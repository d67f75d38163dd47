import type { Queryable } from './database.ts';

export interface Feeder {
  readonly id: string;
  readonly regionId: string;
  /** The limit while no import limit is known: an expired limit never means "unlimited". */
  readonly failSafeImportKw: number;
}

export async function upsertFeeder(db: Queryable, feeder: Feeder): Promise<void> {
  await db.query(
    `insert into feeders (id, region_id, fail_safe_import_kw) values ($1, $2, $3)
     on conflict (id) do update set region_id = excluded.region_id, fail_safe_import_kw = excluded.fail_safe_import_kw`,
    [feeder.id, feeder.regionId, feeder.failSafeImportKw],
  );
}

export async function listFeeders(db: Queryable, cellId: string): Promise<Feeder[]> {
  return db.query<Feeder>(
    `select f.id, f.region_id as "regionId", f.fail_safe_import_kw as "failSafeImportKw"
     from feeders f join regions r on r.id = f.region_id where r.cell_id = $1 order by f.id`,
    [cellId],
  );
}

export async function listRegionFeeders(db: Queryable, regionId: string): Promise<Feeder[]> {
  return db.query<Feeder>(
    `select id, region_id as "regionId", fail_safe_import_kw as "failSafeImportKw"
     from feeders where region_id = $1 order by id`,
    [regionId],
  );
}
