import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { MINUTE_MS } from '../../../domain/durations.ts';
import { gridTimeMs } from '../../../domain/clock.ts';
import { currencyOfRegion, rateOf } from '../../../domain/exchange.ts';
import { NightshiftError } from '../../../domain/errors.ts';
import { writtenOf } from '../../../domain/priceBook.ts';
import { addPriceBook, listPriceBooks, readPriceBookAt, type StoredPriceBook } from '../../../store/priceBooks.ts';
import { listRegions } from '../../../store/regions.ts';
import { readTenant } from '../../../store/tenants.ts';
import { formulaSchema, newPriceBookSchema, pricesSchema, priceBookWireSchema } from '../../wire/prices.ts';
import type { ApiPorts } from '../ports.ts';
import { answers, taking } from '../wire.ts';

const pricesRoute = createRoute({
  method: 'get',
  path: '/v1/prices',
  summary: 'What work costs, by unit, priority and deadline',
  responses: answers('In force, and known for later', pricesSchema),
});
const formulaRoute = createRoute({
  method: 'get',
  path: '/fleet/v1/formula',
  summary: 'How owners are paid',
  responses: answers('In force', formulaSchema),
});
const listRoute = createRoute({
  method: 'get',
  path: '/ops/v1/price_books',
  responses: answers(
    'All versions, newest first; version 0 holds where no other does',
    z.object({ data: z.array(priceBookWireSchema) }),
  ),
});
const addRoute = createRoute({
  method: 'post',
  path: '/ops/v1/price_books',
  summary: 'Add a version; batches that were submitted before keep theirs',
  request: taking(newPriceBookSchema),
  responses: answers('As it is kept', priceBookWireSchema),
});

/** How each part of an owner's pay is made, in words. */
const FORMULA = [
  {
    item: 'energy',
    text:
      'kWh of accepted work × what a kWh costs you: energyPricePerKwh of your policy, else the price of your region in the ' +
      'hours of the work, else owners.energy_per_kwh',
  },
  { item: 'wear', text: 'kWh of accepted work × owners.wear_per_kwh' },
  { item: 'work', text: 'kWh of accepted work × owners.work_per_kwh' },
  { item: 'streak', text: 'a share of the work on top, by the longest of owners.streaks that you have reached' },
  { item: 'availability', text: 'hours at the plug with compute allowed × owners.availability_per_hour' },
] as const;

/** Prices as everyone may read them, and as operators set them. */
export function addPriceRoutes(app: OpenAPIHono, { database, cell, now }: ApiPorts): void {
  const gridNowMs = (): number => Math.round(gridTimeMs(cell.clock, now()));

  app.openapi(pricesRoute, async (c) => {
    const nowMs = gridNowMs();
    const { version, validFromMs, book } = await readPriceBookAt(database, nowMs);
    const currency = (await readTenant(database, c.get('caller').tenantId)).currency ?? book.currency;
    const { perUnit, source, date } = rateOf(book, currency);
    const later = (await listPriceBooks(database)).filter((each) => each.validFromMs > nowMs).toReversed();
    return c.json(
      {
        object: 'prices' as const,
        price_book: version,
        valid_from: isoOf(validFromMs),
        currency: book.currency,
        charged_in: { currency, per_unit: perUnit, source, date },
        submitters: asJson(writtenOf(book).submitters),
        next: later.map((each) => ({
          price_book: each.version,
          valid_from: new Date(each.validFromMs).toISOString(),
          submitters: asJson(writtenOf(each.book).submitters),
        })),
      },
      200,
    );
  });

  app.openapi(formulaRoute, async (c) => {
    const { version, validFromMs, book } = await readPriceBookAt(database, gridNowMs());
    const regions = (await listRegions(database, cell.id)).map(({ id: regionId }) => {
      const currency = currencyOfRegion(book, regionId);
      const { perUnit, source, date } = rateOf(book, currency);
      return { regionId, rate: { currency, per_unit: perUnit, source, date } };
    });
    const owners = asJson(writtenOf(book).owners);
    const formula = FORMULA.map((part) => ({ ...part }));
    return c.json({ priceBook: version, validFromMs, currency: book.currency, owners, formula, regions }, 200);
  });

  app.openapi(listRoute, async (c) => c.json({ data: (await listPriceBooks(database)).map(toWire) }, 200));

  app.openapi(addRoute, async (c) => {
    const { book, valid_from: validFrom } = c.req.valid('json');
    const nowMs = gridNowMs();
    const validFromMs = validFrom === undefined ? nowMs : Date.parse(validFrom);
    if (validFromMs < nowMs - PAST_MS) {
      const message = `valid_from must not lie in the past; it is ${new Date(nowMs).toISOString()} in grid time.`;
      throw new NightshiftError('invalid_request', message, { field: 'valid_from' });
    }
    const setBy = c.get('caller').keyId;
    return c.json(toWire(await addPriceBook(database, { book, validFromMs, setBy })), 200);
  });
}

/** Clocks differ a little. */
const PAST_MS = MINUTE_MS;

function toWire({ version, validFromMs, setBy, book }: StoredPriceBook): z.input<typeof priceBookWireSchema> {
  return {
    object: 'price_book',
    version,
    valid_from: isoOf(validFromMs),
    set_by: setBy,
    book: asJson(writtenOf(book)),
  };
}

function isoOf(ms: number): string | null {
  return ms === 0 ? null : new Date(ms).toISOString();
}

/** What is left out is left out: JSON has no undefined. */
function asJson(value: object): Record<string, JsonValue> {
  return jsonObjectSchema.parse(JSON.parse(JSON.stringify(value)));
}

const jsonObjectSchema = z.record(z.string(), z.json());
type JsonValue = z.output<typeof jsonObjectSchema>[string];
