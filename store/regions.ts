import { cellsBeside } from './cells.ts';
import type { Queryable } from './database.ts';

export interface Region {
  readonly id: string;
  readonly cellId: string;
  /** IANA name. */
  readonly timeZone: string;
  /** Which feeds to read; the grid activities own and check its form. */
  readonly feeds: unknown;
}

const COLUMNS = 'id, cell_id as "cellId", time_zone as "timeZone", feeds';

export async function upsertRegion(database: Queryable, region: Region): Promise<void> {
  await database.query(
    `insert into regions (id, cell_id, time_zone, feeds) values ($1, $2, $3, $4)
     on conflict (id) do update set cell_id = excluded.cell_id, time_zone = excluded.time_zone, feeds = excluded.feeds`,
    [region.id, region.cellId, region.timeZone, JSON.stringify(region.feeds)],
  );
}

export async function readRegion(database: Queryable, id: string): Promise<Region | undefined> {
  const [region] = await database.query<Region>(`select ${COLUMNS} from regions where id = $1`, [id]);
  return region;
}

export async function listRegions(database: Queryable, cellId: string): Promise<Region[]> {
  return database.query<Region>(`select ${COLUMNS} from regions where cell_id = $1 order by id`, [cellId]);
}

/** Ids of the regions of the cell, then those of the cells that may share its jobs. */
export async function listRegionIdsBeside(database: Queryable, cellId: string): Promise<string[]> {
  const rows = await database.query<{ id: string }>(
    `select id from regions where cell_id in ${cellsBeside('$1')} order by cell_id <> $1, id`,
    [cellId],
  );
  return rows.map(({ id }) => id);
}

/** Keeps what a region's last refresh came to. */
export async function saveRegionSummary(database: Queryable, id: string, summary: unknown): Promise<void> {
  await database.query('update regions set summary = $2 where id = $1', [id, JSON.stringify(summary)]);
}

/** What the region's last refresh came to, as it was saved; null before the first. */
export async function readRegionSummary(database: Queryable, id: string): Promise<unknown> {
  const [row] = await database.query<{ summary: unknown }>('select summary from regions where id = $1', [id]);
  return row?.summary ?? null;
}
