import { DAY_MS, HOUR_MS } from '../../../domain/durations.ts';
import { isDeepStrictEqual } from 'node:util';
import type { Database } from '../../../store/database.ts';
import type { OpenAdrConnection } from '../../../store/openAdrConnections.ts';
import { listReports, upsertReport, type OpenAdrReport } from '../../../store/openAdrReports.ts';
import type { OpenAdrRegistration } from '../../../domain/openAdr.ts';
import { feedersReached, type HeldEvent, type SiteFeeder } from './heldEvent.ts';
import { impliedOccurrences } from './impliedIntervals.ts';
import type { ReportBody } from './outgoing.ts';
import { canReport, reportBody, type ReportFacts } from './reportBody.ts';
import { addresseesOf, clientNameOf } from './registration.ts';
import { reportWindows } from './reportPlan.ts';
import { occurrencesIn, occurrencesOf, type Occurrence, type TimeSpan } from './timing.ts';
import type { VtnClient } from './vtnClient.ts';
import { VtnError } from './vtnError.ts';
import { readWire, wireReportSchema, type WireReportDescriptor } from './wire.ts';

/** Readings come late: a report of the past is corrected for this long. */
export const SETTLING_MS = 2 * HOUR_MS;
/** Of an event that lasts longer, such as a tariff, only this much is looked back at. */
export const REPORTED_BACK_MS = 35 * DAY_MS;

export interface SendContext {
  readonly database: Database;
  /** Undefined while the server cannot be reached: then only the next due instant is worked out. */
  readonly client: VtnClient | undefined;
  readonly connection: OpenAdrConnection;
  readonly held: HeldEvent;
  readonly feeders: readonly SiteFeeder[];
  readonly registered: OpenAdrRegistration | null;
  /** Null for an event that takes no time. */
  readonly span: TimeSpan | null;
  readonly firstSeenMs: number;
  readonly facts: () => Promise<ReportFacts>;
  readonly slotMs: number;
  readonly nowMs: number;
}

export interface SentReports {
  /** Types that went out for the first time. */
  readonly types: readonly string[];
  readonly nextDueMs: number | null;
  /** Asked for, but not ours to report. */
  readonly ignored: readonly string[];
  readonly failure: string | null;
}

/** Sends every report of an event that is due and not sent, and corrects those whose meters have moved since. */
export async function sendReports(context: SendContext): Promise<SentReports> {
  const { database, client, connection, registered, held, firstSeenMs, nowMs, slotMs } = context;
  const { event } = held;
  // Two VENs at one server report on the same event: each puts its own name before.
  const prefix = registered?.venId ?? connection.settings.venName;
  const clientName = clientNameOf(connection.settings, registered);
  const addressees = addresseesOf(
    registered,
    context.feeders.filter(({ id }) => held.feeders.some((feeder) => feeder.id === id)),
  );
  const known = new Map(
    (await listReports(database, connection.id, event.id)).map((report) => [report.reportName, report]),
  );
  const types: string[] = [];
  const ignored: string[] = [];
  let nextDueMs = Number.POSITIVE_INFINITY;
  let failure: string | null = null;
  for (const [index, descriptor] of event.reportDescriptors.entries()) {
    if (descriptor.problem !== undefined) {
      failure ??= `report ${descriptor.payloadType} is not asked for readably: ${descriptor.problem}`;
      continue;
    }
    if (!canReport(descriptor.payloadType)) {
      ignored.push(descriptor.payloadType);
      continue;
    }
    const feederIds = feedersReached(descriptor, addressees).map(({ id }) => id);
    const { occurrences, total } = intervalsOf(context, descriptor);
    const windows = reportWindows({
      eventId: event.id,
      descriptor,
      index,
      occurrences,
      total,
      firstSeenMs,
      nowMs,
      slotMs,
    });
    for (const window of windows) {
      // Meters are read a little after the slot that they are read for.
      const dueMs = descriptor.historical ? Math.max(window.dueMs, window.endMs + slotMs / 3) : window.dueMs;
      if (dueMs > nowMs) {
        nextDueMs = Math.min(nextDueMs, dueMs);
        continue;
      }
      const name = `${prefix}/${window.name}`;
      // Without the VEN's name as older versions sent it.
      const sentBefore = known.get(window.name)?.vtnReportId == null ? undefined : known.get(window.name);
      const before = known.get(name) ?? sentBefore;
      const isSettled = before?.vtnReportId != null && (!descriptor.historical || nowMs > window.endMs + SETTLING_MS);
      if (isSettled || !client) continue;
      const reportName = before?.reportName ?? name;
      const task = { eventId: event.id, clientName, reportName, descriptor, window, feederIds };
      const body = reportBody(task, await context.facts());
      if (before?.vtnReportId != null && isDeepStrictEqual(before.body, body)) continue;
      try {
        await sendReport(context, client, { body, before, windowEndMs: window.endMs });
        if (before?.vtnReportId == null) types.push(descriptor.payloadType);
      } catch (error) {
        if (!(error instanceof VtnError)) throw error;
        failure = error.message;
      }
    }
  }
  return { types, ignored, failure, nextDueMs: Number.isFinite(nextDueMs) ? nextDueMs : null };
}

