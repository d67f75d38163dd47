import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import type { AccountKind } from '../../../domain/ledger.ts';
import { sumMicros, unitsOf } from '../../../domain/money.ts';
import { listGroupAmounts, type GroupAmount } from '../../../store/margins.ts';
import { marginSchema } from '../../wire/margins.ts';
import type { ApiPorts } from '../ports.ts';
import { answers } from '../wire.ts';

const time = z.iso.datetime({ offset: true });
const marginsRoute = createRoute({
  method: 'get',
  path: '/ops/v1/margins',
  summary: 'What work and stays brought and cost, by region, hour or model; submitters = all others together',
  request: {
    query: z.object({ start: time, end: time, group_by: z.enum(['region', 'hour', 'model']).default('region') }),
  },
  responses: answers(
    'By group and currency; times are grid time, half-open',
    z.object({ data: z.array(marginSchema) }),
  ),
});

/** For keys with the scope `money`. */
export function addMarginRoutes(app: OpenAPIHono, { database }: ApiPorts): void {
  app.openapi(marginsRoute, async (c) => {
    const { start, end, group_by: group } = c.req.valid('query');
    const window = { startMs: Date.parse(start), endMs: Date.parse(end) };
    const amounts = await listGroupAmounts(database, group, window);
    const groups = new Map<string, GroupAmount[]>();
    for (const each of amounts) {
      const name = `${each.group} ${each.currency}`;
      groups.set(name, [...(groups.get(name) ?? []), each]);
    }
    return c.json({ data: [...groups.values()].map(toWire) }, 200);
  });
}

function toWire(own: readonly GroupAmount[]): z.input<typeof marginSchema> {
  const of = (wanted: AccountKind): number =>
    unitsOf(sumMicros(own.filter(({ kind }) => kind === wanted).map(({ micros }) => micros)));
  const [first] = own;
  return {
    group: first?.group ?? '',
    currency: first?.currency ?? '',
    submitters: 0 - of('tenant'),
    owners: of('owner'),
    energy: of('energy'),
    checking: of('checking'),
    canaries: 0 - unitsOf(sumMicros(own.map(({ canaryMicros }) => canaryMicros))),
    margin: of('margin'),
    exchange: of('exchange'),
  };
}
