import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';

import { gridTimeMs } from '../../domain/clock.ts';
import type { RegionSummary } from '../../domain/workflows/gridRegion.ts';
import { knownWindow, summarizeRegion } from '../../planning/regionSummary.ts';
import { listFeedStates } from '../../store/feedStates.ts';
import { listRegionFeeders } from '../../store/feeders.ts';
import { listConnections } from '../../store/openAdrConnections.ts';
import { readRegion, readRegionSummary } from '../../store/regions.ts';
import { readSignals } from '../../store/signals.ts';
import { gridRegionStateSchema } from '../wire/gridRegionState.ts';
import type { ApiPorts } from './ports.ts';
import { isoOrNull } from './isoTime.ts';
import { answers, idParam, notFound } from './wire.ts';

const stateRoute = createRoute({
  method: 'get',
  path: '/grid/v1/regions/{id}',
  request: { params: idParam },
  responses: answers(
    'What the region knows now: limits, windows, and how its feeds and utilities do',
    gridRegionStateSchema,
  ),
});

/** How a region does now, for those who do not look into Temporal. */
export function addGridRegionStateRoutes(app: OpenAPIHono, { database, cell, now, carbonEurPerKg }: ApiPorts): void {
  app.openapi(stateRoute, async (c) => {
    const { id } = c.req.valid('param');
    const region = await readRegion(database, id);
    if (region?.cellId !== cell.id) throw notFound('region', id);
    const nowMs = gridTimeMs(cell.clock, now());
    // As refreshRegion saved it: whether cars could be told is known to it alone.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const saved = (await readRegionSummary(database, id)) as RegionSummary | null;
    const summary = summarizeRegion({
      region,
      signals: await readSignals(database, id, knownWindow(region, nowMs)),
      feeders: await listRegionFeeders(database, id),
      feeds: await listFeedStates(database, id),
      fallbacks: (saved?.fallbacks ?? []).filter(({ code }) => code === 'shed_not_told'),
      nowMs,
      carbonEurPerKg,
    });
    const utilities = (await listConnections(database, cell.id)).filter(
      ({ regionId, isRemoving }) => regionId === id && !isRemoving,
    );
    return c.json(
      {
        id,
        time_zone: region.timeZone,
        as_of: iso(nowMs),
        price_eur_per_kwh: summary.priceEurPerKwh,
        carbon_g_per_kwh: summary.carbonGPerKwh,
        ambient_celsius: summary.ambientCelsius,
        prices_known_until: isoOrNull(summary.knownUntilMs),
        emergency: summary.emergency,
        windows: summary.offPeakWindows.map(({ startMs, endMs }) => ({ start: iso(startMs), end: iso(endMs) })),
        limits: summary.limits.map(({ feederId, limitKw, source, untilMs }) => ({
          feeder_id: feederId,
          limit_kw: limitKw,
          source,
          until: isoOrNull(untilMs),
        })),
        feeds: summary.feeds.map(({ feed, readAtMs, failingSinceMs, failure, failures }) => ({
          feed,
          read_at: isoOrNull(readAtMs),
          failing_since: isoOrNull(failingSinceMs),
          failure,
          failures,
        })),
        utilities: utilities.map(({ id: connection, status }) => ({
          id: connection,
          synced_at: isoOrNull(status?.syncedAtMs ?? null),
          failure: status?.failure ?? null,
          failures: status?.failures ?? 0,
        })),
        fallbacks: summary.fallbacks.map(({ code, text }) => ({ code, text })),
      },
      200,
    );
  });
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
