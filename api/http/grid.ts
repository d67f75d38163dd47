import { HOUR_MS } from '../../domain/durations.ts';
import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { gridTimeMs } from '../../domain/clock.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { gridDay } from '../../domain/gridDay.ts';
import { firstCovers } from '../../scheduler/firstCovers.ts';
import { regionWindows } from '../../scheduler/regionWindows.ts';
import { rankSources } from '../../scheduler/sources.ts';
import { listFeeders } from '../../store/feeders.ts';
import { listRegions, readRegion, type Region } from '../../store/regions.ts';
import {
  DEFAULT_PRIORITY,
  readSignals,
  SIGNAL_KINDS,
  upsertSignals,
  type SignalSpan,
  type TimeWindow,
} from '../../store/signals.ts';
import type { ApiPorts } from './ports.ts';
import { kindSchema, pushedSpans, pushSchema, signalSchema } from './gridSignals.ts';
import { tellRegion } from './tellRegion.ts';
import { answers, idParam, notFound, taking } from './wire.ts';

const DEFAULT_SPAN_MS = 24 * HOUR_MS;
const MAX_SPAN_MS = 7 * 24 * HOUR_MS;

const timeLimit = 'must be a time with its offset (RFC 3339)';
const period = z.object({
  from: z.iso.datetime({ offset: true, error: timeLimit }).optional().meta({ description: 'Now when left out.' }),
  to: z.iso.datetime({ offset: true, error: timeLimit }).optional().meta({ description: '24 h after `from`.' }),
});
const windowSchema = z.object({ start: z.string(), end: z.string() }).openapi('OffPeakWindow');

const regionsRoute = createRoute({
  method: 'get',
  path: '/grid/v1/regions',
  responses: answers(
    'The regions of the cell',
    z.object({
      regions: z.array(
        z.object({
          id: z.string(),
          time_zone: z.string(),
          feeders: z.array(z.object({ id: z.string(), fail_safe_import_kw: z.number() })),
        }),
      ),
    }),
  ),
});
const signalsRoute = createRoute({
  method: 'get',
  path: '/grid/v1/regions/{id}/signals',
  request: { params: idParam, query: period },
  responses: answers(
    'What is in force: of each kind and place one value at a time; of import limits the tightest.',
    z.object({ region_id: z.string(), from: z.string(), to: z.string(), signals: z.array(signalSchema) }),
  ),
});
const windowsRoute = createRoute({
  method: 'get',
  path: '/grid/v1/regions/{id}/windows',
  request: { params: idParam },
  responses: answers(
    'Off-peak windows from the last local noon to the next',
    z.object({ region_id: z.string(), from: z.string(), to: z.string(), windows: z.array(windowSchema) }),
  ),
});
const pushRoute = createRoute({
  method: 'put',
  path: '/grid/v1/regions/{id}/signals/{kind}',
  request: {
    params: idParam.extend({ kind: kindSchema }),
    ...taking(pushSchema),
  },
  responses: answers(
    'Stored, and the region is told',
    z.object({ region_id: z.string(), kind: kindSchema, source: z.string(), stored: z.number().int() }),
  ),
});

