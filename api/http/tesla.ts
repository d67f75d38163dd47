import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { keptCarSchema } from '../../charging/tesla/carCommander.ts';
import { spentThisMonth } from '../../charging/tesla/spending.ts';
import { accountTokensSchema } from '../../charging/tesla/tokenKeeper.ts';
import { gridTimeMs } from '../../domain/clock.ts';
import { appendJournal } from '../../store/journal.ts';
import {
  linkTeslaAccount,
  listTeslaAccounts,
  listTeslaCars,
  putTeslaCar,
  removeTeslaAccount,
  removeTeslaCar,
  type KnownTeslaCar,
} from '../../store/teslaCars.ts';
import {
  teslaAccountPutSchema,
  teslaCarPutSchema,
  teslaCarSchema,
  teslaListSchema,
  type TeslaCarWire,
} from '../wire/tesla.ts';
import { operatorOnly } from './carCaller.ts';
import type { ApiPorts } from './ports.ts';
import { answers, notFound, taking, unixSeconds } from './wire.ts';

const accountParam = z.object({
  account: z.string().regex(/^[A-Za-z0-9_.-]{1,100}$/, 'must be 1 to 100 letters, digits, "_", "." or "-"'),
});
const carParam = z.object({
  vin: z.string().regex(/^[A-HJ-NPR-Z0-9]{17}$/, 'must be a VIN: 17 digits and capitals without I, O and Q'),
});

const listRoute = createRoute({
  method: 'get',
  path: '/fleet/v1/tesla',
  summary: 'Linked accounts, and the cars that are told by commands of the Fleet API',
  responses: answers('With what each was told, what it has cost, and what is wrong', teslaListSchema),
});
const linkRoute = createRoute({
  method: 'put',
  path: '/fleet/v1/tesla/accounts/{account}',
  summary: 'Link an owner’s account, or link it anew',
  request: { params: accountParam, ...taking(teslaAccountPutSchema) },
  responses: answers('Linked; its tokens are kept sealed and never shown', z.object({ id: z.string() })),
});
const unlinkRoute = createRoute({
  method: 'delete',
  path: '/fleet/v1/tesla/accounts/{account}',
  request: { params: accountParam },
  responses: answers('Its cars are told nothing more', z.object({ id: z.string(), removed: z.literal(true) })),
});
const putRoute = createRoute({
  method: 'put',
  path: '/fleet/v1/tesla/cars/{vin}',
  summary: 'Have an enrolled car told by commands of the Fleet API, or change how',
  request: { params: carParam, ...taking(teslaCarPutSchema) },
  responses: answers('It is told from now on', teslaCarSchema),
});
const removeRoute = createRoute({
  method: 'delete',
  path: '/fleet/v1/tesla/cars/{vin}',
  request: { params: carParam },
  responses: answers('It is told nothing more', z.object({ vin: z.string(), removed: z.literal(true) })),
});

/** Cars that are told by commands of Tesla's Fleet API, for operators. docs/tesla.md */
export function addTeslaRoutes(app: OpenAPIHono, { database, cell, seal, now }: ApiPorts): void {
  const journal = (subject: string, message: string) => {
    const atMs = Math.round(gridTimeMs(cell.clock, now()));
    return appendJournal(database, cell.id, [{ atMs, kind: 'enrolled', subject, message }]);
  };

  app.openapi(listRoute, async (c) => {
    operatorOnly(c.get('carCaller'));
    const accounts = await listTeslaAccounts(database, cell.id);
    const cars = await listTeslaCars(database, cell.id);
    const linked = accounts.map(({ id, linkedRealMs }) => ({ id, linked_at: unixSeconds(linkedRealMs) }));
    return c.json({ accounts: linked, cars: cars.map((car) => toWire(car, now())) }, 200);
  });

  app.openapi(linkRoute, async (c) => {
    operatorOnly(c.get('carCaller'));
    const { account: id } = c.req.valid('param');
    const tokens = accountTokensSchema.parse({ refreshToken: c.req.valid('json').refresh_token });
    await linkTeslaAccount(database, seal, { id, cellId: cell.id, tokens: JSON.stringify(tokens) });
    await journal(id, `The account ${id} at Tesla is linked`);
    return c.json({ id }, 200);
  });

  app.openapi(unlinkRoute, async (c) => {
    operatorOnly(c.get('carCaller'));
    const { account: id } = c.req.valid('param');
    if (!(await removeTeslaAccount(database, cell.id, id))) throw notFound('account', id);
    await journal(id, `The account ${id} at Tesla is unlinked`);
    return c.json({ id, removed: true as const }, 200);
  });

  app.openapi(putRoute, async (c) => {
    operatorOnly(c.get('carCaller'));
    const { vin } = c.req.valid('param');
    const { account, phases, max_amps: maxAmps, meters_compute: metersCompute } = c.req.valid('json');
    await putTeslaCar(database, cell.id, { vehicleId: vin, accountId: account, phases, maxAmps, metersCompute });
    await journal(vin, `${vin} is told by commands, with the account ${account} at Tesla`);
    const stored = (await listTeslaCars(database, cell.id)).find(({ vehicleId }) => vehicleId === vin);
    if (!stored) throw notFound('car', vin);
    return c.json(toWire(stored, now()), 200);
  });

  app.openapi(removeRoute, async (c) => {
    operatorOnly(c.get('carCaller'));
    const { vin } = c.req.valid('param');
    if (!(await removeTeslaCar(database, cell.id, vin))) throw notFound('car', vin);
    await journal(vin, `${vin} is no longer told by commands`);
    return c.json({ vin, removed: true as const }, 200);
  });
}

function toWire(car: KnownTeslaCar, nowRealMs: number): TeslaCarWire {
  const { vehicleId: vin, accountId: account, phases, maxAmps, metersCompute } = car;
  const { told, spending, meter, telemetryRightRealMs, problems } = keptCarSchema.parse(car.state ?? {});
  return {
    vin,
    account,
    phases,
    max_amps: maxAmps,
    meters_compute: metersCompute,
    told_amps: told.isCharging === false ? 0 : told.amps,
    charging_kwh: meter.chargingKwh,
    usd_this_month: spentThisMonth(spending, nowRealMs),
    telemetry_checked_at: telemetryRightRealMs === null ? null : unixSeconds(telemetryRightRealMs),
    problems: [problems.orders, problems.telemetry].filter((problem) => problem !== null),
  };
}
