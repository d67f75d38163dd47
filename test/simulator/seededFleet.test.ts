import { HOUR_MS } from '../../domain/durations.ts';
import { describe, expect, test } from 'vitest';
import { runFleet } from '../../simulator/fleetRun.ts';
import type { FleetFault } from '../../simulator/fleetFaults.ts';
import { seededFleet } from '../../simulator/seededFleet.ts';
import { cli } from '../cli/cliRun.ts';

const START_MS = Date.parse('2020-01-15T12:00:00Z');
const draw = (cars: number, faults: readonly FleetFault[] = []) =>
  seededFleet({ cars, seed: 1, startMs: START_MS, hours: 24, regionId: 'r', place: 'home', faults });

const specs = (cars: number) =>
  draw(cars)
    .slice(0, 20)
    .map(({ spec, script }) => ({ spec, script }));
const noonC = (faults: readonly FleetFault[]): number => draw(1, faults)[0]?.weather.ambientC(START_MS) ?? NaN;
const leaveEarly = (faults: readonly FleetFault[]): number =>
  draw(200, faults).filter(({ script }) => (script.trips[1]?.leavesAtMs ?? Infinity) < START_MS + 13 * HOUR_MS).length;
test('the same seed gives the same cars, also in a larger fleet', () => {
  expect(specs(20)).toEqual(specs(50));
});

test('a fleet is plugged in as homes are, not as cars are parked, and charges', () => {
  const run = runFleet({ cars: draw(60), seed: 1, startMs: START_MS, hours: 24 });
  const share = run.pluggedHours / (run.cars * run.gridHours);
  expect(share).toBeGreaterThan(0.08);
  expect(share).toBeLessThan(0.4);
  expect(run.chargingKwh).toBeGreaterThan(60);
  expect(run.messages).toBeGreaterThan(run.cars * 20);
}, 60_000);

describe('faults', () => {
  test('weather', () => {
    expect(noonC(['heat-wave'])).toBeGreaterThan(38);
    expect(noonC(['cold-night'])).toBeLessThan(0);
  });

  test('holes of coverage and modems that do not hear, on some cars', () => {
    const scripts = draw(200, ['coverage', 'deaf-modems']).map(({ script }) => script);
    const holes = scripts.filter(({ outages }) => outages.length > 0).length;
    const deaf = scripts.filter(({ ignoredWakes = 0 }) => ignoredWakes > 0).length;
    for (const count of [holes, deaf]) {
      expect(count).toBeGreaterThan(10);
      expect(count).toBeLessThan(100);
    }
  });

  test('a mass departure at half the night', () => {
    expect(leaveEarly(['mass-departure'])).toBeGreaterThan(leaveEarly([]) + 20);
  });
});

test('nightshift fleet simulate says what a car costs, and what is wrong with its options', async () => {
  const run = await cli('fleet', 'simulate', '--cars', '3', '--night', '2020-01-15', '--hours', '2', '--json');
  expect(JSON.parse(run.out)).toMatchObject({ cars: 3, gridHours: 2 });
  const wrong = await cli('fleet', 'simulate', '--night', '2020-01-15', '--fault', 'flood');
  expect(wrong).toMatchObject({ code: 2, err: expect.stringContaining('must be one of coverage') });
});
