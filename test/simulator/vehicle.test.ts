import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { coldFactor } from '../../scheduler/energy/battery.ts';
import { batteryDrawKw } from '../../simulator/battery.ts';
import { FAIL_SAFE_AFTER_MS } from '../../simulator/chargeControl.ts';
import type { Trip } from '../../simulator/mobility.ts';
import { SLEEP_AFTER_MS, type CarEvent } from '../../simulator/vehicle.ts';
import { Weather } from '../../simulator/weather.ts';
import { HOUR_MS, MINUTE_MS, quarterHours, SPEC, START_MS, testCar } from './cars.ts';

const SCHOOL_RUN: Trip = {
  leavesAtMs: START_MS + HOUR_MS,
  manner: 'gear_first',
  leavingMs: 30_000,
  awayMs: 40 * MINUTE_MS,
  consumesSocPercent: 6,
};

const IDLE_NIGHT = quarterHours(repeat(40, { chargeKw: 0 }));

function repeat<Power>(count: number, power: Power): Power[] {
  return Array.from({ length: count }, () => power);
}

function withoutMeter(events: readonly CarEvent[]): CarEvent[] {
  return events.filter(({ kind }) => kind !== 'meter');
}

describe('charging', () => {
  test('follows the profile by its own clock', () => {
    const car = testCar();
    car.follow(quarterHours([{ chargeKw: 0 }, { chargeKw: 8 }, { chargeKw: 4 }]));
    car.advanceTo(START_MS + 45 * MINUTE_MS);
    // 4 kW are below the minimum current of three phases.
    expect(car.state.chargingKwh).toBeCloseTo(8 * 0.25, 9);
    expect(car.state.socPercent).toBeCloseTo(50 + ((8 * 0.25 * 0.9) / 57.5) * 100, 9);
  });

  test('stops at the owner’s limit', () => {
    const car = testCar({ script: { socPercentAtStart: 79 } });
    car.follow(quarterHours([{ chargeKw: 11 }, { chargeKw: 11 }]));
    car.advanceTo(START_MS + 30 * MINUTE_MS);
    expect(car.state.socPercent).toBeCloseTo(80, 6);
    expect(car.chargingKw).toBe(0);
    expect(car.full).toBe(true);
  });

  test('leaves to compute its part of the plug', () => {
    const car = testCar();
    car.follow(quarterHours([{ chargeKw: 11, computeKw: 1 }]));
    car.drawCompute(1);
    car.advanceTo(START_MS + 15 * MINUTE_MS);
    expect(car.state.chargingKwh).toBeCloseTo(2.5, 9);
    expect(car.state.computeKwh).toBeCloseTo(0.25, 9);
  });

  test('an expired profile never means unlimited: first nothing, then the fail-safe power up to the target', () => {
    const car = testCar({ spec: { chargeLimitPercent: 55 } });
    car.follow(quarterHours([{ chargeKw: 8, computeKw: 1 }]));
    car.advanceTo(START_MS + 15 * MINUTE_MS);
    expect(car.conditions()).toMatchObject({ computeAllowed: false });
    expect(car.chargingKw).toBe(0);
    car.advanceTo(START_MS + 15 * MINUTE_MS + FAIL_SAFE_AFTER_MS);
    expect(car.chargingKw).toBe(SPEC.failSafeKw);
    car.advanceTo(START_MS + 6 * HOUR_MS);
    expect(car.state.socPercent).toBeCloseTo(55, 6);
    expect(car.state.awake).toBe(false);
  });

  test('an older profile does not replace a newer one, an empty one does', () => {
    const car = testCar();
    car.follow(quarterHours([{ chargeKw: 8 }]));
    car.follow({ ...quarterHours([{ chargeKw: 11 }]), issuedAtMs: START_MS - 1 });
    expect(car.chargingKw).toBe(8);
    car.follow(null);
    expect(car.chargingKw).toBe(0);
  });

  test('the cold slows it', () => {
    const car = testCar({ weather: new Weather([{ startMs: 0, endMs: 1, celsius: -10 }]) });
    car.follow(quarterHours([{ chargeKw: 11 }]));
    expect(car.chargingKw).toBeCloseTo(9.35);
  });

  test('an LFP pack takes nothing below 0 °C, sleeps on, and charges by itself once it is warm enough', () => {
    const weather = new Weather(
      [-4, -0.1, 0].map((celsius, hour) => ({
        startMs: START_MS + hour * HOUR_MS,
        endMs: START_MS + (hour + 1) * HOUR_MS,
        celsius,
      })),
    );
    const pack = { ...SPEC.pack, chargeFromCelsius: 0 };
    const car = testCar({ weather, spec: { pack }, script: { asleepAtStart: true } });
    car.follow(quarterHours(repeat(12, { chargeKw: 11 })));
    car.advanceTo(START_MS + 2 * HOUR_MS - 1);
    expect(car.state).toMatchObject({ socPercent: 50, chargingKwh: 0, awake: false });
    car.advanceTo(START_MS + 3 * HOUR_MS);
    expect(car.state.chargingKwh).toBeCloseTo(11 * coldFactor(0), 6);
  });

  test('never draws more than the setpoint, whatever the profile, the SoC and the compute load', () => {
    const powers = fc.array(
      fc.record({
        chargeKw: fc.double({ min: 0, max: 15, noNaN: true }),
        computeKw: fc.double({ min: 0, max: 2, noNaN: true }),
      }),
      { minLength: 1, maxLength: 40 },
    );
    const soc = fc.double({ min: 0, max: 100, noNaN: true });
    const load = fc.double({ min: 0, max: 2, noNaN: true });
    const stepMinutes = fc.integer({ min: 1, max: 50 });
    fc.assert(
      fc.property(powers, soc, load, stepMinutes, (profile, socPercentAtStart, computeKw, step) => {
        const car = testCar({ script: { socPercentAtStart } });
        car.follow(quarterHours(profile));
        car.drawCompute(computeKw);
        let allowedKwh = 0;
        for (const { chargeKw } of profile) allowedKwh += chargeKw * 0.25;
        for (let minute = 0; minute < profile.length * 15; minute += step) {
          car.advanceTo(START_MS + minute * MINUTE_MS);
          const setpointKw = profile[Math.floor(minute / 15)]?.chargeKw ?? 0;
          expect(car.chargingKw).toBeLessThanOrEqual(setpointKw);
          expect(car.chargingKw + car.computeKw).toBeLessThanOrEqual(SPEC.pack.maxKw + 1e-9);
        }
        car.advanceTo(START_MS + profile.length * 15 * MINUTE_MS);
        expect(car.state.chargingKwh).toBeLessThanOrEqual(allowedKwh + 1e-9);
      }),
    );
  });
});

