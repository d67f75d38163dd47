import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { bankAccountSchema } from '../../../domain/bankAccount.ts';
import { NightshiftError } from '../../../domain/errors.ts';
import { accounts } from '../../../domain/ledger.ts';
import { unitsOf } from '../../../domain/money.ts';
import { periodSchema, periodWindow } from '../../../domain/period.ts';
import { timeZoneSchema } from '../../../domain/vehicles.ts';
import { bankHolders, setBankAccount } from '../../../store/bankAccounts.ts';
import { listOwnerLines, listStayLines, readBalance } from '../../../store/ledger.ts';
import { readParkingSession, readStayEnergy } from '../../../store/parkingSessions.ts';
import { ownerStatementSchema, stayStatementSchema } from '../../wire/statements.ts';
import type { CarCaller } from '../carCaller.ts';
import type { ApiPorts } from '../ports.ts';
import { visibleCar } from '../visibleCar.ts';
import { answers, errorResponses, notFound, taking } from '../wire.ts';
import { lineToWire, linesToCsv, totalsOf } from './statementLines.ts';

/** As far as the database counts them. */
const MAX_STAY = 2 ** 31 - 1;
const ownerParam = z.object({ owner: z.string().min(1).max(100) });

const statementRoute = createRoute({
  method: 'get',
  path: '/fleet/v1/owners/{owner}/statement',
  summary: 'What an owner earned in a month or a year, line by line; as CSV for the tax return',
  request: {
    params: ownerParam,
    query: z.object({
      period: periodSchema,
      timeZone: timeZoneSchema.default('UTC'),
      format: z.enum(['json', 'csv']).default('json'),
    }),
  },
  responses: {
    200: {
      description: 'The statement',
      content: { 'application/json': { schema: ownerStatementSchema }, 'text/csv': { schema: z.string() } },
    },
    ...errorResponses,
  },
});
const stayRoute = createRoute({
  method: 'get',
  path: '/fleet/v1/vehicles/{vin}/sessions/{stay}/statement',
  summary: 'What a stay came to, with what was accepted and corrected after the car left',
  request: {
    params: z.object({ vin: z.string().min(1).max(64), stay: z.coerce.number().int().min(1).max(MAX_STAY) }),
  },
  responses: answers('The statement', stayStatementSchema),
});
const accountRoute = createRoute({
  method: 'put',
  path: '/fleet/v1/owners/{owner}/account',
  summary: 'Where an owner is paid to; kept sealed, never shown again but for its last four characters',
  request: {
    params: ownerParam,
    ...taking(bankAccountSchema),
  },
  responses: answers(
    'It is used from the next payout run on',
    z.object({ ownerId: z.string(), ibanEndsIn: z.string() }),
  ),
});

/** What owners earned and where they are paid to. `identifyCarCaller` runs before. */
export function addStatementRoutes(app: OpenAPIHono, { database, seal }: ApiPorts): void {
  app.openapi(statementRoute, async (c) => {
    const { owner: ownerId } = c.req.valid('param');
    ownOnly(c.get('carCaller'), ownerId);
    const { period, timeZone, format } = c.req.valid('query');
    const window = periodWindow(period, timeZone);
    const lines = await listOwnerLines(database, ownerId, window);
    if (format === 'csv') return c.body(linesToCsv(lines), 200, { 'content-type': 'text/csv; charset=utf-8' });
    const balances = new Map<string, number>();
    for (const account of [accounts.owner(ownerId), accounts.energy(ownerId)])
      for (const [currency, micros] of await readBalance(database, account))
        balances.set(currency, (balances.get(currency) ?? 0) + micros);
    return c.json(
      {
        ownerId,
        period,
        timeZone,
        ...window,
        totals: totalsOf(lines),
        balances: Object.fromEntries([...balances].map(([currency, micros]) => [currency, unitsOf(micros)])),
        lines: lines.map(lineToWire),
      },
      200,
    );
  });

  app.openapi(stayRoute, async (c) => {
    const { vin, stay } = c.req.valid('param');
    const { id: vehicleId } = await visibleCar(database, c.get('carCaller'), vin);
    const session = await readParkingSession(database, vehicleId, stay);
    if (!session) throw notFound('stay', `${vin}/${stay}`);
    const { pluggedInAtMs, unpluggedAtMs } = session;
    const { chargingKwh, computeKwh } = await readStayEnergy(database, vehicleId, stay);
    const lines = await listStayLines(database, vehicleId, stay);
    const totals = totalsOf(lines);
    const wire = lines.map(lineToWire);
    return c.json({ vehicleId, stay, pluggedInAtMs, unpluggedAtMs, chargingKwh, computeKwh, totals, lines: wire }, 200);
  });

  app.openapi(accountRoute, async (c) => {
    const { owner: ownerId } = c.req.valid('param');
    ownOnly(c.get('carCaller'), ownerId);
    const account = c.req.valid('json');
    await setBankAccount(database, seal, bankHolders.owner(ownerId), account);
    return c.json({ ownerId, ibanEndsIn: account.iban.slice(-4) }, 200);
  });
}

/** The same answer for another owner as for none. @throws NightshiftError `not_found` */
export function ownOnly(caller: CarCaller, ownerId: string): void {
  if (caller.kind === 'operator' || caller.ownerId === ownerId) return;
  throw new NightshiftError('not_found', `There is no owner "${ownerId}".`, { field: 'owner' });
}
