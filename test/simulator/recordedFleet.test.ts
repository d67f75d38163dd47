import { HOUR_MS } from '../../domain/durations.ts';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { initialCarState } from '../../simulator/carState.ts';
import { runFleet } from '../../simulator/fleetRun.ts';
import type { ScenarioCar } from '../../simulator/fleetMember.ts';
import { recordedFleet, type RecordedStay } from '../../simulator/recordedFleet.ts';
import { readSensors } from '../../simulator/sensors.ts';
import { SimulatedCar } from '../../simulator/vehicle.ts';
import { cli } from '../cli/cliRun.ts';

const START_MS = Date.parse('2019-11-28T12:00:00Z');
const stay = (userId: string, from: number, to: number, energyKwh = 10): RecordedStay => ({
  userId,
  pluggedInMs: START_MS + from * HOUR_MS,
  pluggedOutMs: START_MS + to * HOUR_MS,
  energyKwh,
});
const NIGHT = { seed: 1, startMs: START_MS, hours: 24, faults: [], regionId: 'r', place: 'home' } as const;
const STAYS = [
  stay('early', -5, 6, 20),
  stay('evening', 6, 18),
  stay('evening', 7, 9),
  stay('twice', 1, 3, 8),
  stay('twice', 9, 20, 6),
  stay('yesterday', -20, -1),
  stay('tomorrow', 24, 30),
];

/** Whole hours from the start in whose middle the car is plugged in. */
function pluggedHours({ spec, script, weather }: ScenarioCar): number[] {
  const car = new SimulatedCar({ spec, script, weather, seed: 1, state: initialCarState(script, START_MS) });
  return Array.from({ length: 24 }, (_, hour) => hour).filter((hour) => {
    car.advanceTo(START_MS + (hour + 0.5) * HOUR_MS);
    return car.pluggedIn;
  });
}
const hours = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, hour) => from + hour);

test('cars come and go as recorded; of two stays of one user at once the first counts', () => {
  const fleet = recordedFleet({ ...NIGHT, stays: STAYS });
  expect(fleet.map(pluggedHours)).toEqual([hours(0, 6), [...hours(1, 3), ...hours(9, 20)], hours(6, 18)]);
});

test('what was charged is what is missing', () => {
  const run = runFleet({ ...NIGHT, cars: recordedFleet({ ...NIGHT, stays: [stay('a', 2, 20, 17)] }) });
  expect(run.chargingKwh).toBeGreaterThan(16);
  expect(run.chargingKwh).toBeLessThan(18);
});

test('more cars than users take their stays again, fewer the first of them', () => {
  const fleet = recordedFleet({ ...NIGHT, stays: STAYS, cars: 7 });
  expect(new Set(fleet.map(({ spec }) => spec.vehicleId)).size).toBe(7);
  expect(fleet[3]?.script.trips[0]?.leavesAtMs).toBe(fleet[0]?.script.trips[0]?.leavesAtMs);
  expect(recordedFleet({ ...NIGHT, stays: STAYS, cars: 1 })).toHaveLength(1);
});

test('a workplace is not home', () => {
  for (const place of ['home', 'workplace'] as const) {
    const [car] = recordedFleet({ ...NIGHT, place, stays: [stay('a', -1, 20)] });
    if (!car) throw new Error('one car');
    const simulated = new SimulatedCar({ ...car, seed: 1, state: initialCarState(car.script, START_MS) });
    expect(readSensors(simulated).LocatedAtHome).toBe(place === 'home');
  }
});

test('a mass departure ends the stays that it meets', () => {
  const stays = Array.from({ length: 100 }, (_, user) => stay(`u${user}`, 2, 20));
  const fleet = recordedFleet({ ...NIGHT, stays, faults: ['mass-departure'] });
  const early = fleet.filter(({ script }) => script.trips[1]?.leavesAtMs === START_MS + 12 * HOUR_MS).length;
  expect(early).toBeGreaterThan(40);
  expect(early).toBeLessThan(80);
});

test('nightshift fleet simulate --stays reads the same file as the backtest', async () => {
  const file = join(tmpdir(), `nightshift-stays-${process.pid}.csv`);
  await writeFile(
    file,
    'location;user_id;session_id;plugin_time;plugout_time;energy_session\n' +
      'A;A_1;1;2019-11-28 19:08:00;2019-11-29 08:20:00;19,96\nA;A_2;2;2019-11-28 18:00;2019-11-28 23:00;7\n',
  );
  const simulate = (...options: string[]) => cli('fleet', 'simulate', '--stays', file, '--json', ...options);
  const run = await simulate('--night', '2019-11-28');
  expect(JSON.parse(run.out)).toMatchObject({ cars: 2, gridHours: 24, departures: 2 });
  expect(await simulate('--night', '2020-01-15')).toMatchObject({ code: 2, err: expect.stringContaining('no stay') });
});
