import type { EventMeasurement } from '../domain/openAdr.ts';
import { instant, type Queryable } from './database.ts';

/** One version of an event, with what was fixed when it came. */
export interface OpenAdrVersion {
  readonly body: unknown;
  readonly program: unknown;
  readonly anchorMs: number;
  readonly referenceKw: number | null;
  readonly feederIds: readonly string[];
}

/** An event as it was received. Instants are grid time. */
export interface OpenAdrEvent extends OpenAdrVersion {
  readonly connectionId: string;
  readonly eventId: string;
  readonly firstSeenMs: number;
  readonly startMs: number | null;
  readonly endMs: number | null;
  readonly goneMs: number | null;
  /** Why nothing of it is followed. */
  readonly refused: string | null;
  /** Payloads that are not followed while the others are, each with its reason. */
  readonly refusedPayloads: readonly string[];
  readonly isCancelled: boolean;
  /** The last version of which everything could be followed, if this one is not. */
  readonly versionBefore: OpenAdrVersion | null;
  readonly measured: EventMeasurement | null;
}

const eventColumns = (
  body: string,
): string => `connection_id as "connectionId", event_id as "eventId", ${body}, program, first_seen_at as "firstSeenMs",
  anchored_at as "anchorMs", reference_kw as "referenceKw", feeder_ids as "feederIds", starts_at as "startMs",
  ends_at as "endMs", gone_at as "goneMs", refused, refused_payloads as "refusedPayloads", cancelled as "isCancelled",
  version_before as "versionBefore", measured`;
const EVENT = eventColumns('body');
const LISTED_BODY_BYTES = 65_536;
const LISTED_EVENT = eventColumns(`case when octet_length(body::text) <= ${LISTED_BODY_BYTES} then body end as body`);

/** Stores an event as it is now; `measured` and the first receipt stay. */
export async function upsertEvent(database: Queryable, event: Omit<OpenAdrEvent, 'measured'>): Promise<void> {
  await database.query(
    `insert into openadr_events (connection_id, event_id, body, program, first_seen_at, anchored_at, reference_kw,
       feeder_ids, starts_at, ends_at, gone_at, refused, refused_payloads, cancelled, version_before)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
     on conflict (connection_id, event_id) do update set body = excluded.body, program = excluded.program,
       anchored_at = excluded.anchored_at, reference_kw = excluded.reference_kw, feeder_ids = excluded.feeder_ids,
       starts_at = excluded.starts_at, ends_at = excluded.ends_at, gone_at = excluded.gone_at,
       refused = excluded.refused, refused_payloads = excluded.refused_payloads, cancelled = excluded.cancelled,
       version_before = excluded.version_before`,
    [
      event.connectionId,
      event.eventId,
      JSON.stringify(event.body),
      JSON.stringify(event.program),
      instant(event.firstSeenMs),
      instant(event.anchorMs),
      event.referenceKw,
      event.feederIds,
      event.startMs === null ? null : instant(event.startMs),
      event.endMs === null ? null : instant(event.endMs),
      event.goneMs === null ? null : instant(event.goneMs),
      event.refused,
      event.refusedPayloads,
      event.isCancelled,
      event.versionBefore === null ? null : JSON.stringify(event.versionBefore),
    ],
  );
}

export async function markEventsGone(
  database: Queryable,
  connectionId: string,
  eventIds: readonly string[],
  atMs: number,
): Promise<void> {
  await database.query(
    `update openadr_events set gone_at = coalesce(gone_at, $3) where connection_id = $1 and event_id = any($2)`,
    [connectionId, eventIds, instant(atMs)],
  );
}

/** Notes which events the server shows, once a day for each. */
export async function markEventsListed(
  database: Queryable,
  connectionId: string,
  eventIds: readonly string[],
  atMs: number,
): Promise<void> {
  await database.query(
    `update openadr_events set listed_at = $3 where connection_id = $1 and event_id = any($2)
       and listed_at not between $3::timestamptz - interval '1 day' and $3::timestamptz`,
    [connectionId, eventIds, instant(atMs)],
  );
}

