import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chargingSchedule, FAIL_SAFE_AMPS, limitAt, type Supply } from '../../../charging/chargingSchedule.ts';
import {
  afterEvent,
  UNKNOWN_CONNECTOR,
  type ConnectorEvent,
  type ConnectorState,
} from '../../../charging/ocpp/connector.ts';
import { meterSample, sampled16Schema, sampled201Schema } from '../../../charging/ocpp/sampledValues.ts';
import { countPlug, NEW_PLUG_METER } from '../../../charging/plugMeter.ts';
import { REAL_TIME } from '../../../domain/clock.ts';

const SLOT_MS = 15 * 60_000;
const THREE_PHASES: Supply = { phases: 3, maxAmps: 16, metersCompute: true };
const profile = (...kw: readonly (readonly [chargeKw: number, computeKw: number])[]) => ({
  planId: 'p',
  issuedAtMs: 0,
  intervals: kw.map(([chargeKw, computeKw], slot) => ({
    startMs: slot * SLOT_MS,
    endMs: (slot + 1) * SLOT_MS,
    chargeKw,
    computeKw,
  })),
});

describe('a charging schedule', () => {
  test('is the planned power in amperes per phase, compute included, rounded down, never between 0 and 6 A', () => {
    const schedule = chargingSchedule(profile([6.9, 0], [3, 2], [4, 0], [50, 0]), THREE_PHASES, REAL_TIME, 0);
    expect(schedule?.periods.map(({ limitAmps }) => limitAmps)).toEqual(
      [10, 7.2, 0, 16].map((amps) => expect.closeTo(amps, 6)),
    );
    expect(schedule?.endRealMs).toBe(4 * SLOT_MS);
  });

  test('leaves compute out where it is not drawn through the plug', () => {
    const schedule = chargingSchedule(profile([3, 2]), { ...THREE_PHASES, metersCompute: false }, REAL_TIME, 0);
    expect(schedule?.periods[0]?.limitAmps).toBe(0);
  });

  test('begins now with the fail-safe when the plan begins later, and ends with the plan', () => {
    const schedule = chargingSchedule(profile([6.9, 0]), THREE_PHASES, REAL_TIME, -SLOT_MS);
    if (!schedule) throw new Error('no schedule');
    expect(limitAt(schedule, -1)).toBe(FAIL_SAFE_AMPS);
    expect(limitAt(schedule, 0)).toBeCloseTo(10);
    expect(chargingSchedule(profile([6.9, 0]), THREE_PHASES, REAL_TIME, SLOT_MS)).toBeUndefined();
    expect(chargingSchedule(null, THREE_PHASES, REAL_TIME, 0)).toBeUndefined();
  });

  test('never offers more than was planned, nor than the charger gives', () => {
    const kw = fc.double({ min: 0, max: 30, noNaN: true });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(kw, kw), { minLength: 1, maxLength: 8 }),
        fc.constantFrom(1, 3),
        (powers, phases) => {
          const supply = { phases, maxAmps: 32, metersCompute: true } as const;
          const schedule = chargingSchedule(profile(...powers), supply, REAL_TIME, 0);
          for (const [slot, [chargeKw, computeKw]] of powers.entries()) {
            const amps = schedule ? limitAt(schedule, slot * SLOT_MS) : 0;
            expect((amps * 230 * phases) / 1000).toBeLessThanOrEqual(chargeKw + computeKw + 1e-6);
            expect(amps === 0 || (amps >= 6 && amps <= 32)).toBe(true);
          }
        },
      ),
    );
  });
});

const after = (...events: readonly ConnectorEvent[]) => events.reduce<ConnectorState>(afterEvent, UNKNOWN_CONNECTOR);
const metered = (registerWh: number): ConnectorEvent => ({
  kind: 'metered',
  sample: { registerWh, powerKw: null, socPercent: null },
});

