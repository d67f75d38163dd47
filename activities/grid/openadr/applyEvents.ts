import { DAY_MS, HOUR_MS } from '../../../domain/durations.ts';
import { isDeepStrictEqual } from 'node:util';
import { NightshiftError } from '../../../domain/errors.ts';
import type { JournalLine } from '../../../domain/journal.ts';
import type { OpenAdrRegistration } from '../../../domain/openAdr.ts';
import { messageOf } from '../../../domain/thrown.ts';
import { appendJournal } from '../../../store/journal.ts';
import type { OpenAdrConnection } from '../../../store/openAdrConnections.ts';
import { markEventRefused, type OpenAdrEvent } from '../../../store/openAdrEvents.ts';
import { replaceSeries } from '../../../store/signalSeries.ts';
import { eventName } from './describeEvent.ts';
import { followUp } from './followUp.ts';
import type { HeldEvent } from './heldEvent.ts';
import { heldEvents, isNewestVersion, sourceOf } from './holdEvents.ts';
import { meaningOf, type Meaning, type Refusals } from './meaning.ts';
import { eventsOf, seedOf, type SyncContext } from './synchronise.ts';
import type { TimeSpan } from './timing.ts';
import type { VtnClient } from './vtnClient.ts';

/** Further than plans look, and to a full day: a window that moved with every poll would be a change each time. */
const AHEAD_MS = 36 * HOUR_MS;

/** What putting the held events into force came to. */
export interface Applied {
  /** The region's signals are otherwise than before. */
  readonly changed: boolean;
  readonly events: number;
  readonly refused: number;
  readonly ignoredTypes: readonly string[];
  /** Why something could not be measured or reported; the events are followed all the same. */
  readonly reportFailure: string | null;
  /** When the next report is due, grid time; null when none is asked for. */
  readonly nextReportMs: number | null;
}

/** One held event with the row that it stands in. */
interface Pair {
  readonly held: HeldEvent;
  readonly row: OpenAdrEvent;
  readonly refusals: Refusals;
}

/**
 * Puts what is held into the region's signals, measures it and reports on it; also while the server is away.
 * @param client undefined while the server does not answer: nothing is reported then
 */
export async function applyHeldEvents(
  context: SyncContext,
  registered: OpenAdrRegistration | null,
  client: VtnClient | undefined,
): Promise<Applied> {
  const { database, connection, nowMs } = context;
  const stored = await eventsOf(context);
  const held = heldEvents(stored, context.feeders, seedOf(connection, registered));
  const meaning = meaningIn(context, held);
  const changed = await putInForce(context, meaning);
  const pairs = held.flatMap((event): Pair[] => {
    const row = stored.find(({ eventId }) => eventId === event.event.id);
    return row ? [{ held: event, row, refusals: refusalsOf(row, meaning) }] : [];
  });
  await saveRefusals(context, pairs);
  const followed = await followAll(context, registered, pairs, client);
  const ignoredTypes = [...new Set([...meaning.ignored, ...followed.ignored])].sort();
  await appendJournal(database, connection.cellId, [
    ...alertLines(connection, meaning, nowMs),
    ...refusalLines(connection, pairs, nowMs),
    ...followed.lines,
    ...ignoredLines(connection, ignoredTypes, nowMs),
  ]);
  const there = stored.filter(({ goneMs }) => goneMs === null);
  const isRefused = ({ eventId, refused }: OpenAdrEvent): boolean =>
    (pairs.find(({ row }) => row.eventId === eventId)?.refusals.refused ?? refused) !== null;
  const refused = there.filter(isRefused).length;
  return {
    changed,
    events: there.length - refused,
    refused,
    ignoredTypes,
    reportFailure: followed.failure,
    nextReportMs: followed.nextReportMs,
  };
}

function meaningIn({ connection, nowMs }: SyncContext, held: readonly HeldEvent[]): Meaning {
  const { regionId, settings } = connection;
  const { priority, eurPer } = settings;
  const window: TimeSpan = { startMs: nowMs, endMs: Math.ceil((nowMs + AHEAD_MS) / DAY_MS) * DAY_MS };
  return meaningOf(held, { regionId, source: sourceOf(connection.id), priority, eurPer }, window, nowMs);
}

/** @returns whether the region's signals are otherwise than before */
async function putInForce({ database, connection, nowMs, shed }: SyncContext, { spans }: Meaning): Promise<boolean> {
  const { regionId } = connection;
  const source = sourceOf(connection.id);
  const sources = [source, `${source}/emergency`];
  const changed = await replaceSeries(database, { regionId, sources, fromMs: nowMs }, spans);
  // Before the reports, which may wait for a slow server. What cannot be told is told, and else said, by the region's refresh.
  if (changed) await shed.follow({ regionId, nowMs }).catch(() => []);
  return changed;
}

