import { instant, type Queryable } from './database.ts';
import { upsertSignals, type SignalSpan } from './signals.ts';

/** All that the named sources say about a region from an instant on. */
export interface SeriesRest {
  readonly regionId: string;
  readonly sources: readonly string[];
  readonly fromMs: number;
}

/**
 * Makes the spans all that the sources say from `fromMs` on: unlike `upsertSignals`, what is not among them any more is
 * taken away. What was said about the time before stays as it was.
 * @param spans of these sources, none of them before `fromMs`
 * @returns whether anything is now otherwise than it was
 */
export async function replaceSeries(
  database: Queryable,
  rest: SeriesRest,
  spans: readonly SignalSpan[],
): Promise<boolean> {
  const { regionId, sources, fromMs } = rest;
  return database.transaction(async (tx) => {
    await tx.query(`select pg_advisory_xact_lock(hashtext('signals'), hashtext($1))`, [regionId]);
    const where = 'region_id = $1 and source = any($2) and ends_at > $3';
    const values = [regionId, sources, instant(fromMs)];
    const known = await tx.query<SignalSpan>(
      `select feeder_id as "feederId", kind, source, greatest(starts_at, $3) as "startMs", ends_at as "endMs", value
       from signals where ${where}`,
      values,
    );
    if (drawn(known) === drawn(spans)) return false;
    await tx.query(`delete from signals where ${where} and starts_at >= $3`, values);
    await tx.query(`update signals set ends_at = $3 where ${where}`, values);
    await upsertSignals(tx, spans);
    return true;
  });
}

function drawn(
  spans: readonly Pick<SignalSpan, 'feederId' | 'kind' | 'source' | 'startMs' | 'endMs' | 'value'>[],
): string {
  return JSON.stringify(
    spans
      .map(({ feederId, kind, source, startMs, endMs, value }) =>
        [kind, feederId, source, startMs, endMs, value].join(' '),
      )
      .sort(),
  );
}
