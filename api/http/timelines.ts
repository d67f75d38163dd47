import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { gridTimeMs } from '../../domain/clock.ts';
import { HOUR_MS, MINUTE_MS } from '../../domain/durations.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { gridDay } from '../../domain/gridDay.ts';
import { limitsNow } from '../../planning/importLimits.ts';
import {
  feederTimeline,
  regionSeries,
  togetherTimeline,
  type KnownSeries,
  type TimelineFacts,
} from '../../planning/regionTimeline.ts';
import { regionWindows } from '../../scheduler/regionWindows.ts';
import { slotAt, slotStartMs, type SlotAxis } from '../../scheduler/time.ts';
import { countFeederCars } from '../../store/feederCars.ts';
import { listFeederDraws } from '../../store/feederMeters.ts';
import { listRegionFeeders } from '../../store/feeders.ts';
import { listFeederSlots } from '../../store/feederSlots.ts';
import { readRegion, type Region } from '../../store/regions.ts';
import { readSignals, type TimeWindow } from '../../store/signals.ts';
import { feedersSchema, timelineSchema, type TimelineWire } from '../wire/timeline.ts';
import { isoOrNull } from './isoTime.ts';
import type { PlanForecasts } from './planForecasts.ts';
import type { ApiPorts } from './ports.ts';
import { rounded } from './plannedWindows.ts';
import { timelineCsv } from './timelineCsv.ts';
import { answers, errorResponses, idParam, notFound } from './wire.ts';

const MAX_SPAN_MS = 7 * 24 * HOUR_MS;
const timeLimit = 'must be a time with its offset (RFC 3339)';
const timelineQuery = z.object({
  from: z.iso.datetime({ offset: true, error: timeLimit }).optional().meta({ description: 'The last local noon.' }),
  to: z.iso.datetime({ offset: true, error: timeLimit }).optional().meta({ description: 'The local noon after it.' }),
  feeder: z.string().min(1).max(100).optional(),
});

const timelineRoute = createRoute({
  method: 'get',
  path: '/grid/v1/regions/{id}/timeline',
  summary: 'Load, limits, price, carbon and plan on one time axis, what was metered beside what was planned',
  request: { params: idParam, query: timelineQuery },
  responses: answers('By slot', timelineSchema),
});
const exportRoute = createRoute({
  method: 'get',
  path: '/grid/v1/regions/{id}/timeline.csv',
  summary: 'The timeline as a table, a line per slot',
  request: { params: idParam, query: timelineQuery },
  responses: {
    200: { description: 'By slot, times in UTC', content: { 'text/csv': { schema: z.string() } } },
    ...errorResponses,
  },
});
const feedersRoute = createRoute({
  method: 'get',
  path: '/grid/v1/regions/{id}/feeders',
  summary: 'The feeders of a region: what limits them, what they draw, and what their limits cost',
  request: { params: idParam },
  responses: answers('Those that bind first', feedersSchema),
});

