import { z } from 'zod';
import type { FeedReader } from '../feeds/reading.ts';
import { expandWallClock, type WallClock } from './wallClock.ts';

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
const MINUTES_PER_DAY = 1440;

const timeOfDay = z
  .string()
  .regex(/^(([01]\d|2[0-3]):[0-5]\d|24:00)$/, 'must be a time from 00:00 to 24:00')
  .transform((text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3)));
/** MM-DD as a number that sorts like the calendar. */
const dayOfYear = z
  .string()
  .regex(/^(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/, 'must be a day as MM-DD, e.g. 11-01')
  .transform((text) => Number(text.slice(0, 2)) * 100 + Number(text.slice(3)));

export const holidaysSchema = z.array(z.iso.date('must be a date as YYYY-MM-DD')).default([]);

/** A tariff written by hand. Of its windows the first that fits counts. docs/grid.md */
export const timeOfUseFields = {
  windows: z
    .array(
      z
        .strictObject({
          /** A holiday is a `holiday`, not the weekday that it falls on. All days when left out. */
          days: z
            .array(z.enum([...DAYS, 'holiday']))
            .min(1)
            .optional(),
          /** From a day to another, both included; over the turn of the year when the second is earlier. */
          season: z.strictObject({ from: dayOfYear, through: dayOfYear }).optional(),
          from: timeOfDay,
          /** At or before `from`: over midnight. Each minute is judged by the day that it lies in. */
          until: timeOfDay,
          eurPerKwh: z.number().min(-100).max(100),
        })
        .refine(({ from }) => from < MINUTES_PER_DAY, { path: ['from'], message: 'must be before 24:00' }),
    )
    .max(200),
  /** Where no window fits. */
  otherwiseEurPerKwh: z.number().min(-100).max(100),
  holidays: holidaysSchema,
};
type TimeOfUse = z.infer<z.ZodObject<typeof timeOfUseFields>>;
type Window = TimeOfUse['windows'][number];

/** A tariff as a feed: it is known for any time, and never fails. */
export function timeOfUseReader(timeZone: string, tariff: TimeOfUse): FeedReader {
  const holidays = new Set(tariff.holidays);
  const boundaries = tariff.windows.flatMap(({ from, until }) => [from, until]);
  const priceAt = (clock: WallClock): number =>
    tariff.windows.find((window) => fits(window, clock, holidays.has(clock.date)))?.eurPerKwh ??
    tariff.otherwiseEurPerKwh;
  return {
    kind: 'price',
    async read(window) {
      return expandWallClock(timeZone, window, boundaries, priceAt).map((span) => ({ ...span, forecast: false }));
    },
  };
}

function fits({ days, season, from, until }: Window, clock: WallClock, isHoliday: boolean): boolean {
  const day = isHoliday ? 'holiday' : DAYS[clock.weekday - 1];
  if (days && !days.some((candidate) => candidate === day)) return false;
  const today = clock.month * 100 + clock.dayOfMonth;
  if (season && !liesWithin(today, season.from, season.through + 1)) return false;
  return liesWithin(clock.minuteOfDay, from, until);
}

/** In [from, until), which goes round when it ends at or before its start. */
function liesWithin(value: number, from: number, until: number): boolean {
  return from < until ? value >= from && value < until : value >= from || value < until;
}
