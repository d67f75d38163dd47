import { instant, type Queryable } from './database.ts';
import { listRegionFeeders } from './feeders.ts';
import { appendJournal } from './journal.ts';
import { upsertSignals } from './signals.ts';

/** A shed that people declared. Instants are grid time. */
export interface Emergency {
  readonly regionId: string;
  /** Names its series of import limits, and it. */
  readonly source: string;
  readonly message: string;
  readonly startMs: number;
  readonly endMs: number;
  /** Feeders that shed; all of the region when empty. */
  readonly feederIds: readonly string[];
}

/**
 * Puts an emergency into force as import limits of 0: the tightest limit of all sources counts.
 * @returns the feeders that shed
 */
export async function storeEmergency(database: Queryable, cellId: string, emergency: Emergency): Promise<string[]> {
  const { regionId, source, message, startMs, endMs, feederIds } = emergency;
  const feeders = await listRegionFeeders(database, regionId);
  const named = feeders.map(({ id }) => id).filter((id) => feederIds.length === 0 || feederIds.includes(id));
  await database.transaction(async (tx) => {
    await upsertSignals(
      tx,
      named.map((feederId) => ({
        regionId,
        feederId,
        kind: 'import_limit',
        startMs,
        endMs,
        value: 0,
        unit: 'kW',
        source,
        forecast: false,
        fetchedAtMs: startMs,
      })),
    );
    await appendJournal(tx, cellId, [
      {
        atMs: startMs,
        kind: 'emergency',
        subject: regionId,
        message: `${message}: no import on ${named.join(', ')}`,
        dedupeKey: source,
      },
    ]);
  });
  return named;
}

/**
 * Ends the emergencies of a region whose source has the prefix; what has been stays.
 * @returns their sources
 */
export async function endEmergencies(
  database: Queryable,
  cellId: string,
  ended: { readonly regionId: string; readonly sourcePrefix: string; readonly atMs: number },
): Promise<string[]> {
  const { regionId, sourcePrefix, atMs } = ended;
  return database.transaction(async (tx) => {
    await tx.query(`select pg_advisory_xact_lock(hashtext('signals'), hashtext($1))`, [regionId]);
    const where = 'region_id = $1 and starts_with(source, $2) and ends_at > $3';
    const values = [regionId, sourcePrefix, instant(atMs)];
    const running = await tx.query<{ source: string }>(`select distinct source from signals where ${where}`, values);
    await tx.query(`delete from signals where ${where} and starts_at >= $3`, values);
    await tx.query(`update signals set ends_at = $3 where ${where}`, values);
    const sources = running.map(({ source }) => source).sort();
    await appendJournal(
      tx,
      cellId,
      sources.map((source) => ({
        atMs,
        kind: 'emergency',
        subject: regionId,
        message: 'The emergency is ended',
        dedupeKey: `${source}/ended`,
      })),
    );
    return sources;
  });
}
