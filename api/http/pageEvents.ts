import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';
import type { SSEStreamingApi } from 'hono/streaming';

import { lastJournalSeq, readJournal } from '../../store/journal.ts';
import type { CarRowWire } from '../wire/page.ts';
import { EventStreams, POLL_REAL_MS } from './eventStreams.ts';
import { alertsTold, batchesTold, carsTold, eventsTold, jobsTold, planTold, regionsTold } from './liveTopics.ts';
import { regionsSeenBy, type Viewer } from './pageCaller.ts';
import type { PlanForecasts } from './planForecasts.ts';
import type { ApiPorts } from './ports.ts';
import { errorResponses } from './wire.ts';

const KEEP_ALIVE_REAL_MS = 15_000;
const CARS_AT_ONCE = 500;
const LINES_AT_ONCE = 200;
/** Of the journal, told to an operator who comes. */
const LINES_BEFORE = 100;

const liveRoute = createRoute({
  method: 'get',
  path: '/page/v1/events',
  summary: 'What the page shows, as it changes: one stream of server-sent events for a key of any kind',
  request: { headers: z.object({ 'last-event-id': z.coerce.number().int().min(0).optional() }) },
  responses: {
    200: {
      description:
        'Each event tells a whole of its name, as it now stands, whenever it has changed: `plan` (everyone), `cars` ' +
        '(operators all, owners their own; rows that changed), `jobs`, `alerts` and journal `line`s (operators), ' +
        '`regions` and `events` of utilities (operators, utilities), `batches` (submitters their newest 20). The id of a line is its sequence.',
      content: { 'text/event-stream': { schema: z.string() } },
    },
    ...errorResponses,
  },
});

/** A thing that is told whenever it is another than it was. */
interface Topic {
  readonly name: string;
  readonly everyRealMs: number;
  /** Readers with the same key share what is read. */
  readonly key: string;
  readonly read: () => Promise<unknown>;
}

export function addPageEventRoutes(app: OpenAPIHono, ports: ApiPorts, forecasts: PlanForecasts): void {
  const { database, cell, now, logger } = ports;
  const streams = new EventStreams(logger);

  app.openapi(liveRoute, (c) => {
    const viewer = c.get('viewer');
    const isOperator = viewer.kind === 'tenant' && viewer.scopes.includes('ops');
    const topics = topicsOf(ports, forecasts, viewer);
    const ownerId = viewer.kind === 'owner' ? viewer.ownerId : undefined;
    const seesCars = isOperator || ownerId !== undefined;
    const lastSeen = c.req.valid('header')['last-event-id'];

    return streams.answer(c, ownerId ?? (viewer.kind === 'tenant' ? viewer.keyId : ''), async (stream) => {
      const told = new Map<string, { json: string; atRealMs: number }>();
      const cars = new ToldCars();
      let carsAtRealMs = -Infinity;
      let seen = lastSeen ?? 0;
      if (isOperator && lastSeen === undefined) {
        seen = Math.max(0, (await lastJournalSeq(database, cell.id)) - LINES_BEFORE);
      }
      let sentRealMs = now();
      while (!stream.aborted && !stream.closed) {
        const beganRealMs = now();
        let hasTold = false;
        for (const { name, everyRealMs, key, read } of topics) {
          const before = told.get(name);
          if (before && beganRealMs - before.atRealMs < everyRealMs) continue;
          const json = JSON.stringify((await streams.shared(key, read)) ?? null);
          told.set(name, { json, atRealMs: beganRealMs });
          if (json === before?.json || json === 'null') continue;
          await stream.writeSSE({ event: name, data: json });
          hasTold = true;
        }
        if (seesCars && beganRealMs - carsAtRealMs >= CARS_EVERY_REAL_MS) {
          carsAtRealMs = beganRealMs;
          const rows = await streams.shared(`cars ${ownerId ?? ''}`, () => carsTold(ports, ownerId));
          hasTold = (await cars.tell(stream, rows)) || hasTold;
        }
        if (isOperator) {
          const after = seen;
          const lines = await streams.shared(`lines after ${after}`, () =>
            readJournal(database, cell.id, after, LINES_AT_ONCE),
          );
          for (const { seq, atMs, kind, subject, message } of lines) {
            const data = JSON.stringify({ seq, atMs, kind, subject, message });
            await stream.writeSSE({ id: String(seq), event: 'line', data });
            seen = seq;
          }
          hasTold ||= lines.length > 0;
        }
        if (hasTold) sentRealMs = now();
        else if (now() - sentRealMs >= KEEP_ALIVE_REAL_MS) {
          await stream.write(': still here\n\n');
          sentRealMs = now();
        }
        await stream.sleep(POLL_REAL_MS);
      }
    });
  });
}

