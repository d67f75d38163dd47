import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { gridTimeMs } from '../../domain/clock.ts';
import { listEvents, readEvent, type OpenAdrEvent } from '../../store/openAdrEvents.ts';
import { listReports, type OpenAdrReport } from '../../store/openAdrReports.ts';
import {
  gridEventsSchema,
  gridEventWithProofSchema,
  type GridEventWire,
  type GridEventWithProofWire,
} from '../wire/gridEvents.ts';
import type { ApiPorts } from './ports.ts';
import { isoOrNull } from './isoTime.ts';
import { answers, notFound } from './wire.ts';

const MAX_EVENTS = 200;

const listRoute = createRoute({
  method: 'get',
  path: '/grid/v1/events',
  responses: answers('The newest events of the cell’s utilities', gridEventsSchema),
});
const getRoute = createRoute({
  method: 'get',
  path: '/grid/v1/events/{id}',
  request: { params: z.object({ id: z.string().min(1).max(128) }) },
  responses: answers(
    'The event, what it did to the metered load, and the reports that went back',
    gridEventWithProofSchema,
  ),
});

/** Utilities' events and the proof that they were followed; for keys with the scope `ops` or `grid`. */
export function addGridEventRoutes(app: OpenAPIHono, { database, cell, now }: ApiPorts): void {
  const gridNowMs = (): number => gridTimeMs(cell.clock, now());

  app.openapi(listRoute, async (c) => {
    const events = await listEvents(database, cell.id, MAX_EVENTS, c.get('regionsSeen'));
    return c.json({ data: events.map((event) => gridEventToWire(event, gridNowMs())) }, 200);
  });

  app.openapi(getRoute, async (c) => {
    const { id } = c.req.valid('param');
    const event = await readEvent(database, cell.id, id, c.get('regionsSeen'));
    if (!event) throw notFound('event', id);
    const reports = await listReports(database, event.connectionId, id);
    return c.json(
      {
        ...gridEventToWire(event, gridNowMs()),
        event: event.body,
        measurement: measurementOf(event),
        reports: reports.map(reportOf),
      },
      200,
    );
  });
}

/** An event as it is listed. */
export function gridEventToWire(event: OpenAdrEvent, nowMs: number): GridEventWire {
  return {
    id: event.eventId,
    ...askedOf(event.body),
    connection: event.connectionId,
    state: stateOf(event, nowMs),
    received_at: new Date(event.firstSeenMs).toISOString(),
    start: isoOrNull(event.startMs),
    end: isoOrNull(event.endMs),
    feeders: [...event.feederIds],
    refused: event.refused,
    refused_payloads: [...event.refusedPayloads],
  };
}

const MAX_VALUES = 10;
/** As far as it is shown: what a server sends may have any form. */
const bodySchema = z.object({
  eventName: z.string().nullish().catch(null),
  payloadDescriptors: z
    .array(z.object({ payloadType: z.string(), units: z.string().nullish() }))
    .nullish()
    .catch(null),
  intervals: z
    .array(z.object({ payloads: z.array(z.object({ type: z.string(), values: z.array(z.unknown()) })) }))
    .nullish()
    .catch(null),
});

/** The name that a utility gave its event. */
export function nameOf(body: unknown): string | null {
  return askedOf(body).name;
}

function askedOf(body: unknown): Pick<GridEventWire, 'name' | 'asks'> {
  const read = bodySchema.safeParse(body);
  if (!read.success) return { name: null, asks: [] };
  const { eventName, payloadDescriptors, intervals } = read.data;
  const values = new Map<string, unknown[]>();
  for (const { type, values: more } of (intervals ?? []).flatMap(({ payloads }) => payloads)) {
    const known = values.get(type) ?? [];
    values.set(type, [...known, ...more.filter((value) => !known.includes(value))].slice(0, MAX_VALUES));
  }
  return {
    name: eventName ?? null,
    asks: [...values].map(([type, different]) => ({
      type,
      units: payloadDescriptors?.find(({ payloadType }) => payloadType === type)?.units ?? null,
      values: [...new Set(different)],
    })),
  };
}

function stateOf({ refused, goneMs, startMs, endMs }: OpenAdrEvent, nowMs: number): GridEventWire['state'] {
  if (refused !== null) return 'refused';
  if (goneMs !== null && (endMs === null || goneMs < endMs)) return 'taken_back';
  if (startMs === null) return 'request';
  if (nowMs < startMs) return 'upcoming';
  return endMs !== null && nowMs >= endMs ? 'over' : 'active';
}

function measurementOf({ measured }: OpenAdrEvent): GridEventWithProofWire['measurement'] {
  if (!measured) return null;
  return {
    method: measured.method,
    method_text: measured.methodText,
    baseline_kwh: measured.baselineKwh,
    metered_kwh: measured.meteredKwh,
    shed_kwh: measured.shedKwh,
    plan_seconds: measured.planSeconds,
    response_seconds: measured.responseSeconds,
    intervals: measured.intervals.map(({ intervalId, startMs, endMs, baselineKwh, meteredKwh, houseKwh }) => ({
      id: intervalId,
      start: new Date(startMs).toISOString(),
      end: new Date(endMs).toISOString(),
      baseline_kwh: baselineKwh,
      metered_kwh: meteredKwh,
      house_kwh: houseKwh,
    })),
    cars: measured.cars.map(({ vehicleId, baselineKwh, meteredKwh }) => ({
      vehicle: vehicleId,
      baseline_kwh: baselineKwh,
      metered_kwh: meteredKwh,
    })),
  };
}

function reportOf({ reportName, sentMs, vtnReportId, body }: OpenAdrReport) {
  return { name: reportName, sent_at: isoOrNull(sentMs), vtn_id: vtnReportId, report: body };
}
