import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { computeBooking } from '../../activities/settlement/workBooking.ts';
import { imbalanceOf } from '../../domain/ledger.ts';
import { availabilityPay, computePay } from '../../domain/ownerPay.ts';
import { DEFAULT_PRICE_BOOK, priceBookSchema, writtenOf } from '../../domain/priceBook.ts';
import { nightsInARow } from '../../domain/streak.ts';
import { submitterPrice } from '../../domain/submitterPrice.ts';
import { PRICES } from '../support/ledgerFixture.ts';

const HOUR_MS = 3_600_000;
const { book } = PRICES;
const sum = (lines: readonly { readonly amountMicros: number }[]) =>
  lines.reduce((total, { amountMicros }) => total + amountMicros, 0);

const night = (day: number) => {
  const startMs = Date.parse('2026-03-20T20:00+01:00') + day * 24 * HOUR_MS;
  return { startMs, endMs: startMs + 8 * HOUR_MS };
};

describe('what a submitter pays', () => {
  const work = { energyWh: 1000, unit: 'pages' as const, units: 1000, offPeakShare: 0 };
  const terms = { model: 'ocr', priority: undefined, windowMs: 24 * HOUR_MS };

  test.each([
    ['by the book', terms, work, 850_000],
    ['first of all', { ...terms, priority: 1 }, work, 1_275_000],
    ['within hours', { ...terms, windowMs: 4 * HOUR_MS }, work, 1_062_500],
    ['off-peak', terms, { ...work, offPeakShare: 1 }, 765_000],
    ['half off-peak', terms, { ...work, offPeakShare: 0.5 }, 807_500],
  ])('%s', (_, given, done, micros) => {
    expect(sum(submitterPrice(book, given, done))).toBe(micros);
  });

  test('by the model, where the book names it', () => {
    const own = priceBookSchema.parse({
      ...DEFAULT_PRICE_BOOK,
      submitters: { per_1000: { pages: 1 }, models: { ocr: { pages: '2.50' } } },
    });
    expect(sum(submitterPrice(own, terms, work))).toBe(2_500_000);
    expect(sum(submitterPrice(own, { ...terms, model: 'other' }, work))).toBe(1_000_000);
  });
});

describe('what an owner gets', () => {
  test('energy at the own tariff, wear, work, and more after a streak', () => {
    const pay = (energyPriceMicros: number | undefined, streakNights: number) =>
      computePay(book, { energyWh: 2000, energyPriceMicros, streakNights }).map((line) => [
        line.item,
        line.amountMicros,
      ]);
    expect(pay(undefined, 6)).toEqual([
      ['energy', 600_000],
      ['wear', 100_000],
      ['work', 200_000],
    ]);
    expect(pay(180_000, 7)).toEqual([
      ['energy', 360_000],
      ['wear', 100_000],
      ['work', 200_000],
      ['streak', 10_000],
    ]);
    expect(pay(0, 100).at(-1)).toEqual(['streak', 20_000]);
    expect(availabilityPay(book, 10.5).amountMicros).toBe(210_000);
  });

  test('nights count in a row, by the clock of the owner, also over a clock change', () => {
    const stays = [0, 1, 2, 3, 5, 6, 7, 8, 9, 10].map(night);
    expect(nightsInARow(stays, 'Europe/Berlin', night(11).startMs)).toBe(6);
    expect(nightsInARow(stays, 'Europe/Berlin', night(4).startMs)).toBe(4);
    expect(nightsInARow(stays, 'Europe/Berlin', night(12).startMs)).toBe(0);
    expect(nightsInARow([], 'Europe/Berlin', night(1).startMs)).toBe(0);
  });
});

test('a booking balances in each of its currencies, is never above its cap, and pays the owner whatever the cap', () => {
  const foreign = priceBookSchema.parse({
    ...DEFAULT_PRICE_BOOK,
    rates: [
      { currency: 'USD', per_unit: 1.0842, source: 'ECB', date: '2026-01-14' },
      { currency: 'AUD', per_unit: 1.7533, source: 'ECB', date: '2026-01-14' },
    ],
    regions: { adelaide: 'AUD' },
  });
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 50_000, noNaN: true }),
      fc.nat(100_000),
      fc.option(fc.nat(5_000_000), { nil: null }),
      fc.nat(5_000_000),
      fc.constantFrom('EUR', 'USD'),
      fc.constantFrom('berlin', 'adelaide'),
      fc.nat(2),
      (energyWh, units, capMicros, had, currency, regionId, copy) => {
        const chargedMicros = capMicros === null ? had : Math.min(had, capMicros);
        const terms = { model: 'ocr', priority: 2, windowMs: HOUR_MS };
        const priced = { book: foreign, tenantId: 'lab', currency, capMicros, terms };
        const pricing = { ...priced, unit: 'pages' as const, quorumAsked: 2 };
        const booking = computeBooking(
          pricing,
          { ...PRICES, book: foreign },
          {
            car: { id: 'car-1', ownerId: 'ada', regionId },
            batchId: 'b',
            reference: 'job/b/shard/0',
            copy,
            canaryShare: 0,
            energyWh,
            units,
            offPeakShare: 0.25,
            energyPriceMicros: 123_456,
            streakNights: 9,
            chargedMicros,
            stay: undefined,
            atMs: 0,
          },
        );
        expect(imbalanceOf(booking.entries).size).toBe(0);
        const of = (account: string) => booking.entries.filter((entry) => entry.account === account);
        const charged = -sum(of('tenant/lab'));
        expect(charged).toBeGreaterThanOrEqual(0);
        if (capMicros !== null) expect(chargedMicros + charged).toBeLessThanOrEqual(capMicros);
        expect(of('tenant/lab').every((entry) => entry.currency === currency)).toBe(true);
        expect(of('owner/ada').every((entry) => entry.currency === (regionId === 'adelaide' ? 'AUD' : 'EUR'))).toBe(
          true,
        );
        expect(sum(of('owner/ada'))).toBeGreaterThanOrEqual(0);
      },
    ),
  );
});

const wrong = (change: object) =>
  priceBookSchema
    .safeParse({ ...DEFAULT_PRICE_BOOK, ...change })
    .error?.issues.map(({ path, message }) => [path.join('.'), message]);

test('a book is read back as it is written, and what it lacks is named', () => {
  expect(priceBookSchema.parse(writtenOf(book))).toEqual(book);
  expect(wrong({ regions: { adelaide: 'AUD' } })).toEqual([
    ['regions.adelaide', 'must be EUR or a currency that rates has, is AUD'],
  ]);
  expect(wrong({ currency: 'USD' })).toEqual([['rates', 'must have a rate of EUR']]);
  expect(wrong({ owners: { energy_per_kwh: '-0.1' } })).toEqual([['owners.energy_per_kwh', 'must be 0 or more']]);
  expect(wrong({ owners: { energy_per_kwh: 'cheap' } })?.[0]?.[1]).toContain('must be a decimal number');
});
