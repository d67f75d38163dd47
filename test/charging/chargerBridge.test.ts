import { HOUR_MS } from '../../domain/durations.ts';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { ChargerBridge, newPlug, type KeptPlug } from '../../charging/chargerBridge.ts';
import type { PlugSession } from '../../charging/ocpp/plugSession.ts';
import { UNKNOWN_CONNECTOR, type ConnectorEvent, type ConnectorState } from '../../charging/ocpp/connector.ts';
import { NEW_PLUG_METER } from '../../charging/plugMeter.ts';
import { REAL_TIME } from '../../domain/clock.ts';
import type { SetpointProfile } from '../../domain/setpoints.ts';

const NOW_MS = Date.UTC(2026, 0, 15);
const METERED: ConnectorEvent = { kind: 'metered', sample: { registerWh: null, powerKw: null, socPercent: null } };

function bridge(options: { carId?: string | null; idTokens?: string[] } = {}) {
  const published: { topic: string; value: unknown }[] = [];
  const followed: (SetpointProfile | null)[] = [];
  let kept: KeptPlug = newPlug(NEW_PLUG_METER);
  const made = new ChargerBridge(
    { carId: 'VIN', idTokens: [], metersCompute: true, telemetryBase: 'telemetry', clock: REAL_TIME, ...options },
    {
      publish: ({ topic, payload }) => published.push({ topic, value: JSON.parse(payload) }),
      save: (plug) => void (kept = plug),
      now: () => NOW_MS,
      log: pino({ level: 'silent' }),
    },
    kept,
  );
  made.attach({
    follow: (profile: SetpointProfile | null) => void followed.push(profile),
  } as unknown as PlugSession);
  return { made, published, followed, kept: () => kept };
}

const plugged = (more: Partial<ConnectorState> = {}): ConnectorState => ({
  ...UNKNOWN_CONNECTOR,
  online: true,
  plug: 'plugged',
  isCharging: true,
  powerKw: 7.2,
  ...more,
});
const profile: SetpointProfile = {
  planId: 'p',
  issuedAtMs: NOW_MS,
  intervals: [{ startMs: NOW_MS, endMs: NOW_MS + HOUR_MS, chargeKw: 7, computeKw: 0 }],
};

describe('a charger as the plug of its car', () => {
  test('says what the car would say: two signs of the plug, the power, and the meter', () => {
    const { made, published } = bridge();
    made.take(plugged({ totalWh: 1000 }), [METERED]);
    made.take(plugged({ totalWh: 1500 }), [METERED]);
    expect(published.slice(0, 3)).toEqual([
      { topic: 'telemetry/VIN/v/DetailedChargeState', value: 'Charging' },
      { topic: 'telemetry/VIN/v/ChargePortLatch', value: 'Engaged' },
      { topic: 'telemetry/VIN/v/ACChargingPower', value: 7.2 },
    ]);
    // What did not change is not said again; the meter is.
    expect(published.slice(3)).toEqual([
      { topic: 'nightshift/VIN/meter', value: { atMs: NOW_MS, chargingKwh: 0, computeKwh: 0 } },
      { topic: 'nightshift/VIN/meter', value: { atMs: NOW_MS, chargingKwh: 0.5, computeKwh: 0 } },
    ]);
  });

  test('tells compute apart by the agent’s meter, and never sums to more than the charger saw', () => {
    const { made, published } = bridge();
    made.receiveCompute(JSON.stringify({ atMs: NOW_MS, computeKwh: 3 }));
    made.take(plugged({ totalWh: 0 }), [METERED]);
    made.receiveCompute(JSON.stringify({ atMs: NOW_MS, computeKwh: 3.2 }));
    made.receiveCompute('junk');
    made.take(plugged({ totalWh: 1000 }), [METERED]);
    expect(published.at(-1)?.value).toEqual({
      atMs: NOW_MS,
      chargingKwh: expect.closeTo(0.8, 9),
      computeKwh: expect.closeTo(0.2, 9),
    });
  });

  test('gives the charger the car’s profile, and nothing for the time of a shed', () => {
    const { made, followed } = bridge();
    made.receiveSetpoints(JSON.stringify(profile));
    expect(followed.at(-1)).toEqual(profile);
    const order = { issuedAtMs: NOW_MS, startMs: NOW_MS, endMs: NOW_MS + 600_000, resumeAtMs: NOW_MS + 700_000 };
    made.receiveShed(JSON.stringify(order));
    expect(followed.at(-1)?.intervals[0]).toMatchObject({ startMs: NOW_MS, endMs: NOW_MS + 700_000, chargeKw: 0 });
    // Junk changes nothing; a withdrawn profile leaves the charger to its fail-safe, under the shed.
    made.receiveSetpoints('junk');
    expect(followed.at(-1)?.intervals).toHaveLength(2);
    made.receiveSetpoints('');
    expect(followed.at(-1)?.intervals).toHaveLength(1);
  });

  test('takes another driver’s car for load, not for its own', () => {
    const { made, published, kept, followed } = bridge({ idTokens: ['ADA'] });
    made.receiveSetpoints(JSON.stringify(profile));
    made.take(plugged({ totalWh: 1000 }), [METERED]);
    const guest = plugged({ transaction: { id: '1', idToken: 'SOMEBODY' }, totalWh: 4000 });
    made.take(guest, [METERED]);
    expect(kept().isForeign).toBe(true);
    expect(published.findLast(({ topic }) => topic.endsWith('DetailedChargeState'))?.value).toBe('Disconnected');
    made.receiveSetpoints(JSON.stringify(profile));
    expect(followed.at(-1)).toBeNull();
    // When its own car is back, what the guest drew is not booked to it.
    made.take(plugged({ transaction: { id: '2', idToken: 'ADA' }, totalWh: 4500 }), [METERED]);
    expect(kept()).toMatchObject({ isForeign: false, meter: { chargingKwh: 0.5 } });
  });

  test('says nothing of a charger that is out of reach', () => {
    const { made, published } = bridge();
    made.take(plugged({ online: false }), [{ kind: 'disconnected' }]);
    expect(published).toEqual([]);
  });
});
