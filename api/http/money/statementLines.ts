import type { z } from '@hono/zod-openapi';

import { csvOf } from '../../../domain/csv.ts';
import { bookingName } from '../../../domain/ledger.ts';
import { decimalOf, sumMicros, unitsOf } from '../../../domain/money.ts';
import type { LedgerLine } from '../../../store/ledger.ts';
import type { ownerStatementSchema, statementLineSchema } from '../../wire/statements.ts';

type Line = z.input<typeof statementLineSchema>;
type Total = z.input<typeof ownerStatementSchema>['totals'][number];

export function lineToWire(line: LedgerLine): Line {
  return {
    entry: line.entryId,
    booking: bookingName(line.bookingId),
    bookedAtMs: line.bookedAtMs,
    vehicleId: line.vehicleId,
    stay: line.stay,
    reference: line.reference,
    item: line.item,
    quantity: line.quantityMillionths === null ? null : unitsOf(line.quantityMillionths),
    unit: line.unit,
    unitPrice: line.unitPriceMicros === null ? null : unitsOf(line.unitPriceMicros),
    amount: unitsOf(line.amountMicros),
    currency: line.currency,
    corrects: line.corrects,
    reason: line.reason,
  };
}

/** What an owner's lines come to, by currency. */
export function totalsOf(lines: readonly LedgerLine[]): Total[] {
  return [...new Set(lines.map(({ currency }) => currency))].sort().map((currency) => {
    const own = lines.filter((line) => line.currency === currency);
    const micros = (items: readonly LedgerLine['item'][]): number =>
      unitsOf(sumMicros(own.filter(({ item }) => items.includes(item)).map(({ amountMicros }) => amountMicros)));
    const quantity = (item: LedgerLine['item']): number =>
      unitsOf(sumMicros(own.filter((line) => line.item === item).map((line) => line.quantityMillionths ?? 0)));
    return {
      currency,
      energy: micros(['energy']),
      wear: micros(['wear']),
      work: micros(['work']),
      streak: micros(['streak']),
      availability: micros(['availability']),
      earned: micros(['energy', 'wear', 'work', 'streak', 'availability', 'adjustment']),
      adjustments: micros(['adjustment']),
      paidOut: -micros(['payout']) || 0,
      computeKwh: quantity('work'),
      availableHours: quantity('availability'),
      shards: new Set(own.filter(({ kind }) => kind === 'compute' || kind === 'quorum').map(({ key }) => key)).size,
    };
  });
}

const CSV_HEADER = [
  'entry',
  'booking',
  'booked_at',
  'car',
  'stay',
  'reference',
  'item',
  'quantity',
  'unit',
  'unit_price',
  'amount',
  'currency',
  'corrects',
  'reason',
];

/** For the tax return and for spreadsheets: amounts as decimals, times in UTC. */
export function linesToCsv(lines: readonly LedgerLine[]): string {
  return csvOf(
    CSV_HEADER,
    lines.map((line) => [
      line.entryId,
      bookingName(line.bookingId),
      new Date(line.bookedAtMs).toISOString(),
      line.vehicleId,
      line.stay,
      line.reference,
      line.item,
      decimal(line.quantityMillionths),
      line.unit,
      decimal(line.unitPriceMicros),
      decimalOf(line.amountMicros),
      line.currency,
      line.corrects,
      line.reason,
    ]),
  );
}

function decimal(micros: number | null): string {
  return micros === null ? '' : decimalOf(micros);
}