/** What a region and its feeders draw, drew and will draw. */
export function addTimelineRoutes(app: OpenAPIHono, ports: ApiPorts, forecasts: PlanForecasts): void {
  const { database, cell, now, carbonEurPerKg } = ports;
  const gridNowMs = (): number => gridTimeMs(cell.clock, now());
  const regionOf = async (id: string): Promise<Region> => {
    const region = await readRegion(database, id);
    if (region?.cellId !== cell.id) throw notFound('region', id);
    return region;
  };
  const factsOf = async (regionId: string, axis: SlotAxis, nowMs: number) => {
    const window = { startMs: axis.startMs, endMs: slotStartMs(axis, axis.count) };
    const [signals, committed, draws, plan] = await Promise.all([
      readSignals(database, regionId, window),
      listFeederSlots(database, regionId, window),
      listFeederDraws(database, regionId, window),
      forecasts.newest(),
    ]);
    return { axis, nowMs, signals, committed, draws, plan } satisfies TimelineFacts;
  };

  const timelineOf = async (id: string, query: z.output<typeof timelineQuery>): Promise<TimelineWire> => {
    const region = await regionOf(id);
    const nowMs = gridNowMs();
    const axis = axisOf(windowOf(query, region, nowMs), cell.slotMinutes);
    const feeders = (await listRegionFeeders(database, id)).filter(
      (feeder) => query.feeder === undefined || feeder.id === query.feeder,
    );
    if (query.feeder !== undefined && feeders.length === 0) throw notFound('feeder', query.feeder);
    const facts = await factsOf(id, axis, nowMs);
    const load = togetherTimeline(
      feeders.map((feeder) => feederTimeline(facts, feeder)),
      axis.count,
    );
    const { price, carbon, temperature } = regionSeries(facts);
    const period = gridDay(region.timeZone, nowMs);
    const feederIds = feeders.map((feeder) => feeder.id);
    const windows = regionWindows({ period, signals: facts.signals, feederIds, nowMs, carbonEurPerKg });
    return {
      region_id: id,
      feeder_id: query.feeder ?? null,
      time_zone: region.timeZone,
      as_of: iso(nowMs),
      start: iso(axis.startMs),
      slot_minutes: axis.slotMinutes,
      plan_id: facts.plan?.id ?? null,
      price_eur_per_kwh: wire(price, 5),
      carbon_g_per_kwh: wire(carbon, 1),
      ambient_celsius: wire(temperature, 1),
      limit_kw: wire(load.limitKw, 3),
      house_kw: wire(load.houseKw, 3),
      planned_charge_kw: wire(load.plannedChargeKw, 3),
      planned_compute_kw: wire(load.plannedComputeKw, 3),
      metered_charge_kw: wire(load.meteredChargeKw, 3),
      metered_compute_kw: wire(load.meteredComputeKw, 3),
      limit_price_eur_per_kwh: wire(load.rentEurPerKwh, 5),
      windows: windows.map(({ startMs, endMs }) => ({ start: iso(startMs), end: iso(endMs) })),
    };
  };

  app.openapi(timelineRoute, async (c) => c.json(await timelineOf(c.req.valid('param').id, c.req.valid('query')), 200));
  app.openapi(exportRoute, async (c) => {
    const { id } = c.req.valid('param');
    const text = timelineCsv(await timelineOf(id, c.req.valid('query')));
    c.header('content-disposition', `attachment; filename="${id.replace(/[^\w-]/g, '_')}.csv"`);
    return c.body(text, 200, { 'content-type': 'text/csv; charset=utf-8' });
  });

  app.openapi(feedersRoute, async (c) => {
    const { id } = c.req.valid('param');
    await regionOf(id);
    const nowMs = gridNowMs();
    const slotMs = cell.slotMinutes * MINUTE_MS;
    // The slot that runs, and the last one that has ended.
    const axis = { startMs: (Math.floor(nowMs / slotMs) - 1) * slotMs, slotMinutes: cell.slotMinutes, count: 2 };
    const [facts, feeders, cars] = await Promise.all([
      factsOf(id, axis, nowMs),
      listRegionFeeders(database, id),
      countFeederCars(database, id),
    ]);
    const limits = new Map(limitsNow(facts.signals, feeders, nowMs).map((limit) => [limit.feederId, limit]));
    const counts = new Map(cars.map((each) => [each.feederId, each]));
    const rows = feeders.map((feeder) => {
      const load = feederTimeline(facts, feeder);
      const limit = limits.get(feeder.id);
      const ahead = facts.plan?.byFeeder.get(feeder.id);
      const from = facts.plan ? Math.max(0, slotAt(facts.plan.axis, nowMs)) : 0;
      const binding = (ahead?.rentEurPerKwh ?? []).flatMap((rent, slot) => (rent > 0 && slot >= from ? [slot] : []));
      return {
        id: feeder.id,
        limit_kw: limit?.limitKw ?? feeder.failSafeImportKw,
        limit_source: limit?.source ?? null,
        limit_until: isoOrNull(limit?.untilMs ?? null),
        house_kw: load.houseKw[1] ?? null,
        planned_kw: totalKw(load.plannedChargeKw[1], load.plannedComputeKw[1]),
        metered_kw: totalKw(load.meteredChargeKw[0], load.meteredComputeKw[0]),
        limit_price_eur_per_kwh: rounded(load.rentEurPerKwh[1] ?? 0, 5),
        binding_slots: binding.length,
        next_binding: facts.plan && binding[0] !== undefined ? iso(slotStartMs(facts.plan.axis, binding[0])) : null,
        one_more_kw_eur: rounded(ahead?.oneMoreKwEur ?? 0, 4),
        cars: counts.get(feeder.id)?.cars ?? 0,
        plugged_in: counts.get(feeder.id)?.pluggedIn ?? 0,
      };
    });
    rows.sort((a, b) => b.one_more_kw_eur - a.one_more_kw_eur || a.id.localeCompare(b.id));
    return c.json({ region_id: id, as_of: iso(nowMs), feeders: rows }, 200);
  });
}

function windowOf({ from, to }: z.output<typeof timelineQuery>, { timeZone }: Region, nowMs: number): TimeWindow {
  const day = gridDay(timeZone, nowMs);
  const startMs = from === undefined ? day.startMs : Date.parse(from);
  const endMs = to === undefined ? startMs + (day.endMs - day.startMs) : Date.parse(to);
  if (endMs > startMs && endMs - startMs <= MAX_SPAN_MS) return { startMs, endMs };
  throw new NightshiftError('invalid_request', 'to: must be after from, by at most 7 days.', { field: 'to' });
}

/** Whole slots that cover the window. */
function axisOf({ startMs, endMs }: TimeWindow, slotMinutes: number): SlotAxis {
  const slotMs = slotMinutes * MINUTE_MS;
  const firstMs = Math.floor(startMs / slotMs) * slotMs;
  return { startMs: firstMs, slotMinutes, count: Math.max(1, Math.ceil((endMs - firstMs) / slotMs)) };
}

function totalKw(charge: number | null | undefined, compute: number | null | undefined): number | null {
  if (charge === null || charge === undefined) return null;
  return rounded(charge + (compute ?? 0), 3);
}

function wire(series: KnownSeries, digits: number): (number | null)[] {
  return series.map((value) => (value === null ? null : rounded(value, digits)));
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