/** The intervals that a report is laid out over, and how many there are in all: the event's, or those that it implies. */
function intervalsOf(
  { held, span, nowMs }: SendContext,
  descriptor: WireReportDescriptor,
): { readonly occurrences: readonly Occurrence[]; readonly total: number } {
  const { event, anchorMs, seed } = held;
  if (event.intervals.length === 0) return impliedOccurrences(held, descriptor, nowMs - REPORTED_BACK_MS, nowMs);
  if (span === null) return { occurrences: [], total: 0 };
  const endMs = Number.isFinite(span.endMs) ? span.endMs : nowMs + DAY_MS;
  const startMs = Math.max(span.startMs, nowMs - REPORTED_BACK_MS);
  const occurrences = occurrencesOf(event, anchorMs, seed, { startMs, endMs });
  return { occurrences, total: occurrences.length === 0 ? 0 : occurrencesIn(event, anchorMs, seed) };
}

/**
 * Sends one report once. It is noted before it goes out: when the answer is lost, the next attempt asks the server
 * whether it has a report of this name before it makes another one.
 */
async function sendReport(
  { database, connection, held, nowMs }: SendContext,
  client: VtnClient,
  report: { readonly body: ReportBody; readonly before: OpenAdrReport | undefined; readonly windowEndMs: number },
): Promise<void> {
  const { body, before, windowEndMs } = report;
  const noted = {
    connectionId: connection.id,
    eventId: held.event.id,
    reportName: body.reportName,
    windowEndMs,
    body,
    vtnReportId: before?.vtnReportId ?? null,
    sentMs: before?.sentMs ?? null,
  };
  if (!before) await upsertReport(database, noted);
  const isUncertain = before !== undefined && before.vtnReportId === null;
  const knownId = before?.vtnReportId ?? (isUncertain ? await findReport(client, body) : undefined);
  const answer = knownId === undefined ? await posted(client, body) : await corrected(client, knownId, body);
  const stored = readWire(wireReportSchema, answer);
  const vtnReportId = 'read' in stored ? stored.read.id : knownId;
  if (vtnReportId === undefined) throw new VtnError('POST reports answered no report id');
  await upsertReport(database, { ...noted, vtnReportId, sentMs: noted.sentMs ?? nowMs });
}

/** A server that has a report of this name already, of ours, has it corrected. */
async function posted(client: VtnClient, body: ReportBody): Promise<unknown> {
  try {
    return await client.post('reports', body);
  } catch (error) {
    if (!(error instanceof VtnError) || error.status !== 409) throw error;
    const knownId = await findReport(client, body);
    if (knownId === undefined) throw error;
    return client.put(`reports/${encodeURIComponent(knownId)}`, body);
  }
}

/** A server that has lost the report gets it anew. */
async function corrected(client: VtnClient, reportId: string, body: ReportBody): Promise<unknown> {
  try {
    return await client.put(`reports/${encodeURIComponent(reportId)}`, body);
  } catch (error) {
    if (!(error instanceof VtnError) || error.status !== 404) throw error;
    return client.post('reports', body);
  }
}

async function findReport(
  client: VtnClient,
  { eventID, clientName, reportName }: ReportBody,
): Promise<string | undefined> {
  for (const sent of await client.walk('reports', { eventID, clientName })) {
    const report = readWire(wireReportSchema, sent);
    if ('read' in report && report.read.reportName === reportName) return report.read.id;
  }
  return undefined;
}