describe('balance and determinism', () => {
  const trips = fc
    .array(fc.record({ after: fc.integer({ min: 5, max: 300 }), away: fc.integer({ min: 5, max: 200 }) }), {
      maxLength: 3,
    })
    .map((legs) => {
      let atMs = START_MS;
      return legs.map(({ after, away }): Trip => {
        const leavesAtMs = atMs + after * MINUTE_MS;
        atMs = leavesAtMs + (away + 3) * MINUTE_MS;
        return { ...SCHOOL_RUN, leavesAtMs, awayMs: away * MINUTE_MS };
      });
    });
  const steps = fc.array(fc.integer({ min: 1, max: 120 * MINUTE_MS }), { minLength: 1, maxLength: 40 });

  test('what is in the battery came through the plug or went onto the road', () => {
    fc.assert(
      fc.property(trips, steps, (trips, steps) => {
        const car = testCar({ script: { trips } });
        for (const step of steps) car.advanceTo(car.state.atMs + step);
        const { socPercent, chargingKwh, tripsDone } = car.state;
        const storedKwh = ((socPercent - 50 + tripsDone * 6) / 100) * 57.5;
        expect(storedKwh).toBeCloseTo(chargingKwh * 0.9, 6);
      }),
    );
  });

  test('how often it is asked to advance changes nothing', () => {
    fc.assert(
      fc.property(trips, steps, (trips, steps) => {
        const often = testCar({ script: { trips } });
        const once = testCar({ script: { trips } });
        const eventsOften = steps.flatMap((step) => often.advanceTo(often.state.atMs + step));
        const eventsOnce = once.advanceTo(often.state.atMs);
        expect(withoutMeter(eventsOften)).toEqual(withoutMeter(eventsOnce));
        expect(often.state.socPercent).toBeCloseTo(once.state.socPercent, 6);
        expect(often.state.phase).toBe(once.state.phase);
      }),
    );
  });

  test('a car that is read back from its state goes on as if nothing had been', () => {
    const script = { trips: [SCHOOL_RUN], outages: [] };
    const killed = testCar({ script });
    const undisturbed = testCar({ script });
    for (const car of [killed, undisturbed]) car.follow(quarterHours(repeat(16, { chargeKw: 6 })));
    killed.advanceTo(START_MS + 70 * MINUTE_MS);
    const revived = testCar({ script, state: structuredClone(killed.state) });
    for (const car of [revived, undisturbed]) car.advanceTo(START_MS + 5 * HOUR_MS);
    expect(revived.state).toEqual(undisturbed.state);
  });
});

