import { z } from 'zod';
import type { FeedHttp } from './feedHttp.ts';
import type { FeedReader } from './reading.ts';

export interface UkCarbonConfig {
  /** 1 to 17; Great Britain as a whole when left out. */
  readonly regionNumber?: number | undefined;
}

/** Its times have no seconds: 2026-10-18T02:00Z. */
const minute = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\dZ$/)
  .transform((text) => Date.parse(text));
const spansSchema = z.array(
  z.object({
    from: minute,
    to: minute,
    intensity: z.object({ forecast: z.number().nullable(), actual: z.number().nullish() }),
  }),
);
const nationalSchema = z.object({ data: spansSchema });
const regionalSchema = z.object({ data: z.object({ data: spansSchema }) });

/** National Grid ESO's Carbon Intensity, average, half-hourly with both ends given. */
export function ukCarbonReader(http: FeedHttp, { regionNumber }: UkCarbonConfig): FeedReader {
  return {
    kind: 'carbon',
    async read({ startMs, endMs }) {
      const period = `${minuteText(startMs)}/${minuteText(endMs)}`;
      const spans =
        regionNumber === undefined
          ? (await http.json({ path: `/intensity/${period}` }, nationalSchema)).data
          : (await http.json({ path: `/regional/intensity/${period}/regionid/${regionNumber}` }, regionalSchema)).data
              .data;
      return spans.flatMap(({ from, to, intensity: { actual, forecast } }) => {
        const value = actual ?? forecast;
        return value === null ? [] : [{ startMs: from, endMs: to, value, forecast: typeof actual !== 'number' }];
      });
    },
  };
}

function minuteText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16)}Z`;
}
