import { instant, type Queryable } from './database.ts';

/** How reading one feed of a region went. Instants are grid time. */
export interface FeedState {
  readonly feed: string;
  /** When the source itself was last read; null when it never worked. */
  readonly readAtMs: number | null;
  /** Null while it works. */
  readonly failingSinceMs: number | null;
  readonly failure: string | null;
  /** In a row. */
  readonly failures: number;
}

/** @param readAtMs when the source itself was read: a cache answers with what it read before */
export async function recordFeedRead(
  database: Queryable,
  read: { readonly regionId: string; readonly feed: string; readonly readAtMs: number },
): Promise<void> {
  await database.query(
    `insert into feed_states (region_id, feed, read_at) values ($1, $2, $3)
     on conflict (region_id, feed) do update set read_at = greatest(feed_states.read_at, excluded.read_at),
       failing_since = null, failure = null, failures = 0`,
    [read.regionId, read.feed, instant(read.readAtMs)],
  );
}

export async function recordFeedFailure(
  database: Queryable,
  failed: { readonly regionId: string; readonly feed: string; readonly atMs: number; readonly failure: string },
): Promise<void> {
  await database.query(
    `insert into feed_states (region_id, feed, failing_since, failure, failures) values ($1, $2, $3, $4, 1)
     on conflict (region_id, feed) do update set
       failing_since = coalesce(feed_states.failing_since, excluded.failing_since),
       failure = excluded.failure, failures = feed_states.failures + 1`,
    [failed.regionId, failed.feed, instant(failed.atMs), failed.failure],
  );
}

/** Forgets feeds that the region no longer names. */
export async function keepFeedStates(database: Queryable, regionId: string, feeds: readonly string[]): Promise<void> {
  await database.query('delete from feed_states where region_id = $1 and feed <> all($2)', [regionId, feeds]);
}

export async function listFeedStates(database: Queryable, regionId: string): Promise<FeedState[]> {
  return database.query<FeedState>(
    `select feed, read_at as "readAtMs", failing_since as "failingSinceMs", failure, failures
     from feed_states where region_id = $1 order by feed`,
    [regionId],
  );
}
