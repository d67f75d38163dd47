import { DAY_MS, HOUR_MS } from '../../../domain/durations.ts';
import { describe, expect, test } from 'vitest';
import { loadNight, scenarioCars } from '../../../demo/night/night.ts';
import { nightSignals, nightSpan } from '../../../demo/night/signals.ts';
import { initialCarState } from '../../../simulator/carState.ts';
import { SimulatedCar } from '../../../simulator/vehicle.ts';

const night = await loadNight();

describe('the days after the night', () => {
  test('bring every car back to its plug each evening and away again over the day', () => {
    for (const scenarioCar of scenarioCars(night)) {
      const { script, spec } = scenarioCar;
      const car = new SimulatedCar({ ...scenarioCar, seed: 1, state: initialCarState(script, night.start) });
      const last = night.cars.find(({ vin }) => vin === spec.vehicleId)?.trips.at(-1);
      if (!last) throw new Error(`${spec.vehicleId} never leaves`);
      for (let day = 1; day <= 5; day++) {
        car.advanceTo(last.leaves + (day - 1) * DAY_MS + 6 * HOUR_MS);
        expect(car.pluggedIn, `${spec.vehicleId}, day ${day}, at noon`).toBe(false);
        car.advanceTo(last.leaves + day * DAY_MS - HOUR_MS);
        expect(car.pluggedIn, `${spec.vehicleId}, day ${day}, before it leaves`).toBe(true);
        expect(car.state.socPercent).toBeGreaterThan(0);
      }
    }
  });

  test('have drives in order, none beginning before the last has ended', () => {
    for (const { spec, script } of scenarioCars(night)) {
      expect(script.trips.length).toBeGreaterThanOrEqual(night.daysAfter);
      for (const [index, trip] of script.trips.entries()) {
        const before = script.trips[index - 1];
        if (before) expect(before.leavesAtMs + before.awayMs, spec.vehicleId).toBeLessThan(trip.leavesAtMs);
      }
    }
  });

  test('are left out of a scenario that does not ask for them', () => {
    const [car] = scenarioCars({ ...night, daysAfter: 0 });
    expect(car?.script.trips.at(-1)?.awayMs).toBe(Infinity);
  });

  test('have signals whose windows agree where they overlap', () => {
    const { startMs, endMs } = nightSpan(night);
    const [region] = night.regions;
    if (!region) throw new Error('no region');
    const first = nightSignals(night, region);
    const later = nightSignals(night, region, { startMs: startMs + DAY_MS, endMs: endMs + 30 * DAY_MS });
    const keyOf = ({ series, feederId, start, revision }: (typeof first)[number]): string =>
      [series, feederId, start, revision].join(' ');
    const values = new Map(later.map((record) => [keyOf(record), record.value]));
    const both = first.filter((record) => values.has(keyOf(record)));
    expect(both.length).toBeGreaterThan(96);
    for (const record of both) expect(values.get(keyOf(record))).toBe(record.value);
  });
});
