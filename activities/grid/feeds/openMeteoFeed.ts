import { HOUR_MS } from '../../../domain/durations.ts';
import { z } from 'zod';
import type { FeedHttp } from './feedHttp.ts';
import { readingsFromStarts, type FeedReader } from './reading.ts';

export interface OpenMeteoConfig {
  readonly latitude: number;
  readonly longitude: number;
}

const answerSchema = z.object({
  hourly_units: z.object({ temperature_2m: z.literal('°C') }),
  hourly: z
    .object({ time: z.array(z.number()), temperature_2m: z.array(z.number().nullable()) })
    .refine(({ time, temperature_2m }) => time.length === temperature_2m.length, 'has lists of unequal length'),
});

/** Open-Meteo's hourly forecast, air temperature 2 m above ground. An hour has the value of its start. */
export function openMeteoReader(http: FeedHttp, { latitude, longitude }: OpenMeteoConfig): FeedReader {
  return {
    kind: 'temperature',
    async read() {
      const { hourly } = await http.json(
        {
          path: '/v1/forecast',
          query: {
            latitude: String(latitude),
            longitude: String(longitude),
            hourly: 'temperature_2m',
            // Epoch seconds: its local times would be ambiguous in the night of a clock change.
            timeformat: 'unixtime',
            past_days: '1',
            forecast_days: '3',
          },
        },
        answerSchema,
      );
      const points = hourly.time.map((seconds, hour) => ({
        startMs: seconds * 1000,
        value: hourly.temperature_2m[hour] ?? null,
      }));
      return readingsFromStarts(points, true, HOUR_MS);
    },
  };
}
