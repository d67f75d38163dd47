import { HOUR_MS } from '../../../domain/durations.ts';
import { z } from 'zod';
import type { FeedHttp } from './feedHttp.ts';
import { readingsFromStarts, stepOf, type FeedReader } from './reading.ts';

export interface ElectricityMapsConfig {
  /** E.g. DE or US-CAL-CISO. */
  readonly zone: string;
}

const pointSchema = z.object({
  carbonIntensity: z.number().nullable(),
  datetime: z.iso.datetime({ offset: true }).transform((text) => Date.parse(text)),
  isEstimated: z.boolean().nullish(),
});

/** Electricity Maps v3, average intensity of consumption. Labels are interval starts, ends are not given. */
export function electricityMapsReader(http: FeedHttp, { zone }: ElectricityMapsConfig): FeedReader {
  return {
    kind: 'carbon',
    async read() {
      const path = '/v3/carbon-intensity';
      const [{ history }, { forecast }] = await Promise.all([
        http.json({ path: `${path}/history`, query: { zone } }, z.object({ history: z.array(pointSchema) })),
        http.json({ path: `${path}/forecast`, query: { zone } }, z.object({ forecast: z.array(pointSchema) })),
      ]);
      const spans = (points: readonly z.output<typeof pointSchema>[], isForecast: boolean) => {
        const known = points.map(({ datetime, carbonIntensity, isEstimated }) => ({
          startMs: datetime,
          value: carbonIntensity,
          estimated: isEstimated ?? false,
        }));
        const stepMs = stepOf(
          known.map(({ startMs }) => startMs),
          HOUR_MS,
        );
        return readingsFromStarts(known, isForecast, stepMs);
      };
      // What has been counts before what was expected.
      return [...spans(history, false), ...spans(forecast, true)];
    },
  };
}
