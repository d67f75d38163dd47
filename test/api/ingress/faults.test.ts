import { HOUR_MS, MINUTE_MS } from '../../../domain/durations.ts';
import { describe, expect, test } from 'vitest';
import { initialState, type FusedState } from '../../../api/ingress/fusedState.ts';
import { fuse, type FusionEvent } from '../../../api/ingress/fusion.ts';
import { trackMeter, NEW_TRACK } from '../../../api/ingress/plausibility.ts';
import { withEnergy } from '../../../api/ingress/stayEnergy.ts';
import { claimUpdateOf } from '../../../api/ingress/telemetryClaims.ts';
import { readMessage } from '../../../api/ingress/telemetryMessage.ts';
import { TELEMETRY_BASE } from '../../../domain/names.ts';
import type { SetpointProfile } from '../../../domain/setpoints.ts';
import { initialCarState } from '../../../simulator/carState.ts';
import type { CarFaults, CarScript, Outage } from '../../../simulator/mobility.ts';
import { seededRandom } from '../../../domain/random.ts';
import { TELEMETRY_CONFIG, TelemetryStream } from '../../../simulator/telemetry.ts';
import { SimulatedCar } from '../../../simulator/vehicle.ts';
import { Weather } from '../../../simulator/weather.ts';
import { testVehicle } from '../../support/fleetFixture.ts';

const START_MS = Date.UTC(2026, 0, 14, 18);
const SLOT_MS = 15 * MINUTE_MS;
const STEP_MS = 20_000;
const NIGHT_HOURS = 12;
const VEHICLE = testVehicle('FAULTY');

interface Night {
  readonly faults?: CarFaults;
  readonly outages?: readonly Outage[];
  readonly celsius?: number;
  readonly leavesAfterHours?: number;
  readonly ignoredWakes?: number;
  readonly chargesHours?: number;
  readonly computes?: boolean;
}

/** One car through a night as the ingress hears it: simulation, telemetry, fusion and plausibility. */
function live(night: Night) {
  const { faults, outages = [], celsius = 6, leavesAfterHours, ignoredWakes, chargesHours = NIGHT_HOURS } = night;
  const script: CarScript = {
    drivingAtStart: true,
    socPercentAtStart: 45,
    asleepAtStart: false,
    trips: [
      { leavesAtMs: START_MS, manner: 'gear_first', leavingMs: 0, awayMs: 10 * MINUTE_MS, consumesSocPercent: 0 },
      ...(leavesAfterHours === undefined
        ? []
        : [
            {
              leavesAtMs: START_MS + leavesAfterHours * HOUR_MS,
              manner: 'gear_first' as const,
              leavingMs: 30_000,
              awayMs: Infinity,
              consumesSocPercent: 10,
            },
          ]),
    ],
    outages,
    ...(faults && { faults }),
    ...(ignoredWakes !== undefined && { ignoredWakes }),
  };
  const { maxKw, minKw, efficiency } = VEHICLE.charger;
  const car = new SimulatedCar({
    spec: {
      vehicleId: VEHICLE.id,
      regionId: 'oslo',
      hardwareClass: 'ai4',
      pack: { capacityKwh: VEHICLE.batteryKwh, maxKw, minKw, efficiency },
      phases: 3,
      chargeLimitPercent: 80,
      computeSocFloorPercent: 40,
      failSafeKw: 4.2,
      firmware: 'typed',
    },
    script,
    weather: new Weather([{ startMs: START_MS, endMs: START_MS + 24 * HOUR_MS, celsius }]),
    seed: 1,
    state: initialCarState(script, START_MS),
  });
  const stream = new TelemetryStream(car, TELEMETRY_CONFIG, seededRandom(7), null);
  let state = initialState(START_MS);
  const events: FusionEvent[] = [];
  const said: { readonly code: string; readonly atMs: number }[] = [];
  const keep = (next: FusedState, atMs: number): void => {
    const reasons = claimUpdateOf(VEHICLE.id, state, next, atMs)?.reasons ?? [];
    said.push(...reasons.map(({ code }) => ({ code, atMs })));
    state = next;
  };
  for (let atMs = START_MS; atMs < START_MS + NIGHT_HOURS * HOUR_MS; atMs += STEP_MS) {
    if ((atMs - START_MS) % SLOT_MS === 0) car.follow(profileFrom(atMs, atMs < START_MS + chargesHours * HOUR_MS));
    if (night.computes) car.drawCompute(car.pluggedIn ? 0.5 : 0);
    const happened = car.advanceTo(atMs + STEP_MS);
    const nowMs = atMs + STEP_MS;
    for (const { topic, payload } of [...stream.collect(), { topic: 'tick', payload: '' }]) {
      const message = readMessage(TELEMETRY_BASE, topic, Buffer.from(payload), false);
      const input = message.kind === 'telemetry' ? message.input : ({ kind: 'tick' } as const);
      const fused = fuse(state, input, nowMs);
      events.push(...fused.events);
      if (fused.state !== state) keep(withEnergy(state, fused.state, VEHICLE, input, nowMs), nowMs);
    }
    for (const event of happened) {
      if (event.kind !== 'meter' || !car.networkUp) continue;
      keep({ ...state, energy: trackMeter(state.energy ?? NEW_TRACK, VEHICLE, event.reading) }, nowMs);
    }
  }
  return {
    car,
    state,
    kinds: events.map(({ kind }) => kind).filter((kind) => kind !== 'socChanged'),
    codes: new Set(said.map(({ code }) => code)),
    saidAfterHours: (code: string): number =>
      ((said.find((each) => each.code === code)?.atMs ?? NaN) - START_MS) / HOUR_MS,
  };
}