const FOLLOWED: Refusals = { refused: null, refusedPayloads: [] };

/** What is not followed of an event. Where another version stands in, that is what was said of the one that cannot be read. */
function refusalsOf(row: OpenAdrEvent, meaning: Meaning): Refusals {
  if (!isNewestVersion(row)) return { refused: row.refused, refusedPayloads: row.refusedPayloads };
  return meaning.refusals.get(row.eventId) ?? FOLLOWED;
}

/** The connection may have been configured anew: what was refused for want of a rate is followed then. */
async function saveRefusals({ database, connection }: SyncContext, pairs: readonly Pair[]): Promise<void> {
  for (const { row, refusals } of pairs) {
    const { refused, refusedPayloads } = row;
    if (isDeepStrictEqual({ refused, refusedPayloads }, refusals)) continue;
    await markEventRefused(database, connection.id, row.eventId, refusals);
  }
}

/** Measures events and sends their reports, each by itself. */
async function followAll(
  context: SyncContext,
  registered: OpenAdrRegistration | null,
  pairs: readonly Pair[],
  client: VtnClient | undefined,
) {
  const { connection, nowMs } = context;
  const lines: JournalLine[] = [];
  const ignored: string[] = [];
  let nextReportMs = Number.POSITIVE_INFINITY;
  let failure: string | null = null;
  for (const { held, row, refusals } of pairs) {
    if (refusals.refused !== null) continue;
    try {
      const followed = await followUp(context, registered, held, row, client);
      lines.push(...followed.lines);
      ignored.push(...followed.ignored);
      nextReportMs = Math.min(nextReportMs, followed.nextDueMs ?? Number.POSITIVE_INFINITY);
      failure ??= followed.failure;
    } catch (error) {
      // What stops one event must not stop the others; a database that is away stops all, and the step is done again.
      if (error instanceof NightshiftError) throw error;
      const reason = messageOf(error);
      const name = eventName(row.body, row.eventId);
      failure ??= `${name} cannot be measured or reported on: ${reason}`;
      const dedupeKey = `openadr/${connection.id}/${row.eventId}/unproven/${reason}`;
      lines.push(
        lineOf(connection, nowMs, 'fallback', `${name} cannot be measured or reported on: ${reason}`, dedupeKey),
      );
    }
  }
  return { lines, ignored, failure, nextReportMs: Number.isFinite(nextReportMs) ? nextReportMs : null };
}

/** Each alert once, however many intervals repeat it. */
function alertLines(connection: OpenAdrConnection, { alerts }: Meaning, nowMs: number): JournalLine[] {
  return alerts.map(({ eventId, type, message }) => {
    const dedupeKey = `openadr/${connection.id}/${eventId}/${type}/${message}`;
    return lineOf(connection, nowMs, 'emergency', `${type}: ${message}`, dedupeKey);
  });
}

function refusalLines(connection: OpenAdrConnection, pairs: readonly Pair[], nowMs: number): JournalLine[] {
  return pairs.flatMap(({ row, refusals: { refused, refusedPayloads } }) => {
    // Of a version that cannot be read it was said when it came.
    if (!isNewestVersion(row)) return [];
    const name = eventName(row.body, row.eventId);
    const reasons = refused === null ? refusedPayloads : [refused];
    return reasons.map((reason) => {
      const what = refused === null ? `of ${name} a payload is not followed: ` : `${name} is not followed: `;
      const dedupeKey = `openadr/${connection.id}/${row.eventId}/refused/${reason}`;
      return lineOf(connection, nowMs, 'fallback', what + reason, dedupeKey);
    });
  });
}

function ignoredLines(connection: OpenAdrConnection, types: readonly string[], nowMs: number): JournalLine[] {
  return types.map((type) => {
    const dedupeKey = `openadr/${connection.id}/ignored/${type}`;
    return lineOf(connection, nowMs, 'fallback', `it uses ${type}, which nothing here follows from`, dedupeKey);
  });
}

function lineOf(
  { id, regionId }: OpenAdrConnection,
  atMs: number,
  kind: JournalLine['kind'],
  message: string,
  dedupeKey: string,
): JournalLine {
  return { atMs, kind, subject: regionId, message: `${id}: ${message}`, dedupeKey };
}
