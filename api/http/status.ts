import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { gridTimeMs } from '../../domain/clock.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { listOpenJobs } from '../../store/jobProgress.ts';
import { summarizeFleet } from '../../store/vehicleStates.ts';
import type { ApiPorts } from './ports.ts';
import { answers } from './wire.ts';

const statusSchema = z
  .object({
    cell: z.object({ id: z.string(), slotMinutes: z.number() }),
    clock: z.object({
      gridTimeMs: z.number().meta({ description: 'Now, in grid time, epoch milliseconds.' }),
      originMs: z.number(),
      anchorMs: z.number(),
      scale: z.number(),
    }),
    jobs: z.array(
      z.object({
        batchId: z.string(),
        deadlineMs: z.number(),
        paused: z.boolean(),
        shards: z.object({ total: z.number(), pending: z.number(), inFlight: z.number(), done: z.number() }),
      }),
    ),
    fleet: z.array(z.object({ regionId: z.string(), vehicles: z.number(), online: z.number(), pluggedIn: z.number() })),
  })
  .openapi('Status');

const statusRoute = createRoute({
  method: 'get',
  path: '/ops/v1/status',
  responses: answers('The cell now', statusSchema),
});

const healthRoute = createRoute({
  method: 'get',
  path: '/health',
  responses: answers('Requests can be served', z.object({ status: z.literal('ok') })),
});

export function addStatusRoutes(app: OpenAPIHono, { database, cell, now, logger }: ApiPorts): void {
  app.openapi(statusRoute, async (c) => {
    const [jobs, fleet] = await Promise.all([listOpenJobs(database, cell.id), summarizeFleet(database, cell.id)]);
    return c.json(
      {
        cell: { id: cell.id, slotMinutes: cell.slotMinutes },
        clock: { gridTimeMs: gridTimeMs(cell.clock, now()), ...cell.clock },
        jobs: jobs
          .filter((job) => job.cellId === cell.id || job.shardsHere > 0)
          .map(({ jobId, deadlineMs, paused, shards, pending, inFlight, done }) => ({
            batchId: jobId,
            deadlineMs,
            paused,
            shards: { total: shards, pending, inFlight, done },
          })),
        fleet,
      },
      200,
    );
  });

  app.openapi(healthRoute, async (c) => {
    try {
      await database.query('select 1');
    } catch (error) {
      logger.warn({ err: error }, 'PostgreSQL does not answer');
      throw new NightshiftError('unavailable', 'PostgreSQL does not answer.', { cause: error });
    }
    return c.json({ status: 'ok' as const }, 200);
  });
}
