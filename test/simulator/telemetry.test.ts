import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../domain/random.ts';
import { readSensors } from '../../simulator/sensors.ts';
import { TELEMETRY_CONFIG, TelemetryStream, type MqttMessage } from '../../simulator/telemetry.ts';
import { TELEMETRY_FIELD_NAMES } from '../../simulator/telemetryFields.ts';
import type { SimulatedCar } from '../../simulator/vehicle.ts';
import { HOUR_MS, MINUTE_MS, quarterHours, SPEC, START_MS, testCar } from './cars.ts';

function streamOf(car: SimulatedCar, seed = 1, openConnectionId: string | null = null): TelemetryStream {
  return new TelemetryStream(car, TELEMETRY_CONFIG, seededRandom(seed), openConnectionId);
}

/** Payloads by the last part of the topic. */
function byField(messages: readonly MqttMessage[]): Record<string, string> {
  return Object.fromEntries(messages.map(({ topic, payload }) => [topic.split('/').at(-1), payload]));
}

function connectivity(messages: readonly MqttMessage[]): { ConnectionId: string; Status: string }[] {
  return messages.flatMap(({ topic, payload }) => (topic.endsWith('/connectivity') ? [JSON.parse(payload)] : []));
}

function topicsBySeed(seed: number): string[] {
  return streamOf(testCar(), seed)
    .collect()
    .map(({ topic }) => topic);
}

/** What the server says about a car that is without coverage for so long. */
function connectivityAround(outageMinutes: number): ReturnType<typeof connectivity> {
  const outage = { startMs: START_MS + MINUTE_MS, endMs: START_MS + (1 + outageMinutes) * MINUTE_MS };
  const car = testCar({ script: { outages: [{ kind: 'coverage', ...outage }] } });
  const stream = streamOf(car);
  const heard = connectivity(stream.collect());
  for (let second = 0; second < 300; second += 10) {
    car.advanceTo(START_MS + second * 1000);
    heard.push(...connectivity(stream.collect()));
  }
  return heard;
}

describe('format', () => {
  test('typed and untyped firmware say the same in their own ways', () => {
    const car = testCar();
    car.follow(quarterHours([{ chargeKw: 11 }]));
    const typed = byField(streamOf(car).collect());
    const old = testCar({ spec: { firmware: 'untyped' } });
    old.follow(quarterHours([{ chargeKw: 11 }]));
    const untyped = byField(streamOf(old).collect());
    expect(typed).toMatchObject({
      Gear: '"ShiftStateP"',
      ChargePortLatch: '"ChargePortLatchEngaged"',
      BatteryLevel: '50',
      ACChargingPower: '11',
      ChargeAmps: '16',
      Locked: 'true',
    });
    expect(untyped).toMatchObject({
      Gear: '"P"',
      ChargePortLatch: '"Engaged"',
      BatteryLevel: '"50"',
      ACChargingPower: '"11"',
      ChargeAmps: '"16"',
      Locked: '"true"',
    });
    // The protocol has no untyped form of these.
    for (const fields of [typed, untyped]) {
      expect(fields).toMatchObject({
        DetailedChargeState: '"DetailedChargeStateCharging"',
        ChargerVoltage: '230',
        ChargingCableType: '"CableTypeIEC"',
        LocatedAtHome: 'true',
      });
    }
  });

  test('one topic a field, connectivity in whole seconds of the server', () => {
    const messages = streamOf(testCar()).collect();
    expect(messages[0]?.topic).toBe(`telemetry/${SPEC.vehicleId}/connectivity`);
    expect(JSON.parse(messages[0]?.payload ?? '')).toEqual({
      ConnectionId: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
      Status: 'CONNECTED',
      CreatedAt: '2026-01-14T17:00:00Z',
    });
    const fields = messages.slice(1).map(({ topic }) => topic);
    expect(fields.toSorted()).toEqual(
      TELEMETRY_FIELD_NAMES.map((name) => `telemetry/${SPEC.vehicleId}/v/${name}`).toSorted(),
    );
  });

  test('fields come in an order that the seed decides', () => {
    expect(topicsBySeed(1)).toEqual(topicsBySeed(1));
    expect(topicsBySeed(1)).not.toEqual(topicsBySeed(2));
  });

  test.each([
    ['Disconnected', { phase: 'driving' }],
    ['NoPower', { powered: false }],
    ['Stopped', {}],
    ['Complete', { socPercent: 80 }],
  ] as const)('charge state %s', (name, change) => {
    const car = testCar({ state: { ...testCar().state, ...change } });
    expect(readSensors(car).DetailedChargeState).toBe(name);
  });
});

