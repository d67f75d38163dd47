import type { z } from 'zod';
import type { nightFileSchema } from '../../../simulator/night/nightFile.ts';

type NightFileInput = z.input<typeof nightFileSchema>;

/** Cars of the calm night; the first has an outage in tests that ask for one. */
const VINS = ['NSGA5XB0000000901', 'NSGA5XB0000000902', 'NSGA5XB0000000903', 'NSGA5XB0000000904'] as const;
const START = '2026-01-14T20:00:00Z';
const UTC_HOURS = 24;

/** A curve of the night: one value for each UTC hour, by the hours since its start. */
const byHourFromStart = (value: (hoursSinceStart: number) => number): number[] =>
  Array.from({ length: UTC_HOURS }, (_, hour) => value((hour - 20 + UTC_HOURS) % UTC_HOURS));
const always = (value: number): number[] => byHourFromStart(() => value);

/**
 * A night for tests: four fast cars at one roomy feeder, awake and charged. Every hour is dearer than the one before,
 * so that the plan runs what it has at once. 23 grid hours pass in six minutes.
 */
export function calmNight(outages: NightFileInput['cars'][number]['outages'] = []): NightFileInput {
  return {
    scenario: 'calm-night',
    seed: 1,
    start: START,
    end: '2026-01-15T19:00:00Z',
    scale: 240,
    telemetryIntervalSeconds: 300,
    batch: { requests: 3, deadline: '2026-01-15T02:00:00Z' },
    regions: [
      {
        id: 'berlin',
        timeZone: 'Europe/Berlin',
        priceEurPerKwh: byHourFromStart((hours) => 0.1 + hours * 0.01),
        carbonGPerKwh: always(300),
        temperatureC: always(8),
        feeders: [{ id: 'roomy', importLimitKw: 200, failSafeImportKw: 20, houseLoadKw: always(5) }],
      },
    ],
    // Its limit never binds: it is there to be followed and reported on.
    utility: {
      id: 'calm-utility',
      region: 'berlin',
      feeders: ['roomy'],
      event: {
        name: 'Nothing much',
        announcedAt: '2026-01-14T20:10:00Z',
        start: '2026-01-14T21:00:00Z',
        end: '2026-01-14T22:00:00Z',
        importLimitKw: 190,
      },
    },
    cars: VINS.map((vin, index) => ({
      vin,
      name: `Car ${index + 1}`,
      owner: `owner-${index + 1}`,
      feeder: 'roomy',
      model: 'model-3',
      class: 'ai5',
      plugKw: 11,
      firmware: index % 2 === 0 ? 'typed' : 'untyped',
      socPercent: 78,
      policy: { readyBy: '08:00', targetSocPercent: 80, minimumSocPercent: 30, computeSocFloorPercent: 40 },
      trips: [],
      outages: index === 0 ? (outages ?? []) : [],
    })),
  };
}
