import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { JOURNAL_KINDS } from '../../domain/journal.ts';
import { readJournal } from '../../store/journal.ts';
import type { ApiPorts } from './ports.ts';
import { EventStreams, POLL_REAL_MS } from './eventStreams.ts';
import { answers, errorResponses, limitParam } from './wire.ts';

const KEEP_ALIVE_REAL_MS = 15_000;
const PAGE_LINES = 500;

const lineSchema = z
  .object({
    seq: z.number().int(),
    atMs: z.number().int().meta({ description: 'Grid time, epoch milliseconds.' }),
    kind: z.enum(JOURNAL_KINDS),
    subject: z.string(),
    message: z.string(),
    reasons: z.array(
      z.object({ code: z.string(), text: z.string(), value: z.number().optional(), limit: z.number().optional() }),
    ),
  })
  .openapi('JournalLine');

const after = z.coerce.number().int().min(0).default(0);

const readJournalRoute = createRoute({
  method: 'get',
  path: '/ops/v1/journal',
  request: { query: z.object({ after, limit: limitParam(PAGE_LINES, PAGE_LINES) }) },
  responses: answers(
    'Lines after `after`, oldest first; ask again after the last `seq`.',
    z.object({ lines: z.array(lineSchema) }),
  ),
});

const followJournalRoute = createRoute({
  method: 'get',
  path: '/ops/v1/journal/events',
  request: { query: z.object({ after }), headers: z.object({ 'last-event-id': z.coerce.number().optional() }) },
  responses: {
    200: {
      description: 'Lines as they come, as server-sent events; `id` is `seq`, and Last-Event-ID goes on after it.',
      content: { 'text/event-stream': { schema: z.string() } },
    },
    ...errorResponses,
  },
});

/** What happened and why, for the console and the dashboard. */
export function addJournalRoutes(app: OpenAPIHono, { database, cell, now, logger }: ApiPorts): void {
  const streams = new EventStreams(logger);
  app.openapi(readJournalRoute, async (c) => {
    const query = c.req.valid('query');
    const lines = await readJournal(database, cell.id, query.after, query.limit);
    return c.json({ lines: lines.map((line) => ({ ...line, reasons: [...(line.reasons ?? [])] })) }, 200);
  });

  app.openapi(followJournalRoute, (c) => {
    let seen = c.req.valid('header')['last-event-id'] ?? c.req.valid('query').after;
    return streams.answer(c, c.get('caller').keyId, async (stream) => {
      let lastSentRealMs = now();
      while (!stream.aborted && !stream.closed) {
        const after = seen;
        const lines = await streams.shared(`lines after ${after}`, () =>
          readJournal(database, cell.id, after, PAGE_LINES),
        );
        for (const line of lines) {
          await stream.writeSSE({ id: String(line.seq), event: 'line', data: JSON.stringify(line) });
          seen = line.seq;
        }
        if (lines.length === 0 && now() - lastSentRealMs >= KEEP_ALIVE_REAL_MS) await stream.write(': still here\n\n');
        else if (lines.length === 0) {
          await stream.sleep(POLL_REAL_MS);
          continue;
        }
        lastSentRealMs = now();
      }
    });
  });
}
