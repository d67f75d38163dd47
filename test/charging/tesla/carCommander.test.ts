import { pino } from 'pino';
import * as fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import {
  CarCommander,
  keptCarSchema,
  type CarCommanderOptions,
  type KeptCar,
  type PresentStay,
} from '../../../charging/tesla/carCommander.ts';
import { chargeOrders, NOTHING_TOLD } from '../../../charging/tesla/chargeOrders.ts';
import { afterRegister, NEW_REGISTER } from '../../../charging/tesla/energyRegister.ts';
import type { FleetAnswer, FleetPath } from '../../../charging/tesla/fleetApi.ts';
import { MAX_WAKES_A_DAY } from '../../../charging/tesla/spending.ts';
import { telemetryConfig } from '../../../charging/tesla/telemetryConfig.ts';
import { REAL_TIME } from '../../../domain/clock.ts';
import { HOUR_MS, MINUTE_MS } from '../../../domain/durations.ts';
import type { MeterReading } from '../../../domain/setpoints.ts';

const VIN = '5YJ3E1EA7JF000001';
const NOW_MS = Date.UTC(2026, 0, 15, 12);
const SERVER = { hostname: 'telemetry.example', port: 443, ca: 'PEM' };
const DONE: FleetAnswer = { kind: 'done', body: {} };

let commander: CarCommander | undefined;
afterEach(() => commander?.close());

class Scene {
  nowMs = NOW_MS;
  stay: PresentStay | undefined = { stay: 1, targetSocPercent: 80 };
  readonly asked: string[] = [];
  readonly told: string[] = [];
  readonly readings: MeterReading[] = [];
  answer: (name: string) => FleetAnswer = () => DONE;
  kept: KeptCar = keptCarSchema.parse({});
  readonly car: CarCommander;

  constructor(options: Partial<CarCommanderOptions> = {}, kept?: KeptCar) {
    this.car = new CarCommander(
      {
        vin: VIN,
        supply: { phases: 3, maxAmps: 16, metersCompute: false },
        clock: REAL_TIME,
        maxUsdPerMonth: 5,
        telemetry: null,
        ...options,
      },
      {
        api: {
          ask: async (_, path) => {
            const name = nameOf(path);
            this.asked.push(name);
            return this.answer(name);
          },
        },
        stay: async () => this.stay,
        save: async (next) => void (this.kept = next),
        publishMeter: (reading) => void this.readings.push(reading),
        tell: (message) => void this.told.push(message),
        now: () => this.nowMs,
        log: pino({ level: 'silent' }),
      },
      kept ?? this.kept,
    );
    commander = this.car;
  }

  plan(chargeKw: number, hours = 8): Promise<void> {
    const interval = { startMs: this.nowMs, endMs: this.nowMs + hours * HOUR_MS, chargeKw, computeKw: 0 };
    return this.car.receiveSetpoints(JSON.stringify({ planId: 'p', issuedAtMs: this.nowMs, intervals: [interval] }));
  }

  /** What was asked since the last time. */
  take(): string[] {
    return this.asked.splice(0);
  }
}

function nameOf(path: FleetPath): string {
  if ('command' in path) return path.body === undefined ? path.command : `${path.command} ${JSON.stringify(path.body)}`;
  return 'wake' in path ? 'wake' : 'readTelemetry' in path ? 'read telemetry' : 'post telemetry';
}

