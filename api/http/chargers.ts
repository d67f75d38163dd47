import { createHash, randomBytes } from 'node:crypto';

import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import type { KeptPlug } from '../../charging/chargerBridge.ts';
import { gridTimeMs } from '../../domain/clock.ts';
import {
  listChargerPlugs,
  putChargerPlug,
  removeChargerPlugs,
  type ChargerPlug,
  type KnownPlug,
} from '../../store/chargePoints.ts';
import { appendJournal } from '../../store/journal.ts';
import { chargerPutSchema, chargersSchema, newChargerSchema, type ChargerWire } from '../wire/chargers.ts';
import { operatorOnly } from './carCaller.ts';
import type { ApiPorts } from './ports.ts';
import { answers, notFound, taking, unixSeconds } from './wire.ts';

/** OCPP security profiles want 16 to 40 characters. */
const PASSWORD_BYTES = 15;
const chargerParam = z.object({
  id: z.string().regex(/^[A-Za-z0-9_.-]{1,48}$/, 'must be 1 to 48 letters, digits, "_", "." or "-"'),
});

const listRoute = createRoute({
  method: 'get',
  path: '/fleet/v1/chargers',
  responses: answers('The cell’s chargers, with what they said last', chargersSchema),
});
const putRoute = createRoute({
  method: 'put',
  path: '/fleet/v1/chargers/{id}',
  summary: 'Add a plug of a charger that connects over OCPP, or change what is known of it',
  request: {
    params: chargerParam,
    ...taking(chargerPutSchema),
  },
  responses: answers('It may connect; its password is shown this once', newChargerSchema),
});
const removeRoute = createRoute({
  method: 'delete',
  path: '/fleet/v1/chargers/{id}',
  request: {
    params: chargerParam,
    query: z.object({
      plug: z.coerce.number().int().min(1).max(99).optional().meta({ description: 'Left out: the whole charger.' }),
    }),
  },
  responses: answers('It may no longer connect', z.object({ id: z.string(), removed: z.literal(true) })),
});

/** Chargers, for operators. */
export function addChargerRoutes(app: OpenAPIHono, { database, cell, now }: ApiPorts): void {
  const journal = (subject: string, message: string) => {
    const atMs = Math.round(gridTimeMs(cell.clock, now()));
    return appendJournal(database, cell.id, [{ atMs, kind: 'enrolled', subject, message }]);
  };
  const list = () => listChargerPlugs<KeptPlug>(database, cell.id);

  app.openapi(listRoute, async (c) => {
    operatorOnly(c.get('carCaller'));
    return c.json({ chargers: (await list()).map(toWire) }, 200);
  });

  app.openapi(putRoute, async (c) => {
    operatorOnly(c.get('carCaller'));
    const { id } = c.req.valid('param');
    const {
      plug,
      feeder,
      car,
      phases,
      max_amps: maxAmps,
      meters_compute: metersCompute,
      ...rest
    } = c.req.valid('json');
    const known = (await list()).filter((each) => each.chargePointId === id);
    const isNew = known.length === 0;
    const password = isNew || rest.new_password ? randomBytes(PASSWORD_BYTES).toString('base64url') : null;
    const enrolled: ChargerPlug = {
      chargePointId: id,
      plug,
      cellId: cell.id,
      feederId: feeder,
      vehicleId: car,
      phases,
      maxAmps,
      metersCompute,
      idTokens: rest.id_tokens,
    };
    await putChargerPlug(database, enrolled, password === null ? undefined : sha256(password));
    const what = known.some((each) => each.plug === plug) ? 'changed' : 'added';
    await journal(id, `Charger ${id}, plug ${plug}, is ${what} on ${feeder}${car ? ` for ${car}` : ''}`);
    const stored = (await list()).find((each) => each.chargePointId === id && each.plug === plug);
    if (!stored) throw notFound('charger', id);
    return c.json({ ...toWire(stored), password }, 200);
  });

  app.openapi(removeRoute, async (c) => {
    operatorOnly(c.get('carCaller'));
    const { id } = c.req.valid('param');
    const { plug } = c.req.valid('query');
    if (!(await removeChargerPlugs(database, cell.id, id, plug))) throw notFound('charger', id);
    await journal(id, `Charger ${id}${plug === undefined ? '' : `, plug ${plug},`} is removed`);
    return c.json({ id, removed: true as const }, 200);
  });
}

function toWire(point: KnownPlug<KeptPlug>): ChargerWire {
  const { feederId, vehicleId, phases, maxAmps, metersCompute, idTokens, state, seenRealMs } = point;
  return {
    id: point.chargePointId,
    plug: point.plug,
    feeder: feederId,
    car: vehicleId,
    phases,
    max_amps: maxAmps,
    meters_compute: metersCompute,
    id_tokens: [...idTokens],
    online: state?.connector.online ?? false,
    plug_state: state?.connector.plug ?? 'unknown',
    power_kw: state?.connector.powerKw ?? null,
    foreign_car: state?.isForeign ?? false,
    charging_kwh: point.chargingKwh,
    compute_kwh: point.computeKwh,
    seen_at: seenRealMs === null ? null : unixSeconds(seenRealMs),
  };
}

function sha256(password: string): string {
  return createHash('sha256').update(password).digest('hex');
}