const CARS_EVERY_REAL_MS = 1_000;

function topicsOf(ports: ApiPorts, forecasts: PlanForecasts, viewer: Viewer): Topic[] {
  const plan: Topic = {
    name: 'plan',
    everyRealMs: 500,
    key: 'plan',
    read: async () => {
      const newest = await forecasts.newest();
      return newest && planTold(newest);
    },
  };
  if (viewer.kind === 'owner') return [plan];
  const seen = regionsSeenBy(viewer);
  const isOperator = viewer.scopes.includes('ops');
  const topics = [plan];
  if (isOperator || viewer.scopes.includes('grid')) {
    const place = seen === null ? 'all' : seen.join(' ');
    topics.push(
      { name: 'regions', everyRealMs: 1_000, key: `regions ${place}`, read: () => regionsTold(ports, seen) },
      { name: 'events', everyRealMs: 1_000, key: `events ${place}`, read: () => eventsTold(ports, seen) },
    );
  }
  if (viewer.scopes.includes('submit')) {
    const { tenantId } = viewer;
    const read = () => batchesTold(ports, tenantId);
    topics.push({ name: 'batches', everyRealMs: 1_000, key: `batches ${tenantId}`, read });
  }
  if (isOperator) {
    topics.push(
      { name: 'jobs', everyRealMs: 1_000, key: 'jobs', read: () => jobsTold(ports, forecasts) },
      { name: 'alerts', everyRealMs: 2_000, key: 'alerts', read: () => alertsTold(ports, forecasts) },
    );
  }
  return topics;
}

/** Which rows a reader has: only what differs is sent, so that ten thousand cars cost what changes among them. */
class ToldCars {
  readonly #json = new Map<string, string>();
  #isFirst = true;

  /** @returns whether there was something to tell */
  async tell(stream: SSEStreamingApi, rows: readonly CarRowWire[]): Promise<boolean> {
    const changed = rows.filter((row) => {
      const json = jsonOf(row);
      if (this.#json.get(row.id) === json) return false;
      this.#json.set(row.id, json);
      return true;
    });
    const known = new Set(rows.map(({ id }) => id));
    const removed = [...this.#json.keys()].filter((id) => !known.has(id));
    for (const id of removed) this.#json.delete(id);
    if (changed.length === 0 && removed.length === 0 && !this.#isFirst) return false;
    for (let from = 0; from < Math.max(1, changed.length); from += CARS_AT_ONCE) {
      const full = this.#isFirst;
      this.#isFirst = false;
      const part = { full, rows: changed.slice(from, from + CARS_AT_ONCE), removed: from === 0 ? removed : [] };
      await stream.writeSSE({ event: 'cars', data: JSON.stringify(part) });
    }
    return true;
  }
}

/** Rows are shared by readers, and each would write the same. */
const jsonOfRow = new WeakMap<CarRowWire, string>();

function jsonOf(row: CarRowWire): string {
  let json = jsonOfRow.get(row);
  if (json === undefined) {
    json = JSON.stringify(row);
    jsonOfRow.set(row, json);
  }
  return json;
}
