import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';

import { gridTimeMs } from '../../domain/clock.ts';
import { HOUR_MS } from '../../domain/durations.ts';
import { quoteCurveSchema, type QuoteCurveWire } from '../wire/quote.ts';
import type { ApiPorts } from './ports.ts';
import { mostEnergyWh } from './money/batchPrice.ts';
import { batchToQuote, quoteOf, quoteRequestSchema, withItsWork } from './quote.ts';
import { answers, taking } from './wire.ts';

/** A plan reaches a day ahead; what may take longer looks the same from here. */
const HOURS = [1, 2, 3, 4, 6, 8, 12, 16, 24] as const;
/** Real time that the points may take together: others want quotes too. */
const POINTS_REAL_MS = 4_000;

const curveRequestSchema = quoteRequestSchema
  .omit({ completion_window: true })
  .partial({ endpoint: true })
  .openapi('QuoteCurveRequest');

const curveRoute = createRoute({
  method: 'post',
  path: '/v1/batches/quote/curve',
  summary: 'What the same batch would cost and emit within 1 to 24 hours; nothing is submitted',
  request: taking(curveRequestSchema),
  responses: answers('A point for each time', quoteCurveSchema),
});

/** Quotes one batch for several deadlines: the trade of time against price and carbon. */
export function addQuoteCurveRoutes(app: OpenAPIHono, ports: ApiPorts): void {
  const { cell, now } = ports;
  app.openapi(curveRoute, async (c) => {
    const asked = c.req.valid('json');
    // What is asked without a file names its model: which endpoint would serve it makes no difference to its work.
    const request = { ...asked, endpoint: asked.endpoint ?? '/v1/embeddings', completion_window: '24h' };
    const { tenantId } = c.get('caller');
    const { batch, size, hints } = await batchToQuote(ports, tenantId, request);
    const workWh = (await mostEnergyWh(ports.database, tenantId, size)) * (hints.quorum ?? 1);
    const nowMs = gridTimeMs(cell.clock, now());
    const endRealMs = now() + POINTS_REAL_MS;
    const points: QuoteCurveWire['points'] = [];
    let plannedFrom = '';
    for (const hours of HOURS) {
      if (points.length > 0 && now() > endRealMs) break;
      const deadlineMs = Math.round(nowMs + hours * HOUR_MS);
      // The plan alone: how sure each point is would take seconds.
      const quote = withItsWork(quoteOf(await ports.quotes.quote({ ...batch, deadlineMs, scenarios: 1 })), workWh);
      const { deadline, feasible, eta, energy_wh, cost, gco2 } = quote;
      points.push({ hours, deadline, feasible, eta, energy_wh, cost, gco2 });
      plannedFrom = quote.planned_from;
    }
    const { model, requests, shards } = batch;
    return c.json(
      { object: 'batch.quote_curve' as const, model, requests, shards, points, planned_from: plannedFrom },
      200,
    );
  });
}
