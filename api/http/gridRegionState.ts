import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { listConnections } from '../../store/openAdr.ts';
import { readRegion, readRegionSummary } from '../../store/regions.ts';
import type { RegionSummary } from '../../domain/workflows/gridRegion.ts';
import type { ApiDeps } from './deps.ts';
import { isoOrNull } from './isoTime.ts';
import { errorResponses, idParam, notFound } from './wire.ts';

const time = z.string().nullable();

const stateSchema = z
  .object({
    id: z.string(),
    timeZone: z.string(),
    asOf: time.meta({ description: 'Grid time of the last refresh; null before the first.' }),
    priceEurPerKwh: z.number().nullable(),
    carbonGPerKwh: z.number().nullable(),
    ambientCelsius: z.number().nullable(),
    pricesKnownUntil: time,
    emergency: z.boolean().meta({ description: 'An import limit of 0 is in force somewhere in the region.' }),
    windows: z.array(z.object({ start: z.string(), end: z.string() })),
    limits: z
      .array(
        z.object({
          feederId: z.string(),
          limitKw: z.number(),
          source: z.string().nullable().meta({ description: 'Null: nobody says anything, the fail-safe limit holds.' }),
          until: time,
        }),
      )
      .meta({ description: 'In force now, the tightest first, at most 20.' }),
    feeds: z.array(
      z.object({
        feed: z.string(),
        readAt: time,
        failingSince: time,
        failure: z.string().nullable(),
        failures: z.number().int().meta({ description: 'In a row.' }),
      }),
    ),
    utilities: z.array(
      z.object({ id: z.string(), syncedAt: time, failure: z.string().nullable(), failures: z.number().int() }),
    ),
    fallbacks: z.array(z.object({ code: z.string(), text: z.string() })),
  })
  .openapi('GridRegionState');

const stateRoute = createRoute({
  method: 'get',
  path: '/grid/v1/regions/{id}',
  request: { params: idParam },
  responses: {
    200: {
      description: 'What the region knows now: limits, windows, and how its feeds and utilities do',
      content: { 'application/json': { schema: stateSchema } },
    },
    ...errorResponses,
  },
});

/** How a region does, for those who do not look into Temporal. */
export function addGridRegionStateRoutes(app: OpenAPIHono, { db, cell }: ApiDeps): void {
  app.openapi(stateRoute, async (c) => {
    const { id } = c.req.valid('param');
    const region = await readRegion(db, id);
    if (region?.cellId !== cell.id) throw notFound('region', id);
    // As refreshRegion saved it.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const summary = (await readRegionSummary(db, id)) as RegionSummary | null;
    const utilities = (await listConnections(db, cell.id)).filter(({ regionId }) => regionId === id);
    return c.json(
      {
        id,
        timeZone: region.timeZone,
        asOf: isoOrNull(summary?.atMs ?? null),
        priceEurPerKwh: summary?.priceEurPerKwh ?? null,
        carbonGPerKwh: summary?.carbonGPerKwh ?? null,
        ambientCelsius: summary?.ambientCelsius ?? null,
        pricesKnownUntil: isoOrNull(summary?.knownUntilMs ?? null),
        emergency: summary?.emergency ?? false,
        windows: (summary?.offPeakWindows ?? []).map(({ startMs, endMs }) => ({
          start: iso(startMs),
          end: iso(endMs),
        })),
        limits: (summary?.limits ?? []).map(({ untilMs, ...limit }) => ({ ...limit, until: isoOrNull(untilMs) })),
        feeds: (summary?.feeds ?? []).map(({ readAtMs, failingSinceMs, ...feed }) => ({
          ...feed,
          readAt: isoOrNull(readAtMs),
          failingSince: isoOrNull(failingSinceMs),
        })),
        utilities: utilities.map(({ id: connection, status }) => ({
          id: connection,
          syncedAt: isoOrNull(status?.syncedAtMs ?? null),
          failure: status?.failure ?? null,
          failures: status?.failures ?? 0,
        })),
        fallbacks: (summary?.fallbacks ?? []).map(({ code, text }) => ({ code, text })),
      },
      200,
    );
  });
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