function profileFrom(atMs: number, isCharging: boolean): SetpointProfile {
  const chargeKw = isCharging ? 7 : 0;
  const intervals = Array.from({ length: 3 }, (_, slot) => ({
    startMs: atMs + slot * SLOT_MS,
    endMs: atMs + (slot + 1) * SLOT_MS,
    chargeKw,
    computeKw: 0.5,
  }));
  return { planId: 'p', issuedAtMs: atMs, intervals };
}

const hole = (fromHours: number, untilHours: number): Outage => ({
  kind: 'coverage',
  startMs: START_MS + fromHours * HOUR_MS,
  endMs: START_MS + untilHours * HOUR_MS,
});

describe('an honest car is trusted', () => {
  test.each<[string, Night]>([
    ['that charges', {}],
    ['that charges and computes', { computes: true }],
    ['that stops charging in between', { chargesHours: 1 }],
    ['in coverage holes', { outages: [hole(0.5, 1.7), hole(2, 2.1), hole(3, 9)] }],
    ['in the heat', { celsius: 42 }],
    ['in the cold', { celsius: -16 }],
    ['whose socket flaps', { faults: { flapEveryMs: MINUTE_MS } }],
    ['that is called away', { leavesAfterHours: 2 }],
  ])('%s', (_, night) => {
    expect([...live(night).codes]).not.toContain('telemetry_not_trusted');
  });
});

test('a lying battery is not trusted within two hours, and its target is met all the same', () => {
  const { car, codes, saidAfterHours } = live({ faults: { socLiesBy: 1.5 } });
  expect([...codes]).toContain('telemetry_not_trusted');
  expect(saidAfterHours('telemetry_not_trusted')).toBeLessThan(2);
  expect(car.state.socPercent).toBeCloseTo(80, 0);
});

test('telemetry that says "charging" for ever is not trusted once the charge has ended', () => {
  const { codes, saidAfterHours, car } = live({ faults: { staysCharging: true }, chargesHours: 1 });
  expect([...codes]).toContain('telemetry_not_trusted');
  expect(saidAfterHours('telemetry_not_trusted')).toBeGreaterThan(1);
  expect(saidAfterHours('telemetry_not_trusted')).toBeLessThan(3);
  expect(car.state.phase).toBe('parked');
});

test('telemetry that says "charging" on the road holds no stay open', () => {
  const { kinds, state } = live({ faults: { staysCharging: true }, leavesAfterHours: 2 });
  expect(state.plug).toBe('away');
  expect(kinds.filter((kind) => kind === 'unplugged')).toHaveLength(1);
  expect(kinds.filter((kind) => kind === 'pluggedIn')).toHaveLength(1);
});

test('a socket that flaps never makes the car offline or its stay another', () => {
  const { kinds } = live({ faults: { flapEveryMs: MINUTE_MS } });
  expect(kinds).toEqual(['online', 'departed', 'pluggedIn']);
});

test('a hole of coverage makes the car asleep, not away; it goes on by its profile and comes back', () => {
  const { kinds, codes, car } = live({ outages: [hole(1, 3)] });
  expect([...codes]).toContain('asleep');
  expect(kinds.filter((kind) => kind === 'unplugged')).toEqual([]);
  expect(kinds.filter((kind) => kind === 'online').length).toBeGreaterThan(1);
  expect(car.state.socPercent).toBeCloseTo(80, 0);
});

test('a mass departure in mid-charge is one unplugging a car', () => {
  const { kinds, codes } = live({ leavesAfterHours: 2 });
  expect(kinds.filter((kind) => kind === 'unplugged')).toHaveLength(1);
  expect([...codes]).toContain('may_be_leaving');
  expect([...codes]).toContain('away');
});

test.each([40, -40])('a clock that is %i minutes off does not keep the car from its target', (minutes) => {
  const { car, codes, kinds } = live({ faults: { clockAheadMs: minutes * MINUTE_MS } });
  expect(car.state.socPercent).toBeCloseTo(80, 0);
  expect(kinds.filter((kind) => kind === 'pluggedIn')).toHaveLength(1);
  expect([...codes]).not.toContain('telemetry_not_trusted');
});

test.each([
  ['heat', 42, 'too_hot'],
  ['cold', -16, undefined],
])('%s', (_, celsius, hold) => {
  const { car } = live({ celsius, chargesHours: NIGHT_HOURS });
  expect(car.state.socPercent).toBeGreaterThan(79);
  expect(car.conditions().holds[0]).toBe(hold);
});