describe('only what changed', () => {
  test('a steady parked car is silent but for what is resent', () => {
    const car = testCar();
    car.follow(quarterHours([{ chargeKw: 0, computeKw: 0.5 }]));
    const stream = streamOf(car);
    stream.collect();
    car.advanceTo(START_MS + MINUTE_MS);
    expect(stream.collect()).toEqual([]);
    car.advanceTo(START_MS + 5 * MINUTE_MS);
    expect(Object.keys(byField(stream.collect())).toSorted()).toEqual(['BatteryLevel', 'DetailedChargeState', 'Gear']);
  });

  test('gear at once, SoC once a minute', () => {
    const trip = { leavesAtMs: START_MS + 90_500, awayMs: HOUR_MS, leavingMs: 30_000, consumesSocPercent: 3 };
    const car = testCar({ script: { trips: [{ ...trip, manner: 'gear_first' }] } });
    car.follow(quarterHours([{ chargeKw: 11 }]));
    const stream = streamOf(car);
    stream.collect();
    car.advanceTo(START_MS + 40_000);
    expect(stream.collect()).toEqual([]);
    car.advanceTo(START_MS + 70_000);
    expect(byField(stream.collect())).toMatchObject({ BatteryLevel: '50.3', ACChargingEnergyIn: '0.21' });
    car.advanceTo(START_MS + 91_000);
    expect(byField(stream.collect())).toMatchObject({
      Gear: '"ShiftStateD"',
      DetailedChargeState: '"DetailedChargeStateStopped"',
    });
    car.advanceTo(START_MS + 122_000);
    expect(byField(stream.collect())).toMatchObject({
      DetailedChargeState: '"DetailedChargeStateDisconnected"',
      ChargePortLatch: '"ChargePortLatchDisengaged"',
    });
  });
});

describe('connections', () => {
  test('sleep closes the connection, waking opens another and says only what changed', () => {
    const car = testCar();
    const stream = streamOf(car);
    const [first] = connectivity(stream.collect());
    car.advanceTo(START_MS + 16 * MINUTE_MS);
    const asleep = stream.collect();
    expect(connectivity(asleep)).toMatchObject([{ Status: 'DISCONNECTED', ConnectionId: first?.ConnectionId }]);
    expect(asleep).toHaveLength(1);
    car.requestWake();
    car.advanceTo(START_MS + 18 * MINUTE_MS);
    const awake = stream.collect();
    expect(connectivity(awake)).toMatchObject([{ Status: 'CONNECTED' }]);
    expect(connectivity(awake)[0]?.ConnectionId).not.toBe(first?.ConnectionId);
    expect(Object.keys(byField(awake))).not.toContain('Locked');
  });

  test('the server notices a car without coverage after a minute, or after the car is back', () => {
    const statuses = (minutes: number): string[] => connectivityAround(minutes).map(({ Status }) => Status);
    expect(statuses(2)).toEqual(['CONNECTED', 'DISCONNECTED', 'CONNECTED']);
    expect(statuses(0.5)).toEqual(['CONNECTED', 'CONNECTED', 'DISCONNECTED']);
    const [first, , closed] = connectivityAround(0.5);
    expect(closed?.ConnectionId).toBe(first?.ConnectionId);
  });

  test('a killed process closes what it left open and says everything again', () => {
    const messages = streamOf(testCar(), 2, 'left-open').collect();
    expect(connectivity(messages)).toMatchObject([
      { Status: 'CONNECTED' },
      { Status: 'DISCONNECTED', ConnectionId: 'left-open' },
    ]);
    expect(messages).toHaveLength(TELEMETRY_FIELD_NAMES.length + 2);
  });
});
