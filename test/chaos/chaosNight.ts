import { DAY_MS, HOUR_MS } from '../../domain/durations.ts';
import { calmNight } from '../e2e/support/calmNight.ts';

const UTC_HOURS = 24;

/** The feeder whose limit binds: its three cars could draw 33 kW. */
export const TIGHT = { id: 'tight-roomy', availableKw: 15, houseKw: 5, failSafeImportKw: 18 } as const;
/** The feeder of all others; its limit never binds. */
export const ROOMY_FEEDER = 'berlin-roomy';

/**
 * Four cars that always stand at their plugs, charged, and three behind a limit that binds, which are away by day and have
 * to be charged again by every morning.
 * @param days for which that goes on
 */
export function chaosNight(days: number): ReturnType<typeof calmNight> {
  const driver = { socPercent: 55, trips: dailyTrips(days) };
  const night = calmNight({ berlin: [{}, {}, {}, {}], tight: [driver, driver, driver] });
  return {
    ...night,
    end: new Date(Date.parse(night.start) + days * DAY_MS).toISOString(),
    regions: night.regions.map((region) => ({
      ...region,
      feeders: region.feeders.map((feeder) =>
        feeder.id === TIGHT.id
          ? {
              ...feeder,
              importLimitKw: TIGHT.availableKw + TIGHT.houseKw,
              failSafeImportKw: TIGHT.failSafeImportKw,
              houseLoadKw: Array.from({ length: UTC_HOURS }, () => TIGHT.houseKw),
            }
          : feeder,
      ),
    })),
  };
}

/** Away from an hour after the ready-by until the hour at which the night began. */
function dailyTrips(days: number) {
  const startMs = Date.parse(calmNight().start);
  return Array.from({ length: days }, (_, day) => ({
    leaves: new Date(startMs + day * DAY_MS + 12 * HOUR_MS).toISOString(),
    awayMinutes: 12 * 60,
    manner: 'gear_first' as const,
    consumesSocPercent: 25,
  }));
}

/** Prices that rise by the hour through all days, so that no plan waits for a cheaper one: a night's file has only a day. */
export function risingPrices(startMs: number, days: number) {
  return Array.from({ length: days * UTC_HOURS }, (_, hour) => ({
    start: new Date(startMs + hour * HOUR_MS).toISOString(),
    end: new Date(startMs + (hour + 1) * HOUR_MS).toISOString(),
    value: Number((0.1 + hour * 0.01).toFixed(2)),
  }));
}
