import { unitsOf } from '../../domain/money.ts';
import type { Queryable } from '../../store/database.ts';
import { listStayLines } from '../../store/ledger.ts';
import { readStayEnergy } from '../../store/parkingSessions.ts';

/** What a stay came to, for the owner. */
export interface OwnerStatement {
  readonly chargingKwh: number;
  readonly computeKwh: number;
  /** By currency. */
  readonly credit: Readonly<Record<string, number>>;
  readonly entries: readonly {
    readonly item: string;
    readonly quantity: number | null;
    readonly unit: string | null;
    readonly amount: number;
    readonly currency: string;
  }[];
}

/** Meter and ledger of one stay, as far as they are known by now. */
export async function statementOf(database: Queryable, vehicleId: string, stay: number): Promise<OwnerStatement> {
  const lines = await listStayLines(database, vehicleId, stay);
  const { chargingKwh, computeKwh } = await readStayEnergy(database, vehicleId, stay);
  const micros = new Map<string, number>();
  for (const { currency, amountMicros } of lines) micros.set(currency, (micros.get(currency) ?? 0) + amountMicros);
  return {
    chargingKwh,
    computeKwh,
    credit: Object.fromEntries([...micros].map(([currency, sum]) => [currency, unitsOf(sum)])),
    entries: lines.map(({ item, quantityMillionths, unit, amountMicros, currency }) => ({
      item,
      quantity: quantityMillionths === null ? null : unitsOf(quantityMillionths),
      unit,
      amount: unitsOf(amountMicros),
      currency,
    })),
  };
}

/** Amounts by currency for people: "1.23 EUR", "1.23 EUR and 4.00 AUD"; nothing is 0. */
export function moneyText(amounts: Readonly<Record<string, number>>): string {
  const texts = Object.entries(amounts).map(([currency, amount]) => `${amount.toFixed(2)} ${currency}`);
  return texts.join(' and ') || 'nothing';
}
