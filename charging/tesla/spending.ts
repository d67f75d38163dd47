import { z } from 'zod';

/** What is paid for, USD. Source: developer.tesla.com, pricing of 2026: 1,000 commands, 500 requests or 50 wakes a dollar. */
export const PRICE_USD = { command: 0.001, request: 0.002, wake: 0.02 } as const;
export type Paid = keyof typeof PRICE_USD;

/** A car that does not stay awake would be woken again and again. */
export const MAX_WAKES_A_DAY = 10;

/** What one car has cost since the month began, as Tesla bills it: by calendar month, in UTC. */
export const spendingSchema = z.object({
  month: z.string(),
  usd: z.number(),
  day: z.string(),
  wakes: z.number(),
});
export type Spending = z.infer<typeof spendingSchema>;

export const NOTHING_SPENT: Spending = { month: '', usd: 0, day: '', wakes: 0 };

export function afterPaying(spending: Spending, paid: Paid, nowRealMs: number): Spending {
  const { month, usd, day, wakes } = current(spending, nowRealMs);
  return { month, usd: usd + PRICE_USD[paid], day, wakes: wakes + (paid === 'wake' ? 1 : 0) };
}

/** USD since the month of `nowRealMs` began. */
export function spentThisMonth(spending: Spending, nowRealMs: number): number {
  return current(spending, nowRealMs).usd;
}

/** Why it may not be paid for now; undefined when it may. */
export function overspent(
  spending: Spending,
  paid: Paid,
  maxUsdPerMonth: number,
  nowRealMs: number,
): string | undefined {
  const { usd, wakes } = current(spending, nowRealMs);
  if (usd + PRICE_USD[paid] > maxUsdPerMonth) {
    return `It has cost ${usd.toFixed(2)} USD this month, of at most ${maxUsdPerMonth.toFixed(2)} (tesla.maxUsdPerCarMonth).`;
  }
  if (paid === 'wake' && wakes >= MAX_WAKES_A_DAY) return `It was woken ${wakes} times today, the most for a day.`;
  return undefined;
}

/** A month or day that has begun since counts from nothing. */
function current(spending: Spending, nowRealMs: number): Spending {
  const day = new Date(nowRealMs).toISOString().slice(0, 10);
  const month = day.slice(0, 7);
  return {
    month,
    usd: spending.month === month ? spending.usd : 0,
    day,
    wakes: spending.day === day ? spending.wakes : 0,
  };
}