describe('sleep', () => {
  test('a quarter of an hour after the last activity, and awake again when woken', () => {
    const car = testCar();
    expect(withoutMeter(car.advanceTo(START_MS + SLEEP_AFTER_MS))).toEqual([{ kind: 'awake', awake: false }]);
    expect(car.conditions().activity).toBe('asleep');
    car.requestWake();
    expect(car.advanceTo(car.state.atMs + 19_000)).toEqual([]);
    expect(car.advanceTo(car.state.atMs + 42_000)).toEqual([{ kind: 'awake', awake: true }]);
  });

  test('an open power gate keeps it awake, a gate that opens does not wake it', () => {
    const profile = quarterHours(repeat(8, { chargeKw: 0, computeKw: 0.5 }));
    const awake = testCar();
    const asleep = testCar({ script: { asleepAtStart: true } });
    for (const car of [awake, asleep]) {
      car.follow(profile);
      car.advanceTo(START_MS + HOUR_MS);
    }
    expect(awake.state.awake).toBe(true);
    expect(asleep.state.awake).toBe(false);
  });

  test('it wakes by itself to charge on schedule', () => {
    const car = testCar({ script: { asleepAtStart: true } });
    car.follow(quarterHours([{ chargeKw: 0 }, { chargeKw: 6 }]));
    const events = withoutMeter(car.advanceTo(START_MS + 20 * MINUTE_MS));
    expect(events).toEqual([{ kind: 'awake', awake: true }]);
    expect(car.state.chargingKwh).toBeCloseTo(6 / 12, 9);
  });
});

describe('leaving and coming back', () => {
  test('gear first: the agent hears it while the plug is still in', () => {
    const car = testCar({ script: { trips: [SCHOOL_RUN] } });
    car.follow(IDLE_NIGHT);
    const events = withoutMeter(car.advanceTo(SCHOOL_RUN.leavesAtMs));
    expect(events.at(-1)).toEqual({ kind: 'hold', reason: 'gear_out_of_park' });
    expect(car.conditions()).toMatchObject({ activity: 'leaving', gear: 'D', pluggedIn: true, awake: true });
    car.advanceTo(SCHOOL_RUN.leavesAtMs + 30_000);
    expect(car.conditions()).toMatchObject({ activity: 'driving', gear: 'D', pluggedIn: false });
    const back = car.advanceTo(SCHOOL_RUN.leavesAtMs + 30_000 + SCHOOL_RUN.awayMs + MINUTE_MS);
    expect(back).toEqual([
      { kind: 'release', reason: 'gear_out_of_park' },
      { kind: 'release', reason: 'unplugged' },
    ]);
    expect(car.conditions()).toMatchObject({ activity: 'awake', gear: 'P', pluggedIn: true, socPercent: 44 });
  });

  test('plug first', () => {
    const car = testCar({ script: { trips: [{ ...SCHOOL_RUN, manner: 'plug_first' }] } });
    car.follow(IDLE_NIGHT);
    const events = car.advanceTo(SCHOOL_RUN.leavesAtMs);
    expect(events.at(-1)).toEqual({ kind: 'hold', reason: 'unplugged' });
    expect(car.conditions()).toMatchObject({ activity: 'leaving', gear: 'P', pluggedIn: false });
  });

  test('a driver can wait until the car is in mid-shard', () => {
    const trip = { ...SCHOOL_RUN, waitsForComputingUntilMs: START_MS + 4 * HOUR_MS };
    const computing = testCar({ script: { trips: [trip] } });
    computing.advanceTo(START_MS + 2 * HOUR_MS);
    expect(computing.state.phase).toBe('parked');
    computing.drawCompute(0.5);
    computing.advanceTo(START_MS + 2 * HOUR_MS + 2 * MINUTE_MS);
    expect(computing.state.phase).toBe('leaving');

    const idle = testCar({ script: { trips: [trip] } });
    idle.advanceTo(START_MS + 4 * HOUR_MS);
    expect(idle.state.phase).toBe('leaving');
  });

  test('a night can begin on the road', () => {
    const inbound = { ...SCHOOL_RUN, leavesAtMs: START_MS, awayMs: HOUR_MS, consumesSocPercent: 0 };
    const car = testCar({ script: { drivingAtStart: true, trips: [inbound, SCHOOL_RUN] } });
    expect(car.conditions().activity).toBe('driving');
    car.advanceTo(START_MS + HOUR_MS);
    expect(car.conditions().activity).toBe('arriving');
  });
});

