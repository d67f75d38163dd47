import {
  openAdrSecretsSchema,
  type EventMeasurement,
  type OpenAdrSecrets,
  type OpenAdrSettings,
  type OpenAdrStatus,
} from '../domain/openAdr.ts';
import { instant, type Queryable } from './database.ts';
import type { Seal } from './seal.ts';

/** A connection to a utility's server. */
export interface OpenAdrConnection {
  readonly id: string;
  readonly regionId: string;
  readonly cellId: string;
  readonly settings: OpenAdrSettings;
  readonly sealed: string;
  readonly status: OpenAdrStatus | null;
}

/** The connection's credentials. @throws NightshiftError `invalid_config` when they were sealed with another key */
export function openSecrets(seal: Seal, { id, sealed }: Pick<OpenAdrConnection, 'id' | 'sealed'>): OpenAdrSecrets {
  return openAdrSecretsSchema.parse(JSON.parse(seal.open(sealed, id)));
}

/** An event as it was received. Instants are grid time. */
export interface OpenAdrEvent {
  readonly connectionId: string;
  readonly eventId: string;
  readonly body: unknown;
  readonly program: unknown;
  readonly firstSeenMs: number;
  readonly anchorMs: number;
  readonly referenceKw: number | null;
  readonly feederIds: readonly string[];
  readonly startMs: number | null;
  readonly endMs: number | null;
  readonly goneMs: number | null;
  readonly refused: string | null;
  readonly measured: EventMeasurement | null;
}

export interface OpenAdrReport {
  readonly connectionId: string;
  readonly eventId: string;
  readonly reportName: string;
  readonly windowEndMs: number;
  readonly body: unknown;
  readonly vtnReportId: string | null;
  readonly sentMs: number | null;
}

const CONNECTION = `c.id, c.region_id as "regionId", r.cell_id as "cellId", c.settings, c.sealed, c.status
  from openadr_connections c join regions r on r.id = c.region_id`;
const eventColumns = (
  body: string,
): string => `connection_id as "connectionId", event_id as "eventId", ${body}, program, first_seen_at as "firstSeenMs",
  anchored_at as "anchorMs", reference_kw as "referenceKw", feeder_ids as "feederIds", starts_at as "startMs",
  ends_at as "endMs", gone_at as "goneMs", refused, measured`;
const EVENT = eventColumns('body');
const LISTED_BODY_BYTES = 65_536;
const LISTED_EVENT = eventColumns(`case when octet_length(body::text) <= ${LISTED_BODY_BYTES} then body end as body`);
const ITS_SIGNALS = `source in ('openadr/' || $1, 'openadr/' || $1 || '/emergency')`;
const REPORT = `connection_id as "connectionId", event_id as "eventId", report_name as "reportName",
  window_ends_at as "windowEndMs", body, vtn_report_id as "vtnReportId", sent_at as "sentMs"`;

/** Stores a connection. One that speaks for another region than before says nothing of the old one any more. */
export async function upsertConnection(
  db: Queryable,
  connection: Pick<OpenAdrConnection, 'id' | 'settings' | 'sealed'>,
): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.query(`delete from signals where region_id <> $2 and ${ITS_SIGNALS}`, [
      connection.id,
      connection.settings.regionId,
    ]);
    await insertConnection(tx, connection);
  });
}

async function insertConnection(
  db: Queryable,
  connection: Pick<OpenAdrConnection, 'id' | 'settings' | 'sealed'>,
): Promise<void> {
  await db.query(
    `insert into openadr_connections (id, region_id, settings, sealed) values ($1, $2, $3, $4)
     on conflict (id) do update set region_id = excluded.region_id, settings = excluded.settings,
       sealed = excluded.sealed`,
    [connection.id, connection.settings.regionId, JSON.stringify(connection.settings), connection.sealed],
  );
}

export async function readConnection(db: Queryable, id: string): Promise<OpenAdrConnection | undefined> {
  const [connection] = await db.query<OpenAdrConnection>(`select ${CONNECTION} where c.id = $1`, [id]);
  return connection;
}

export async function listConnections(db: Queryable, cellId: string): Promise<OpenAdrConnection[]> {
  return db.query<OpenAdrConnection>(`select ${CONNECTION} where r.cell_id = $1 order by c.id`, [cellId]);
}

/** Removes a connection with its events, its reports and what it says of the grid. */
export async function deleteConnection(db: Queryable, id: string): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.query(`delete from signals where ${ITS_SIGNALS}`, [id]);
    await tx.query('delete from openadr_connections where id = $1', [id]);
  });
}

export async function saveConnectionStatus(db: Queryable, id: string, status: OpenAdrStatus): Promise<void> {
  await db.query('update openadr_connections set status = $2 where id = $1', [id, JSON.stringify(status)]);
}

