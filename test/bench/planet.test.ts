import { expect, test } from 'vitest';
import { planetOf } from '../../bench/planet/arithmetic.ts';

test('cells are never larger than measured, and all cores are paid', () => {
  const measured = { cars: 10_000, planSeconds: 9, messagesPerSecond: 1_000, shardsPerSecond: 100 };
  const planet = planetOf(measured, {
    cars: 1_000_001,
    slotMinutes: 15,
    fieldsPerMinute: 6,
    shardsPerCarAndDay: 36,
    busyHours: 10,
    use: 0.5,
    coresPerServer: 10,
    serverEurPerYear: 1_000,
  });
  expect(planet.cells).toBe(101);
  expect(planet.planCores).toBeCloseTo(2.02, 6);
  expect(planet.telemetryCores).toBeCloseTo(200, 3);
  expect(planet.orchestrationCores).toBeCloseTo(20, 3);
  expect(planet.servers).toBe(23);
  expect(planet.eurPerCarAndYear).toBeCloseTo(0.023, 6);
});