describe('outages', () => {
  const outage = { startMs: START_MS + 10 * MINUTE_MS, endMs: START_MS + 40 * MINUTE_MS };

  test('without coverage it goes on by the profile that it has', () => {
    const car = testCar({ script: { outages: [{ kind: 'coverage', ...outage }] } });
    car.follow(quarterHours([{ chargeKw: 6 }, { chargeKw: 6 }, { chargeKw: 6 }]));
    expect(withoutMeter(car.advanceTo(START_MS + 45 * MINUTE_MS))).toEqual([
      { kind: 'network', up: false },
      { kind: 'network', up: true },
    ]);
    expect(car.state.chargingKwh).toBeCloseTo(4.5, 9);
  });

  test('without power everything stops at once, and compute does not come back by itself', () => {
    const car = testCar({ script: { outages: [{ kind: 'power', ...outage }] } });
    car.follow(quarterHours(repeat(4, { chargeKw: 6, computeKw: 0.5 })));
    car.drawCompute(0.5);
    const events = withoutMeter(car.advanceTo(START_MS + HOUR_MS));
    expect(events).toEqual([
      { kind: 'power', up: false },
      { kind: 'network', up: false },
      { kind: 'power', up: true },
      { kind: 'network', up: true },
    ]);
    expect(car.state.chargingKwh).toBeCloseTo(6 * 0.5, 9);
    expect(car.state.computeKwh).toBeCloseTo(0.5 / 6, 9);
  });
});

test('heat holds compute until the car has cooled down', () => {
  const hours = [39, 41, 39, 37].map((celsius, hour) => ({
    startMs: START_MS + hour * HOUR_MS,
    endMs: START_MS + (hour + 1) * HOUR_MS,
    celsius,
  }));
  const car = testCar({ weather: new Weather(hours) });
  car.follow(quarterHours(repeat(20, { chargeKw: 0, computeKw: 1 })));
  expect(withoutMeter(car.advanceTo(START_MS + HOUR_MS))).toEqual([{ kind: 'hold', reason: 'too_hot' }]);
  expect(car.advanceTo(START_MS + 2.5 * HOUR_MS)).toEqual([]);
  expect(car.advanceTo(START_MS + 3 * HOUR_MS)).toEqual([{ kind: 'release', reason: 'too_hot' }]);
});

test('a car below the owner’s floor does not compute until it has charged', () => {
  const car = testCar({ script: { socPercentAtStart: 39 } });
  car.follow(quarterHours([{ chargeKw: 11, computeKw: 1 }]));
  expect(car.conditions().holds).toEqual(['soc_below_floor']);
  expect(withoutMeter(car.advanceTo(START_MS + 15 * MINUTE_MS))).toEqual([
    { kind: 'release', reason: 'soc_below_floor' },
  ]);
  expect(car.conditions().holds).toEqual([]);
});

test('the meter is read every five minutes while it moves and where it begins to, and only rises', () => {
  const car = testCar();
  car.follow(quarterHours([{ chargeKw: 6 }, { chargeKw: 0 }, { chargeKw: 6 }]));
  const readings = car
    .advanceTo(START_MS + 45 * MINUTE_MS)
    .flatMap((event) => (event.kind === 'meter' ? [event.reading] : []));
  const minutes = readings.map(({ atMs }) => (atMs - START_MS) / MINUTE_MS);
  expect(minutes).toEqual([0, 5, 10, 15, 30, 35, 40, 45]);
  const registers = readings.map(({ chargingKwh }) => chargingKwh);
  expect(registers).toEqual([...registers].sort((a, b) => a - b));
  expect(registers[4]).toBe(registers[3]);
});

test('a battery step and its power agree', () => {
  const car = testCar();
  car.follow(quarterHours([{ chargeKw: 7 }]));
  expect(car.chargingKw).toBe(
    batteryDrawKw({ pack: SPEC.pack, socPercent: 50, limitPercent: 80, offeredKw: 7, computeKw: 0, ambientC: 20 }),
  );
});

test('a car that does not hear its first wake-ups sleeps on, and wakes at a later one', () => {
  const car = testCar({ script: { asleepAtStart: true, ignoredWakes: 2, socPercentAtStart: 80 } });
  for (const attempt of [1, 2, 3]) {
    car.requestWake();
    car.advanceTo(START_MS + attempt * 5 * MINUTE_MS);
    expect(car.state.awake).toBe(attempt === 3);
  }
});
