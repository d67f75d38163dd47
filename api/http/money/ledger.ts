import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';

import { checkLedger, LEDGER_CHECKS } from '../../../store/ledgerChecks.ts';
import { ledgerCheckSchema } from '../../wire/ledger.ts';
import type { ApiPorts } from '../ports.ts';
import { answers } from '../wire.ts';

const checkRoute = createRoute({
  method: 'get',
  path: '/ops/v1/ledger/check',
  summary: 'Holds the ledger against itself and against what was accepted and settled',
  responses: answers('What was checked and found', ledgerCheckSchema),
});

/** The ledger, for keys with the scope `money`. */
export function addLedgerRoutes(app: OpenAPIHono, { database }: ApiPorts): void {
  app.openapi(checkRoute, async (c) => {
    const { bookings, entries, sums, faults, faultCount } = await checkLedger(database);
    const checks = Object.entries(LEDGER_CHECKS).map(([id, text]) => ({
      id,
      text,
      faults: faults.filter(({ check }) => check === id).map((fault) => fault.text),
    }));
    return c.json({ object: 'ledger.check' as const, bookings, entries, sums, checks, fault_count: faultCount }, 200);
  });
}
