import type { JournalLine } from '../../../domain/journal.ts';
import { NightshiftError } from '../../../domain/errors.ts';
import type { OpenAdrSecrets, OpenAdrStatus } from '../../../domain/openAdr.ts';
import type { Database } from '../../../store/database.ts';
import { listFeederEnergy, listFeederStorage } from '../../../store/feederMeters.ts';
import { listFeeders } from '../../../store/feeders.ts';
import { appendJournal } from '../../../store/journal.ts';
import {
  listEventsOf,
  markEventRefused,
  saveMeasurement,
  type OpenAdrConnection,
  type OpenAdrEvent,
} from '../../../store/openAdr.ts';
import { readSignals } from '../../../store/signals.ts';
import { replaceSeries } from '../../../store/signalSeries.ts';
import type { EmergencyShed } from '../emergencyShed.ts';
import { readEventFacts, type EventFacts } from './eventFacts.ts';
import type { HeldEvent } from './heldEvent.ts';
import { heldEvents, holdEvents, sourceOf } from './holdEvents.ts';
import { meaningOf } from './meaning.ts';
import { measureEvent } from './measurement.ts';
import { mqttOffer } from './mqttOffer.ts';
import type { OpenAdrPorts } from './openAdrPorts.ts';
import { register, subscribe, type RegisteredFeeder, type Registration } from './registration.ts';
import { REPORTED_BACK_MS, sendReports, SETTLING_MS } from './sendReports.ts';
import { occurrencesOf, type TimeSpan } from './timing.ts';
import type { VtnClient } from './vtnClient.ts';
import { walkEvents } from './walkEvents.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Further than plans look, and to a full day: a window that moved with every poll would be a change each time. */
const AHEAD_MS = 36 * HOUR_MS;
/** Events that are over are looked at for as long: reports are caught up and corrected. */
const BEHIND_MS = 2 * DAY_MS;

export interface SyncContext {
  readonly database: Database;
  readonly connection: OpenAdrConnection;
  readonly timeZone: string;
  readonly slotMs: number;
  /** Grid time. */
  readonly nowMs: number;
  readonly feeders: readonly RegisteredFeeder[];
  readonly shed: EmergencyShed;
}

/** The feeders that a connection speaks for. */
export async function feedersOf(database: Database, connection: OpenAdrConnection): Promise<RegisteredFeeder[]> {
  const { cellId, regionId, settings } = connection;
  const feeders = (await listFeeders(database, cellId)).filter(
    (feeder) =>
      feeder.regionId === regionId && (settings.feederIds.length === 0 || settings.feederIds.includes(feeder.id)),
  );
  const storage = await listFeederStorage(
    database,
    feeders.map(({ id }) => id),
  );
  return feeders.map(({ id, failSafeImportKw }) => ({
    id,
    failSafeImportKw,
    maxConsumptionKw: storage.find(({ feederId }) => feederId === id)?.enrolledChargeKw ?? 0,
  }));
}

/** Registers, and takes what the server has into what is held. @throws VtnError */
export async function takeEvents(context: SyncContext, client: VtnClient) {
  const { database, connection, nowMs } = context;
  const { id, settings } = connection;
  const registration = await register(client, settings, context.feeders);
  const known = await listEventsOf(database, id, nowMs - BEHIND_MS);
  const heldIds = known.filter(({ goneMs }) => goneMs === null).map(({ eventId }) => eventId);
  const walk = await walkEvents(client, registration.targets, settings.programs, heldIds);
  await holdEvents(database, known, walk, {
    connection,
    timeZone: context.timeZone,
    feeders: registration.feeders,
    referenceKw: (feederIds) => referenceKw(context, feederIds),
    nowMs,
  });
  return { venId: registration.venId, feeders: registration.feeders, programs: walk.programs };
}

/** Asks to be told of changes; why not, or null when it will be. After the events: an emergency does not wait for it. */
export async function askForHints(
  { id, settings }: Pick<OpenAdrConnection, 'id' | 'settings'>,
  client: VtnClient,
  venId: string | null,
  secrets: OpenAdrSecrets,
  listen: OpenAdrPorts['listen'],
): Promise<Pick<OpenAdrStatus, 'webhook' | 'mqtt'>> {
  const webhook = await subscribe(client, id, settings, secrets);
  const offer = await mqttOffer(client, venId, settings, secrets);
  const mqtt = typeof offer === 'string' ? (listen(id, undefined), offer) : listen(id, offer);
  return { webhook, mqtt };
}

