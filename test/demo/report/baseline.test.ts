import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { computeCapKw } from '../../../scheduler/energy/compute.ts';
import { plannedFootprint, runNowFootprint } from '../../../demo/report/baseline.ts';
import { hourly, HOUR_MS, nightFacts, START_MS, VEHICLE } from './facts.ts';

describe('planned', () => {
  test('is priced where and when the meter turned', () => {
    const facts = nightFacts({ vehicles: [{ ...VEHICLE, meter: hourly([1, 0, 0, 10], [0, 0, 2, 0]) }] });
    expect(plannedFootprint(facts).costEur).toBeCloseTo(0.4 + 0.4 + 1, 9);
    expect(plannedFootprint(facts).gramsCo2).toBeCloseTo(400 + 400 + 1000, 6);
  });
});

describe('run now', () => {
  test('charges on arrival at full charger power', () => {
    const facts = nightFacts({ vehicles: [{ ...VEHICLE, meter: hourly([0, 0, 0, 12]) }] });
    expect(runNowFootprint(facts).costEur).toBeCloseTo(10 * 0.4 + 2 * 0.3, 9);
  });

  test('starts when the car comes', () => {
    const stays = [{ pluggedInAtMs: START_MS + HOUR_MS / 2, unpluggedAtMs: undefined }];
    const facts = nightFacts({ vehicles: [{ ...VEHICLE, stays, meter: hourly([0, 0, 0, 12]) }] });
    expect(runNowFootprint(facts).costEur).toBeCloseTo(5 * 0.4 + 7 * 0.3, 9);
  });

  test('gives the feeder to who came first', () => {
    const late = {
      ...VEHICLE,
      id: 'car-2',
      stays: [{ pluggedInAtMs: START_MS + 1, unpluggedAtMs: undefined }],
      meter: hourly([0, 0, 0, 10]),
    };
    const facts = nightFacts({ vehicles: [late, { ...VEHICLE, meter: hourly([0, 0, 0, 10]) }] });
    // 15 kW are free: the first takes 10, the second 5 now and 5 in the hour after.
    expect(runNowFootprint(facts).costEur).toBeCloseTo(15 * 0.4 + 5 * 0.3, 4);
  });

  test('computes at full speed from submission on, on what charging leaves', () => {
    const fullKw = computeCapKw(0.8, 20);
    const facts = nightFacts({
      submittedAtMs: START_MS + HOUR_MS,
      vehicles: [{ ...VEHICLE, meter: hourly([0, 0, 0, 0], [0, 0, 0, 1.5 * fullKw]) }],
    });
    expect(runNowFootprint(facts).costEur).toBeCloseTo(fullKw * 0.3 + 0.5 * fullKw * 0.2, 9);
  });

  test('what does not fit counts in the last slot', () => {
    const facts = nightFacts({ vehicles: [{ ...VEHICLE, meter: hourly([20, 20, 20, 20]) }] });
    expect(runNowFootprint(facts).costEur).toBeCloseTo(10 * (0.4 + 0.3 + 0.2 + 0.1) + 40 * 0.1, 9);
  });

  test('is the same energy, whatever the night was', () => {
    const kwh = fc.double({ min: 0, max: 12, noNaN: true });
    const meter = fc.record({ charging: fc.array(kwh, { minLength: 4, maxLength: 4 }), compute: fc.array(kwh) });
    const stays = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 4 }).map((minutes) => {
      let atMs = START_MS - HOUR_MS;
      return minutes.map((length) => {
        const pluggedInAtMs = atMs + 10 * 60_000;
        atMs = pluggedInAtMs + length * 60_000;
        return { pluggedInAtMs, unpluggedAtMs: atMs };
      });
    });
    const vehicles = fc.array(
      fc
        .record({ meter, stays })
        .map(({ meter, stays }) => ({ ...VEHICLE, stays, meter: hourly(meter.charging, meter.compute) })),
      { minLength: 1, maxLength: 5 },
    );
    fc.assert(
      fc.property(vehicles, (vehicles) => {
        const facts = nightFacts({ vehicles });
        const flat = {
          ...facts,
          regions: facts.regions.map((region) => ({
            ...region,
            slots: region.slots.map((slot) => ({ ...slot, priceEurPerKwh: 1 })),
          })),
        };
        expect(runNowFootprint(flat).costEur).toBeCloseTo(plannedFootprint(flat).costEur, 6);
      }),
    );
  });
});