/** Why an event, or payloads of it, are not followed. */
export async function markEventRefused(
  database: Queryable,
  connectionId: string,
  eventId: string,
  { refused, refusedPayloads }: Pick<OpenAdrEvent, 'refused' | 'refusedPayloads'>,
): Promise<void> {
  await database.query(
    `update openadr_events set refused = $3, refused_payloads = $4 where connection_id = $1 and event_id = $2`,
    [connectionId, eventId, refused, refusedPayloads],
  );
}

/** Events of a connection that were not over before `sinceMs`, oldest first. */
export async function listEventsOf(
  database: Queryable,
  connectionId: string,
  sinceMs: number,
): Promise<OpenAdrEvent[]> {
  return database.query<OpenAdrEvent>(
    `select ${EVENT} from openadr_events
     where connection_id = $1 and coalesce(least(ends_at, gone_at), 'infinity') >= $2
     order by first_seen_at, event_id`,
    [connectionId, instant(sinceMs)],
  );
}

/** Events of a connection by their ids, however long they are over. */
export async function readEventsOf(
  database: Queryable,
  connectionId: string,
  eventIds: readonly string[],
): Promise<OpenAdrEvent[]> {
  return database.query<OpenAdrEvent>(
    `select ${EVENT} from openadr_events where connection_id = $1 and event_id = any($2)`,
    [connectionId, eventIds],
  );
}

/** Events of a connection that the server still has and that are not, or not wholly, followed; the newest first. */
export async function listRefusedEvents(
  database: Queryable,
  connectionId: string,
  limit: number,
): Promise<Pick<OpenAdrEvent, 'eventId' | 'body' | 'refused' | 'refusedPayloads'>[]> {
  return database.query(
    `select event_id as "eventId", case when octet_length(body::text) <= ${LISTED_BODY_BYTES} then body end as body,
       refused, refused_payloads as "refusedPayloads"
     from openadr_events where connection_id = $1 and gone_at is null and (refused is not null or refused_payloads <> '{}')
     order by first_seen_at desc, event_id limit $2`,
    [connectionId, limit],
  );
}

/** When the connection's other events were in force. */
export async function listEventSpans(
  database: Queryable,
  connectionId: string,
  exceptEventId: string,
): Promise<{ readonly startMs: number; readonly endMs: number }[]> {
  return database.query(
    `select starts_at as "startMs", least(ends_at, gone_at) as "endMs" from openadr_events
     where connection_id = $1 and event_id <> $2 and starts_at < least(ends_at, gone_at)`,
    [connectionId, exceptEventId],
  );
}

const CONNECTIONS_OF_CELL =
  'select c.id from openadr_connections c join regions r on r.id = c.region_id where r.cell_id = $1';
const IN_REGIONS = (parameter: string): string => `(${parameter}::text[] is null or r.id = any(${parameter}))`;

/** Events of the cell, or of some of its regions, newest first. Without the bodies of large ones: many together would not fit into memory. */
export async function listEvents(
  database: Queryable,
  cellId: string,
  limit: number,
  regionIds: readonly string[] | null = null,
): Promise<OpenAdrEvent[]> {
  return database.query<OpenAdrEvent>(
    `select ${LISTED_EVENT} from openadr_events where connection_id in (${CONNECTIONS_OF_CELL} and ${IN_REGIONS('$3')})
     order by first_seen_at desc, event_id limit $2`,
    [cellId, limit, regionIds],
  );
}

/** The event of this id; of two utilities' the one that came last. */
export async function readEvent(
  database: Queryable,
  cellId: string,
  eventId: string,
  regionIds: readonly string[] | null = null,
): Promise<OpenAdrEvent | undefined> {
  const [event] = await database.query<OpenAdrEvent>(
    `select ${EVENT} from openadr_events where event_id = $2 and connection_id in (${CONNECTIONS_OF_CELL} and ${IN_REGIONS('$3')})
     order by first_seen_at desc limit 1`,
    [cellId, eventId, regionIds],
  );
  return event;
}

export async function saveMeasurement(
  database: Queryable,
  connectionId: string,
  eventId: string,
  measured: EventMeasurement,
): Promise<void> {
  await database.query(`update openadr_events set measured = $3 where connection_id = $1 and event_id = $2`, [
    connectionId,
    eventId,
    JSON.stringify(measured),
  ]);
}