/** Mean load of the last metered hour, with what the houses take now. */
async function referenceKw(
  { database, connection, slotMs, nowMs }: SyncContext,
  feederIds: readonly string[],
): Promise<number | null> {
  const endMs = Math.floor(nowMs / slotMs) * slotMs;
  const energy = await listFeederEnergy(database, feederIds, { startMs: endMs - HOUR_MS, endMs });
  const houses = await readSignals(database, connection.regionId, { startMs: nowMs, endMs: nowMs + 1 }, ['house_load']);
  const ofFeeders = houses.filter(({ feederId }) => feederId !== null && feederIds.includes(feederId));
  if (energy.length === 0 && ofFeeders.length === 0) return null;
  return energy.reduce((sum, { kwh }) => sum + kwh, 0) + ofFeeders.reduce((sum, { value }) => sum + value, 0);
}

/** Puts what is held into the region's signals, measures it and reports on it; also while the server is away. */
export async function applyHeldEvents(
  context: SyncContext,
  registered: Registration['feeders'] | undefined,
  client: VtnClient | undefined,
) {
  const { database, connection, nowMs, shed } = context;
  const source = sourceOf(connection.id);
  const stored = await listEventsOf(database, connection.id, nowMs - BEHIND_MS);
  const held = heldEvents(stored, context.feeders);
  const { regionId, settings } = connection;
  const window = { startMs: nowMs, endMs: Math.ceil((nowMs + AHEAD_MS) / DAY_MS) * DAY_MS };
  const { priority, eurPer } = settings;
  const meaning = meaningOf(held, { regionId, source, priority, eurPer }, window, nowMs);
  const sources = [source, `${source}/emergency`];
  const changed = await replaceSeries(database, { regionId, sources, fromMs: nowMs }, meaning.spans);
  // Before the reports, which may wait for a slow server. What cannot be told is told, and else said, by the region's refresh.
  if (changed) await shed.follow({ regionId, nowMs }).catch(() => []);
  const lines: JournalLine[] = [];
  for (const { eventId, type, message } of meaning.alerts) {
    // Said once, however many intervals repeat it.
    const dedupeKey = `openadr/${connection.id}/${eventId}/${type}/${message}`;
    lines.push({
      atMs: nowMs,
      kind: 'emergency',
      subject: regionId,
      message: `${connection.id}: ${type}: ${message}`,
      dedupeKey,
    });
  }
  for (const [eventId, reason] of meaning.refused) {
    const message = `${connection.id}: event ${eventId} is not followed: ${reason}`;
    const dedupeKey = `openadr/${connection.id}/${eventId}/refused/${reason}`;
    lines.push({ atMs: nowMs, kind: 'fallback', subject: regionId, message, dedupeKey });
  }
  const feeders = registered ?? context.feeders.map((feeder) => ({ ...feeder, targets: [] }));
  const ignoredTypes = new Set(meaning.ignored);
  let nextReportMs = Number.POSITIVE_INFINITY;
  let failure: string | null = null;
  for (const event of held) {
    const row = stored.find(({ eventId }) => eventId === event.event.id);
    const refused = meaning.refused.get(event.event.id) ?? null;
    // The connection may have been configured anew: what was refused for want of a rate is followed then.
    if (row && row.refused !== refused) await markEventRefused(database, connection.id, row.eventId, refused);
    if (!row || refused !== null) continue;
    let followed: Awaited<ReturnType<typeof followUp>>;
    try {
      followed = await followUp({ ...context, feeders }, event, row, client);
    } catch (error) {
      // What stops one event must not stop the others; a database that is away stops all, and the step is done again.
      if (error instanceof NightshiftError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      const message = `${connection.id}: event ${row.eventId} cannot be measured or reported on: ${reason}`;
      failure ??= message;
      const dedupeKey = `openadr/${connection.id}/${row.eventId}/unproven/${reason}`;
      lines.push({ atMs: nowMs, kind: 'fallback', subject: regionId, message, dedupeKey });
      continue;
    }
    lines.push(...followed.lines);
    for (const type of followed.ignored) ignoredTypes.add(type);
    nextReportMs = Math.min(nextReportMs, followed.nextDueMs ?? Number.POSITIVE_INFINITY);
    failure ??= followed.failure;
  }
  for (const type of ignoredTypes) {
    const message = `${connection.id} uses ${type}, which nothing here follows from.`;
    lines.push({
      atMs: nowMs,
      kind: 'fallback',
      subject: regionId,
      message,
      dedupeKey: `openadr/${connection.id}/ignored/${type}`,
    });
  }
  await appendJournal(database, connection.cellId, lines);
  return {
    changed,
    failure,
    events: held.length - meaning.refused.size,
    refused: stored.filter(({ goneMs }) => goneMs === null).length - held.length + meaning.refused.size,
    ignoredTypes: [...ignoredTypes].sort(),
    nextReportMs: Number.isFinite(nextReportMs) ? nextReportMs : null,
  };
}

/** Measures an event that has begun, and sends the reports that it asks for. */
async function followUp(
  context: SyncContext & { readonly feeders: Registration['feeders'] },
  held: HeldEvent,
  row: OpenAdrEvent,
  client: VtnClient | undefined,
) {
  const { database, connection, timeZone, slotMs, nowMs } = context;
  const source = sourceOf(connection.id);
  const span = row.startMs === null ? null : { startMs: row.startMs, endMs: row.endMs ?? Number.POSITIVE_INFINITY };
  let read: Promise<EventFacts> | undefined;
  const facts = (): Promise<EventFacts> => {
    const measured = span
      ? {
          startMs: Math.max(span.startMs, nowMs - REPORTED_BACK_MS),
          endMs: Math.min(span.endMs, Math.max(nowMs, span.startMs + slotMs)),
        }
      : { startMs: nowMs, endMs: nowMs };
    return (read ??= readEventFacts(database, { connection, held, span: measured, slotMs, timeZone }));
  };
  const { firstSeenMs } = row;
  const sent = await sendReports({ ...context, client, held, span, firstSeenMs, facts, source });
  const lines: JournalLine[] = [];
  const name = held.event.eventName ?? held.event.id;
  if (sent.types.length > 0) {
    const message = `${connection.id} gets ${sent.types.join(', ')} for event "${name}"`;
    const dedupeKey = `openadr/${connection.id}/${held.event.id}/sent/${nowMs}`;
    lines.push({ atMs: nowMs, kind: 'utility_report', subject: connection.regionId, message, dedupeKey });
  }
  const isShort = span !== null && span.endMs - span.startMs <= REPORTED_BACK_MS;
  if (isShort && nowMs >= span.startMs && isToMeasure(row, span, nowMs)) {
    lines.push(...(await measure(context, held, row, span, await facts())));
  }
  return { ...sent, lines };
}

/** Until late meters are in; and an event that nobody measured to its end, for want of a running worker. */
function isToMeasure({ measured }: OpenAdrEvent, { endMs }: TimeSpan, nowMs: number): boolean {
  return nowMs < endMs + SETTLING_MS || (measured?.intervals.at(-1)?.endMs ?? 0) < endMs;
}

async function measure(
  { database, connection, slotMs, nowMs }: SyncContext,
  held: HeldEvent,
  { firstSeenMs }: OpenAdrEvent,
  span: TimeSpan,
  facts: EventFacts,
): Promise<JournalLine[]> {
  const { baseline, energy, energyByCar, houseKwh, plannedMs } = facts;
  const occurrences = occurrencesOf(held.event, held.anchorMs, sourceOf(connection.id), span).filter(
    ({ endMs }) => endMs <= nowMs,
  );
  if (occurrences.length === 0) return [];
  const measured = measureEvent({
    baseline,
    energy,
    energyByCar,
    houseKwh,
    occurrences,
    receivedMs: firstSeenMs,
    plannedMs,
    slotMs,
  });
  await saveMeasurement(database, connection.id, held.event.id, measured);
  // Meters of the last slot come a little later.
  if (nowMs < span.endMs + slotMs) return [];
  const { meteredKwh, baselineKwh, shedKwh, responseSeconds, cars, methodText } = measured;
  const response = responseSeconds === null ? 'no response' : `response within ${Math.ceil(responseSeconds / 60)} min`;
  const shed = shedKwh < 0 ? 'more than the baseline' : `${shedKwh.toFixed(1)} kWh shed by ${cars.length} cars`;
  return [
    {
      atMs: nowMs,
      kind: 'utility_report',
      subject: connection.regionId,
      message:
        `${connection.id}: event "${held.event.eventName ?? held.event.id}" is over: ${meteredKwh.toFixed(1)} kWh instead of ` +
        `${baselineKwh.toFixed(1)} kWh, ${shed}, ${response} (${methodText})`,
      dedupeKey: `openadr/${connection.id}/${held.event.id}/measured`,
    },
  ];
}
