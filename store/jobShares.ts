import { cellsBeside } from './cells.ts';
import { columns, instant, type Queryable } from './database.ts';

/** What a cell's newest plan says of a job. */
export interface StoredOffer {
  readonly jobId: string;
  /** EUR; null where no car of the cell could compute it. */
  readonly eurPerShard: number | null;
  readonly spareShards: number;
  readonly lateShards: number;
}

/** Replaces what the cell's plans said before. */
export async function saveOffers(
  database: Queryable,
  cellId: string,
  slotStartMs: number,
  offers: readonly StoredOffer[],
): Promise<void> {
  await database.transaction(async (tx) => {
    await tx.query('delete from job_offers where cell_id = $1', [cellId]);
    await tx.query(
      `insert into job_offers (cell_id, slot_start, job_id, eur_per_shard, spare_shards, late_shards)
       select $1, $2, * from unnest($3::text[], $4::double precision[], $5::int[], $6::int[])`,
      [
        cellId,
        instant(slotStartMs),
        ...columns(
          offers,
          ({ jobId }) => jobId,
          ({ eurPerShard }) => eurPerShard,
          ({ spareShards }) => spareShards,
          ({ lateShards }) => lateShards,
        ),
      ],
    );
  });
}

/** How a cell's share of a job stands. */
export interface StoredShare {
  readonly jobId: string;
  readonly cellId: string;
  readonly shards: number;
  readonly moved: number | null;
}

export interface OfferOfCell extends StoredOffer {
  readonly cellId: string;
}

export async function listOffers(database: Queryable, jobIds: readonly string[]): Promise<OfferOfCell[]> {
  return database.query<OfferOfCell>(
    `select job_id as "jobId", cell_id as "cellId", eur_per_shard as "eurPerShard", spare_shards as "spareShards",
       late_shards as "lateShards" from job_offers where job_id = any($1) order by job_id, cell_id`,
    [jobIds],
  );
}

export async function listShares(database: Queryable, jobIds: readonly string[]): Promise<StoredShare[]> {
  return database.query<StoredShare>(
    `select job_id as "jobId", cell_id as "cellId", shards, moved from job_shares where job_id = any($1)
     order by job_id, cell_id`,
    [jobIds],
  );
}

export async function saveShares(database: Queryable, shares: readonly StoredShare[]): Promise<void> {
  await database.query(
    `insert into job_shares (job_id, cell_id, shards, moved)
     select * from unnest($1::text[], $2::text[], $3::int[], $4::int[])
     on conflict (job_id, cell_id) do update set shards = excluded.shards, moved = excluded.moved`,
    columns(
      shares,
      ({ jobId }) => jobId,
      ({ cellId }) => cellId,
      ({ shards }) => shards,
      ({ moved }) => moved,
    ),
  );
}

/** A cell that may share jobs with the given one, itself included. */
export interface CellBeside {
  readonly cellId: string;
  /** Start of the slot of its newest plan; null before the first. */
  readonly plannedMs: number | null;
}

export async function listCellsBeside(database: Queryable, cellId: string): Promise<CellBeside[]> {
  return database.query<CellBeside>(
    `select b.id as "cellId", (select max(p.slot_start) from plans p where p.cell_id = b.id) as "plannedMs"
     from cells b where b.id in ${cellsBeside('$1')} order by b.id`,
    [cellId],
  );
}
