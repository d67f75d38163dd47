import type { z } from 'zod';
import type { nightFileSchema } from '../../../demo/night/nightFile.ts';

type NightFileInput = z.input<typeof nightFileSchema>;
type NightCarInput = NightFileInput['cars'][number];
type Outages = NonNullable<NightCarInput['outages']>;

/** Each region's cars, each as what it does else than stand at its plug, awake. */
export type CalmRegions = Readonly<Record<string, readonly Partial<NightCarInput>[]>>;

export const CALM_NIGHT = 'calm-night';
const START = '2026-01-14T20:00:00Z';
/** Far beyond what any test takes: 16 minutes. */
const END = '2026-01-17T12:00:00Z';
const SCALE = 240;
const UTC_HOURS = 24;

/** A curve of the night: one value for each UTC hour, by the hours since its start. */
const byHourFromStart = (value: (hoursSinceStart: number) => number): number[] =>
  Array.from({ length: UTC_HOURS }, (_, hour) => value((hour - 20 + UTC_HOURS) % UTC_HOURS));
const always = (value: number): number[] => byHourFromStart(() => value);

/**
 * A night for tests: fast cars at one roomy feeder a region, awake and charged. Every hour is dearer than the one before,
 * so that the plan runs what it has at once. Four grid minutes pass in a second.
 */
export function calmNight(regions: CalmRegions = { berlin: [{}, {}, {}, {}] }): NightFileInput {
  const [first = ''] = Object.keys(regions);
  return {
    scenario: CALM_NIGHT,
    seed: 1,
    start: START,
    end: END,
    scale: SCALE,
    telemetryIntervalSeconds: 300,
    batch: { requests: 3, deadline: '2026-01-15T02:00:00Z' },
    regions: Object.keys(regions).map((id) => ({
      id,
      timeZone: 'Europe/Berlin',
      priceEurPerKwh: byHourFromStart((hours) => 0.1 + hours * 0.01),
      carbonGPerKwh: always(300),
      temperatureC: always(8),
      feeders: [{ id: `${id}-roomy`, importLimitKw: 200, failSafeImportKw: 20, houseLoadKw: always(5) }],
    })),
    // Its limit never binds: it is there to be followed and reported on.
    utility: {
      id: 'calm-utility',
      region: first,
      feeders: [`${first}-roomy`],
      event: {
        name: 'Nothing much',
        announcedAt: '2026-01-14T20:10:00Z',
        start: '2026-01-14T21:00:00Z',
        end: '2026-01-14T22:00:00Z',
        importLimitKw: 190,
      },
    },
    cars: Object.entries(regions)
      .flatMap(([region, cars]) => cars.map((does) => ({ region, does })))
      .map(({ region, does }, index) => ({
        vin: `NSGA5XB0000000${901 + index}`,
        name: `Car ${index + 1}`,
        owner: `owner-${index + 1}`,
        feeder: `${region}-roomy`,
        model: 'model-3',
        class: 'ai5',
        plugKw: 11,
        firmware: index % 2 === 0 ? 'typed' : 'untyped',
        socPercent: 78,
        policy: { readyBy: '08:00', targetSocPercent: 80, minimumSocPercent: 30, computeSocFloorPercent: 40 },
        trips: [],
        ...does,
      })),
  };
}

const gridMs = (realSeconds: number): number => realSeconds * SCALE * 1000;
const instant = (ms: number): string => new Date(ms).toISOString();

/** No coverage, again and again all night. Seconds of real time since the night's start. */
export function outagesEvery(seconds: { first: number; out: number; covered: number }): Outages {
  const outages: Outages = [];
  let startMs = Date.parse(START) + gridMs(seconds.first);
  while (startMs < Date.parse(END)) {
    const endMs = startMs + gridMs(seconds.out);
    outages.push({ kind: 'coverage', start: instant(startMs), end: instant(endMs) });
    startMs = endMs + gridMs(seconds.covered);
  }
  return outages;
}
