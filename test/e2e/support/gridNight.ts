import { calmNight } from './calmNight.ts';

/** What the feeder of `limit` may import while nobody says anything, its house's 5 kW included. */
export const FAIL_SAFE_KW = 12;
const EMPTY = { socPercent: 35 };

/**
 * A night of three regions that utilities' servers steer: `price` and `shed` compute; the three cars of `limit` are so
 * empty that they would draw 33 kW for hours, and no feed tells a limit there.
 */
export function gridNight(): ReturnType<typeof calmNight> {
  const { utility: _, ...night } = calmNight({
    price: [{}, {}],
    shed: [{}, {}, {}],
    limit: [EMPTY, EMPTY, EMPTY],
  });
  return {
    ...night,
    regions: night.regions.map((region) => {
      if (region.id !== 'limit') return region;
      const feeders = region.feeders.map(({ importLimitKw: _limit, ...feeder }) => ({
        ...feeder,
        failSafeImportKw: FAIL_SAFE_KW,
      }));
      return { ...region, feeders };
    }),
  };
}
