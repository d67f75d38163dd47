import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { gridTimeMs } from '../../domain/clock.ts';
import { operatorReasons } from '../../domain/operatorHold.ts';
import { readBatch } from '../../store/batches.ts';
import { appendJournal } from '../../store/journal.ts';
import { readOpenParkingSession } from '../../store/parkingSessions.ts';
import { updateClaims } from '../../store/vehicleClaims.ts';
import { readVehicle } from '../../store/vehicles.ts';
import { setBatchPaused } from './pauseBatch.ts';
import { operatorLine } from './operatorLine.ts';
import type { ApiPorts } from './ports.ts';
import { answers, idParam, notFound, taking } from './wire.ts';

const vinParam = z.object({ vin: z.string().min(1).max(64) });
const done = (description: string) => answers(description, z.object({ id: z.string(), done: z.literal(true) }));

const pauseRoute = createRoute({
  method: 'post',
  path: '/ops/v1/jobs/{id}/pause',
  summary: 'Hold a job of any tenant back',
  request: { params: idParam },
  responses: done('It is paused, and the journal says who did it'),
});
const resumeRoute = createRoute({
  method: 'post',
  path: '/ops/v1/jobs/{id}/resume',
  summary: 'Let a job of any tenant go on',
  request: { params: idParam },
  responses: done('It goes on, and the journal says who did it'),
});
const excludeRoute = createRoute({
  method: 'put',
  path: '/ops/v1/cars/{vin}/exclusion',
  summary: 'Keep a car from computing until that is ended; it is charged for its owner as before',
  request: {
    params: vinParam,
    ...taking(z.strictObject({ reason: z.string().trim().min(1).max(500) })),
  },
  responses: done('In force, and the journal says who did it and why'),
});
const readmitRoute = createRoute({
  method: 'delete',
  path: '/ops/v1/cars/{vin}/exclusion',
  summary: 'Let an excluded car compute again',
  request: { params: vinParam },
  responses: done('It may compute again, and the journal says who did it'),
});

/** What operators do to jobs and cars by hand; each act stands in the journal. For keys with the scope `ops`. */
export function addOperatorActionRoutes(app: OpenAPIHono, ports: ApiPorts): void {
  const { database, cell, now, stays } = ports;
  const gridNowMs = (): number => Math.round(gridTimeMs(cell.clock, now()));

  const setPaused = async (keyId: string, id: string, paused: boolean): Promise<void> => {
    const batch = await readBatch(database, id);
    if (!batch) throw notFound('job', id);
    await setBatchPaused(ports, batch, paused);
    const what = paused ? 'An operator paused the job' : 'An operator let the job go on';
    await appendJournal(database, cell.id, [operatorLine(ports, keyId, id, what)]);
  };
  app.openapi(pauseRoute, async (c) => {
    const { id } = c.req.valid('param');
    await setPaused(c.get('caller').keyId, id, true);
    return c.json({ id, done: true as const }, 200);
  });
  app.openapi(resumeRoute, async (c) => {
    const { id } = c.req.valid('param');
    await setPaused(c.get('caller').keyId, id, false);
    return c.json({ id, done: true as const }, 200);
  });

  const setExcluded = async (keyId: string, vin: string, hold: { readonly reason: string } | undefined) => {
    const vehicle = await readVehicle(database, vin);
    if (!vehicle) throw notFound('car', vin);
    const what = hold
      ? `An operator keeps ${vehicle.displayName} from computing: ${hold.reason}`
      : `An operator lets ${vehicle.displayName} compute again`;
    await database.transaction(async (tx) => {
      const reasons = operatorReasons(hold);
      const held = await updateClaims(tx, [{ vehicleId: vin, atMs: gridNowMs(), source: 'operator', reasons }]);
      await appendJournal(tx, cell.id, [operatorLine(ports, keyId, vin, what), ...held]);
    });
    // Its session has the cell planned again, so that a shard under way leaves at its next part.
    const stay = await readOpenParkingSession(database, vin);
    if (stay) await stays.policyChanged(stay);
    return { id: vin, done: true as const };
  };
  app.openapi(excludeRoute, async (c) =>
    c.json(await setExcluded(c.get('caller').keyId, c.req.valid('param').vin, c.req.valid('json')), 200),
  );
  app.openapi(readmitRoute, async (c) =>
    c.json(await setExcluded(c.get('caller').keyId, c.req.valid('param').vin, undefined), 200),
  );
}