/** Grid signals: what is in force, and what a utility without a VTN pushes. */
export function addGridRoutes(app: OpenAPIHono, ports: ApiPorts): void {
  const { database, cell, regions, carbonEurPerKg } = ports;
  const nowMs = (): number => gridTimeMs(cell.clock, ports.now());
  const regionOf = async (id: string): Promise<Region> => {
    const region = await readRegion(database, id);
    if (region?.cellId !== cell.id) throw notFound('region', id);
    return region;
  };
  const feedersOf = async (regionId: string) =>
    (await listFeeders(database, cell.id)).filter((feeder) => feeder.regionId === regionId);

  app.openapi(regionsRoute, async (c) => {
    const [all, feeders] = await Promise.all([listRegions(database, cell.id), listFeeders(database, cell.id)]);
    const seen = c.get('regionsSeen');
    const answer = all
      .filter(({ id }) => seen?.includes(id) ?? true)
      .map(({ id, timeZone }) => ({
        id,
        time_zone: timeZone,
        feeders: feeders
          .filter(({ regionId }) => regionId === id)
          .map((feeder) => ({ id: feeder.id, fail_safe_import_kw: feeder.failSafeImportKw })),
      }));
    return c.json({ regions: answer }, 200);
  });

  app.openapi(signalsRoute, async (c) => {
    const region = await regionOf(c.req.valid('param').id);
    const window = windowOf(c.req.valid('query'), nowMs());
    const spans = await readSignals(database, region.id, window);
    const signals = inForce(spans, window, nowMs()).map((span) => signalOf(span, nowMs()));
    return c.json({ region_id: region.id, from: text(window.startMs), to: text(window.endMs), signals }, 200);
  });

  app.openapi(windowsRoute, async (c) => {
    const region = await regionOf(c.req.valid('param').id);
    const day = gridDay(region.timeZone, nowMs());
    const signals = await readSignals(database, region.id, day);
    const feederIds = (await feedersOf(region.id)).map(({ id }) => id);
    const windows = regionWindows({ period: day, signals, feederIds, nowMs: nowMs(), carbonEurPerKg });
    return c.json(
      {
        region_id: region.id,
        from: text(day.startMs),
        to: text(day.endMs),
        windows: windows.map(({ startMs, endMs }) => ({ start: text(startMs), end: text(endMs) })),
      },
      200,
    );
  });

  app.openapi(pushRoute, async (c) => {
    const { id, kind } = c.req.valid('param');
    const region = await regionOf(id);
    const feederIds = (await feedersOf(region.id)).map((feeder) => feeder.id);
    const spans = pushedSpans(c.req.valid('json'), { regionId: region.id, kind, feederIds, nowMs: nowMs() });
    await upsertSignals(database, spans);
    await (kind === 'import_limit' ? tellRegion(regions, region.id) : regions.signalsPushed(region.id));
    return c.json({ region_id: region.id, kind, source: spans[0]?.source ?? '', stored: spans.length }, 200);
  });
}

function windowOf({ from, to }: z.output<typeof period>, nowMs: number): TimeWindow {
  const startMs = from === undefined ? nowMs : Date.parse(from);
  const endMs = to === undefined ? startMs + DEFAULT_SPAN_MS : Date.parse(to);
  if (endMs > startMs && endMs - startMs <= MAX_SPAN_MS) return { startMs, endMs };
  throw new NightshiftError('invalid_request', 'to: must be after from, by at most 7 days.', { field: 'to' });
}

/** Of each kind and place what counts at each instant, cut to the window. */
function inForce(spans: readonly SignalSpan[], { startMs, endMs }: TimeWindow, nowMs: number): SignalSpan[] {
  const places = [...new Set(spans.map(({ feederId }) => feederId))];
  return SIGNAL_KINDS.flatMap((kind) =>
    places.flatMap((place) => {
      const ofPlace = spans
        .filter((span) => span.kind === kind && span.feederId === place)
        .map((span) => ({
          ...span,
          startMs: Math.max(span.startMs, startMs),
          endMs: Math.min(span.endMs, endMs),
        }));
      const tightestFirst = kind === 'import_limit' && ofPlace.sort((a, b) => a.value - b.value);
      return firstCovers(tightestFirst || rankSources(ofPlace, nowMs).toReversed());
    }),
  );
}

function signalOf(span: SignalSpan, nowMs: number): z.output<typeof signalSchema> {
  const { kind, feederId, value, unit, source, forecast, fetchedAtMs } = span;
  return {
    kind,
    feeder_id: feederId,
    start: text(span.startMs),
    end: text(span.endMs),
    value,
    unit,
    source,
    priority: span.priority ?? DEFAULT_PRIORITY,
    forecast,
    estimated: span.estimated ?? false,
    fetched_at: text(fetchedAtMs),
    age_seconds: Math.round((nowMs - fetchedAtMs) / 1000),
    revision: fetchedAtMs,
  };
}

function text(ms: number): string {
  return new Date(ms).toISOString();
}