/** Stores an event as it is now; `measured` and the first receipt stay. */
export async function upsertEvent(db: Queryable, event: Omit<OpenAdrEvent, 'measured'>): Promise<void> {
  await db.query(
    `insert into openadr_events (connection_id, event_id, body, program, first_seen_at, anchored_at, reference_kw,
       feeder_ids, starts_at, ends_at, gone_at, refused)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
     on conflict (connection_id, event_id) do update set body = excluded.body, program = excluded.program,
       anchored_at = excluded.anchored_at, reference_kw = excluded.reference_kw, feeder_ids = excluded.feeder_ids,
       starts_at = excluded.starts_at, ends_at = excluded.ends_at, gone_at = excluded.gone_at,
       refused = excluded.refused`,
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
    ],
  );
}

export async function markEventsGone(
  db: Queryable,
  connectionId: string,
  eventIds: readonly string[],
  atMs: number,
): Promise<void> {
  await db.query(
    `update openadr_events set gone_at = coalesce(gone_at, $3) where connection_id = $1 and event_id = any($2)`,
    [connectionId, eventIds, instant(atMs)],
  );
}

/** Why an event is not followed; null when it is. */
export async function markEventRefused(
  db: Queryable,
  connectionId: string,
  eventId: string,
  refused: string | null,
): Promise<void> {
  await db.query(`update openadr_events set refused = $3 where connection_id = $1 and event_id = $2`, [
    connectionId,
    eventId,
    refused,
  ]);
}

/** Events of a connection that were not over before `sinceMs`, oldest first. */
export async function listEventsOf(db: Queryable, connectionId: string, sinceMs: number): Promise<OpenAdrEvent[]> {
  return db.query<OpenAdrEvent>(
    `select ${EVENT} from openadr_events
     where connection_id = $1 and coalesce(least(ends_at, gone_at), 'infinity') >= $2
     order by first_seen_at, event_id`,
    [connectionId, instant(sinceMs)],
  );
}

/** When the connection's other events were in force. */
export async function listEventSpans(
  db: Queryable,
  connectionId: string,
  exceptEventId: string,
): Promise<{ readonly startMs: number; readonly endMs: number }[]> {
  return db.query(
    `select starts_at as "startMs", least(ends_at, gone_at) as "endMs" from openadr_events
     where connection_id = $1 and event_id <> $2 and starts_at < least(ends_at, gone_at)`,
    [connectionId, exceptEventId],
  );
}

/** Events of the cell, newest first. Without the bodies of large ones: many together would not fit into memory. */
export async function listEvents(db: Queryable, cellId: string, limit: number): Promise<OpenAdrEvent[]> {
  return db.query<OpenAdrEvent>(
    `select ${LISTED_EVENT} from openadr_events where connection_id in
       (select c.id from openadr_connections c join regions r on r.id = c.region_id where r.cell_id = $1)
     order by first_seen_at desc, event_id limit $2`,
    [cellId, limit],
  );
}

/** The event of this id; of two utilities' the one that came last. */
export async function readEvent(db: Queryable, cellId: string, eventId: string): Promise<OpenAdrEvent | undefined> {
  const [event] = await db.query<OpenAdrEvent>(
    `select ${EVENT} from openadr_events where event_id = $2 and connection_id in
       (select c.id from openadr_connections c join regions r on r.id = c.region_id where r.cell_id = $1)
     order by first_seen_at desc limit 1`,
    [cellId, eventId],
  );
  return event;
}

export async function saveMeasurement(
  db: Queryable,
  connectionId: string,
  eventId: string,
  measured: EventMeasurement,
): Promise<void> {
  await db.query(`update openadr_events set measured = $3 where connection_id = $1 and event_id = $2`, [
    connectionId,
    eventId,
    JSON.stringify(measured),
  ]);
}

/** Notes a report before or after it goes out. */
export async function upsertReport(db: Queryable, report: OpenAdrReport): Promise<void> {
  await db.query(
    `insert into openadr_reports (connection_id, event_id, report_name, window_ends_at, body, vtn_report_id, sent_at)
     values ($1, $2, $3, $4, $5, $6, $7)
     on conflict (connection_id, report_name) do update set window_ends_at = excluded.window_ends_at,
       body = excluded.body, vtn_report_id = excluded.vtn_report_id, sent_at = excluded.sent_at`,
    [
      report.connectionId,
      report.eventId,
      report.reportName,
      instant(report.windowEndMs),
      JSON.stringify(report.body),
      report.vtnReportId,
      report.sentMs === null ? null : instant(report.sentMs),
    ],
  );
}

export async function listReports(db: Queryable, connectionId: string, eventId: string): Promise<OpenAdrReport[]> {
  return db.query<OpenAdrReport>(
    `select ${REPORT} from openadr_reports where connection_id = $1 and event_id = $2 order by window_ends_at, report_name`,
    [connectionId, eventId],
  );
}
