import { instant, type Queryable } from './database.ts';

export interface OpenAdrReport {
  readonly connectionId: string;
  readonly eventId: string;
  readonly reportName: string;
  readonly windowEndMs: number;
  readonly body: unknown;
  readonly vtnReportId: string | null;
  readonly sentMs: number | null;
}

const REPORT = `connection_id as "connectionId", event_id as "eventId", report_name as "reportName",
  window_ends_at as "windowEndMs", body, vtn_report_id as "vtnReportId", sent_at as "sentMs"`;

/** Notes a report before or after it goes out. */
export async function upsertReport(database: Queryable, report: OpenAdrReport): Promise<void> {
  await database.query(
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

export async function listReports(
  database: Queryable,
  connectionId: string,
  eventId: string,
): Promise<OpenAdrReport[]> {
  return database.query<OpenAdrReport>(
    `select ${REPORT} from openadr_reports where connection_id = $1 and event_id = $2 order by window_ends_at, report_name`,
    [connectionId, eventId],
  );
}
