import type { JournalLine } from '../../../domain/journal.ts';
import type { OpenAdrRegistration } from '../../../domain/openAdr.ts';
import { saveMeasurement, type OpenAdrEvent } from '../../../store/openAdrEvents.ts';
import { eventName } from './describeEvent.ts';
import { readEventFacts, type EventFacts } from './eventFacts.ts';
import type { HeldEvent } from './heldEvent.ts';
import { measureEvent } from './measurement.ts';
import { REPORTED_BACK_MS, sendReports, SETTLING_MS, type SentReports } from './sendReports.ts';
import type { SyncContext } from './synchronise.ts';
import { occurrencesOf, type TimeSpan } from './timing.ts';
import type { VtnClient } from './vtnClient.ts';

/** Measures an event that has begun, and sends the reports that it asks for. */
export async function followUp(
  context: SyncContext,
  registered: OpenAdrRegistration | null,
  held: HeldEvent,
  row: OpenAdrEvent,
  client: VtnClient | undefined,
): Promise<SentReports & { readonly lines: readonly JournalLine[] }> {
  const { database, connection, timeZone, slotMs, nowMs } = context;
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
  const sent = await sendReports({ ...context, registered, client, held, span, firstSeenMs, facts });
  const lines: JournalLine[] = [];
  if (sent.types.length > 0) {
    const message = `${connection.id} gets ${sent.types.join(', ')} for ${eventName(row.body, row.eventId)}`;
    const dedupeKey = `openadr/${connection.id}/${row.eventId}/sent/${nowMs}`;
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
  { eventId, body, firstSeenMs }: OpenAdrEvent,
  span: TimeSpan,
  facts: EventFacts,
): Promise<JournalLine[]> {
  const { baseline, energy, energyByCar, houseKwh, plannedMs } = facts;
  const occurrences = occurrencesOf(held.event, held.anchorMs, held.seed, span).filter(({ endMs }) => endMs <= nowMs);
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
  await saveMeasurement(database, connection.id, eventId, measured);
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
        `${connection.id}: ${eventName(body, eventId)} is over: ${meteredKwh.toFixed(1)} kWh instead of ` +
        `${baselineKwh.toFixed(1)} kWh, ${shed}, ${response} (${methodText})`,
      dedupeKey: `openadr/${connection.id}/${eventId}/measured`,
    },
  ];
}
