import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { unusable } from '../feeds/feedError.ts';
import type { FeedReader } from '../feeds/reading.ts';
import { expandWallClock, type WallClock } from './wallClock.ts';

export interface UrdbTariff {
  /** A record of the Utility Rate Database, version 7, as JSON. */
  readonly path: string;
  readonly timeZone: string;
  /** The database knows none; they count as weekends. */
  readonly holidays: readonly string[];
  /** 1 is the first; a higher one for who is always above the lower ones' monthly energy. */
  readonly tier: number;
  readonly eurPerUsd: number;
}

const HOURS = Array.from({ length: 24 }, (_, hour) => hour * 60);
const FIRST_WEEKEND_DAY = 6;

const schedule = z.array(z.array(z.number().int().min(0)).length(24)).length(12);
const rateSchema = z
  .object({
    /** Period, then tier; USD/kWh. */
    energyratestructure: z.array(z.array(z.object({ rate: z.number(), adj: z.number().default(0) })).min(1)).min(1),
    energyweekdayschedule: schedule,
    energyweekendschedule: schedule,
  })
  .superRefine(({ energyratestructure: periods, energyweekdayschedule, energyweekendschedule }, context) => {
    for (const [name, months] of Object.entries({ energyweekdayschedule, energyweekendschedule })) {
      if (months.flat().every((period) => period < periods.length)) continue;
      const message = `names a period that energyratestructure has not; it has ${periods.length}`;
      context.addIssue({ code: 'custom', path: [name], message });
    }
  });
/** As the database's service answers: a list of one. A bare record will do. */
const recordSchema = z.preprocess((value) => {
  const list = z.object({ items: z.array(z.unknown()).length(1) }).safeParse(value);
  return list.success ? list.data.items[0] : value;
}, rateSchema);

/** A utility's tariff from the Utility Rate Database: hours on the wall clock, by month, weekday and weekend. */
export function urdbReader({ path, timeZone, holidays, tier, eurPerUsd }: UrdbTariff): FeedReader {
  const holidayDates = new Set(holidays);
  return {
    kind: 'price',
    async read(window) {
      const parsed = recordSchema.safeParse(JSON.parse(await readFile(path, 'utf8')));
      if (!parsed.success) {
        const [issue] = parsed.error.issues;
        throw unusable(
          `${path} is no tariff of the Utility Rate Database, ${issue?.path.join('.')}: ${issue?.message}`,
        );
      }
      const rate = parsed.data;
      const priceAt = ({ date, month, weekday, minuteOfDay }: WallClock): number => {
        const isWeekend = weekday >= FIRST_WEEKEND_DAY || holidayDates.has(date);
        const months = isWeekend ? rate.energyweekendschedule : rate.energyweekdayschedule;
        const period = months[month - 1]?.[Math.floor(minuteOfDay / 60)] ?? 0;
        const tiers = rate.energyratestructure[period] ?? [];
        const { rate: usd = 0, adj = 0 } = tiers[Math.min(tier, tiers.length) - 1] ?? {};
        return (usd + adj) * eurPerUsd;
      };
      return expandWallClock(timeZone, window, HOURS, priceAt).map((span) => ({ ...span, forecast: false }));
    },
  };
}