describe('orders', () => {
  test('limit and amps come before the start, in whole amps, rounded down; what was accepted is not said again', async () => {
    const scene = new Scene();
    await scene.plan(7.5);
    expect(scene.take()).toEqual([
      'set_charge_limit {"percent":80}',
      'set_charging_amps {"charging_amps":10}',
      'charge_start',
    ]);
    await scene.plan(7.55);
    expect(scene.take()).toEqual([]);
    await scene.plan(11);
    expect(scene.take()).toEqual(['set_charging_amps {"charging_amps":15}']);
    await scene.plan(0);
    expect(scene.take()).toEqual(['charge_stop']);
    await scene.plan(11);
    expect(scene.take()).toEqual(['charge_start']);
  });

  test('a shed stops it at once, whatever was planned, was held or has been spent', async () => {
    const scene = new Scene({ maxUsdPerMonth: 0.004 });
    await scene.plan(7.5);
    scene.take();
    scene.answer = (name) =>
      name === 'charge_stop' ? DONE : { kind: 'later', reason: 'busy', untilRealMs: scene.nowMs + HOUR_MS };
    await scene.plan(11);
    scene.take();
    const order = { issuedAtMs: NOW_MS, startMs: NOW_MS, endMs: NOW_MS + HOUR_MS, resumeAtMs: NOW_MS + HOUR_MS };
    await scene.car.receiveShed(JSON.stringify(order));
    expect(scene.take()).toEqual(['charge_stop']);
  });

  test('without a plan it is given the fail-safe, and a plan that has run out is none', async () => {
    const scene = new Scene();
    await scene.plan(11, 1);
    scene.take();
    scene.nowMs += 2 * HOUR_MS;
    await scene.car.tick();
    expect(scene.take()).toEqual(['set_charging_amps {"charging_amps":6}']);
  });

  test('a car that is not at its plug here is asked nothing, and told anew in its next stay', async () => {
    const scene = new Scene();
    await scene.plan(7.5);
    scene.take();
    scene.stay = undefined;
    await scene.plan(0);
    expect(scene.take()).toEqual([]);
    scene.stay = { stay: 2, targetSocPercent: 90 };
    await scene.plan(7.5);
    expect(scene.take()).toHaveLength(3);
  });

  test('another process goes on where this one was', async () => {
    const scene = new Scene();
    await scene.plan(7.5);
    const next = new Scene({}, scene.kept);
    await next.plan(7.5);
    expect(next.take()).toEqual([]);
    await scene.car.close();
  });

  test('a car that has nothing left to do is left alone, for any order', () => {
    const amps = fc.constantFrom(0, 6, 6.9, 10.3, 16);
    fc.assert(
      fc.property(fc.array(fc.record({ amps, limitPercent: fc.integer({ min: 20, max: 100 }) })), (wishes) => {
        let told = NOTHING_TOLD;
        for (const wanted of wishes) {
          for (const { after } of chargeOrders(told, wanted)) told = { ...told, ...after };
          expect(chargeOrders(told, wanted)).toEqual([]);
          expect(told.isCharging).toBe(wanted.amps > 0);
          if (wanted.amps > 0) expect(told.amps).toBeLessThanOrEqual(wanted.amps);
        }
      }),
    );
  });
});

describe('a car that sleeps', () => {
  test('is woken to charge, and told when it is there; to stop, it is left asleep', async () => {
    const scene = new Scene();
    scene.answer = (name) => (name === 'wake' ? DONE : { kind: 'asleep' });
    await scene.plan(7.5);
    expect(scene.take()).toEqual(['set_charge_limit {"percent":80}', 'wake']);
    // It takes its time, and needs no second wake-up.
    await scene.car.tick();
    expect(scene.take()).toEqual([]);
    scene.answer = () => DONE;
    await scene.car.receiveOnline();
    expect(scene.take()).toHaveLength(3);

    scene.answer = () => ({ kind: 'asleep' });
    await scene.plan(0);
    expect(scene.take()).toEqual(['charge_stop']);
    await scene.car.tick();
    expect(scene.take()).toEqual([]);
  });

  test('is woken for the planner, at most so often a day, and says so', async () => {
    const scene = new Scene({ maxUsdPerMonth: 100 });
    for (let wake = 0; wake < MAX_WAKES_A_DAY + 3; wake++) {
      await scene.car.receiveWake();
      scene.nowMs += 20 * MINUTE_MS;
    }
    expect(scene.take()).toHaveLength(MAX_WAKES_A_DAY);
    expect(scene.told).toEqual([expect.stringContaining(`woken ${MAX_WAKES_A_DAY} times today`)]);
    scene.nowMs += 24 * HOUR_MS;
    await scene.car.receiveWake();
    expect(scene.take()).toEqual(['wake']);
  });
});

describe('limits', () => {
  test('too many requests: nothing before the time that was said, then it goes on', async () => {
    const scene = new Scene();
    scene.answer = () => ({ kind: 'later', reason: 'Too many requests.', untilRealMs: scene.nowMs + 17_000 });
    await scene.plan(7.5);
    await scene.plan(8);
    expect(scene.take()).toHaveLength(1);
    expect(scene.kept.spending.usd).toBe(0);
    scene.answer = () => DONE;
    scene.nowMs += 17_000;
    await scene.car.tick();
    expect(scene.take()).toHaveLength(3);
  });

  test('what a month may cost is not passed, and is told once', async () => {
    const scene = new Scene({ maxUsdPerMonth: 0.0035 });
    await scene.plan(7.5);
    await scene.plan(9);
    scene.nowMs += HOUR_MS;
    await scene.plan(10);
    expect(scene.take()).toHaveLength(3);
    expect(scene.told).toEqual([expect.stringContaining('of at most 0.00 (tesla.maxUsdPerCarMonth)')]);
    scene.nowMs = Date.UTC(2026, 1, 1);
    await scene.plan(10);
    expect(scene.take()).toEqual(['set_charging_amps {"charging_amps":14}']);
    expect(scene.kept.problems.orders).toBeNull();
  });

  test('no access is told once, and tried again in a while', async () => {
    const scene = new Scene();
    scene.answer = () => ({ kind: 'no_access', reason: 'The car refuses our key.' });
    await scene.plan(7.5);
    scene.nowMs += 16 * MINUTE_MS;
    await scene.car.tick();
    expect(scene.take()).toHaveLength(2);
    expect(scene.told).toEqual(['The car refuses our key.']);
  });
});

