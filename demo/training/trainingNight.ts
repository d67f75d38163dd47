import type { z } from 'zod';

import type { nightFileSchema } from '../night/nightFile.ts';

const START_HOUR = 20;
const START = `2026-01-14T${START_HOUR}:00:00Z`;
/** Four hours of real time: no run of the demo takes as long. */
const END = '2026-01-25T20:00:00Z';
/** Slower than other nights: here the time that real steps take, and not that of the planner, is to fill the cars' hours. */
const SCALE = 60;
const CARS = 8;
/** Cars that drive off in the middle of a client's steps, each once, and come back after some hours. */
const LEAVERS = 2;
/** Back before the trained model is rolled out, which ends when all cars have it. */
const AWAY_MINUTES = 180;
const UTC_HOURS = 24;

const byHour = (value: (hour: number) => number): number[] =>
  Array.from({ length: UTC_HOURS }, (_, hour) => value(hour));

/** Cars at one feeder, awake and charged, of which some drive off while they train. */
export function trainingNight(): z.input<typeof nightFileSchema> {
  return {
    scenario: 'training-demo',
    seed: 1,
    start: START,
    end: END,
    scale: SCALE,
    telemetryIntervalSeconds: 300,
    batch: { requests: 1, deadline: '2026-01-15T02:00:00Z' },
    regions: [
      {
        id: 'berlin',
        timeZone: 'Europe/Berlin',
        // Every hour is dearer than the one before: were they alike, each round would wait for the least of their noise.
        priceEurPerKwh: byHour((hour) => 0.1 + ((hour - START_HOUR + UTC_HOURS) % UTC_HOURS) * 0.01),
        carbonGPerKwh: byHour(() => 320),
        temperatureC: byHour(() => 8),
        feeders: [{ id: 'berlin-1', importLimitKw: 120, failSafeImportKw: 20, houseLoadKw: byHour(() => 5) }],
      },
    ],
    cars: Array.from({ length: CARS }, (_, index) => ({
      vin: `NSTR5XB0000000${101 + index}`,
      name: `Car ${index + 1}`,
      owner: `owner-${index + 1}`,
      feeder: 'berlin-1',
      model: 'model-3',
      class: 'ai5' as const,
      plugKw: 11,
      firmware: 'typed' as const,
      socPercent: 78,
      policy: { readyBy: '08:00', targetSocPercent: 80, minimumSocPercent: 30, computeSocFloorPercent: 40 },
      trips:
        index < LEAVERS
          ? [
              {
                leaves: `2026-01-14T2${1 + index}:00:00Z`,
                waitsForComputingUntil: '2026-01-15T06:00:00Z',
                awayMinutes: AWAY_MINUTES,
                manner: index % 2 === 0 ? ('gear_first' as const) : ('plug_first' as const),
              },
            ]
          : [],
    })),
  };
}
