import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { isFinalBatchStatus } from '../../domain/batches.ts';
import { readJournalOf } from '../../store/journal.ts';
import type { ApiPorts } from './ports.ts';
import { EventStreams, POLL_REAL_MS } from './eventStreams.ts';
import { batchToWireById, ownBatch } from './readBatches.ts';
import { errorResponses, idParam } from './wire.ts';

const KEEP_ALIVE_REAL_MS = 15_000;
const PAGE_LINES = 500;

const followBatchRoute = createRoute({
  method: 'get',
  path: '/v1/batches/{id}/events',
  request: { params: idParam, headers: z.object({ 'last-event-id': z.coerce.number().int().min(0).optional() }) },
  responses: {
    200: {
      description:
        'Server-sent events: `batch` with the batch whenever it has changed, and `line` with what happened and why; ' +
        'the id of a line is its sequence, and Last-Event-ID goes on after it. `end` follows the final state.',
      content: { 'text/event-stream': { schema: z.string() } },
    },
    204: { description: 'The batch has ended, and there is nothing after Last-Event-ID' },
    ...errorResponses,
  },
});

/** Follows one batch. */
export function addBatchEventRoutes(app: OpenAPIHono, ports: ApiPorts): void {
  const { database, cell, now, logger } = ports;
  const streams = new EventStreams(logger);
  app.openapi(followBatchRoute, async (c) => {
    const { id } = c.req.valid('param');
    const { tenantId } = c.get('caller');
    const lastSeen = c.req.valid('header')['last-event-id'];
    const { status } = await ownBatch(ports, tenantId, id);
    const linesAfter = (seq: number) =>
      streams.shared(`lines of ${id} after ${seq}`, () => readJournalOf(database, cell.id, id, seq, PAGE_LINES));
    // Told so, a browser's EventSource stops coming back.
    if (lastSeen !== undefined && isFinalBatchStatus(status) && (await linesAfter(lastSeen)).length === 0)
      return c.body(null, 204);

    return streams.answer(c, c.get('caller').keyId, async (stream) => {
      let seen = lastSeen ?? 0;
      let sent = '';
      let lastSentRealMs = now();
      while (!stream.aborted && !stream.closed) {
        // The batch before its lines: after a final state nothing more is written, so no line is missed.
        const batch = await streams.shared(`batch ${id}`, () => batchToWireById(ports, tenantId, id));
        const lines = await linesAfter(seen);
        for (const line of lines) {
          await stream.writeSSE({ id: String(line.seq), event: 'line', data: JSON.stringify(line) });
          seen = line.seq;
        }
        const data = JSON.stringify(batch);
        const hasChanged = data !== sent;
        if (hasChanged) await stream.writeSSE({ event: 'batch', data });
        sent = data;
        if (isFinalBatchStatus(batch.status) && lines.length < PAGE_LINES) {
          await stream.writeSSE({ event: 'end', data: batch.status });
          return;
        }
        if (hasChanged || lines.length > 0) lastSentRealMs = now();
        else if (now() - lastSentRealMs >= KEEP_ALIVE_REAL_MS) {
          await stream.write(': still here\n\n');
          lastSentRealMs = now();
        }
        await stream.sleep(POLL_REAL_MS);
      }
    });
  });
}
