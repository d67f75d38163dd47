import { HOUR_MS } from './durations.ts';
import { millionths, priced, scaled } from './money.ts';
import type { PriceBook, PricedUnit } from './priceBook.ts';

/** What the price of a batch hangs on, apart from how much work it is. */
export interface PriceTerms {
  readonly model: string;
  /** 1 first, 5 last. */
  readonly priority: number | undefined;
  /** From submission to deadline. */
  readonly windowMs: number;
}

/** Work that is priced. */
export interface PricedWork {
  readonly energyWh: number;
  readonly unit: PricedUnit;
  readonly units: number;
  /** Share of it that was done in off-peak windows, 0 to 1. */
  readonly offPeakShare: number;
}

/** One line of a price, in the book's currency. */
export interface PriceLine {
  readonly amountMicros: number;
  readonly quantityMillionths: number;
  /** kWh, or 1,000 of a priced unit. */
  readonly unit: string;
  /** Of one `unit`, factors and discount included. */
  readonly unitPriceMicros: number;
}

/** What the work costs its submitter by the book: a line for energy and one for what was answered. Pure. */
export function submitterPrice({ submitters }: PriceBook, terms: PriceTerms, work: PricedWork): PriceLine[] {
  const per1000 = { ...submitters.per_1000, ...submitters.models[terms.model] };
  const factor = factorOf(submitters, terms) * (1 - submitters.off_peak_discount * work.offPeakShare);
  const line = (quantity: number, unit: string, priceMicros: number): PriceLine => {
    const quantityMillionths = millionths(quantity);
    const unitPriceMicros = scaled(priceMicros, factor);
    // The factor is applied to the amount: of the price of one unit it would lose places.
    const amountMicros = scaled(priced(quantityMillionths, priceMicros), factor);
    return { amountMicros, quantityMillionths, unit, unitPriceMicros };
  };
  return [
    line(work.energyWh / 1000, 'kWh', submitters.per_kwh),
    line(work.units / 1000, `1,000 ${work.unit}`, per1000[work.unit] ?? 0),
  ].filter(({ quantityMillionths, unitPriceMicros }) => quantityMillionths !== 0 && unitPriceMicros !== 0);
}

/** What priority and deadline make of a price: 1 leaves it. */
function factorOf(prices: PriceBook['submitters'], { priority, windowMs }: PriceTerms): number {
  const byPriority = Object.entries(prices.priority_factors).find(([level]) => level === String(priority))?.[1] ?? 1;
  const byDeadline = prices.deadline_factors
    .toSorted((a, b) => a.within_hours - b.within_hours)
    .find(({ within_hours: hours }) => windowMs <= hours * HOUR_MS);
  return byPriority * (byDeadline?.factor ?? 1);
}