describe('a connector', () => {
  const started: ConnectorEvent = { kind: 'started', transaction: { id: '7', idToken: null }, registerWh: 1000 };

  test('counts each rise of the register once, also when messages come twice, and goes on after a reset', () => {
    const ended: ConnectorEvent = { kind: 'ended', transactionId: '7', registerWh: 1500 };
    const state = after(started, metered(1200), metered(1200), metered(1500), ended, ended, metered(0), metered(300));
    expect(state).toMatchObject({ totalWh: 800, transaction: null, registerWh: 300 });
  });

  test('ends a transaction whose end was lost when the car is gone, and not by the end of an earlier one', () => {
    expect(after(started, { kind: 'ended', transactionId: '6', registerWh: 900 }).transaction?.id).toBe('7');
    const gone: ConnectorEvent = { kind: 'status', plug: 'unplugged', isCharging: false };
    expect(after(started, gone)).toMatchObject({ plug: 'unplugged', transaction: null, powerKw: 0 });
  });

  test('takes the car for still there when the line is lost', () => {
    expect(after({ kind: 'connected' }, started, { kind: 'disconnected' })).toMatchObject({
      online: false,
      plug: 'plugged',
      powerKw: null,
    });
  });

  test('has a total that never falls, whatever the charge point says', () => {
    const register = fc.double({ min: -1e6, max: 1e6 });
    fc.assert(
      fc.property(fc.array(register), (registers) => {
        let state = UNKNOWN_CONNECTOR;
        for (const wh of registers) {
          const next = afterEvent(state, metered(wh));
          expect(next.totalWh).toBeGreaterThanOrEqual(state.totalWh);
          state = next;
        }
      }),
    );
  });
});

describe('sampled values', () => {
  test('of OCPP 1.6: texts, with units as words, by phase or together', () => {
    const values = [
      { value: '12.5', measurand: 'Energy.Active.Import.Register', unit: 'kWh' },
      { value: '2300', measurand: 'Power.Active.Import', phase: 'L1' },
      { value: '2200', measurand: 'Power.Active.Import', phase: 'L2' },
      { value: '81', measurand: 'SoC', unit: 'Percent' },
      { value: 'junk', measurand: 'Voltage' },
    ].map((value) => sampled16Schema.parse(value));
    expect(meterSample(values)).toEqual({ registerWh: 12_500, powerKw: expect.closeTo(4.5, 6), socPercent: 81 });
  });

  test('without a measurand are the register in Wh; currents stand for a power that is not said', () => {
    expect(meterSample([sampled16Schema.parse({ value: '100' })]).registerWh).toBe(100);
    const currents = ['L1', 'L2', 'L3'].map((phase) =>
      sampled16Schema.parse({ value: '10', measurand: 'Current.Import', phase }),
    );
    expect(meterSample(currents).powerKw).toBeCloseTo(6.9);
  });

  test('of OCPP 2.0.1: numbers, with a power of ten', () => {
    const value = sampled201Schema.parse({ value: 3, unitOfMeasure: { unit: 'Wh', multiplier: 3 } });
    expect(meterSample([value]).registerWh).toBe(3000);
  });
});

describe('the meter of a plug', () => {
  test('believes the charger, and the agent only in how much of it was compute', () => {
    let meter = countPlug(NEW_PLUG_METER, 100, 5, true);
    meter = countPlug(meter, 102, 5.5, true);
    expect(meter).toMatchObject({ chargingKwh: 1.5, computeKwh: 0.5 });
    // More compute than the charger saw: only what it saw counts.
    meter = countPlug(meter, 102.2, 9, true);
    expect(meter.computeKwh).toBeCloseTo(0.7);
    expect(meter.chargingKwh + meter.computeKwh).toBeCloseTo(2.2);
  });

  test('sums to what the charger counted, for any readings', () => {
    const rises = fc.array(
      fc.tuple(fc.double({ min: 0, max: 5, noNaN: true }), fc.double({ min: 0, max: 9, noNaN: true })),
    );
    fc.assert(
      fc.property(rises, (readings) => {
        let [plug, agent] = [10, 3];
        let meter = countPlug(NEW_PLUG_METER, plug, agent, true);
        for (const [plugRise, agentRise] of readings) {
          [plug, agent] = [plug + plugRise, agent + agentRise];
          meter = countPlug(meter, plug, agent, true);
        }
        expect(meter.chargingKwh + meter.computeKwh).toBeCloseTo(plug - 10, 6);
        expect(meter.chargingKwh).toBeGreaterThanOrEqual(-1e-9);
      }),
    );
  });
});
