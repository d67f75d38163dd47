import { setImmediate as nextTurn } from 'node:timers/promises';

import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';

import { gridTimeMs } from '../../domain/clock.ts';
import { HOUR_MS } from '../../domain/durations.ts';
import { quoteJob } from '../../scheduler/quoteJob.ts';
import { slotStartMs } from '../../scheduler/time.ts';
import { quoteCurveSchema, type QuoteCurveWire } from '../wire/quote.ts';
import type { ApiPorts } from './ports.ts';
import { rounded } from './plannedWindows.ts';
import { askedJob, quoteRequestSchema, QUOTED_JOB_ID } from './quote.ts';
import { errorResponses } from './wire.ts';

/** A plan reaches a day ahead; what may take longer looks the same from here. */
const HOURS = [1, 2, 3, 4, 6, 8, 12, 16, 24] as const;
/** Real time that the points may take together: they are planned in the process that serves everybody. */
const POINTS_REAL_MS = 4_000;

const curveRequestSchema = quoteRequestSchema
  .omit({ completion_window: true })
  .partial({ endpoint: true })
  .openapi('QuoteCurveRequest');

const curveRoute = createRoute({
  method: 'post',
  path: '/v1/batches/quote/curve',
  summary: 'What the same batch would cost and emit within 1 to 24 hours; nothing is submitted',
  request: { body: { required: true, content: { 'application/json': { schema: curveRequestSchema } } } },
  responses: {
    200: { description: 'A point for each time', content: { 'application/json': { schema: quoteCurveSchema } } },
    ...errorResponses,
  },
});

/** Quotes one batch for several deadlines: the trade of time against price and carbon. */
export function addQuoteCurveRoutes(app: OpenAPIHono, ports: ApiPorts): void {
  const { cell, now } = ports;
  app.openapi(curveRoute, async (c) => {
    const asked = c.req.valid('json');
    // What is asked without a file names its model: which endpoint would serve it makes no difference to its work.
    const request = { ...asked, endpoint: asked.endpoint ?? '/v1/embeddings', completion_window: '24h' };
    const { latest, model, requests, jobDueAt } = await askedJob(ports, c.get('caller').tenantId, request);
    const { problem } = latest;
    const nowMs = gridTimeMs(cell.clock, now());
    const endRealMs = now() + POINTS_REAL_MS;
    const points: QuoteCurveWire['points'] = [];
    let shards = 0;
    for (const hours of HOURS) {
      if (now() > endRealMs) break;
      const deadlineMs = nowMs + hours * HOUR_MS;
      const job = jobDueAt(deadlineMs);
      shards = job.shardsRemaining;
      // The plan alone: how sure each point is would take seconds.
      const quote = await quoteJob(problem, job, {
        scenarios: 1,
        leavesPerHour: 0,
        random: () => 0,
        mayGoOn: async () => false,
      });
      const finishSlot = quote.plan.jobs.find(({ jobId }) => jobId === QUOTED_JOB_ID)?.finishSlot ?? null;
      points.push({
        hours,
        deadline: new Date(deadlineMs).toISOString(),
        feasible: finishSlot !== null,
        eta: finishSlot === null ? null : new Date(slotStartMs(problem.slots, finishSlot + 1)).toISOString(),
        energy_wh: rounded(quote.energyKwh * 1000, 1),
        cost: { eur: rounded(quote.costEur, 5) },
        gco2: rounded(quote.carbonKg * 1000, 1),
      });
      await nextTurn();
    }
    return c.json(
      {
        object: 'batch.quote_curve' as const,
        model: model.name,
        requests,
        shards,
        points,
        planned_from: new Date(latest.slotStartMs).toISOString(),
      },
      200,
    );
  });
}
