import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { HOUR_MS } from '../../../domain/durations.ts';
import { allotDownloads, feederHour } from '../../../domain/rollouts/allotDownloads.ts';
import { drawCars, type EligibleCar } from '../../../domain/rollouts/drawCars.ts';
import { rolloutSpecSchema } from '../../../domain/rollouts/rolloutSpec.ts';

const car = (vehicleId: string, over: Partial<EligibleCar> = {}): EligibleCar => ({
  vehicleId,
  regionId: 'oslo',
  hardwareClass: 'hw3',
  present: true,
  ...over,
});
const placeOf = (vehicleId: string): string => vehicleId;
const issues = (spec: unknown) => rolloutSpecSchema.safeParse(spec).error?.issues.map(({ path }) => path.join('.'));

describe('a wave', () => {
  test('draws its share of the cars, those of earlier waves included', () => {
    const cars = Array.from({ length: 10 }, (_, index) => car(`c${index}`));
    const first = drawCars({ share: 0.15, soak_hours: 0 }, cars, new Set(), placeOf);
    expect(first).toEqual({ target: 2, drawn: ['c0', 'c1'] });
    const second = drawCars({ share: 0.3, soak_hours: 0 }, cars, new Set(first.drawn), placeOf);
    expect(second).toEqual({ target: 3, drawn: ['c2'] });
  });

  test('waits for cars that are away, and keeps to its regions and classes', () => {
    const cars = [
      car('a', { present: false }),
      car('b', { regionId: 'rome' }),
      car('c', { hardwareClass: 'ai4' }),
      car('d'),
    ];
    const wave = { share: 1, soak_hours: 0, regions: ['oslo'], classes: ['hw3'] };
    expect(drawCars(wave, cars, new Set(), placeOf)).toEqual({ target: 2, drawn: ['d'] });
  });

  test('that makes no sense is refused by the field', () => {
    expect(issues({ waves: [{ share: 0.5 }] })).toEqual(['waves']);
    expect(issues({ waves: [{ share: 0.5 }, { share: 0.2 }, { share: 1 }] })).toEqual(['waves']);
    expect(issues({ limits: { slower: 0.5 } })).toEqual(['limits.slower']);
    expect(issues({ wave: [] })).toEqual(['']);
    expect(rolloutSpecSchema.parse({}).waves.map(({ share }) => share)).toEqual([0.05, 0.25, 1]);
  });
});

describe('downloads', () => {
  const windows = [{ startMs: 2 * HOUR_MS, endMs: 5 * HOUR_MS }];
  const cars = (count: number, feederId = 'f') =>
    Array.from({ length: count }, (_, index) => ({ vehicleId: `c${index}`, feederId, bytesPerSecond: null, windows }));
  const terms = { bytes: 40, budgetBytes: 100, nowMs: 0, untilMs: 24 * HOUR_MS };

  test('fill one hour of a feeder after the other, within the windows', () => {
    const from = allotDownloads(cars(5), terms, new Map()).map(({ fromMs }) => fromMs / HOUR_MS);
    expect(from).toEqual([2, 2, 3, 3, 4]);
  });

  test('larger than the budget take whole hours', () => {
    const downloads = allotDownloads(cars(2), { ...terms, bytes: 150 }, new Map());
    expect(downloads).toEqual([{ vehicleId: 'c0', fromMs: 2 * HOUR_MS, untilMs: 4 * HOUR_MS }]);
  });

  test('are not begun by cars whose network would take more than an hour', () => {
    const [slow] = cars(1);
    expect(slow && allotDownloads([{ ...slow, bytesPerSecond: 0.01 }], terms, new Map())).toEqual([]);
  });

  test('never take more than the budget of a feeder and hour, and never lie outside the windows', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({ feeder: fc.constantFrom('a', 'b'), start: fc.nat(20), hours: fc.integer({ min: 1, max: 6 }) }),
          {
            maxLength: 40,
          },
        ),
        fc.integer({ min: 1, max: 100 }),
        (asked, bytes) => {
          const downloaders = asked.map(({ feeder, start, hours }, index) => ({
            vehicleId: `${index}`,
            feederId: feeder,
            bytesPerSecond: null,
            windows: [{ startMs: start * HOUR_MS, endMs: (start + hours) * HOUR_MS }],
          }));
          const spent = new Map<string, number>();
          const downloads = allotDownloads(downloaders, { ...terms, bytes }, spent);
          const used = new Map<string, number>();
          for (const { vehicleId, fromMs, untilMs } of downloads) {
            const downloader = downloaders[Number(vehicleId)];
            const [window] = downloader?.windows ?? [];
            expect(fromMs).toBeGreaterThanOrEqual(window?.startMs ?? Infinity);
            expect(untilMs).toBeLessThanOrEqual(window?.endMs ?? -Infinity);
            const key = feederHour(downloader?.feederId ?? '', fromMs);
            used.set(key, (used.get(key) ?? 0) + bytes);
          }
          for (const total of used.values()) expect(total).toBeLessThanOrEqual(terms.budgetBytes);
        },
      ),
    );
  });
});
