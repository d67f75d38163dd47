import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { DAY_MS } from '../../domain/durations.ts';
import { gridTimeMs } from '../../domain/clock.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { newId } from '../../domain/ids.ts';
import { EMERGENCY_SOURCE } from '../../scheduler/sources.ts';
import { endEmergencies, storeEmergency } from '../../store/emergencies.ts';
import { listRegionFeeders } from '../../store/feeders.ts';
import { readRegion } from '../../store/regions.ts';
import type { ApiPorts } from './ports.ts';
import { tellRegion } from './tellRegion.ts';
import { answers, errorResponses, idParam, notFound, taking } from './wire.ts';

const PATH = '/grid/v1/regions/{id}/emergency';
const LONGEST_MS = 7 * DAY_MS;

const bodySchema = z
  .strictObject({
    reason: z.string().trim().min(1).max(500),
    until: z.iso
      .datetime({ offset: true, error: 'must be a time with its offset (RFC 3339), e.g. 2026-01-11T07:30:00+01:00' })
      .meta({ description: 'Grid time; at most 7 days ahead.' }),
    feeders: z.array(z.string()).max(1_000).default([]).meta({ description: 'All of the region when empty.' }),
  })
  .openapi('GridEmergencyRequest');

const declareRoute = createRoute({
  method: 'post',
  path: PATH,
  summary: 'Have the cars of a region or of some feeders draw nothing, from now on',
  request: { params: idParam, ...taking(bodySchema) },
  responses: {
    201: {
      description: 'In force, and the cars are told',
      content: {
        'application/json': {
          schema: z.object({
            id: z.string(),
            region_id: z.string(),
            feeders: z.array(z.string()),
            start: z.string(),
            until: z.string(),
          }),
        },
      },
    },
    ...errorResponses,
  },
});
const endRoute = createRoute({
  method: 'delete',
  path: PATH,
  summary: 'End all emergencies of a region that were declared here; those of utilities are theirs to end',
  responses: answers(
    'Ended; cars come back one by one within five minutes',
    z.object({ region_id: z.string(), ended: z.array(z.string()) }),
  ),
  request: { params: idParam },
});

/** Emergencies that people declare: limits of 0 that reach the cars before any plan. */
export function addGridEmergencyRoutes(app: OpenAPIHono, { database, cell, regions, now }: ApiPorts): void {
  const gridNowMs = (): number => Math.round(gridTimeMs(cell.clock, now()));
  const checkRegion = async (id: string): Promise<void> => {
    const region = await readRegion(database, id);
    if (region?.cellId !== cell.id) throw notFound('region', id);
  };

  app.openapi(declareRoute, async (c) => {
    const { id: regionId } = c.req.valid('param');
    await checkRegion(regionId);
    const { reason, until, feeders } = c.req.valid('json');
    const startMs = gridNowMs();
    const endMs = Date.parse(until);
    if (endMs <= startMs || endMs > startMs + LONGEST_MS) {
      throw wrong('until', `must be after ${new Date(startMs).toISOString()}, by at most 7 days`);
    }
    const known = (await listRegionFeeders(database, regionId)).map((feeder) => feeder.id);
    const stranger = feeders.find((feeder) => !known.includes(feeder));
    if (stranger !== undefined) throw wrong('feeders', `${JSON.stringify(stranger)} is not one of ${known.join(', ')}`);
    const id = newId('emg_', now());
    const source = `${EMERGENCY_SOURCE}/${id}`;
    const emergency = { regionId, source, message: reason, startMs, endMs, feederIds: feeders };
    const shedding = await storeEmergency(database, cell.id, emergency);
    await tellRegion(regions, regionId);
    const [start, end] = [startMs, endMs].map((ms) => new Date(ms).toISOString());
    return c.json({ id, region_id: regionId, feeders: shedding, start: start ?? '', until: end ?? '' }, 201);
  });

  app.openapi(endRoute, async (c) => {
    const { id: regionId } = c.req.valid('param');
    await checkRegion(regionId);
    const sourcePrefix = `${EMERGENCY_SOURCE}/`;
    const sources = await endEmergencies(database, cell.id, { regionId, sourcePrefix, atMs: gridNowMs() });
    // Also when none is left: what was ended before may not have reached the cars.
    await tellRegion(regions, regionId);
    return c.json({ region_id: regionId, ended: sources.map((source) => source.slice(sourcePrefix.length)) }, 200);
  });
}

function wrong(field: string, limit: string): NightshiftError {
  return new NightshiftError('invalid_request', `${field}: ${limit}.`, { field });
}
