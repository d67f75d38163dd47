import type { EntryItem } from './ledger.ts';
import { millionths, priced, scaled } from './money.ts';
import type { PriceBook } from './priceBook.ts';

/** One line of what an owner gets, in the book's currency. */
export interface PayLine {
  readonly item: EntryItem & ('energy' | 'wear' | 'work' | 'streak' | 'availability');
  readonly amountMicros: number;
  readonly quantityMillionths: number;
  readonly unit: 'kWh' | 'h';
  readonly unitPriceMicros: number;
}

/**
 * What an owner gets for energy that went into accepted answers: the energy at what it cost them, the wear, the work,
 * and a share of the work more after a streak of nights. Pure.
 * @param energyPriceMicros of one kWh at the owner's plug; undefined where nobody knows it
 * @param streakNights nights in a row before this one in which the car was available
 */
export function computePay(
  { owners }: PriceBook,
  work: { readonly energyWh: number; readonly energyPriceMicros: number | undefined; readonly streakNights: number },
): PayLine[] {
  const quantityMillionths = millionths(work.energyWh / 1000);
  const line = (item: PayLine['item'], unitPriceMicros: number): PayLine => ({
    item,
    amountMicros: priced(quantityMillionths, unitPriceMicros),
    quantityMillionths,
    unit: 'kWh',
    unitPriceMicros,
  });
  const bonus = streakBonus(owners, work.streakNights);
  return [
    line('energy', work.energyPriceMicros ?? owners.energy_per_kwh),
    line('wear', owners.wear_per_kwh),
    line('work', owners.work_per_kwh),
    ...(bonus > 0 ? [line('streak', scaled(owners.work_per_kwh, bonus))] : []),
  ];
}

/** What an owner gets for hours at the plug with compute allowed, whether or not work came. Pure. */
export function availabilityPay({ owners }: PriceBook, hours: number): PayLine {
  const quantityMillionths = millionths(hours);
  const unitPriceMicros = owners.availability_per_hour;
  const amountMicros = priced(quantityMillionths, unitPriceMicros);
  return { item: 'availability', amountMicros, quantityMillionths, unit: 'h', unitPriceMicros };
}

/** Share of the work that comes on top after so many nights in a row. */
export function streakBonus({ streaks }: PriceBook['owners'], nights: number): number {
  return Math.max(0, ...streaks.filter((streak) => nights >= streak.nights).map(({ bonus }) => bonus));
}
