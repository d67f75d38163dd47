import { columns, instant, type Queryable } from './database.ts';

/** `carbon` is average intensity; `marginal_carbon` is a series of its own, since the two must never be mixed. */
export const SIGNAL_KINDS = [
  'price',
  'carbon',
  'marginal_carbon',
  'temperature',
  'import_limit',
  'house_load',
] as const;
export type SignalKind = (typeof SIGNAL_KINDS)[number];

/** The one unit in which each kind is stored. */
export const SIGNAL_UNITS = {
  price: 'EUR/kWh',
  carbon: 'g/kWh',
  marginal_carbon: 'g/kWh',
  temperature: 'Cel',
  import_limit: 'kW',
  house_load: 'kW',
} as const satisfies Record<SignalKind, string>;

/** What a value of each kind can be at all: what lies beyond is a mistake of its source, and planning by it would be one. */
export const SIGNAL_LIMITS = {
  price: { least: -100, most: 100 },
  carbon: { least: 0, most: 10_000 },
  marginal_carbon: { least: -10_000, most: 10_000 },
  temperature: { least: -90, most: 70 },
  import_limit: { least: 0, most: 10_000_000 },
  house_load: { least: -10_000_000, most: 10_000_000 },
} as const satisfies Record<SignalKind, { readonly least: number; readonly most: number }>;

/** Rank of a source that names none. */
export const DEFAULT_PRIORITY = 100;

/** One value of one grid signal over the half-open grid time [startMs, endMs). */
export interface SignalSpan {
  readonly regionId: string;
  /** Null for what holds in the whole region. */
  readonly feederId: string | null;
  readonly kind: SignalKind;
  readonly startMs: number;
  readonly endMs: number;
  readonly value: number;
  readonly unit: string;
  /** Feed that said so; spans of different sources stay side by side. */
  readonly source: string;
  readonly forecast: boolean;
  /** The source calls it an estimate of what has been. Left out: no. */
  readonly estimated?: boolean;
  /** Rank of the source where several speak: the lowest counts. Left out: 100. */
  readonly priority?: number;
  /** Grid time at which the feed was read: the revision. */
  readonly fetchedAtMs: number;
}

export interface TimeWindow {
  readonly startMs: number;
  readonly endMs: number;
}

/**
 * Stores spans of a feed. Within a source the newest revision wins instant by instant, also where its spans are cut
 * differently: what it does not cover stays, and a late older revision fills only what is still free. So the spans
 * of one source never overlap. The spans of one call must not overlap each other either.
 */
export async function upsertSignals(database: Queryable, spans: readonly SignalSpan[]): Promise<void> {
  if (spans.length === 0) return;
  await database.transaction(async (tx) => {
    // Two readers of one feed would otherwise each cut against a state that the other is changing.
    for (const regionId of [...new Set(spans.map((span) => span.regionId))].sort()) {
      await tx.query(`select pg_advisory_xact_lock(hashtext('signals'), hashtext($1))`, [regionId]);
    }
    const remainders = await removeOutdated(tx, spans);
    await insertFree(tx, [...remainders, ...spans]);
  });
}

/** Spans of the region that overlap the window, whole, in order of kind, source and start. */
export async function readSignals(
  database: Queryable,
  regionId: string,
  window: TimeWindow,
  kinds: readonly SignalKind[] = SIGNAL_KINDS,
): Promise<SignalSpan[]> {
  return database.query<SignalSpan>(
    `select ${COLUMNS} from signals
     where region_id = $1 and kind = any($2) and starts_at < $4 and ends_at > $3
     order by kind, feeder_id nulls first, source, starts_at`,
    [regionId, kinds, instant(window.startMs), instant(window.endMs)],
  );
}

const COLUMNS = `region_id as "regionId", feeder_id as "feederId", kind, starts_at as "startMs", ends_at as "endMs",
  value, unit, source, forecast, estimated, priority, fetched_at as "fetchedAtMs"`;

const INCOMING = `select * from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[],
  $6::numeric[], $7::text[], $8::text[], $9::boolean[], $10::timestamptz[],
  $11::boolean[], $12::smallint[])
  as t (region_id, feeder_id, kind, starts_at, ends_at, value, unit, source, forecast, fetched_at, estimated, priority)`;

const SAME_SERIES = `s.region_id = i.region_id and s.feeder_id is not distinct from i.feeder_id
  and s.kind = i.kind and s.source = i.source`;

function incoming(spans: readonly SignalSpan[]): unknown[][] {
  return columns(
    spans,
    (span) => span.regionId,
    (span) => span.feederId,
    (span) => span.kind,
    (span) => instant(span.startMs),
    (span) => instant(span.endMs),
    (span) => span.value,
    (span) => span.unit,
    (span) => span.source,
    (span) => span.forecast,
    (span) => instant(span.fetchedAtMs),
    (span) => span.estimated ?? false,
    (span) => span.priority ?? DEFAULT_PRIORITY,
  );
}

/** Deletes stored spans that the new ones overlap, and gives the pieces of them that stay in force. */
async function removeOutdated(tx: Queryable, spans: readonly SignalSpan[]): Promise<SignalSpan[]> {
  return tx.query<SignalSpan>(
    `with incoming as (${INCOMING}),
     covered as (
       select region_id, feeder_id, kind, source, fetched_at, range_agg(tstzrange(starts_at, ends_at)) as cover
       from incoming group by region_id, feeder_id, kind, source, fetched_at),
     outdated as (
       delete from signals s using covered i
       where ${SAME_SERIES} and s.fetched_at <= i.fetched_at and tstzrange(s.starts_at, s.ends_at) && i.cover
       returning s.*, tstzmultirange(tstzrange(s.starts_at, s.ends_at)) - i.cover as rest)
     select region_id as "regionId", feeder_id as "feederId", kind, lower(piece) as "startMs",
       upper(piece) as "endMs", value, unit, source, forecast, estimated, priority, fetched_at as "fetchedAtMs"
     from outdated, unnest(rest) as piece`,
    incoming(spans),
  );
}

/** Inserts each span where no newer revision of its source stands. */
async function insertFree(tx: Queryable, spans: readonly SignalSpan[]): Promise<void> {
  await tx.query(
    `with incoming as (${INCOMING})
     insert into signals
       (region_id, feeder_id, kind, starts_at, ends_at, value, unit, source, forecast, fetched_at, estimated, priority)
     select i.region_id, i.feeder_id, i.kind, lower(piece), upper(piece), i.value, i.unit, i.source, i.forecast,
       i.fetched_at, i.estimated, i.priority
     from incoming i, unnest(tstzmultirange(tstzrange(i.starts_at, i.ends_at)) - coalesce(
       (select range_agg(tstzrange(s.starts_at, s.ends_at)) from signals s
        where ${SAME_SERIES} and s.fetched_at > i.fetched_at and tstzrange(s.starts_at, s.ends_at)
          && tstzrange(i.starts_at, i.ends_at)), '{}'::tstzmultirange)) as piece`,
    incoming(spans),
  );
}