describe('confirmation', () => {
  test('what it accepts and does not do is told again, twice as late each time, and then told of', async () => {
    const scene = new Scene();
    await scene.plan(7.5);
    scene.take();
    const retries: number[] = [];
    for (let minute = 1; minute <= 60; minute++) {
      scene.nowMs += MINUTE_MS;
      await scene.car.receivePower(0, false);
      if (scene.take().includes('charge_start')) retries.push(minute);
    }
    expect(retries).toEqual([3, 9]);
    expect(scene.told).toEqual([expect.stringContaining('told to draw 6.9 kW and draws 0.0 kW')]);
  });

  test('a car that is full, or does it, is not asked again', async () => {
    const scene = new Scene();
    await scene.plan(7.5);
    scene.take();
    scene.car.receiveChargeState('DetailedChargeStateComplete');
    scene.nowMs += 30 * MINUTE_MS;
    await scene.car.receivePower(0, false);
    expect(scene.take()).toEqual([]);
    expect(scene.told).toEqual([]);
  });
});

function answering(read: FleetAnswer, posted: FleetAnswer) {
  return (name: string): FleetAnswer => (name === 'read telemetry' ? read : posted);
}

describe('telemetry', () => {
  const NOT_CONFIGURED: FleetAnswer = { kind: 'done', body: { response: { config: null } } };

  test('is configured where it is not, and looked at once a day', async () => {
    const scene = new Scene({ telemetry: SERVER });
    scene.stay = undefined;
    scene.answer = answering(NOT_CONFIGURED, DONE);
    await scene.car.tick();
    await scene.car.tick();
    expect(scene.take()).toEqual(['read telemetry', 'post telemetry']);
    scene.nowMs += 25 * HOUR_MS;
    const { config } = telemetryConfig(VIN, SERVER);
    scene.answer = answering({ kind: 'done', body: { response: { config } } }, DONE);
    await scene.car.tick();
    expect(scene.take()).toEqual(['read telemetry']);
    // It ends soon.
    scene.nowMs += 25 * HOUR_MS;
    const exp = scene.nowMs / 1000 + 86_400;
    scene.answer = answering({ kind: 'done', body: { response: { config: { ...config, exp } } } }, DONE);
    await scene.car.tick();
    expect(scene.take()).toEqual(['read telemetry', 'post telemetry']);
  });

  test('that a car refuses is told of, and does not hold up its orders', async () => {
    const scene = new Scene({ telemetry: SERVER });
    scene.stay = undefined;
    const skipped = { response: { skipped_vehicles: { missing_key: [VIN] } } };
    scene.answer = answering(NOT_CONFIGURED, { kind: 'done', body: skipped });
    await scene.car.tick();
    expect(scene.told).toEqual([expect.stringContaining('virtual key')]);
    scene.take();
    scene.stay = { stay: 1, targetSocPercent: 80 };
    scene.answer = () => DONE;
    await scene.plan(7.5);
    expect(scene.take()).toHaveLength(3);
    expect(scene.kept.problems.telemetry).not.toBeNull();
  });
});

describe('energy', () => {
  test('is counted over sessions, at its plug here only', async () => {
    const scene = new Scene();
    for (const kwh of [5, 5.4, 0, 0.3]) {
      await scene.car.receiveEnergy(kwh);
      scene.nowMs += 5 * MINUTE_MS;
    }
    expect(scene.readings.at(-1)?.chargingKwh).toBeCloseTo(0.7);
    scene.stay = undefined;
    scene.nowMs += HOUR_MS;
    await scene.car.receiveEnergy(8);
    scene.stay = { stay: 2, targetSocPercent: 80 };
    scene.nowMs += HOUR_MS;
    await scene.car.receiveEnergy(9);
    expect(scene.readings.at(-1)?.chargingKwh).toBeCloseTo(1.7);
  });

  test('that the plug cannot have given is a lost signal', () => {
    let register = afterRegister(NEW_REGISTER, 8, NOW_MS, 11);
    register = afterRegister(register, 0, NOW_MS + MINUTE_MS, 11);
    register = afterRegister(register, 8, NOW_MS + 2 * MINUTE_MS, 11);
    expect(register.totalKwh).toBe(0);
    expect(afterRegister(register, 8.1, NOW_MS + 3 * MINUTE_MS, 11).totalKwh).toBeCloseTo(0.1);
  });
});
